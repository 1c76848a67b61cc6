/**
 * perf script for a perf stat recording: every count of every round.
 *
 * The file holds counts since the start. Recorded per CPU (-A), each round prints its increase, scaled for the time on
 * a counter; recorded as one sum, it prints the count as it is.
 * Source: tools/perf/builtin-script.c (__process_stat), measured on perf 6.1.
 */
import type { Evsel } from '../../perf-events/evsel.ts';
import { PERF_RECORD_USER } from '../../perf-events/tool-record.ts';
import type { FileRecord } from '../../perfdata/reader.ts';
import { type U64, subU64, toU64 } from '../../units.ts';

const TITLES = ['VAL', 'ENA', 'RUN', 'TIME'];
const row = (
  cpu: string | number,
  thread: string | number | bigint,
  values: readonly (string | number | bigint)[],
  name: string,
): string =>
  [String(cpu).padStart(3), String(thread).padStart(8), ...values.map((v) => String(v).padStart(15)), name].join(' ');

/** STAT_CONFIG's aggr_mode of a plain perf stat. */
const AGGR_GLOBAL = 1;

interface Count {
  readonly cpu: number;
  readonly thread: number;
  readonly values: readonly U64[];
}

export class StatTable {
  readonly #evlist: readonly Evsel[];
  /** Pids of the thread map, by index. */
  #pids: readonly (number | bigint)[] = [];
  /** Counts in the current round, by event, then by CPU and thread. */
  readonly #counts: readonly Map<string, Count>[];
  readonly #previous: readonly Map<string, Count>[];
  #titled = false;
  #aggr_mode: U64 = AGGR_GLOBAL;

  constructor(evlist: readonly Evsel[]) {
    this.#evlist = evlist;
    this.#counts = evlist.map(() => new Map());
    this.#previous = evlist.map(() => new Map());
  }

  /** Takes a record; the end of a round yields its lines. */
  *process(record: FileRecord): Generator<string> {
    if (record.type === PERF_RECORD_USER.THREAD_MAP) this.#pids = record.threads.map(({ pid }) => pid);
    else if (record.type === PERF_RECORD_USER.STAT_CONFIG) this.#aggr_mode = record.aggr_mode;
    else if (record.type === PERF_RECORD_USER.STAT) {
      const { id, cpu, thread, val, ena, run } = record;
      const index = this.#evlist.findIndex(({ ids }) => ids.includes(id));
      this.#counts[index]?.set(`${thread}:${cpu}`, { cpu, thread, values: [val, ena, run] });
    } else if (record.type === PERF_RECORD_USER.STAT_ROUND) yield* this.#round(record.time);
  }

  *#round(time: U64): Generator<string> {
    if (!this.#titled) yield row('CPU', 'THREAD', TITLES, 'EVENT');
    this.#titled = true;
    for (const [index, counts] of this.#counts.entries()) {
      const previous = this.#previous[index]!;
      for (const [key, { cpu, thread, values }] of counts) {
        const shown = this.#aggr_mode === AGGR_GLOBAL ? values : added(values, previous.get(key)?.values);
        yield row(cpu, this.#pids[thread] ?? -1, [...shown, time], this.#evlist[index]!.name);
        previous.set(key, { cpu, thread, values });
      }
    }
  }
}

/** evsel__compute_deltas() and perf_counts_values__scale(). */
function added(values: readonly U64[], before: readonly U64[] = []): U64[] {
  const [val = 0, ena = 0, run = 0] = values.map((value, i) => subU64(value, before[i] ?? 0));
  if (run === 0) return [0, ena, run];
  return [run < ena ? toU64((BigInt(val) * BigInt(ena)) / BigInt(run)) : val, ena, run];
}
