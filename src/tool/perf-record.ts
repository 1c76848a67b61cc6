/**
 * perf record: opens sampling events on a child, one for each CPU, maps their buffers, starts the child, and drains the
 * buffers until it ends. Or on tasks that run already, and then for each thread a buffer, or for each CPU.
 *
 * Source: tools/perf/builtin-record.c (__cmd_record, record__mmap_read_evlist, record__synthesize), 6.1.
 * Not modelled: snapshots, switch-output, compression, AUX.
 */
import type { Executable } from '../arch/dso.ts';
import { EACCES, EINVAL, ENOENT, EOPNOTSUPP, ESRCH } from '../kernel/errno.ts';
import type { PerfEvent } from '../kernel/perf-event.ts';
import type { Steps } from '../kernel/remote.ts';
import type { RingBuffer } from '../kernel/ring-buffer.ts';
import { exitStatus, isZombie } from '../kernel/task.ts';
import { userOnly } from '../perf-events/event-modifiers.ts';
import { breakWeakGroup } from '../perf-events/evsel-config.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { eventName } from '../perf-events/event-names.ts';
import { PERF_COUNT_HW, PERF_COUNT_SW, PERF_RECORD, PERF_TYPE, type SampleRecord } from '../uapi/perf-event.ts';
import { nanos, type Nanos } from '../units.ts';
import { mmapOf, synthesized } from './synthesize.ts';
import { targetsOf, workloadFor, type Targeted, type Targets } from './targets.ts';
import type { ToolProgram, ToolTask } from './tool-task.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../perf-events/tool-record.ts';

export interface RecordJob extends Targets {
  readonly evlist: readonly Evsel[];
  readonly executable: Executable;
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
  const running = job.started === undefined ? undefined : yield* workloadFor(tool, job.executable, job);
  yield* tool.user('cmd_record', 600_000);
  const workload = running ?? (yield* workloadFor(tool, job.executable, job));
  const { child } = workload;

  const systemWide = job.systemWide === true;
  const enables = systemWide || job.attach !== undefined;
  const wanted = yield* targetsOf(tool, job, child);
  const ignored = (pid: number): void => sink.say?.(`WARNING: Ignored open failure for pid ${pid}\n`);
  const found = yield* openAll(tool, job.evlist, wanted, job.attach?.kind === 'pid' ? ignored : undefined);
  const { opened, targets } = found;
  const { tasks } = targets;
  yield* tool.user('evlist__open', 1_000 * opened.length * targets.cpus.length * tasks.length);
  const evlist = opened.map(({ evsel, events }) => ({ ...evsel, ids: events.map((e) => e.id) }));
  const pages = job.mmapPages ?? defaultPages(kernel.config.perf_event_mlock_kb);
  const buffers = yield* mapAll(tool, opened, targets, pages);
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
  emit(synthesized(evlist, systemWide ? kernel.system.tasks : undefined, targets));
  yield* tool.user(
    'perf_event__synthesize_threads',
    150_000 * (systemWide ? kernel.system.tasks.length : tasks.length),
  );

  if (enables) for (const event of leadersByCpu(opened, tasks.length)) yield* perf.enable(event);
  const start = kernel.cpu.nanos();
  if (running === undefined) workload.go();
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
      if (enables) for (const event of leadersByCpu(opened, tasks.length)) yield* perf.disable(event);
    }
  }
  // What it has not started, it does not end.
  if (!isZombie(child) && running === undefined) {
    kernel.syscall(() => kernel.kill(child, SIGTERM));
    while (sys.wait4(child) === undefined) yield;
  }
  for (const { events } of opened) for (const event of events) yield* perf.close(event);
  const status = running === undefined ? exitStatus(child) : 0;
  done({
    waking,
    ...counts,
    status,
    pid: child.pid,
    sampleTime: first === undefined ? undefined : [first, last],
    elapsed: nanos((end ?? kernel.cpu.nanos()) - start),
  });
  return status;
}

interface Opened {
  readonly evsel: Evsel;
  /** One for each CPU and thread: CPU by CPU. */
  readonly events: readonly PerfEvent[];
}

