/** A bench as a page: its tables, each also as a drawing. */
import type { BenchDesign, BenchFigure, BenchReport } from '../../results/bench.ts';
import type { Bars, Estimate, Making, Page, Subject } from '../html/model.ts';
import { listed } from '../shared/format.ts';
import { whole } from '../shared/grid.ts';
import { gridTable } from '../shared/page-parts.ts';
import { accountsOf, benchGaps, benchGrids, benchNotes } from './text.ts';

export function benchPage(report: BenchReport, made: Making): Page {
  const { command, seeds, designs } = report;
  const { operations, overhead, ledger } = benchGrids(report);
  const { cores, vcpus, surcharges } = benchGrids(report, true);
  return {
    ...made,
    title: `The cost of perf under ${listed(designs.map(({ vpmu }) => vpmu))}`,
    findings: [],
    cautions: [],
    sections: [
      {
        title: 'Operations',
        about: [`Measured: ${command}.`, ...benchGaps(report), ...benchNotes(report)].join(' '),
        parts:
          operations === undefined
            ? []
            : [operationBars(designs, seeds), gridTable(operations, ['operation', 'design'])],
      },
      {
        title: 'Overhead',
        about: 'Wall time of the workload with perf (T1) and without (T0); the overhead is 1 - T0/T1.',
        parts: [overheadBars(designs, seeds), gridTable(overhead, ['design'])],
      },
      {
        title: 'Where the time went',
        about: 'Every cycle of the run, perf and all, on one account.',
        parts: [
          ledgerBars(designs),
          gridTable(surcharges, ['design']),
          gridTable(ledger, ['account']),
          ...cores.map((grid) => gridTable(grid, ['account'])),
          ...vcpus.map((grid) => gridTable(grid, ['time'])),
        ],
      },
    ],
  };
}

const subjects = (designs: readonly BenchDesign[]): Subject[] =>
  designs.map(({ vpmu }) => ({ label: vpmu, design: vpmu }));

/** A median, with its interval if there are enough seeds. */
function estimate({ median, low, high }: BenchFigure, seeds: number, text: (value: number) => string): Estimate {
  if (seeds === 1) return { value: median, text: text(median) };
  return { value: median, low, high, text: text(median), interval: `${text(low)} to ${text(high)}` };
}

/** With this many seeds, least and most enclose the median in at least 95 of 100 cases. */
const ENOUGH = 6;
const whiskers = (seeds: number): string | undefined =>
  seeds === 1 ? undefined : seeds < ENOUGH ? 'least and most of the seeds' : '95 % interval of the median';

function operationBars(all: readonly BenchDesign[], seeds: number): Bars {
  const designs = all.filter(({ operations }) => operations.length > 0);
  const rows = designs[0]!.operations.flatMap(({ operation }, i) => {
    const each = designs.map(({ operations }) => operations[i]!);
    if (each.every(({ calls }) => calls.median === 0)) return [];
    const bars = each.map(({ calls, mean }) => (calls.median === 0 ? undefined : estimate(mean, seeds, whole)));
    return [{ name: operation, bars }];
  });
  return {
    kind: 'bars',
    title: 'Mean time of an operation',
    unit: 'ns',
    dots: true,
    subjects: subjects(designs),
    whiskers: whiskers(seeds),
    rows,
  };
}

function overheadBars(designs: readonly BenchDesign[], seeds: number): Bars {
  const percent = (value: number): string => `${value.toFixed(2)} %`;
  const scaled = ({ median, low, high }: BenchFigure): BenchFigure => ({
    median: 100 * median,
    low: 100 * low,
    high: 100 * high,
  });
  const bars = designs.map(({ overhead }) => estimate(scaled(overhead), seeds, percent));
  return {
    kind: 'bars',
    title: 'Overhead, 1 - T0/T1',
    unit: '%',
    subjects: subjects(designs),
    whiskers: whiskers(seeds),
    rows: [{ name: 'wall time', bars }],
  };
}

function ledgerBars(designs: readonly BenchDesign[]): Bars {
  const rows = accountsOf(designs.map(({ ledger }) => ledger)).flatMap(({ name, ns }) => {
    if (ns.every((each) => each === 0)) return [];
    return [{ name, bars: ns.map((each) => ({ value: each / 1e6, text: (each / 1e6).toFixed(3) })) }];
  });
  return { kind: 'bars', title: 'Time by account', unit: 'ms', dots: true, subjects: subjects(designs), rows };
}
