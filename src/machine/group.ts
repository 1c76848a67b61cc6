/**
 * Cores that are simulated together, with the host's CPUs on them: runs each up to the end of the window, hands over
 * what they posted, and gives acts their turn. Several threads of Node may each run some of the cores, and meet after
 * each window.
 * What CPUs of a guest send each other goes to the cores that have their threads.
 * Not modelled: several guests with several CPUs.
 */
import { apply, effectOf, looks, type SystemAct } from '../kernel/acts.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { HostMutexes, type HostLog } from '../kernel/host-mutex.ts';
import type { Post } from '../kernel/mail.ts';
import { at_grid_line, set_nr_running } from '../kernel/load-balance.ts';
import { leastCosts, type LeastCosts } from '../kernel/watermark.ts';
import { Meeting, type MeetingPlace } from '../sim/meeting.ts';
import { Windows, type ActEffect, type Between, type Standing, type WindowOptions } from '../sim/windows.ts';
import { cycles, type Cycles } from '../units.ts';
import { bootsOn, type Boots, type HostCpu } from './boots.ts';
import { Looks, type PackedDrained } from './looks.ts';
import type { Turbo } from './turbo.ts';
import { SLOT, countsIn, limitsIn, placeFor, runningIn, sumOfOthers, writeViews } from './views.ts';

/** An act of a CPU of one of the boots, the host's or the guest's. */
interface ActOfBoot {
  readonly boot: number;
  /** Number of the CPU. */
  readonly number: number;
  readonly act: SystemAct;
}

const ENDED: Standing<ActOfBoot> = { now: cycles(Infinity), promise: cycles(Infinity) };

/** What a thread says about one of its cores, besides numbers. */
interface Said {
  readonly core: number;
  readonly posts: readonly Post[];
  readonly act: Standing<ActOfBoot>['act'];
  /** What was in its buffers, for cores of other threads that look. */
  readonly drained: readonly PackedDrained[];
  /** A signal from outside; the first core brings it. */
  readonly kill: Kill | undefined;
  /** What others may have waited for; if it has reached a grid line. */
  readonly log: HostLog | undefined;
}

/** A deadly signal to processes. */
interface Kill {
  readonly pids: readonly number[];
  readonly signal: number;
}

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
 * How windows run; whether the thread on which the end of a run depends may be on any core; the clocks of cores by how
 * many are busy, if they do not stay as they are.
 */
interface GroupOptions extends WindowOptions {
  readonly floating?: boolean;
  readonly turbo?: Turbo;
}

/** By default. */
const PATIENCE = 250;