/**
 * evlist__open() with perf's fall-backs: less precision, user space only, breaking up weak groups, and with `ignored` (-p)
 * leaving out threads that have ended meanwhile (ignore_missing_thread).
 */
function* openAll(
  tool: ToolTask,
  wanted: readonly Evsel[],
  targets: Targeted,
  ignored: ((pid: number) => void) | undefined,
): Steps<{ readonly opened: readonly Opened[]; readonly targets: Targeted }> {
  let evlist = wanted;
  const opened: Opened[] = [];
  while (opened.length < evlist.length) {
    const i = opened.length;
    const evsel = evlist[i]!;
    const { leader } = evsel;
    const result = yield* openEvent(tool, evsel, targets, leader === i ? undefined : opened[leader]);
    if (typeof result !== 'number') {
      opened.push(result);
      continue;
    }
    if (result === ESRCH && ignored !== undefined) {
      for (const { events } of opened) for (const event of events) yield* tool.perf.close(event);
      const living = yield* tool.perf.tasks();
      const tasks = targets.tasks.filter((task) => living.includes(task!));
      for (const task of targets.tasks) if (!tasks.includes(task)) ignored(task!.pid);
      if (tasks.length > 0) return yield* openAll(tool, wanted, { ...targets, tasks }, ignored);
    }
    if (result !== EINVAL || leader === i || evsel.weak_group !== true) throw new OpenError(evsel, result);
    // A group's members are adjacent: the leader and all that follows are opened again.
    for (const { events } of opened.splice(leader)) for (const event of events) yield* tool.perf.close(event);
    evlist = breakWeakGroup(evlist, leader, ({ attr }) => attr);
  }
  return { opened, targets };
}

/** The events of one evsel, or a positive errno. */
function* openEvent(
  { perf }: ToolTask,
  wanted: Evsel,
  { tasks, cpus }: Targeted,
  leader: Opened | undefined,
): Steps<Opened | number> {
  let evsel = wanted;
  const events: PerfEvent[] = [];
  while (events.length < cpus.length * tasks.length) {
    const at = events.length;
    const [task, cpu] = [tasks[at % tasks.length], cpus[Math.floor(at / tasks.length)]!];
    const target = { task, cpu, group_leader: leader?.events[at] };
    const event = yield* perf.perf_event_open(evsel.attr, target);
    if (typeof event !== 'number') {
      events.push(event);
      continue;
    }
    const weaker = fallback(evsel, -event);
    if (weaker === undefined) {
      for (const one of events) yield* perf.close(one);
      return -event;
    }
    evsel = weaker;
  }
  return { evsel, events };
}

/** evlist__enable() and evlist__disable(): CPU by CPU, of so many threads; a group's leader takes its members along. */
function* leadersByCpu(opened: readonly Opened[], threads: number): Iterable<PerfEvent> {
  const leaders = opened.filter(({ evsel }, i) => evsel.leader === i);
  for (let at = 0; at < (leaders[0]?.events.length ?? 0); at += threads)
    for (const { events } of leaders) yield* events.slice(at, at + threads);
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

/** One buffer for each CPU, or for each thread that is followed; owned by the first event and shared by the others. */
function* mapAll({ perf }: ToolTask, opened: readonly Opened[], targets: Targeted, pages: number): Steps<RingBuffer[]> {
  const buffers: RingBuffer[] = [];
  for (const { events } of opened)
    for (const [at, event] of events.entries()) {
      const idx = mmapOf(at, targets);
      if (idx < buffers.length) yield* perf.setOutput(event, buffers[idx]!);
      else buffers.push(yield* perf.mmap(event, pages));
    }
  return buffers;
}

/** Data pages that fit into perf_event_mlock_kb beside the control page, rounded down to a power of two. */
export function defaultPages(mlockKb: number): number {
  let pages = 1;
  while (pages * 2 * PAGE_SIZE <= mlockKb * 1024 - PAGE_SIZE) pages *= 2;
  return pages;
}
