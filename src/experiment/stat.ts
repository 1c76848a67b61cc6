/**
 * `gperf stat` without its words: counts a workload on a simulated machine, as often as asked, and writes the
 * perf.data file of stat record.
 */
import { given } from '../given.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { PerfDataFormatError } from '../perfdata/errors.ts';
import { openPerfData } from '../perfdata/reader.ts';
import { PerfDataWriter } from '../perfdata/writer.ts';
import type { Sink } from '../perfdata/sink.ts';
import type { StatJob } from '../tool/perf-stat.ts';
import type { Targets } from '../tool/targets.ts';
import { isToolEvent } from '../perf-events/event-names.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { nanos, type Nanos } from '../units.ts';
import { cpuPlaces, perfEnv } from './env.ts';
import { executable, workloadSeed, type Workload } from './executable.ts';
import { runStat, type Breathe, type MachineReport, type StartHelpers } from './run.ts';
import { specText } from './spec-text.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../perf-events/tool-record.ts';
import type {
  AggrMode,
  CpuCounts,
  CpuPlace,
  StatCount,
  StatRead,
  StatResult,
  StatRun,
  ThreadCounts,
} from '../results/stat.ts';

export interface StatRequest extends Targets {
  readonly spec: MachineSpec;
  readonly workload: Workload;
  readonly evlist: readonly Evsel[];
  /** -r */
  readonly repeat: number;
  readonly interval?: NonNullable<StatJob['interval']>;
  /** --timeout, ns of simulated time after which the workload is ended. */
  readonly timeout?: number;
  readonly breathe?: Breathe;
  readonly help?: StartHelpers;
}

export interface CountedWorkload extends StatResult {
  /** Of the last run. */
  readonly report: MachineReport;
  /** pid of the workload in the last run. */
  readonly pid: number;
}

/** Counts. Run k of a repetition draws from the path run=k; a single run is run 0. */
export async function countWorkload(request: StatRequest): Promise<CountedWorkload> {
  const { spec, workload } = request;
  const runs: StatRun[] = [];
  for (let run = 0; ; run++) {
    const { interval } = request;
    const job = {
      evlist: request.evlist,
      executable: executable(workload, workloadSeed(spec, run)),
      ...given({ systemWide: request.systemWide, cpus: request.cpus, attach: request.attach }),
      ...given({ perThread: request.perThread, started: request.started }),
      ...(interval === undefined
        ? {}
        : {
            interval: {
              ns: interval.ns,
              report: (elapsed: Nanos, read: StatRead) =>
                interval.report(
                  elapsed,
                  withToolEvents(request.evlist, read, { elapsed, user: nanos(0), sys: nanos(0) }),
                ),
            },
          }),
      ...(request.timeout === undefined ? {} : { timeout: request.timeout }),
    };
    const options = { run, ...given({ breathe: request.breathe, help: request.help }) };
    const outcome = await runStat(spec, job, options);
    runs.push({ ...outcome.run, ...withToolEvents(outcome.evlist, outcome.run, outcome.run) });
    if (run + 1 < request.repeat && !outcome.interrupted) continue;
    return { evlist: outcome.evlist, runs, report: outcome, pid: outcome.pid };
  }
}

/**
 * duration_time, user_time and system_time are the tool's own measurements in ns; their value is also their enabled
 * time. User and system time are known only at the end. The first CPU or thread has them.
 */
function withToolEvents(
  evlist: readonly Evsel[],
  { counts: all, cpus, threads }: StatRead,
  { elapsed, user, sys }: Pick<StatRun, 'elapsed' | 'user' | 'sys'>,
): StatRead {
  const filled = (count: StatCount, i: number): StatCount => {
    const name = /\w+/.exec(evlist[i]!.name)?.[0] ?? '';
    if (!isToolEvent(name)) return count;
    const val = { duration_time: elapsed, user_time: user, system_time: sys }[name];
    return { val, ena: val, run: val, supported: true };
  };
  const first = <T extends CpuCounts | ThreadCounts>(one: T, k: number): T =>
    k === 0 ? { ...one, counts: one.counts.map(filled) } : one;
  return { counts: all.map(filled), cpus: cpus?.map(first), threads: threads?.map(first) };
}

/** One reading of all counters, cumulative. */
export interface Reading extends StatRead {
  readonly time: Nanos;
  readonly final: boolean;
}

/** PERF_STAT_ROUND_TYPE__* */
const ROUND = { INTERVAL: 0, FINAL: 1 } as const;
/** enum aggr_mode */
const AGGR = { cpu: 0, global: 1, socket: 2, die: 3, core: 4, thread: 5, node: 7 } as const;

/**
 * Writes the file of `perf stat record`: the events counted, and every reading; `mode`: how its reader is to put CPUs
 * together. Puts the file in its place.
 */
