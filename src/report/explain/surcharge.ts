/** The text of `gperf explain reserve`: what a host's first and last event cost by its number of CPUs, part by part. */
import type { SurchargeReport, SurchargeRow } from '../../results/surcharge.ts';
import { gridLines, whole, type GridRow } from '../shared/grid.ts';

const us = (ns: number): string => (ns / 1000).toFixed(1).replace(/\B(?=(\d{3})+\.)/g, ',');

/** Two tables, of times and of microseconds, and how to read them. */
export function* surchargeLines({ release, scenario, share, cpus, own, calls }: SurchargeReport): Generator<string> {
  const columns = cpus.map((n) => `${n} CPUs`);
  const name = ({ fn, cost }: SurchargeRow): string => `  ${fn}: ${cost}`;
  const blank: GridRow = { cells: [''], heading: true };
  const counted = calls.flatMap(({ name: call, rows }, i): GridRow[] => [
    ...(i > 0 ? [blank] : []),
    { cells: [call], heading: true },
    ...rows.map((row) => ({ cells: [name(row), whole(row.each), ...row.times.map(whole)] })),
  ]);
  yield* gridLines({
    title: `What a host's first and last hardware event take, how often (Linux ${release}, this one has ${own} CPUs)`,
    columns: ['', 'ns each', ...columns],
    rows: counted,
  });
  yield '';
  const timed = calls.flatMap(({ name: call, rows }, i): GridRow[] => {
    const sum = (of: readonly SurchargeRow[], k: number): number =>
      of.reduce((total, { each, times }) => total + each * times[k]!, 0);
    const sums = (text: string, of: readonly SurchargeRow[], by = 1): GridRow => ({
      cells: [text, ...cpus.map((_, k) => us(by * sum(of, k)))],
    });
    const linear = rows.filter(({ grows }) => grows === 'linear');
    const quadratic = rows.filter(({ grows }) => grows === 'quadratic');
    return [
      ...(i > 0 ? [blank] : []),
      { cells: [call], heading: true },
      ...linear.map((row) => sums(name(row), [row])),
      sums('  linear part', linear),
      ...quadratic.map((row) => sums(name(row), [row])),
      sums('  quadratic part', quadratic),
      sums('  all of it', rows),
      ...(share === 1 ? [] : [sums(`  host.ipi=${scenario}: ${share} of that`, rows, share)]),
    ];
  });
  yield* gridLines({ title: 'The same in us, on average', columns: ['', ...columns], rows: timed });
  yield '';
  yield '# Each possible CPU has a buffer for BTS and one for PEBS, 16 pages each, and each is flushed from the TLBs of all CPUs:';
  yield '# 2 N broadcasts with N - 1 targets each. The quadratic part is what the targets cost; all else is linear.';
  if (share !== 1) yield* residue(scenario);
}

function* residue(scenario: string): Generator<string> {
  yield `# host.ipi=${scenario} is a residue: on 88 CPUs, that share of all parts gives the letter's 5198 samples, for which a first and a last`;
  yield '# event together may take 465 us. The INVLPGs alone take longer. At what the parts cost (host.ipi=cold) the tables (1) and (2)';
  yield '# of the letter come out, and a PMI under the legacy vPMU is longer than a tick. So not both are of a host with 88 CPUs.';
}
