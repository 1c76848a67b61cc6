/**
 * perf record: opens sampling events on a child, one for each CPU, maps their buffers, starts the child, and drains the
 * buffers until it ends.
 *
 * Source: tools/perf/builtin-record.c (__cmd_record, record__mmap_read_evlist, record__synthesize), 6.1.
 * Not modelled: -p, -t, snapshots, switch-output, compression, AUX.
 */
import type { Executable } from '../arch/dso.ts';
import { EACCES, EINVAL, ENOENT, EOPNOTSUPP } from '../kernel/errno.ts';
import type { PerfEvent } from '../kernel/perf-event.ts';
import type { Steps } from '../kernel/remote.ts';
import type { RingBuffer } from '../kernel/ring-buffer.ts';
import { exitStatus, isZombie, type Task } from '../kernel/task.ts';
import { userOnly } from '../perf-events/event-modifiers.ts';
import { breakWeakGroup } from '../perf-events/evsel-config.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { eventName } from '../perf-events/event-names.ts';
import { PERF_COUNT_HW, PERF_COUNT_SW, PERF_RECORD, PERF_TYPE, type SampleRecord } from '../uapi/perf-event.ts';
import { nanos, type Nanos } from '../units.ts';
import { synthesized } from './synthesize.ts';
import type { ToolProgram, ToolTask } from './tool-task.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../perf-events/tool-record.ts';

export interface RecordJob {
  readonly evlist: readonly Evsel[];
  readonly executable: Executable;
  /** -a: samples every CPU while the workload runs; otherwise only the workload. */
  readonly systemWide?: boolean;
  /** -C: with systemWide, only these CPUs, in ascending order. */
  readonly cpus?: readonly number[] | undefined;
  /** -m: data pages of each buffer; by default what perf_event_mlock_kb allows. */
  readonly mmapPages?: number;
  /** --max-size: bytes after which the session ends, and the workload with it; 0: no limit. */
  readonly maxSize?: number;
}

/** Takes the records while the workload runs, in the order in which perf would write them. */
export interface RecordSink {
  /** Called before the first record, with the events as opened and their ids. */
  opened(evlist: readonly Evsel[]): void;
  /** Returns the bytes that the records take in the file. */
  write(records: readonly PerfRecord[]): number;
  /** Messages of perf meanwhile. */
  say?(text: string): void;
}

export interface RecordOutcome {
  /** How often poll() returned. */
  readonly waking: number;
  readonly samples: number;
  readonly lost: number;
  readonly throttled: number;
  readonly status: number;
  readonly pid: number;
  /** Time of the first and last sample. */
  readonly sampleTime: readonly [first: Nanos, last: Nanos] | undefined;
  /** Wall time of the workload, from start to end. */
  readonly elapsed: Nanos;
}

/** perf_event_open() failed; perf's message depends on the event and the errno. */
export class OpenError extends Error {
  readonly evsel: Evsel;
  readonly errno: number;
  constructor(evsel: Evsel, errno: number) {
    super(`${evsel.name}: perf_event_open failed with errno ${errno}`);
    this.name = 'OpenError';
    this.evsel = evsel;
    this.errno = errno;
  }
}

const isSample = (r: PerfRecord): r is SampleRecord => r.type === PERF_RECORD.SAMPLE;

const PAGE_SIZE = 4096;
const SIGTERM = 15;

/** The tool's program; `done` is called with the outcome. */
export function* perfRecord(
  tool: ToolTask,
  job: RecordJob,
  sink: RecordSink,
  done: (outcome: RecordOutcome) => void,
): ToolProgram {
  const { sys, perf, kernel } = tool;
  const cpus = job.cpus ?? Array.from({ length: kernel.config.nrCpus }, (_, cpu) => cpu);
  yield* tool.user('cmd_record', 600_000);
  const workload = yield* tool.forkWorkload(job.executable);
  const { child } = workload;

  const systemWide = job.systemWide === true;
  const opened = yield* openAll(tool, job.evlist, systemWide ? undefined : child, cpus);
  yield* tool.user('evlist__open', 1_000 * opened.length * cpus.length);
  const evlist = opened.map(({ evsel, events }) => ({ ...evsel, ids: events.map((e) => e.id) }));
  const buffers = yield* mapAll(tool, opened, job.mmapPages ?? defaultPages(kernel.config.perf_event_mlock_kb));
  yield* tool.user('evlist__mmap', 1_000 * buffers.length);
  sink.opened(evlist);

  const counts = { samples: 0, lost: 0, throttled: 0 };
  const limit = job.maxSize || Infinity;
  let written = 0;
  let stopping = false;
  let first: Nanos | undefined;
  let last = nanos(0);
  const count = (r: PerfRecord): void => {
    if (isSample(r)) counts.samples++;
    else if (r.type === PERF_RECORD.LOST) counts.lost += Number(r.lost);
    else if (r.type === PERF_RECORD.THROTTLE) counts.throttled++;
  };
  const emit = (records: readonly PerfRecord[]): void => {
    // V8 compiles what is called for each of many records sooner than a loop over them that runs a few times.
    records.forEach(count);
    const newest = records.findLast(isSample);
    if (newest !== undefined) {
      last = nanos(Number(newest.time));
      first ??= nanos(Number(records.find(isSample)!.time));
    }
    const bytes = sink.write(records);
    if (bytes > 0) sys.write(bytes);
    written += bytes;
    if (stopping || written < limit) return;
    stopping = true;
    sink.say?.(`[ perf record: perf size limit reached (${Math.floor(written / 1024)} KB), stopping session ]\n`);
  };
  emit(synthesized(evlist, systemWide ? kernel.system.tasks : child, cpus));
  yield* tool.user('perf_event__synthesize_threads', 150_000 * (systemWide ? kernel.system.tasks.length : 1));

  if (systemWide) for (const event of leadersByCpu(opened)) yield* perf.enable(event);
  const start = kernel.cpu.nanos();
  workload.go();
  let waking = 0;
  let end: Nanos | undefined;
  for (;;) {
    yield* tool.user('record__mmap_read_evlist', 2_000 + 50 * buffers.length);
    const { records, bytes } = yield* perf.drain(buffers);
    if (bytes > 0) {
      yield* tool.user('perf_mmap__push', bytes / 8);
      emit([...records, { type: PERF_RECORD_USER.FINISHED_ROUND }]);
    } else {
      if (stopping) break;
      while (!sys.poll(buffers)) yield;
      waking++;
    }
    // Checked here because there may always be something to read, of other tasks or of this one.
    stopping ||= isZombie(child);
    if (stopping && end === undefined) {
      end = kernel.cpu.nanos();
      if (systemWide) for (const event of leadersByCpu(opened)) yield* perf.disable(event);
    }
  }
  if (!isZombie(child)) {
    kernel.syscall(() => kernel.kill(child, SIGTERM));
    while (sys.wait4(child) === undefined) yield;
  }
  for (const { events } of opened) for (const event of events) yield* perf.close(event);
  done({
    waking,
    ...counts,
    status: exitStatus(child),
    pid: child.pid,
    sampleTime: first === undefined ? undefined : [first, last],
    elapsed: nanos((end ?? kernel.cpu.nanos()) - start),
  });
  return exitStatus(child);
}

