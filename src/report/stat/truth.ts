/**
 * A counter's estimate beside what the workload really retired: the table that `gperf stat --truth` prints after
 * perf's block. The estimate is what perf prints: the count scaled for the time the event was not on a counter.
 *
 * Not modelled: the truth of ring 0. A counter without :u counts the kernel as well, and a clock also counts what
 * passes between an interrupt and the program's continuation; lines below the table say so.
 */
import type { StatResult } from '../../results/stat.ts';
import { PERF_COUNT_HW, PERF_TYPE, type PerfEventAttr } from '../../uapi/perf-event.ts';
import { fixed } from '../shared/format.ts';
import { statRows } from './rows.ts';

export interface StatTruthOptions {
  /** The workload as typed. */
  readonly workload: string;
  /** Retired in user space, parallel to the event list; undefined if an event has no truth. */
  readonly truth: readonly (number | undefined)[];
  /** Two hardware threads of a core are simulated, so that one works less in a cycle while the other is busy. */
  readonly sharedCores?: boolean;
}

const CLOCKS = new Set<number>([PERF_COUNT_HW.CPU_CYCLES, PERF_COUNT_HW.BUS_CYCLES, PERF_COUNT_HW.REF_CPU_CYCLES]);
const isClock = ({ type, config }: PerfEventAttr): boolean => type === PERF_TYPE.HARDWARE && CLOCKS.has(Number(config));

const WIDTH = 18;
const ERROR_WIDTH = 16;

/** The table of means over all runs. */
export function statTruthText(
  { evlist, runs }: StatResult,
  { workload, truth, sharedCores = false }: StatTruthOptions,
): string {
  const right = (text: string): string => text.padStart(WIDTH);
  const line = (estimate: string, exact: string, error: string, name: string): string =>
    `${right(estimate)}${right(exact)}${error.padStart(ERROR_WIDTH)}${name}`;
  const rows = statRows(evlist, [{ runs: runs.map((run) => run.counts) }], 0).map(
    ({ evsel, supported, counted, value }, i) => {
      const exact = truth[i];
      const estimate = counted ? fixed(value, 0) : supported ? '<not counted>' : '<not supported>';
      const error = counted && exact ? `${signed((100 * (value - exact)) / exact)} %` : '-';
      return line(estimate, exact === undefined ? '-' : fixed(exact, 0), error, `  ${evsel.name}`);
    },
  );
  const known = evlist.filter((_, i) => truth[i] !== undefined).map(({ attr }) => attr);
  const notes = [
    ...(known.some(({ exclude_kernel }) => exclude_kernel !== true)
      ? [' A counter without :u counts the kernel as well.']
      : []),
    ...(known.some(isClock)
      ? [
          " A clock also counts each interrupt's return, until an instruction executes (core.refill), and what it misses in caches (core.cold).",
        ]
      : []),
    ...(sharedCores && known.some(isClock)
      ? [
          ' It counts all cycles of a hardware thread, the truth those that a thread alone would take (core.smt_throughput).',
        ]
      : []),
  ];
  return [
    ` What '${workload}' retired in user space, beside what was counted:`,
    '',
    line('estimate', 'truth', 'error', '').trimEnd(),
    ...rows,
    '',
    ...notes,
    ...(notes.length > 0 ? [''] : []),
    '',
  ].join('\n');
}

const signed = (percent: number): string => `${percent < 0 ? '' : '+'}${fixed(percent, 4)}`;
