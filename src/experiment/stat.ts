/**
 * `gperf stat` without its words: counts a workload on a simulated machine, as often as asked, and writes the
 * perf.data file of stat record.
 */
import type { MachineSpec } from '../machine/spec.ts';
import { PerfDataFormatError } from '../perfdata/errors.ts';
import { openPerfData } from '../perfdata/reader.ts';
import { PerfDataWriter } from '../perfdata/writer.ts';
import type { Sink } from '../perfdata/sink.ts';
import type { StatJob } from '../tool/perf-stat.ts';
import { isToolEvent } from '../perf-events/event-names.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { nanos, type Nanos } from '../units.ts';
import { perfEnv } from './env.ts';
import { executable, workloadSeed, type Workload } from './executable.ts';
import { runStat, type Breathe, type MachineReport } from './run.ts';
import { specText } from './spec-text.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../perf-events/tool-record.ts';
import type { StatCount, StatResult, StatRun } from '../results/stat.ts';

export interface StatRequest {
  readonly spec: MachineSpec;
  readonly workload: Workload;
  readonly evlist: readonly Evsel[];
  /** -r */
  readonly repeat: number;
  /** -a */
  readonly systemWide?: boolean;
  readonly interval?: NonNullable<StatJob['interval']>;
  /** --timeout, ns of simulated time after which the workload is ended. */
  readonly timeout?: number;
  readonly breathe?: Breathe;
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
      ...(request.systemWide === true ? { systemWide: true } : {}),
      ...(interval === undefined
        ? {}
        : {
            interval: {
              ns: interval.ns,
              report: (elapsed: Nanos, counts: readonly StatCount[]) =>
                interval.report(
                  elapsed,
                  withToolEvents(request.evlist, counts, { elapsed, user: nanos(0), sys: nanos(0) }),
                ),
            },
          }),
      ...(request.timeout === undefined ? {} : { timeout: request.timeout }),
    };
    const options = { run, ...(request.breathe === undefined ? {} : { breathe: request.breathe }) };
    const outcome = await runStat(spec, job, options);
    runs.push({ ...outcome.run, counts: withToolEvents(outcome.evlist, outcome.run.counts, outcome.run) });
    if (run + 1 < request.repeat && !outcome.interrupted) continue;
    return { evlist: outcome.evlist, runs, report: outcome, pid: outcome.pid };
  }
}

/**
 * duration_time, user_time and system_time are the tool's own measurements in ns; their value is also their enabled
 * time. User and system time are known only at the end.
 */
function withToolEvents(
  evlist: readonly Evsel[],
  counts: readonly StatCount[],
  { elapsed, user, sys }: Pick<StatRun, 'elapsed' | 'user' | 'sys'>,
): StatCount[] {
  return counts.map((count, i) => {
    const name = /\w+/.exec(evlist[i]!.name)?.[0] ?? '';
    if (!isToolEvent(name)) return count;
    const val = { duration_time: elapsed, user_time: user, system_time: sys }[name];
    return { val, ena: val, run: val, supported: true };
  });
}

/** One reading of all counters, cumulative. */
export interface Reading {
  readonly time: Nanos;
  readonly counts: readonly StatCount[];
  readonly final: boolean;
}

/** PERF_STAT_ROUND_TYPE__* */
const ROUND = { INTERVAL: 0, FINAL: 1 } as const;
/** aggr_mode of a workload's counts. */
const AGGR_GLOBAL = 1;

/** Writes the file of `perf stat record`: the events counted, and every reading. Puts the file in its place. */
export function writeStatFile(
  sink: Sink,
  spec: MachineSpec,
  cmdline: readonly string[],
  evlist: readonly Evsel[],
  pid: number,
  intervalMs: number,
  readings: readonly Reading[],
): void {
  const withIds = evlist.map((evsel, i) => ({ ...evsel, ids: [i + 1] }));
  const writer = new PerfDataWriter(sink, withIds, { env: perfEnv(spec, cmdline), spec: specText(spec), stat: true });
  const records: PerfRecord[] = [];
  for (const { unit, scale, ids } of withIds) {
    if (unit === '') continue;
    const id = ids[0] as number;
    records.push({ type: PERF_RECORD_USER.EVENT_UPDATE, id, update: { kind: 'unit', unit } });
    records.push({ type: PERF_RECORD_USER.EVENT_UPDATE, id, update: { kind: 'scale', scale } });
  }
  records.push({ type: PERF_RECORD_USER.THREAD_MAP, threads: [{ pid, comm: '' }] });
  records.push({ type: PERF_RECORD_USER.CPU_MAP, cpus: [-1] });
  records.push({ type: PERF_RECORD_USER.STAT_CONFIG, aggr_mode: AGGR_GLOBAL, interval: intervalMs, scale: 1 });
  for (const { time, counts, final } of readings) {
    counts.forEach(({ val, ena, run, supported, unread }, i) => {
      if (supported && unread !== true)
        records.push({ type: PERF_RECORD_USER.STAT, id: i + 1, cpu: -1, thread: 0, val, ena, run });
    });
    records.push({ type: PERF_RECORD_USER.STAT_ROUND, round: final ? ROUND.FINAL : ROUND.INTERVAL, time });
  }
  writer.write(records);
  writer.finish();
}

/** What `perf stat report` prints for a file of stat record, gperf's or real perf's. Throws what the reader throws. */
export function readStatFile(path: string): { result: StatResult; cmdline: readonly string[] } {
  const session = openPerfData(path);
  try {
    const { evlist, env } = session;
    const none = { val: 0, ena: 0, run: 0, supported: false };
    const byId = new Map(evlist.flatMap(({ ids }, i) => ids.map((id) => [id, i] as const)));
    const counts = evlist.map(() => ({ ...none }));
    let elapsed = nanos(0);
    let counted = false;
    for (const { record } of session.records()) {
      if ('payload' in record) continue;
      if (record.type === PERF_RECORD_USER.STAT_ROUND) {
        elapsed = nanos(Number(record.time));
        counted = true;
        if (record.round === ROUND.INTERVAL) counts.forEach((count) => Object.assign(count, none));
      } else if (record.type === PERF_RECORD_USER.STAT) {
        const count = counts[byId.get(record.id) ?? -1];
        if (count === undefined) continue;
        count.val += Number(record.val);
        count.ena += Number(record.ena);
        count.run += Number(record.run);
        count.supported = true;
      }
    }
    if (!counted) throw new PerfDataFormatError(path, `${path} has no counts: it is no file of 'gperf stat record'`);
    const run = { counts, elapsed, user: nanos(0), sys: nanos(0), status: 0 };
    return { result: { evlist, runs: [run] }, cmdline: env.cmdline ?? [] };
  } finally {
    session.close();
  }
}
