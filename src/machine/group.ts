/**
 * Cores that are simulated together, with the host's CPUs on them: runs each up to the end of the window, hands over
 * what they posted, and gives acts their turn. Several threads of Node may each run some of the cores, and meet after
 * each window.
 * Not modelled: guests' CPUs that affect each other.
 */
import type { Core } from '../hw/core.ts';
import { apply, effectOf, looks, type SystemAct, type ActOutcome } from '../kernel/acts.ts';
import type { HostCounts } from '../kernel/host-global.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Post } from '../kernel/mail.ts';
import type { Drained } from '../kernel/ring-buffer.ts';
import { FN } from '../kernel/symbols.ts';
import type { SamplingLimits } from '../kernel/sysctl.ts';
import type { System } from '../kernel/system.ts';
import { Meeting, meetingPlace, type MeetingPlace } from '../sim/meeting.ts';
import { Windows, type ActEffect, type Standing, type WindowOptions } from '../sim/windows.ts';
import { cycles, type Cycles } from '../units.ts';

/** A core and the kernel that runs on it. */
export interface HostCpu {
  readonly core: Core;
  readonly host: Kernel;
}

const VECTORS = { wake: 'RESCHEDULE', kill: 'RESCHEDULE', call: 'CALL_FUNCTION', sibling: undefined } as const;
/** Every record is written by these. */
const WRITES = ['perf_output_begin_forward', 'perf_output_sample', 'perf_output_end'] as const;
const LOOKED: ActOutcome = { call: undefined, sleeps: false, wakes: [], posts: true };
const ENDED: Standing<SystemAct> = { now: cycles(Infinity), promise: cycles(Infinity) };

/** What a thread says about one of its cores, besides numbers. */
interface Said {
  readonly core: number;
  readonly posts: readonly Post[];
  readonly act: Standing<SystemAct>['act'];
  /** What was in its buffers, for a core that looks. */
  readonly drained: ReadonlyMap<number, Drained>;
  /** A signal from outside; the first core brings it. */
  readonly kill: Kill | undefined;
}

/** A deadly signal to processes. */
interface Kill {
  readonly pids: readonly number[];
  readonly signal: number;
}

/** What was in the buffers of all CPUs, for a core that waits for it. */
type Look = Map<number, Drained>;

/** A thread's part in simulating a machine: the cores whose number is `party` modulo the number of threads. */
export interface Party {
  readonly place: MeetingPlace;
  readonly party: number;
  /** ms between two looks at whether the others still live. */
  readonly patience?: number;
  /** How far the workload is on this thread's cores: user time of its own threads. */
  readonly work?: () => Cycles;
}

/**
 * What a core tells all threads: its clock, Infinity if it stands still, and its promise; its part of the host's counts;
 * its limits of sampling; whether its run has ended; how many of its tasks are runnable; its clock in any case; how far the
 * workload was at the grid line on the cores of its thread, of which the first one tells.
 */
const SLOT = { now: 0, promise: 1, counts: 2, limits: 5, ended: 8, running: 9, clock: 10, work: 11 } as const;
const WIDTH = 12;
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

/** By default. */
const PATIENCE = 250;

export class CoreGroup {
  readonly #cpus: readonly HostCpu[];
  readonly #mine: readonly HostCpu[];
  readonly #windows: Windows;
  readonly #latency: Cycles;
  readonly #recordCost: Cycles;
  readonly #meeting: Meeting;
  /** Has told where its cores are, and waits for the others to. */
  #arrived = false;
  /** What all cores have told last. */
  #told: Standing<SystemAct>[] = [];
  /** Cores whose looks have had their turn, and what they wait for. */
  readonly #looks = new Map<number, Look>();
  readonly #party: Party;
  /** How far the workload was on each thread's cores at the last grid line. */
  #works: readonly number[] = [];
  /** A signal that all threads are yet to be told of, and one that they know. */
  #toKill: Kill | undefined;
  #kill: Kill | undefined;
  /** CPU 0 has ended. */
  #ended = false;

  /** CPUs by number, with those that other threads run. */
  constructor(
    cpus: readonly HostCpu[],
    options: WindowOptions,
    party: Party = { place: placeFor(1, cpus.length), party: 0 },
  ) {
    this.#cpus = cpus;
    this.#party = party;
    this.#mine = cpus.filter((_, i) => this.#isMine(i));
    this.#windows = new Windows(options);
    this.#latency = options.latency;
    this.#recordCost = cycles(
      Math.min(...cpus.map(({ core }) => WRITES.reduce((sum, fn) => sum + core.costOf(FN[fn]), 0))),
    );
    this.#meeting = new Meeting(party.place);
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