interface Opened {
  readonly evsel: Evsel;
  /** One per CPU, in CPU order. */
  readonly events: readonly PerfEvent[];
}

/** evlist__open() with perf's fall-backs: less precision, user space only, breaking up weak groups. */
function* openAll(
  tool: ToolTask,
  wanted: readonly Evsel[],
  task: Task | undefined,
  cpus: readonly number[],
): Steps<Opened[]> {
  let evlist = wanted;
  const opened: Opened[] = [];
  while (opened.length < evlist.length) {
    const i = opened.length;
    const evsel = evlist[i]!;
    const { leader } = evsel;
    const result = yield* openEvent(tool, evsel, task, cpus, leader === i ? undefined : opened[leader]);
    if (typeof result !== 'number') {
      opened.push(result);
      continue;
    }
    if (result !== EINVAL || leader === i || evsel.weak_group !== true) throw new OpenError(evsel, result);
    // A group's members are adjacent: the leader and all that follows are opened again.
    for (const { events } of opened.splice(leader)) for (const event of events) yield* tool.perf.close(event);
    evlist = breakWeakGroup(evlist, leader, ({ attr }) => attr);
  }
  return opened;
}

/** The events of one evsel, or a positive errno. */
function* openEvent(
  { perf }: ToolTask,
  wanted: Evsel,
  task: Task | undefined,
  cpus: readonly number[],
  leader: Opened | undefined,
): Steps<Opened | number> {
  let evsel = wanted;
  const events: PerfEvent[] = [];
  while (events.length < cpus.length) {
    const at = events.length;
    const target = { task, cpu: cpus[at]!, group_leader: leader?.events[at] };
    const event = yield* perf.perf_event_open(evsel.attr, target);
    if (typeof event !== 'number') {
      events.push(event);
      continue;
    }
    const weaker = fallback(evsel, -event);
    if (weaker === undefined) return -event;
    evsel = weaker;
  }
  return { evsel, events };
}

/** evlist__enable() and evlist__disable(): CPU by CPU; a group's leader takes its members along. */
function* leadersByCpu(opened: readonly Opened[]): Iterable<PerfEvent> {
  const leaders = opened.filter(({ evsel }, i) => evsel.leader === i);
  for (let cpu = 0; cpu < (leaders[0]?.events.length ?? 0); cpu++) for (const { events } of leaders) yield events[cpu]!;
}

/** evsel__precise_ip_fallback() and evsel__fallback(): the next thing to ask for, or undefined. */
function fallback(evsel: Evsel, errno: number): Evsel | undefined {
  const { attr } = evsel;
  if (errno === ENOENT && attr.type === PERF_TYPE.HARDWARE && attr.config === PERF_COUNT_HW.CPU_CYCLES) {
    // The precision asked for stays, although it does not apply: "cpu-clock:ppp".
    const clock = { ...attr, type: PERF_TYPE.SOFTWARE, config: PERF_COUNT_SW.CPU_CLOCK };
    return { ...evsel, attr: clock, name: eventName(clock), unit: 'msec', scale: 1e-6 };
  }
  const precise = attr.precise_ip ?? 0;
  if (errno === EOPNOTSUPP && precise > 0 && evsel.precise_max === true)
    return { ...evsel, attr: { ...attr, precise_ip: precise - 1 } };
  return errno === EACCES ? userOnly(evsel) : undefined;
}

/** One buffer for each CPU, owned by the first event and shared by the others. */
function* mapAll({ perf }: ToolTask, opened: readonly Opened[], pages: number): Steps<RingBuffer[]> {
  const [leader, ...others] = opened;
  if (leader === undefined) return [];
  const buffers: RingBuffer[] = [];
  for (const event of leader.events) buffers.push(yield* perf.mmap(event, pages));
  for (const { events } of others)
    for (const [cpu, event] of events.entries()) yield* perf.setOutput(event, buffers[cpu]!);
  return buffers;
}

/** Data pages that fit into perf_event_mlock_kb beside the control page, rounded down to a power of two. */
export function defaultPages(mlockKb: number): number {
  let pages = 1;
  while (pages * 2 * PAGE_SIZE <= mlockKb * 1024 - PAGE_SIZE) pages *= 2;
  return pages;
}
