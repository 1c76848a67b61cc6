/**
 * Cores that are simulated together, with the host's CPUs on them: runs each up to the end of the window, hands over
 * what they posted, and gives acts their turn. Several threads of Node may each run some of the cores, and meet after
 * each window.
 * Not modelled: guests' CPUs that affect each other; posts and acts between cores of different threads.
 */
import type { Core } from '../hw/core.ts';
import type { HostCounts } from '../kernel/host-global.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Post } from '../kernel/mail.ts';
import { FN } from '../kernel/symbols.ts';
import type { SamplingLimits } from '../kernel/sysctl.ts';
import { Meeting, meetingPlace, type MeetingPlace } from '../sim/meeting.ts';
import { Windows, type ActEffect, type Standing, type WindowOptions } from '../sim/windows.ts';
import { cycles, type Cycles } from '../units.ts';

/** A core and the kernel that runs on it. */
export interface HostCpu {
  readonly core: Core;
  readonly host: Kernel;
}

const VECTORS = { wake: 'RESCHEDULE', call: 'CALL_FUNCTION', tail: undefined, sibling: undefined } as const;
/** Every record is written by these. */
const WRITES = ['perf_output_begin_forward', 'perf_output_sample', 'perf_output_end'] as const;
const ENDED: Standing<Kernel> = { now: cycles(Infinity), promise: cycles(Infinity) };

/** A thread's part in simulating a machine: the cores whose number is `party` modulo the number of threads. */
export interface Party {
  readonly place: MeetingPlace;
  readonly party: number;
}

/**
 * What a core tells all threads: its clock and promise; its part of the host's counts; its limits of sampling; whether
 * its run has ended; how many of its tasks are runnable.
 */
const SLOT = { now: 0, promise: 1, counts: 2, limits: 5, ended: 8, running: 9 } as const;
const WIDTH = 10;
const COUNTS = [
  'hardwareEvents',
  'perf_sched_count',
  'include_guest_events',
] as const satisfies readonly (keyof HostCounts)[];
const LIMITS = [
  'sysctl_perf_event_sample_rate',
  'max_samples_per_tick',
  'sample_allowed_ns',
] as const satisfies readonly (keyof SamplingLimits)[];

/** Where so many threads meet who simulate so many cores. */
export const placeFor = (parties: number, cores: number): MeetingPlace => meetingPlace(parties, cores, WIDTH);

/** ms between two looks at whether the others still live. */
const PATIENCE = 500;

export class CoreGroup {
  readonly #cpus: readonly HostCpu[];
  readonly #mine: readonly HostCpu[];
  readonly #windows: Windows;
  readonly #latency: Cycles;
  readonly #recordCost: Cycles;
  readonly #meeting: Meeting;
  /** Has told where its cores are, and waits for the others to. */
  #arrived = false;
  /** What the own cores have told last. */
  readonly #told = new Map<HostCpu, Standing<Kernel>>();
  /** CPU 0 has ended. */
  #ended = false;