export function writeStatFile(
  sink: Sink,
  spec: MachineSpec,
  cmdline: readonly string[],
  evlist: readonly Evsel[],
  pid: number,
  intervalMs: number,
  readings: readonly Reading[],
  mode?: AggrMode,
): void {
  const cpus = readings[0]?.cpus?.map(({ cpu }) => cpu) ?? [-1];
  const own = { pid: cpus[0] === -1 ? pid : -1, comm: '' };
  const threads = readings[0]?.threads?.map(({ tid, comm }) => ({ pid: tid, comm })) ?? [own];
  // Of each event, one for each CPU or for each thread.
  const each = Math.max(cpus.length, threads.length);
  const idOf = (event: number, k: number): number => event * each + k + 1;
  const withIds = evlist.map((evsel, i) => ({ ...evsel, ids: Array.from({ length: each }, (_, k) => idOf(i, k)) }));
  const writer = new PerfDataWriter(sink, withIds, { env: perfEnv(spec, cmdline), spec: specText(spec), stat: true });
  const records: PerfRecord[] = [];
  for (const { unit, scale, ids } of withIds) {
    if (unit === '') continue;
    const id = ids[0] as number;
    records.push({ type: PERF_RECORD_USER.EVENT_UPDATE, id, update: { kind: 'unit', unit } });
    records.push({ type: PERF_RECORD_USER.EVENT_UPDATE, id, update: { kind: 'scale', scale } });
  }
  records.push({ type: PERF_RECORD_USER.THREAD_MAP, threads });
  records.push({ type: PERF_RECORD_USER.CPU_MAP, cpus });
  const aggr_mode = AGGR[mode ?? 'global'];
  records.push({ type: PERF_RECORD_USER.STAT_CONFIG, aggr_mode, interval: intervalMs, scale: 1 });
  for (const { time, counts, cpus: byCpu, threads: byThread, final } of readings) {
    const parts = byThread ?? byCpu ?? [{ cpu: -1, counts }];
    for (const i of evlist.keys())
      for (const [k, part] of parts.entries()) {
        const { val, ena, run, supported, unread } = part.counts[i]!;
        const [cpu, thread] = 'cpu' in part ? [part.cpu, 0] : [-1, k];
        if (supported && unread !== true)
          records.push({ type: PERF_RECORD_USER.STAT, id: idOf(i, k), cpu, thread, val, ena, run });
      }
    records.push({ type: PERF_RECORD_USER.STAT_ROUND, round: final ? ROUND.FINAL : ROUND.INTERVAL, time });
  }
  writer.write(records);
  writer.finish();
}

/** What a file of stat record holds: counts, how they are to be put together, and where its CPUs are. */
export interface StatFile {
  /** The last reading. */
  readonly result: StatResult;
  /** With -I, all of them. */
  readonly intervals: readonly Reading[] | undefined;
  readonly cmdline: readonly string[];
  readonly mode: AggrMode | undefined;
  readonly placeOf: (cpu: number) => CpuPlace;
}

/** Reads what `perf stat report` prints, of gperf's stat record or real perf's. Throws what the reader throws. */
export function readStatFile(path: string): StatFile {
  const session = openPerfData(path);
  try {
    const { evlist, env } = session;
    const none = { val: 0, ena: 0, run: 0, supported: false };
    const byId = new Map(evlist.flatMap(({ ids }, i) => ids.map((id) => [id, i] as const)));
    let counts = evlist.map(() => ({ ...none }));
    let byCpu = new Map<number, typeof counts>();
    let byThread: { tid: number; comm: string; counts: typeof counts }[] = [];
    let mode: AggrMode | undefined;
    let interval = 0;
    const readings: Reading[] = [];
    for (const { record } of session.records()) {
      if ('payload' in record) continue;
      if (record.type === PERF_RECORD_USER.STAT_ROUND) {
        const cpus = byCpu.size === 0 ? undefined : [...byCpu].map(([cpu, of]) => ({ cpu, counts: of }));
        const final = record.round === ROUND.FINAL;
        const threads = mode === 'thread' ? byThread : undefined;
        readings.push({ time: nanos(Number(record.time)), counts, cpus, threads, final });
        counts = evlist.map(() => ({ ...none }));
        byCpu = new Map([...byCpu.keys()].map((cpu) => [cpu, evlist.map(() => ({ ...none }))]));
        byThread = byThread.map((one) => ({ ...one, counts: evlist.map(() => ({ ...none })) }));
      } else if (record.type === PERF_RECORD_USER.THREAD_MAP) {
        byThread = record.threads.map(({ pid, comm }) => ({
          tid: Number(pid),
          comm,
          counts: evlist.map(() => ({ ...none })),
        }));
      } else if (record.type === PERF_RECORD_USER.STAT_CONFIG) {
        const number = Number(record.aggr_mode);
        mode = (['cpu', 'socket', 'die', 'core', 'thread', 'node'] as const).find((one) => AGGR[one] === number);
        interval = Number(record.interval);
      } else if (record.type === PERF_RECORD_USER.STAT) {
        const i = byId.get(record.id) ?? -1;
        const { cpu } = record;
        if (cpu >= 0 && !byCpu.has(cpu))
          byCpu.set(
            cpu,
            evlist.map(() => ({ ...none })),
          );
        for (const count of [counts[i], byCpu.get(cpu)?.[i], byThread[record.thread]?.counts[i]]) {
          if (count === undefined) continue;
          count.val += Number(record.val);
          count.ena += Number(record.ena);
          count.run += Number(record.run);
          count.supported = true;
        }
      }
    }
    const last = readings.at(-1);
    if (last === undefined)
      throw new PerfDataFormatError(path, `${path} has no counts: it is no file of 'gperf stat record'`);
    const { counts: total, cpus, threads } = last;
    const run = { counts: total, cpus, threads, elapsed: last.time, user: nanos(0), sys: nanos(0), status: 0 };
    return {
      result: { evlist, runs: [run] },
      intervals: interval > 0 ? readings : undefined,
      cmdline: env.cmdline ?? [],
      mode,
      placeOf: cpuPlaces(env, -1),
    };
  } finally {
    session.close();
  }
}