export class CoreGroup {
  readonly #cpus: readonly HostCpu[];
  readonly #mine: readonly HostCpu[];
  readonly #windows: Windows;
  readonly #latency: Cycles;
  readonly #grid: Cycles;
  readonly #costs: LeastCosts;
  readonly #meeting: Meeting;
  readonly #boots: Boots;
  /** Has told where its cores are, and waits for the others to. */
  #arrived = false;
  /** What all cores have told last. */
  #told: Standing<ActOfBoot>[] = [];
  readonly #looks: Looks;
  readonly #party: Party;
  readonly #turbo: Turbo | undefined;
  readonly #between: Between<ActOfBoot> = {
    gridLine: () => this.#gridLine(),
    apply: (act, core, at) => this.#apply(act, core, at),
  };
  /** How far the workload was on each thread's cores at the last grid line. */
  #works: readonly number[] = [];
  /** A signal that all threads are yet to be told of, and one that they know. */
  #toKill: Kill | undefined;
  #kill: Kill | undefined;
  /** CPU 0 has ended; with `floating`, the run has, on whatever core that happened. */
  #ended = false;
  readonly #floating: boolean;
  /** The last call of run() returned at a grid line, and all have met there. */
  #met = false;
  /** Who waits for whom on the host, and what cores of other threads have done since the last grid line. */
  readonly #mutexes: HostMutexes | undefined;
  readonly #logs = new Map<number, HostLog>();

  /** CPUs by number, with those that other threads run. */
  constructor(
    cpus: readonly HostCpu[],
    { turbo, ...options }: GroupOptions,
    party: Party = { place: placeFor(1, cpus.length, bootsOn(cpus)[1].length), party: 0 },
  ) {
    this.#cpus = cpus;
    this.#boots = bootsOn(cpus);
    this.#party = party;
    this.#turbo = turbo;
    this.#mine = cpus.filter((_, i) => this.#isMine(i));
    for (const kernels of this.#boots)
      for (const { kernel, core } of kernels) kernel.system.parties.set(kernel.number, core % party.place.parties);
    this.#windows = new Windows(options);
    this.#floating = options.floating === true;
    this.#latency = options.latency;
    this.#grid = options.grid;
    this.#looks = new Looks(this.#boots, (core) => this.#isMine(core), options.latency);
    const all = cpus.map(({ core }) => leastCosts((fn) => core.costOf(fn)));
    const least = (of: keyof LeastCosts): Cycles => cycles(Math.min(...all.map((costs) => costs[of])));
    this.#costs = { record: least('record'), nmi: least('nmi') };
    this.#meeting = new Meeting(party.place);
    // Views are as of the first grid line, at boot.
    const counts = cpus.map(({ host }) => host.global?.own);
    const { global: first } = cpus[0]!.host;
    this.#mutexes = first && new HostMutexes(sumOfOthers(counts, -1).hardwareEvents, first.means);
    cpus.forEach(({ host: { global } }, core) => {
      if (global === undefined) return;
      global.others = sumOfOthers(counts, core);
      global.isOneOfSeveral();
    });
  }

  /**
   * Lets time pass until all CPUs have passed a grid line at `until` or after, or the first one after `stop` holds at a
   * scheduling point of CPU 0, or if that may be any CPU's, at that line; true if so. False after some time in which other
   * threads have not come to meet: call it again. Throws PromiseBroken and MeetingOver.
   */
  run(until: Cycles, stop: () => boolean = () => false): boolean {
    const windows = this.#windows;
    for (;;) {
      const { line } = windows;
      if (!this.#met && !this.#meet(stop)) return false;
      this.#met = !this.#met && windows.line !== line && (line >= until || this.#ended);
      if (this.#met) return true;
      for (const { host } of this.#mine)
        host.run(windows.end, !this.#floating && host === this.#cpus[0]!.host ? stop : undefined);
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
      const posts = this.#mine.map((_, i) => this.#posts(this.#numberOf(i)));
      posts.forEach((sent, i) => this.#deliver(sent, this.#numberOf(i)));
      this.#killOwn();
      posts.forEach((sent, i) => this.#tell(this.#numberOf(i), sent, this.#mine[i] === this.#cpus[0] && stop()));
      if (this.#party.place.parties > 1) this.#say(posts);
      this.#kill = this.#toKill;
      this.#toKill = undefined;
      meeting.arrive();
      this.#arrived = true;
    }
    if (!meeting.wait(this.#party.patience ?? PATIENCE)) return false;
    this.#arrived = false;
    this.#ended = meeting.slotsOf(0)[SLOT.ended] === 1;
    this.#hear();
    this.#windows.next(this.#told, this.#between);
    meeting.part();
    return true;
  }

  /** A signal from outside reaches each CPU as if that had sent it to itself, when the last window ended. */
  #killOwn(): void {
    const kill = this.#kill;
    this.#kill = undefined;
    if (kill === undefined) return;
    const { end } = this.#windows;
    const [hosts, guests] = this.#boots;
    for (const { kernel, core } of guests.length > 0 ? guests : hosts)
      for (const tgid of kill.pids) {
        kernel.system.sendSignal(tgid, end);
        const { signal } = kill;
        if (this.#isMine(core))
          kernel.mail.post({ kind: 'kill', to: kernel.number, sent: end, tgid, signal, since: end });
      }
    for (const i of this.#mine.keys()) this.#deliver(this.#posts(this.#numberOf(i)), this.#numberOf(i));
  }

  /** What a core has posted: its host's CPU, and the vCPUs that were there. */
  #posts(number: number): readonly Post[] {
    const posts = [this.#cpus[number]!.host.mail.take()];
    for (const { core, mail } of this.#boots[1]) if (core === number) posts.push(mail!.take());
    return posts.length === 1 ? posts[0]! : posts.flat();
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

  #tell(number: number, posts: readonly Post[], ended: boolean): void {
    const cpu = this.#cpus[number]!;
    // With floating threads all go on to the line, since where the end came others cannot know before.
    const standing = ended && !this.#floating ? ENDED : this.#standing(number, posts);
    this.#told[number] = standing;
    const slots = this.#meeting.slotsOf(number);
    slots[SLOT.now] = standing.now;
    slots[SLOT.promise] = standing.promise;
    slots[SLOT.steady] = standing.steady ?? standing.now;
    slots[SLOT.ended] = ended ? 1 : 0;
    slots[SLOT.clock] = cpu.core.now();
    // The rest is looked at when all have passed the line.
    if (standing.now < this.#windows.line) return;
    slots[SLOT.work] = this.#party.work?.() ?? 0;
    writeViews(slots, cpu);
  }

  /** Tells other threads what is not in numbers. */
  #say(posts: readonly (readonly Post[])[]): void {
    const news: Said[] = [];
    for (const [i, sent] of posts.entries()) {
      const core = this.#numberOf(i);
      const drained = this.#looks.say(core);
      const { act } = this.#told[core]!;
      const kill = core === 0 ? this.#toKill : undefined;
      const told = sent.map((post) => (this.#isMine(post.to) ? bare(post) : post));
      const log = this.#logAt(core);
      if (sent.length > 0 || act !== undefined || drained.length > 0 || kill !== undefined || log !== undefined)
        news.push({ core, posts: told, act, drained, kill, log });
    }
    this.#meeting.say(this.#party.party, news.length === 0 ? undefined : news);
  }

  /** What an own core has done that others may have waited for, if anything, when it has come to a grid line. */
  #logAt(core: number): HostLog | undefined {
    if (this.#told[core]!.now < this.#windows.line) return undefined;
    const log = this.#cpus[core]!.host.global?.log;
    return log === undefined || log.changes.length + log.switches.length === 0 ? undefined : log;
  }

  /** Where the cores of other threads are, and what they have sent. */
  #hear(): void {
    this.#logs.clear();
    const { parties } = this.#party.place;
    for (let core = 0; core < this.#cpus.length; core++) {
      if (this.#isMine(core)) continue;
      const slots = this.#meeting.slotsOf(core);
      const [now, promise, steady] = [slots[SLOT.now], slots[SLOT.promise], slots[SLOT.steady]] as Cycles[];
      this.#told[core] = { now: now!, promise: promise!, steady };
    }
    for (let party = 0; party < parties; party++) {
      if (party === this.#party.party) continue;
      for (const { core, posts, act, drained, kill, log } of (this.#meeting.heardOf(party) ?? []) as readonly Said[]) {
        this.#kill ??= kill;
        if (log !== undefined) this.#logs.set(core, log);
        this.#told[core] = { ...this.#told[core]!, posts, act };
        this.#deliver(posts, core);
        this.#looks.hear(drained);
      }
    }
    if (parties > 1) this.#answered();
    this.#looks.goOn();
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

  #standing(number: number, posts: readonly Post[]): Standing<ActOfBoot> {
    const { core, host } = this.#cpus[number]!;
    // Whatever it does next is later than an answer that nobody has given yet.
    if (host.turns.standsStill) return { ...ENDED, posts };
    const now = core.now();
    if (this.#looks.waits(number)) return { now, promise: now, act: undefined, posts };
    const { ipiAt } = core.lapic;
    const { pmiFrom: pmi, sampling } = core;
    const ahead = { from: now, arrival: ipiAt, pmi, sampling, ...this.#costs };
    const promise = cycles(Math.min(host.turns.promise(ahead), tellsSibling({ core, host })));
    if (!host.turns.waits) return { now, promise, act: undefined, steady: host.turns.steady(ahead), posts };
    const { kernel, ...what } = this.#actOn(number);
    const act = { what, after: kernel.turns.workAfterAct, others: promise, looks: looks(what.act) };
    return { now, promise: now, act, posts };
  }

  /** The act that a core stands still for. */
  #actOn(core: number): ActOfBoot & { readonly kernel: Kernel } {
    for (const [boot, kernels] of this.#boots.entries())
      for (const { kernel, core: at } of kernels) {
        const act = at === core ? kernel.turns.waitsFor : undefined;
        if (act !== undefined) return { boot, number: kernel.number, act, kernel };
      }
    throw new Error(`core ${core} stands still for no act`);
  }

  /** The turn of a core's act: every thread applies it, and the core's own lets it go on. */
  #apply({ boot, number, act }: ActOfBoot, core: number, at: Cycles): ActEffect {
    const { kernel } = this.#boots[boot]![number]!;
    const outcome = apply(kernel.system, act, at, number);
    if (act.op === 'perf_drain') {
      const drained = this.#looks.drain(boot, act.buffers, core, at);
      if (this.#party.place.parties > 1) this.#looks.wait(core, { boot, number, drained });
      else kernel.turns.acted({ ...outcome, drained });
    } else if (this.#isMine(core)) kernel.turns.acted(outcome);
    // The core may go idle, of which its other hardware thread is told.
    if (outcome.sleeps && this.#cpus[core]!.core.sibling !== undefined) return 'posts';
    return effectOf(kernel, outcome);
  }

  /** All copies of what a boot shares know of signals, as soon as they were sent. */
  #signals(post: Post, from: number): void {
    const [boot, sent] = post.kind === 'guest' ? [this.#boots[1], post.post] : [this.#boots[0], post];
    if (sent.kind !== 'kill') return;
    const on = post.kind === 'guest' ? boot[0] : boot[from];
    on?.kernel.system.sendSignal(sent.tgid, sent.since);
  }

  /** To own cores; what goes to others is heard by their threads. */
  #deliver(posts: readonly Post[], from: number): void {
    for (const post of posts) {
      this.#signals(post, from);
      if (!this.#isMine(post.to)) continue;
      const { core, host } = this.#cpus[post.to]!;
      const at = cycles(post.sent + this.#latency);
      if (post.kind === 'guest') {
        this.#boots[1][post.post.to]!.mail!.deliver(post.post, at, from);
        continue;
      }
      host.announce(post, at);
      if (post.kind === 'sibling')
        core.lapic.receive(at, from, () => {
          core.siblingIs(post.busy);
          return undefined;
        });
      else if (post.kind !== 'answer') core.lapic.receive(at, from, () => host.accept(post));
    }
  }

  /** What the cores have done up to that grid line is set right for all who had to wait. */
  #settle(line: Cycles): void {
    if (this.#mutexes === undefined) return;
    const logs = this.#cpus.map(({ host }, core) => (this.#isMine(core) ? host.global!.log : this.#logs.get(core)));
    const settled = this.#mutexes.settle(logs, line);
    for (const [core, { core: on, host }] of this.#cpus.entries())
      if (this.#isMine(core)) host.global!.settle(settled[core]!, (from, to, span) => on.rebook(from, to, span));
  }

  /**
   * A grid line: every core learns the sum of what the others have contributed to the host's counts, and each kernel how
   * many tasks are runnable on the other CPUs of its boot, and the lowest limits of sampling there. Cores have another
   * clock if more or fewer of their socket have been busy.
   */
  #gridLine(): boolean {
    this.#settle(cycles(this.#windows.line - this.#grid));
    const all = this.#cpus.map((_, i) => this.#meeting.slotsOf(i));
    this.#works = all.slice(0, this.#party.place.parties).map((slots) => slots[SLOT.work]!);
    const counts = all.map(countsIn);
    for (const { core, kernel } of this.#boots[0])
      if (this.#isMine(core) && kernel.global !== undefined) kernel.global.others = sumOfOthers(counts, core);
    const clocks = this.#turbo?.clocks(all.map((slots) => slots[SLOT.idle]!)) ?? [];
    for (const { core, host } of this.#mine) if (clocks[host.number] !== undefined) core.runsAt(clocks[host.number]!);
    let balances = false;
    for (const kernels of this.#boots) {
      const running = kernels.map(({ home, index }) => runningIn(all[home]!, index));
      const systems = new Set(kernels.map(({ kernel }) => kernel.system));
      for (const system of systems) balances = set_nr_running(system, running) || balances;
      for (const { kernel, home } of kernels) {
        if (!this.#isMine(home)) continue;
        at_grid_line(kernel, running);
        for (const other of kernels) {
          if (other.kernel !== kernel) kernel.sysctl.takeOver(limitsIn(all[other.home]!, other.index));
        }
      }
    }
    return balances;
  }
}

/** What stays with a thread the others need not know, only that it was sent; but signals are known to all. */
function bare(post: Post): Post {
  const { kind, to, sent } = post;
  if (kind === 'kill') return post;
  return (kind === 'guest' ? { kind, to, sent, post: bare(post.post) } : { kind, to, sent }) as Post;
}

/** No earlier than this does a core tell its other hardware thread that it enters or leaves HLT. */
function tellsSibling({ core, host }: HostCpu): Cycles {
  const { sibling, lapic } = core;
  if (sibling === undefined) return cycles(Infinity);
  if (!sibling.halted) return host.turns.idlesFrom;
  const stays = !lapic.pending && !host.needResched() && host.nr_running === 0;
  return !stays ? core.now() : cycles(Math.min(lapic.timerAt, lapic.pmiAt, lapic.ipiAt));
}
