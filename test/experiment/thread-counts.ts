/** What perf counts of each thread of a workload, against what that thread retires. */
import { runRecord, runStat } from '../../src/experiment/run.ts';
import type { MachineSpec } from '../../src/experiment/setup.ts';
import { groundTruth, trueCounts } from '../../src/experiment/truth.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import type { Evsel } from '../../src/perf-events/evsel.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { Lineage } from '../../src/profile/lineage.ts';
import { parseProfileKey } from '../../src/profile/profile.ts';
import { PERF_RECORD, type ReadRecord, type TaskRecord } from '../../src/uapi/perf-event.ts';
import { programOf } from './guest-run.ts';

const EVENTS = ['instructions:u', 'branches:u'] as const;
/** A period that no thread reaches: perf record only counts. */
const NEVER = 1e12;

export interface ThreadCounts {
  /** Each thread that perf told of, by the name it has in the truth: what it counted and retired of each event. */
  readonly told: ReadonlyMap<string, { readonly counted: readonly number[]; readonly retired: readonly number[] }>;
  /** Threads of which an event was throttled. */
  readonly throttled: ReadonlySet<string>;
  /** How many threads there were. */
  readonly threads: number;
}

/**
 * perf record -s, with a frequency or just counting. What is read of each thread at its end is added up over the CPUs
 * on which it ran. The thread that ends up with the events that perf itself has opened is not told of.
 */
export async function recordThreads(
  spec: MachineSpec,
  words: readonly [string, ...string[]],
  freq?: number,
): Promise<ThreadCounts> {
  const { workload, program } = await programOf(spec, words);
  const sampling = freq === undefined ? { period: NEVER } : { freq };
  const evlist = recordAttrs(parseEventList([EVENTS.join()], 'record'), { inherit_stat: true, ...sampling });
  const records: PerfRecord[] = [];
  let opened: readonly Evsel[] = [];
  const sink = {
    opened: (all: readonly Evsel[]): void => void (opened = all),
    write: (batch: readonly PerfRecord[]): number => (records.push(...batch), 0),
  };
  await runRecord(spec, { evlist, executable: program }, sink);
  const lineage = new Lineage();
  const births = records.filter((one): one is TaskRecord => one.type === PERF_RECORD.FORK);
  for (const one of births.toSorted((a, b) => Number(a.time) - Number(b.time))) lineage.add(one);
  const truth = groundTruth(spec, workload, evlist, { by: 'thread' }).map(
    ({ weights }) => new Map([...weights].map(([key, weight]) => [parseProfileKey(key).symbol, weight])),
  );
  const told = new Map<string, { counted: number[]; retired: readonly number[] }>();
  for (const one of records.filter((r): r is ReadRecord => r.type === PERF_RECORD.READ)) {
    const name = lineage.nameOf(one.tid);
    let thread = told.get(name);
    if (thread === undefined)
      told.set(name, (thread = { counted: EVENTS.map(() => 0), retired: truth.map((of) => of.get(name)!) }));
    const event = opened.findIndex(({ ids }) => ids?.includes(one.id!) ?? false);
    thread.counted[event]! += Number(one.read.values[0]!.value);
  }
  const throttled = records.flatMap((one) =>
    one.type === PERF_RECORD.THROTTLE ? [lineage.nameOf((one as { readonly tid: number }).tid)] : [],
  );
  return { told, throttled: new Set(throttled), threads: truth[0]!.size };
}

/** perf stat of all threads together, and what they retire; undefined if the machine has no such event. */
export async function statThreads(spec: MachineSpec, words: readonly [string, ...string[]]) {
  const { workload, program } = await programOf(spec, words);
  const evlist = statAttrs(parseEventList([EVENTS.join()], 'stat'));
  const { run } = await runStat(spec, { evlist, executable: program });
  if (run.counts.some(({ supported }) => !supported)) return undefined;
  return { counted: run.counts.map(({ val }) => val), retired: trueCounts(spec, workload, evlist) };
}

/** Threads of which each event counted what they retired, and those of which one did not. */
export function exactness({ told }: ThreadCounts): { readonly exact: number; readonly off: readonly string[] } {
  const off = [...told].filter(([, { counted, retired }]) => counted.some((n, i) => n !== retired[i]));
  return { exact: told.size - off.length, off: off.map(([name]) => name) };
}