  /** CPU 0 has ended, and all threads know. */
  get ended(): boolean {
    return this.#ended;
  }

  /** A deadly signal from outside to processes: their threads end soon, on all CPUs. */
  kill(pids: readonly number[], signal: number): void {
    this.#toKill = { pids, signal };
  }

  /** How far the workload was on the cores of other threads at the last grid line. */
  get othersWork(): Cycles {
    return cycles(this.#works.reduce((sum, work, party) => (party === this.#party.party ? sum : sum + work), 0));
  }

  /** Tells the others where the own cores are, and does what comes between two windows; false if others are late. */
  #meet(stop: () => boolean): boolean {
    const meeting = this.#meeting;
    if (!this.#arrived) {
      this.#killOwn();
      const posts = this.#mine.map(({ host }) => host.mail.take());
      posts.forEach((sent, i) => this.#deliver(sent, this.#numberOf(i)));
      const said = posts.map((sent, i) =>
        this.#tell(this.#numberOf(i), sent, this.#mine[i] === this.#cpus[0] && stop()),
      );
      this.#kill = this.#toKill;
      this.#toKill = undefined;
      const news = said.filter(isNews);
      meeting.say(this.#party.party, news.length === 0 ? undefined : news);
      meeting.arrive();
      this.#arrived = true;
    }
    if (!meeting.wait(this.#party.patience ?? PATIENCE)) return false;
    this.#arrived = false;
    this.#ended = meeting.slotsOf(0)[SLOT.ended] === 1;
    this.#hear();
    this.#windows.next(this.#told, { gridLine: () => this.#look(), apply: (...turn) => this.#apply(...turn) });
    meeting.part();
    return true;
  }

  /** While no CPU runs. */
  #killOwn(): void {
    const kill = this.#kill;
    this.#kill = undefined;
    for (const pid of kill?.pids ?? [])
      for (const { host } of this.#mine) {
        const task = host.system.taskOf(pid);
        if (task !== undefined) host.kill_here(task, kill!.signal);
      }
  }

  #isMine(core: number): boolean {
    const { place, party } = this.#party;
    return core % place.parties === party;
  }

  /** The number of the i-th of the own cores. */
  #numberOf(i: number): number {
    const { place, party } = this.#party;
    return party + i * place.parties;
  }

  #tell(number: number, posts: readonly Post[], ended: boolean): Said {
    const { core, host } = this.#cpus[number]!;
    const standing = ended ? ENDED : { ...this.#standing(number), posts };
    this.#told[number] = standing;
    const slots = this.#meeting.slotsOf(number);
    slots[SLOT.now] = standing.now;
    slots[SLOT.promise] = standing.promise;
    COUNTS.forEach((name, i) => (slots[SLOT.counts + i] = host.global?.own[name] ?? 0));
    LIMITS.forEach((name, i) => (slots[SLOT.limits + i] = host.sysctl[name]));
    slots[SLOT.ended] = ended ? 1 : 0;
    slots[SLOT.running] = host.nr_running;
    slots[SLOT.clock] = core.now();
    if (this.#windows.end >= this.#windows.line) slots[SLOT.work] = this.#party.work?.() ?? 0;
    const drained = new Map<number, Drained>();
    for (const look of this.#looks.values())
      for (const [id, part] of look) if (host.system.buffers.get(id)!.writer === number) drained.set(id, part);
    return { core: number, posts, act: standing.act, drained, kill: number === 0 ? this.#toKill : undefined };
  }

  /** Where the cores of other threads are, and what they have sent. */
  #hear(): void {
    const { parties } = this.#party.place;
    for (let core = 0; core < this.#cpus.length; core++) {
      if (this.#isMine(core)) continue;
      const slots = this.#meeting.slotsOf(core);
      this.#told[core] = { now: slots[SLOT.now] as Cycles, promise: slots[SLOT.promise] as Cycles };
    }
    for (let party = 0; party < parties; party++) {
      if (party === this.#party.party) continue;
      for (const { core, posts, act, drained, kill } of (this.#meeting.heardOf(party) ?? []) as readonly Said[]) {
        this.#kill ??= kill;
        this.#told[core] = { ...this.#told[core]!, posts, act };
        this.#deliver(posts, core);
        for (const look of this.#looks.values()) for (const [id, part] of drained) look.set(id, part);
      }
    }
    if (parties > 1) this.#answered();
    for (const [core, drained] of this.#looks)
      if (this.#isMine(core)) this.#cpus[core]!.host.turns.acted({ ...LOOKED, drained });
    this.#looks.clear();
  }

  /** A core that spins goes on when its answer arrives; its own thread may have learnt of it just now. */
  #answered(): void {
    for (const { posts } of this.#told)
      for (const post of (posts ?? []) as readonly Post[]) {
        if (post.kind !== 'answer') continue;
        const now = this.#meeting.slotsOf(post.to)[SLOT.clock] as Cycles;
        const promise = cycles(Math.max(now, post.sent + this.#latency));
        this.#told[post.to] = { ...this.#told[post.to], now, promise };
      }
  }

  #standing(number: number): Standing<SystemAct> {
    const { core, host } = this.#cpus[number]!;
    const { spins, waitsFor } = host.turns;
    // Whatever it does next is later than an answer that nobody has given yet.
    if (spins) return ENDED;
    const now = core.now();
    if (this.#looks.has(number)) return { now, promise: now };
    const { ipiAt } = core.lapic;
    const promise = cycles(
      Math.min(
        host.turns.promise({ arrival: ipiAt, pmi: core.pmiFrom, record: this.#recordCost }),
        tellsSibling({ core, host }),
      ),
    );
    if (waitsFor === undefined) return { now, promise };
    const act = { what: waitsFor, after: host.turns.workAfterAct, others: promise, looks: looks(waitsFor) };
    return { now, promise: now, act };
  }

  /** The turn of a core's act: every thread applies it, and the core's own lets it go on. */
  #apply(act: SystemAct, core: number, at: Cycles): ActEffect {
    const { host } = this.#cpus[core]!;
    const outcome = apply(host.system, act, at);
    if (act.op === 'perf_drain') {
      const look = this.#drain(host.system, act.buffers, core, at);
      if (this.#party.place.parties > 1) this.#looks.set(core, look);
      else host.turns.acted({ ...outcome, drained: look });
    } else if (this.#isMine(core)) host.turns.acted(outcome);
    return effectOf(host, outcome);
  }

  /** Empties the buffers into which own CPUs write; these learn of the room a latency later. */
  #drain({ buffers }: System, ids: readonly number[], reader: number, at: Cycles): Look {
    const look: Look = new Map();
    for (const id of ids) {
      const rb = buffers.get(id)!;
      const writer = rb.writer!;
      if (!this.#isMine(writer)) continue;
      const part = rb.drain(at);
      look.set(id, part);
      const arrival = cycles(at + this.#latency);
      if (part.bytes > 0)
        this.#cpus[writer]!.core.lapic.receive(arrival, reader, undefined, () => (rb.data_tail = part.tail));
    }
    return look;
  }

  /** To own cores; what goes to others is heard by their threads. */
  #deliver(posts: readonly Post[], from: number): void {
    for (const post of posts) {
      if (post.kind === 'kill') this.#cpus[from]!.host.system.sendSignal(post.tgid, post.since);
      if (!this.#isMine(post.to)) continue;
      const { core, host } = this.#cpus[post.to]!;
      const at = cycles(post.sent + this.#latency);
      if (post.kind === 'answer') {
        host.mail.answered = { at, answer: post.answer };
        continue;
      }
      host.announce(post);
      const accepted = post.kind === 'sibling' ? () => core.siblingIs(post.busy) : () => host.mail.accept(post);
      core.lapic.receive(at, from, VECTORS[post.kind], accepted);
    }
  }

  /**
   * A grid line: every core learns the sum of what the others have contributed to the host's counts, and the lowest
   * limits of sampling, and how many tasks are runnable elsewhere.
   */
  #look(): void {
    const all = this.#cpus.map((_, i) => this.#meeting.slotsOf(i));
    this.#works = all.slice(0, this.#party.place.parties).map((slots) => slots[SLOT.work]!);
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

const isNews = ({ posts, act, drained, kill }: Said): boolean =>
  posts.length > 0 || act !== undefined || drained.size > 0 || kill !== undefined;

/** No earlier than this does a core tell its other hardware thread that it enters or leaves HLT. */
function tellsSibling({ core, host }: HostCpu): Cycles {
  const { sibling, lapic } = core;
  if (sibling === undefined) return cycles(Infinity);
  if (!sibling.halted) return host.turns.idlesFrom;
  return lapic.pending ? core.now() : cycles(Math.min(lapic.timerAt, lapic.pmiAt, lapic.ipiAt));
}

const recordOf = <K extends string>(names: readonly K[], value: (i: number) => number): Record<K, number> =>
  Object.fromEntries(names.map((name, i) => [name, value(i)])) as Record<K, number>;