  /** CPUs by number, with those that other threads run. */
  constructor(
    cpus: readonly HostCpu[],
    options: WindowOptions,
    { place, party }: Party = { place: placeFor(1, cpus.length), party: 0 },
  ) {
    this.#cpus = cpus;
    this.#mine = cpus.filter((_, i) => i % place.parties === party);
    this.#windows = new Windows(options);
    this.#latency = options.latency;
    this.#recordCost = cycles(
      Math.min(...cpus.map(({ core }) => WRITES.reduce((sum, fn) => sum + core.costOf(FN[fn]), 0))),
    );
    this.#meeting = new Meeting(place);
  }

  /**
   * Lets time pass until all CPUs have passed a grid line at `until` or after, or the first one after `stop` holds at a
   * scheduling point of CPU 0; true if so. False after some time in which other threads have not come to meet: call it
   * again. Throws PromiseBroken and MeetingOver.
   */
  run(until: Cycles, stop: () => boolean = () => false): boolean {
    const windows = this.#windows;
    for (;;) {
      const { line } = windows;
      if (!this.#meet(stop)) return false;
      if (windows.line === line) {
        for (const { host } of this.#mine) host.run(windows.end, host === this.#cpus[0]!.host ? stop : undefined);
      } else if (line >= until || this.#ended) return true;
    }
  }

  /** Tells the others where the own cores are, and does what comes between two windows; false if others are late. */
  #meet(stop: () => boolean): boolean {
    const meeting = this.#meeting;
    if (!this.#arrived) {
      const posts = new Map(this.#mine.map((cpu) => [cpu, cpu.host.mail.take()]));
      for (const [cpu, sent] of posts) for (const post of sent) this.#deliver(post, this.#cpus.indexOf(cpu));
      for (const [cpu, sent] of posts) this.#tell(cpu, sent, cpu === this.#cpus[0] && stop());
      meeting.arrive();
      this.#arrived = true;
    }
    if (!meeting.wait(PATIENCE)) return false;
    this.#arrived = false;
    this.#ended = meeting.slotsOf(0)[SLOT.ended] === 1;
    const standings = this.#cpus.map((cpu, i) => this.#told.get(cpu) ?? this.#heard(i));
    this.#windows.next(standings, { gridLine: () => this.#look(), apply: (kernel): ActEffect => kernel.turns.take() });
    meeting.part();
    return true;
  }

  #tell(cpu: HostCpu, posts: readonly Post[], ended: boolean): void {
    const { host } = cpu;
    if (this.#mine.length < this.#cpus.length && (posts.length > 0 || host.turns.waits))
      throw new Error('cores of different threads cannot affect each other yet');
    const standing = ended ? ENDED : { ...this.#standing(cpu), posts };
    this.#told.set(cpu, standing);
    const slots = this.#meeting.slotsOf(this.#cpus.indexOf(cpu));
    slots[SLOT.now] = standing.now;
    slots[SLOT.promise] = standing.promise;
    COUNTS.forEach((name, i) => (slots[SLOT.counts + i] = host.global?.own[name] ?? 0));
    LIMITS.forEach((name, i) => (slots[SLOT.limits + i] = host.sysctl[name]));
    slots[SLOT.ended] = ended ? 1 : 0;
    slots[SLOT.running] = host.nr_running;
  }

  /** Where a core of another thread is. */
  #heard(core: number): Standing<Kernel> {
    const slots = this.#meeting.slotsOf(core);
    return { now: slots[SLOT.now] as Cycles, promise: slots[SLOT.promise] as Cycles };
  }

  #standing({ core, host }: HostCpu): Standing<Kernel> {
    const { spins, waits, looks } = host.turns;
    // Whatever it does next is later than an answer that nobody has given yet.
    if (spins) return ENDED;
    const now = core.now();
    const { ipiAt } = core.lapic;
    const promise = cycles(Math.min(host.turns.promise(ipiAt, this.#recordCost), tellsSibling({ core, host })));
    if (!waits) return { now, promise };
    return { now, promise: now, act: { what: host, after: host.turns.workAfterAct, others: promise, looks } };
  }

  #deliver(post: Post, from: number): void {
    const { core, host } = this.#cpus[post.to]!;
    const at = cycles(post.sent + this.#latency);
    if (post.kind === 'answer') {
      host.mail.answered = at;
      return;
    }
    if (post.kind === 'call') host.mail.calls++;
    if (post.kind === 'wake' && post.signal !== undefined) host.mail.signals++;
    const accepted = post.kind === 'sibling' ? () => core.siblingIs(post.busy) : () => host.mail.accept(post);
    core.lapic.receive(at, from, VECTORS[post.kind], accepted);
  }

  /**
   * A grid line: every core learns the sum of what the others have contributed to the host's counts, and the lowest
   * limits of sampling, and how many tasks are runnable elsewhere.
   */
  #look(): void {
    const all = this.#cpus.map((_, i) => this.#meeting.slotsOf(i));
    for (const cpu of this.#mine) {
      const { global, others_running, sysctl } = cpu.host;
      all.forEach((slots, i) => others_running.set(i, slots[SLOT.running]!));
      const others = all.filter((_, i) => this.#cpus[i] !== cpu);
      const sum = (i: number): number => others.reduce((total, slots) => total + slots[SLOT.counts + i]!, 0);
      if (global !== undefined) global.others = recordOf(COUNTS, sum);
      for (const slots of others) sysctl.takeOver(recordOf(LIMITS, (i) => slots[SLOT.limits + i]!));
    }
  }
}

/** No earlier than this does a core tell its other hardware thread that it enters or leaves HLT. */
function tellsSibling({ core, host }: HostCpu): Cycles {
  const { sibling, lapic } = core;
  if (sibling === undefined) return cycles(Infinity);
  if (!sibling.halted) return host.turns.idlesFrom;
  return lapic.pending ? core.now() : cycles(Math.min(lapic.timerAt, lapic.pmiAt, lapic.ipiAt));
}

const recordOf = <K extends string>(names: readonly K[], value: (i: number) => number): Record<K, number> =>
  Object.fromEntries(names.map((name, i) => [name, value(i)])) as Record<K, number>;
