/**
 * The lines of perf stat before formatting: for every aggregate and event, the count scaled for multiplexing, its
 * spread over repetitions and its metrics. Text, CSV and JSON print the same rows.
 *
 * Rows follow perf 6.1, except for one of its faults: under -r it shows the last run's count beside the spread of all;
 * here the count is the mean, as in perf's documentation and its other versions.
 * Not modelled: cgroups, hybrid PMUs, uncore events (merged by name).
 */
import { isToolEvent } from '../../perf-events/event-names.ts';
import type { Evsel } from '../../perf-events/evsel.ts';
import type { StatCount } from '../../results/stat.ts';
import { type Metric, ShadowStats } from './metrics.ts';

/** The part of the counts that a row shows; absent for all of them. */
export type Aggregate =
  | { readonly kind: 'cpu'; readonly cpu: number }
  | { readonly kind: 'socket' | 'die' | 'core' | 'node'; readonly id: string; readonly cpus: number }
  /** `everyone`: of all threads, so that one without counts has no row. */
  | { readonly kind: 'thread'; readonly comm: string; readonly tid: number; readonly everyone?: boolean };

/** A count, possibly scaled before it was summed. */
export interface StatReading extends StatCount {
  readonly scaled?: number;
}

/** The readings of one aggregate: by repetition, parallel to the evlist. */
export interface StatPart {
  readonly aggregate?: Aggregate;
  readonly runs: readonly (readonly StatReading[])[];
}

export interface StatRow {
  readonly aggregate: Aggregate | undefined;
  readonly evsel: Evsel;
  readonly supported: boolean;
  /** False: <not supported> or <not counted>, and no metrics. */
  readonly counted: boolean;
  /** Mean over the runs, scaled for multiplexing, in the evsel's unit. */
  readonly value: number;
  /** Means over the runs, ns. */
  readonly ena: number;
  readonly run: number;
  /** Standard error of the mean, in percent of the mean. */
  readonly noise: number;
  readonly metrics: readonly Metric[];
}

/** perf_counts_values__scale(): the count extrapolated to the time the event was enabled; whole, as perf's u64 is. */
export function scaled({ val, ena, run, scaled: before }: StatReading): number {
  if (before !== undefined) return before;
  if (run === 0) return 0;
  return run < ena ? Math.floor((val * ena) / run) : val;
}

/** Mean and standard error of the mean, by Welford's recurrence as perf's update_stats() computes it. */
export function meanAndError(values: readonly number[]): { mean: number; error: number } {
  let [mean, m2] = [0, 0];
  for (const [i, value] of values.entries()) {
    const delta = value - mean;
    mean += delta / (i + 1);
    m2 += delta * (value - mean);
  }
  const n = values.length;
  return { mean, error: n < 2 ? 0 : Math.sqrt(m2 / (n - 1) / n) };
}

/** The counts of several CPUs as one: each is scaled, then they are summed; if one did not count, the sum does not. */
export function sumOfCpus(counts: readonly StatCount[]): StatReading {
  const supported = counts.every((c) => c.supported);
  const total = { val: 0, ena: 0, run: 0, scaled: 0 };
  if (counts.some((c) => c.run === 0 || c.ena === 0)) return { ...total, supported };
  for (const c of counts) {
    total.val += c.val;
    total.ena += c.ena;
    total.run += c.run;
    total.scaled += scaled(c);
  }
  return { ...total, supported };
}

/** --no-scale: the counts as they were read. */
export const unscaled = (part: StatPart): StatPart => ({
  ...part,
  runs: part.runs.map((counts) => counts.map(asRead)),
});
const asRead = ({ val, ena, run, supported }: StatReading): StatReading => ({ val, ena, run, supported, scaled: val });

/** The counts between two readings. */
export function since(before: readonly StatCount[] | undefined, now: readonly StatCount[]): StatCount[] {
  return now.map(({ val, ena, run, supported }, i) => {
    const b = before?.[i] ?? { val: 0, ena: 0, run: 0 };
    return { val: val - b.val, ena: ena - b.ena, run: run - b.run, supported };
  });
}

/**
 * The rows in perf's order: by event then CPU or thread, or by core (socket, die, node) then event.
 * @param wall elapsed ns that "CPUs utilized" relates to; for intervals the nominal length
 */
export function statRows(evlist: readonly Evsel[], parts: readonly StatPart[], wall: number): StatRow[] {
  const rows: StatRow[][] = parts.map(({ aggregate, runs }) => {
    const shadow = new ShadowStats();
    for (const counts of runs)
      for (const [i, c] of counts.entries()) if (c.unread !== true) shadow.add(evlist[i]!.attr, scaled(c));
    return evlist.map((evsel, i) => {
      const counts = runs.map((run) => run[i]!);
      const { mean, error } = meanAndError(counts.map(scaled));
      const ena = meanAndError(counts.map((c) => c.ena)).mean;
      const run = meanAndError(counts.map((c) => c.run)).mean;
      const supported = counts.every((c) => c.supported);
      const counted = supported && ena > 0 && run > 0;
      const metrics = counted ? shadow.metrics(evsel, mean, wall) : [];
      const noise = mean > 0 ? (100 * error) / mean : 0;
      return { aggregate, evsel, supported, counted, value: mean * evsel.scale, ena, run, noise, metrics };
    });
  });
  const kind = parts[0]?.aggregate?.kind;
  if (kind !== 'cpu' && kind !== 'thread') return rows.flat();
  return evlist.flatMap(({ name }, i) => {
    const column = rows.map((r) => r[i]!);
    // perf's own measurements are the first CPU's.
    if (kind === 'cpu' && isToolEvent(/\w+/.exec(name)?.[0] ?? '')) return column.slice(0, 1);
    return kind === 'thread' ? sort_aggr_thread(column) : column;
  });
}

/** Those that counted most first; a thread that did not count is among those that counted nothing. */
const sort_aggr_thread = (column: readonly StatRow[]): StatRow[] =>
  column
    .filter(({ aggregate, value }) => value !== 0 || !(aggregate?.kind === 'thread' && aggregate.everyone === true))
    .toSorted((a, b) => b.value - a.value);
