/**
 * One processor core: a clock, a PMU, a local APIC, and code that runs on them in ring 3 (a cursor) or ring 0 (a table
 * of functions). Time passes here and nowhere else.
 *
 * In order: registers and local APIC, running ring 0 and ring 3, skid of PMIs, delivery of interrupts.
 *
 * Code runs up to the nearest of these: the time it was given, an overflow of a counter that counts at this privilege
 * level, a timer, the arrival of a PMI. Interrupts are delivered there, at an instruction boundary, by calling the
 * software on top. Handlers run inside that call, so interrupts nest as on hardware.
 *
 * A PMI reaches the APIC after a skid: a fixed delay plus an exponential one, from the moment the counter wrapped
 * (inside an instruction, if it counts cycles). The interrupt is taken when the instruction in flight retires, and
 * reports the next one, as on Intel's cores: time spent in an instruction shows at its successor. Code that holds
 * interrupts back (arch/cpu.ts: Drain) delays it further, unless another interrupt comes first.
 *
 * After an IRET to ring 3, cycles pass before the first instruction retires: the pipeline fills, and so do the first-level
 * TLBs that ring 0 emptied. A PMI due by then reports the instruction that was about to run. So a
 * sampling period of a few cycles (the first of a recording, or one that collapsed) samples one address again and
 * again. Then the program runs at half its speed until it has back what ring 0 put out of the caches; ring 0 itself is
 * slower, too, at first (cache-contents.ts).
 *
 * An IPI from another core is accepted only in ring 3, HLT or a loop that waits for one, where nothing of the core's own is pending, the software
 * does not want to reschedule, and time is left: what has arrived by then depends neither on the lengths of the calls
 * that time is given in nor on how far the other core has been simulated.
 *
 * SDM volume 3A "Interrupt and Exception Handling" (NMI blocking until IRET), volume 3B "Performance Monitoring".
 * Not modelled: the cost of SYSRET in ring 3 (some 40 cycles), IRETs of different lengths, SMIs, IPIs that interrupt ring 0 (they wait for
 * its end, as rescheduling does in a kernel without preemption).
 */
import type { Cpu, Drain, ExecutionCursor, Regs, Software, StopReason, Vector } from '../arch/cpu.ts';
import type { PmuCaps } from '../arch/cpuid.ts';
import { CYCLES, NR_EVENTS, eventVector, type CoreEvents, type EventClocks, type EventVector } from '../arch/events.ts';
import { MSR } from '../arch/msr.ts';
import type { MsrFunctions, Ring0Function, Ring0Table } from '../arch/ring0.ts';
import type { Probe } from '../sim/probe.ts';
import { FRACTION, asDoubles } from '../sim/doubles.ts';
import { beat } from '../sim/pulse.ts';
import type { Stream } from '../sim/rng.ts';
import { SUBCYCLES, address, toNanos, type Address, type Cycles, type Hertz, type Nanos } from '../units.ts';
import { CacheContents, KERNELS, NEW_FOR, type CacheSpec, type KernelIndex } from './cache-contents.ts';
import { CoreApic } from './lapic.ts';
import { PassTimes } from './pass-times.ts';
import { CorePmu, type CountingPlan, type Counter } from './pmu.ts';
import type { Sibling } from './sibling.ts';
import { Pace } from './pace.ts';
import type { CoreStep } from './steps.ts';

/** Delay of a PMI, cycles: `fixed` plus an exponential with mean `mean`, at most `max`. */
export interface Skid {
  readonly fixed: number;
  readonly mean: number;
  readonly max: number;
}

export interface CoreSpec {
  readonly caps: PmuCaps;
  readonly events: CoreEvents;
  readonly clocks: EventClocks;
  readonly ring0: Ring0Table;
  readonly msrFunctions: MsrFunctions;
  readonly skid: Skid;
  /** Cycles from an IRET to ring 3 until its next instruction begins to execute. */
  readonly refill: Cycles;
  /** Absent: exits and interrupts take nothing out of the caches. */
  readonly caches?: CacheSpec | undefined;
}

/**
 * Whose time it is: the host's (or the bare machine's) kernel and tasks, the guest's kernel and tasks, or other
 * guests'.
 */
export type LedgerPage = 'host' | 'guest' | 'others';

/**
 * A page's rows behind those of ring-0 functions: ring 3; IRETs to it; what it took longer beside a busy sibling;
 * stalls of ring 0 (Core.stall); lines that ring 0, and ring 3, no longer found in the caches; what ring 3 took longer at
 * a clock below that of a lone busy core.
 */
export const ROWS = { ring3: 0, refill: 1, sibling: 2, stall: 3, cold: 4, coldRing3: 5, clock: 6 } as const;
const NR_ROWS = Object.keys(ROWS).length;

/** The core did not return by its deadline; the machine cannot be used any more. */
export class Overrun extends Error {
  override readonly name = 'Overrun';
}

const NO_EVENTS = eventVector();
/** What Regs of ring 3 has of ring 0. */
const NO_FRAMES: readonly Address[] = [];

/** Whether counter `i` of a plan is a clock. */
const countsCycles = ({ columns, slots }: CountingPlan, i: number): boolean => columns[slots[i] as number] === CYCLES;

export class Core implements Cpu {
  readonly caps: PmuCaps;
  readonly pmu: CorePmu;
  readonly lapic = new CoreApic();
  /**
   * Passes through each ring-0 function, and events of the passes of drawn length: with the table, ring 0's exact
   * counts.
   */
  readonly passes: Float64Array;
  readonly drawn: EventVector = eventVector();
  /** Cycles spent halted. */
  idle = 0 as Cycles;
  /**
   * Where every other cycle went. Each page has a row for each ring-0 function, and then those of ROWS. Together with
   * `idle` they add up to now(), to the last 64th of a cycle.
   */
  readonly spent: Readonly<Record<LedgerPage, Float64Array>>;
  /**
   * The first interrupt after this time throws an Overrun: software that goes from interrupt to interrupt would never
   * return by itself.
   */
  deadline = Infinity as Cycles;
  /** The core's other hardware thread, if there is one. */
  sibling: Sibling | undefined;
  /** If set: told of overflows that pull the PMI line. */
  probe: Probe<CoreStep> | undefined;
  readonly #spec: CoreSpec;
  readonly #times: PassTimes;
  /** Counters of the host's passes, and of whoever runs now. */
  readonly #ownPasses: Int32Array;
  #passesOf: Int32Array;
  /** How long work takes; undefined: no longer than by itself. */
  readonly #ownPace = new Pace();
  #pace: Pace | undefined;
  /** What it takes longer because the core's other hardware thread is busy, and because of the core's clock. */
  #besideSibling = 1;
  #atClock = 1;
  readonly #hz: Hertz;
  readonly #skidStream: Stream;
  #software!: Software;
  #clock = 0 as Cycles;
  #page: Float64Array;
  readonly #ring3Row: number;
  #irqOff = 0;
  #nmiBlocked = false;
  readonly #frames: number[] = [];

  /** Ring 0 has run since ring 3 last did; and only to serve a SYSCALL, without interruption. */
  #ring0 = true;
  #syscall = false;
  /** Cycles that ring 3 must still wait before its next instruction. */
  #refill = 0 as Cycles;
  readonly #caches: CacheContents | undefined;
  /** The page's kernel, as the caches know it. */
  #kernel: KernelIndex = KERNELS.host;
  /** Ring 0 still meets lines that are no longer in the caches: for so many cycles, and 64ths of a cycle for each. */
  #newFor = 0;
  #newRate = 0;
  /** Cycles that ring 3 still waits for such lines, a cycle for each that it works. */
  #debt = 0;
  /** The user code that ran last. */
  #latest: ExecutionCursor | undefined;
  /** The user code that is running; undefined in ring 0. */
  #ring3: ExecutionCursor | undefined;
  /** The code that holds back the PMI that is due, and whether that has been drawn yet. */
  #drain: Drain | undefined;
  #drawn = false;
  /** The code and columns that the limits below are armed for. */
  #armedCode: ExecutionCursor | undefined;
  #armedColumns: readonly number[] | undefined;
  #limits = new Float64Array(16);
  #before = new Float64Array(16);

  /** `passes`: the counters that the host's passes through ring-0 functions are drawn by (sim/spread.ts). */
  constructor(spec: CoreSpec, skid: Stream, passes: Int32Array = new Int32Array(spec.ring0.length)) {
    this.#spec = spec;
    this.#times = new PassTimes(spec.ring0);
    this.#ownPasses = this.#passesOf = passes;
    this.caps = spec.caps;
    this.pmu = new CorePmu(spec.caps, spec.events, spec.clocks);
    this.#hz = spec.clocks.coreHz as Hertz;
    this.#caches = spec.caches && new CacheContents(spec.caches);
    this.#skidStream = skid;
    this.passes = new Float64Array(spec.ring0.length);
    this.#ring3Row = spec.ring0.length;
    const page = (): Float64Array => new Float64Array(spec.ring0.length + NR_ROWS);
    this.spent = { host: page(), guest: page(), others: page() };
    this.#page = this.spent.host;
    asDoubles(this, 'idle');
    this.#clock = this.#refill = FRACTION as Cycles;
    this.#clock = this.#refill = 0 as Cycles;
    this.#newFor = this.#newRate = this.#debt = FRACTION;
    this.#newFor = this.#newRate = this.#debt = 0;
  }

  /**
   * Sets the software that runs on the core (the host's kernel, or a vCPU while its guest runs), whose time it is, and
   * by which counters its passes through ring-0 functions are drawn.
   */
  setSoftware(software: Software, page: LedgerPage = 'host', passes = this.#ownPasses): void {
    this.#software = software;
    this.#page = this.spent[page];
    const kernel = KERNELS[page];
    if (kernel !== this.#kernel) {
      this.#kernel = kernel;
      this.#enterRing0();
    }
    this.#passesOf = passes;
  }

  /** Makes this a hardware thread of a core that has another one, which is busy; before any time passes. */
  shareWith(sibling: Sibling): void {
    this.sibling = sibling;
    this.siblingIs(true);
  }

  /** Word from the other hardware thread: it has left HLT, or entered it. */
  siblingIs(busy: boolean): void {
    this.#besideSibling = busy ? (this.sibling?.stretch ?? 1) : 1;
    this.#setPace();
  }

  /**
   * The core has this clock from now on. Work takes its own time at the clock that the core has at first, that of a lone
   * busy core.
   */
  runsAt(clock: Hertz): void {
    this.pmu.runsAt(clock);
    this.#atClock = this.#spec.clocks.cycleHz / clock;
    this.#setPace();
  }

  #setPace(): void {
    this.#ownPace.stretch = this.#besideSibling * this.#atClock;
    this.#pace = this.#ownPace.isStretched ? this.#ownPace : undefined;
  }

  now(): Cycles {
    return this.#clock;
  }

  nanos(): Nanos {
    return toNanos(this.#clock, this.#hz);
  }

  rdmsr(msr: number): number {
    this.spend(this.#spec.msrFunctions.rdmsr);
    return this.pmu.rdmsr(msr);
  }

  wrmsr(msr: number, value: number): void {
    this.spend(this.#spec.msrFunctions.wrmsr);
    this.pmu.wrmsr(msr, value);
  }

  rdpmc(ecx: number): number {
    this.spend(this.#spec.msrFunctions.rdpmc);
    return this.pmu.rdpmc(ecx);
  }

  setTimer(at: Cycles): void {
    this.lapic.timerAt = at;
  }

  /** In x2APIC mode the local APIC's registers are MSRs. */
  setLvtpc(vector: Vector, masked = false): void {
    this.spend(this.#spec.msrFunctions.wrmsr);
    this.lapic.setLvtpc(vector, masked);
    if (!this.lapic.pmiHeld || masked) return;
    this.lapic.pmiHeld = false;
    if (this.pmu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS) !== 0) this.#raisePmi();
  }

  irqDisable(): void {
    this.#irqOff++;
  }

  irqEnable(): void {
    this.#irqOff--;
    if (this.#clock >= this.lapic.quietUntil) this.#serve(undefined, 0);
  }

  raiseIrqWork(): void {
    this.lapic.accept('IRQ_WORK');
  }

  /** Whoever simulates several cores delivers it (machine/group.ts). */
  sendIpi(): Cycles {
    return this.#clock;
  }

  enter(fn: number): void {
    this.#frames.push(fn);
  }

  leave(): void {
    this.#frames.pop();
  }

  /** Frames of software that gets the core back; returns how many there were. */
  pushFrames(frames: readonly number[]): number {
    const { length } = this.#frames;
    if (frames.length > 0) this.#frames.push(...frames);
    return length;
  }

  /** Takes the frames above so many off: their software gives the core up. */
  cutFrames(depth: number): number[] {
    return this.#frames.splice(depth);
  }

  /** User code that has run here may since have run on another core. */
  disarm(): void {
    this.#armedCode = undefined;
  }

  spend(fn: number, times = 1): void {
    const { lapic, pmu } = this;
    if (!this.#ring0) this.#enterRing0();
    for (let left = times; left > 0; left--) {
      this.passes[fn]! += 1;
      const work = this.#times.draw(fn, this.#passesOf);
      if (this.#newFor > 0) {
        this.#spendCold(fn, work);
        continue;
      }
      const cost = this.#pace === undefined ? work : this.#pace.passOf(work);
      const end = (this.#clock + cost) as Cycles;
      if (end < lapic.quietUntil && pmu.plan(0).counters.length === 0) {
        this.#clock = end;
        this.#page[fn]! += cost;
      } else this.#spendInSteps(this.#spec.ring0[fn] as Ring0Function, cost, pmu.plan(0));
    }
    if (this.#clock >= lapic.quietUntil) this.#serveIn(this.#spec.ring0[fn] as Ring0Function);
  }

  /** Ring 0 goes on where ring 3 was, or another kernel where one was. */
  #enterRing0(): void {
    this.#ring0 = true;
    if (this.#caches === undefined) return;
    this.#newRate = SUBCYCLES * this.#caches.kernelTakes(this.#kernel, this.#clock);
    this.#newFor = this.#newRate < 1 ? 0 : NEW_FOR;
  }

  /** A pass through a function some of whose lines are gone; what it takes longer is booked apart. */
  #spendCold(fn: number, warm: number): void {
    const missed = Math.floor(Math.min(warm, this.#newFor) * this.#newRate) / SUBCYCLES;
    this.#newFor -= warm;
    const own = this.#pace === undefined ? warm : this.#pace.passOf(warm);
    const cost = own + missed;
    const page = this.#page;
    const end = (this.#clock + cost) as Cycles;
    if (end < this.lapic.quietUntil && this.pmu.plan(0).counters.length === 0) {
      this.#clock = end;
      page[fn]! += own;
    } else {
      this.#spendInSteps(this.#spec.ring0[fn] as Ring0Function, cost, this.pmu.plan(0));
      page[fn]! -= missed;
    }
    page[this.#ring3Row + ROWS.cold]! += missed;
  }

  /** IA32_FLUSH_CMD: the first-level data cache is empty. */
  flushL1d(): void {
    this.#caches?.flushL1d();
  }

  /** How many counters can raise a PMI now, and whether all of them count no faster than the clock. */
  get sampling(): { readonly counters: number; readonly byClock: boolean } {
    const { pmu } = this;
    let [counters, byClock] = [0, true];
    for (const cpl of [0, 3] as const) {
      const plan = pmu.plan(cpl);
      let sampling = 0;
      for (const [i, { int, source }] of plan.counters.entries()) {
        if (!int) continue;
        sampling++;
        byClock &&= countsCycles(plan, i) && source!.scale <= 1;
      }
      counters = Math.max(counters, sampling);
    }
    return { counters, byClock };
  }

  /** The least that a pass through a ring-0 function takes. */
  costOf(fn: number): Cycles {
    return this.#times.least(fn);
  }

  spendFor(fn: number, cost: Cycles): void {
    const f = this.#spec.ring0[fn] as Ring0Function;
    const { lapic, pmu, drawn } = this;
    if (!this.#ring0) this.#enterRing0();
    const share = f.cost === 0 ? 0 : cost / f.cost;
    for (let column = 0; column < NR_EVENTS; column++) drawn[column]! += retiredIn(f, column, cost, share);
    const plan = pmu.plan(0);
    const end = (this.#clock + cost) as Cycles;
    if (end < lapic.quietUntil && plan.counters.length === 0) {
      this.#clock = end;
      this.#page[fn]! += cost;
    } else this.#spendInSteps({ ...f, events: f.events.map((_, c) => retiredIn(f, c, cost, share)) }, cost, plan);
    if (this.#clock >= lapic.quietUntil) this.#serveIn(f);
  }

  /** Ring 0 waits in a function: only clocks count. It has a row of its own in the ledger. */
  stall(fn: number, cost: Cycles): void {
    const f = this.#spec.ring0[fn] as Ring0Function;
    if (!this.#ring0) this.#enterRing0();
    this.drawn[CYCLES]! += cost;
    const waiting = { ...f, index: this.#ring3Row + ROWS.stall, events: NO_EVENTS };
    this.#spendInSteps(waiting, cost, this.pmu.plan(0));
    this.#caches?.waits(cost);
    if (this.#clock >= this.lapic.quietUntil) this.#serveIn(f);
  }

  /** What was spent in a ring-0 function of the host's kernel turns out to have been spent in another. */
  rebook(from: number, to: number, span: Cycles): void {
    this.spent.host[from]! -= span;
    this.spent.host[to]! += span;
  }

  /** No earlier than this does a PMI arrive, by the clocks that are counted: of other events, nothing is known. */
  get pmiFrom(): Cycles {
    const { lapic, pmu } = this;
    let left = lapic.pending || lapic.pmiHeld ? 0 : lapic.pmiAt - this.#clock;
    for (const cpl of [0, 3] as const) {
      const { columns, counters, slots } = pmu.plan(cpl);
      for (let i = 0; i < counters.length; i++) {
        const counter = counters[i] as Counter;
        if (counter.int) left = Math.min(left, columns[slots[i] as number] === CYCLES ? pmu.remaining(counter) : 0);
      }
    }
    // Other clocks overflow between two 64ths of a cycle.
    return (this.#clock + Math.floor(Math.max(0, left) * SUBCYCLES) / SUBCYCLES) as Cycles;
  }

  execute(code: ExecutionCursor, until: Cycles): StopReason {
    const { lapic, pmu } = this;
    beat();
    if (code !== this.#latest) this.#syscall = false;
    this.#latest = code;
    this.sibling?.wakes(this.#clock);
    let end = Math.min(until, lapic.ipiAt) as Cycles;
    for (;;) {
      this.#ring3 = code;
      if (this.#clock >= lapic.quietUntil) {
        this.#serve(undefined, 0);
        // A vCPU that has just come here brings what is on its way to it.
        end = Math.min(until, lapic.ipiAt) as Cycles;
      }
      if (this.#software.needResched()) return this.#leaveRing3('resched');
      if (this.#clock >= end) {
        if (this.#clock >= until) return this.#leaveRing3('until');
        lapic.acceptIpis(this.#clock);
        end = Math.min(until, lapic.ipiAt) as Cycles;
        continue;
      }
      const plan = pmu.plan(3);
      if (this.#ring0) {
        this.#ring0 = false;
        this.#refill = this.#syscall ? (0 as Cycles) : this.#spec.refill;
        this.#debt = this.#caches?.programTakes(code.footprint ?? 0, this.#clock) ?? 0;
      }
      // Until the pipeline is full, no instruction is in flight that could hold a PMI back.
      if (this.#refill > 0) this.#fillPipeline(plan, end);
      else if (this.#retire(code, plan, end)) {
        this.#syscall = code.trap?.kind !== 'page_fault';
        return this.#leaveRing3('trap');
      } else if (code.finished) return this.#leaveRing3('finished');
    }
  }

  /**
   * Ring 3 retires instructions up to `until`, an interrupt, an overflow, a trap or the program's end; returns whether
   * the last one trapped.
   */
  #retire(code: ExecutionCursor, plan: CountingPlan, until: Cycles): boolean {
    const { lapic, pmu } = this;
    if (code !== this.#armedCode || plan.columns !== this.#armedColumns) this.#arm(code, plan);
    const counts = code.counts;
    const limits = this.#limits;
    const before = this.#before;
    const { columns, counters, slots } = plan;
    for (let i = 0; i < columns.length; i++) {
      before[i] = counts[i] as number;
      limits[i] = Infinity;
    }
    const nearest = Math.min(until, lapic.timerAt, lapic.pmiAt);
    limits[0] = before[0]! + nearest - this.#clock;
    limits[1] = before[1]! + 1;
    for (let i = 0; i < counters.length; i++) {
      const slot = slots[i] as number;
      const at = before[slot]! + pmu.remaining(counters[i] as Counter);
      if (at < limits[slot]!) limits[slot] = at;
    }
    const pace = this.#pace;
    const debt = this.#debt;
    if (debt > 0) limits[0] = before[0]! + afterDebt(limits[0] - before[0]!, debt);
    if (pace !== undefined) limits[0] = before[0]! + pace.workIn(limits[0] - before[0]!);
    code.advance(limits);
    const worked = (counts[0]! - before[0]!) as Cycles;
    let span = pace === undefined ? worked : pace.spanOf(worked);
    this.#page[this.#ring3Row]! += worked;
    if (pace !== undefined) this.#bookLost(worked, span);
    if (debt > 0) {
      const paid = Math.min(debt, span);
      this.#debt = debt - paid;
      this.#page[this.#ring3Row + ROWS.coldRing3]! += paid;
      span = (span + paid) as Cycles;
    }
    this.#clock = (this.#clock + span) as Cycles;
    for (let i = 0; i < counters.length; i++) {
      const slot = slots[i] as number;
      pmu.add(counters[i] as Counter, slot === 0 ? span : counts[slot]! - before[slot]!);
    }
    if (pmu.pmi) this.#raisePmi();
    if (code.drains !== undefined && this.#clock >= lapic.pmiAt) this.#holdBack(code, code.drains);
    return counts[1]! > before[1]!;
  }

  /** What ring 3 took longer: first for the core's clock, then for the sibling. */
  #bookLost(worked: Cycles, span: Cycles): void {
    const lost = span - worked;
    const whole = Math.round(worked * (this.#atClock - 1) * SUBCYCLES) / SUBCYCLES;
    const clock = this.#besideSibling === 1 ? lost : Math.min(lost, whole);
    this.#page[this.#ring3Row + ROWS.clock]! += clock;
    this.#page[this.#ring3Row + ROWS.sibling]! += lost - clock;
  }

  halt(until: Cycles): void {
    const { lapic } = this;
    const start = this.#clock;
    const end = Math.min(until, lapic.ipiAt);
    if (!lapic.pending) this.#clock = Math.max(start, Math.min(end, lapic.timerAt, lapic.pmiAt)) as Cycles;
    if (this.#clock > start) this.sibling?.halts(start);
    this.idle = (this.idle + this.#clock - start) as Cycles;
    this.#serve(undefined, 0);
    if (this.#clock < lapic.ipiAt || this.#clock >= until || this.#software.needResched()) return;
    lapic.acceptIpis(this.#clock);
    this.#serve(undefined, 0);
  }

  /** A loop in ring 0 that waits for other cores, while time is left: it notices what has arrived from them. */
  noticeIpis(): void {
    if (this.#clock < this.lapic.ipiAt) return;
    this.lapic.acceptIpis(this.#clock);
    this.#serve(undefined, 0);
  }

  relax(fn: number): void {
    this.noticeIpis();
    this.spend(fn);
  }

  /**
   * Ring 3 has the core but retires nothing yet: runs to the end of that, `until`, an interrupt or a clock's overflow.
   */
  #fillPipeline(plan: CountingPlan, until: Cycles): void {
    const { lapic, pmu } = this;
    const { counters } = plan;
    let step = Math.min(this.#refill, until - this.#clock, lapic.timerAt - this.#clock, lapic.pmiAt - this.#clock);
    for (let i = 0; i < counters.length; i++)
      if (countsCycles(plan, i)) step = Math.min(step, pmu.remaining(counters[i] as Counter));
    step = Math.ceil(step * SUBCYCLES) / SUBCYCLES;
    this.#clock = (this.#clock + step) as Cycles;
    this.#refill = (this.#refill - step) as Cycles;
    this.#page[this.#ring3Row + ROWS.refill]! += step;
    for (let i = 0; i < counters.length; i++) if (countsCycles(plan, i)) pmu.add(counters[i] as Counter, step);
    if (pmu.pmi) this.#raisePmi();
  }

  #leaveRing3(reason: StopReason): StopReason {
    this.#ring3 = undefined;
    return reason;
  }

  #arm(code: ExecutionCursor, plan: CountingPlan): void {
    code.arm(plan.columns);
    this.#armedCode = code;
    this.#armedColumns = plan.columns;
    if (plan.columns.length > this.#limits.length) {
      this.#limits = new Float64Array(NR_EVENTS);
      this.#before = new Float64Array(NR_EVENTS);
    }
  }

  /** An overflow pulled the PMI line: the PMI reaches the APIC after the skid. */
  #raisePmi(): void {
    this.pmu.pmi = false;
    this.probe?.instant({ kind: 'wrap', global_status: this.pmu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS) });
    const { fixed, mean, max } = this.#spec.skid;
    const skid = Math.min(max, fixed + this.#skidStream.exponential(mean)) - this.pmu.pmiAge;
    const at = (this.#clock + Math.max(0, Math.round(skid * SUBCYCLES) / SUBCYCLES)) as Cycles;
    if (at >= this.lapic.pmiAt) return;
    this.lapic.pmiAt = at;
    this.#drawn = false;
  }

  /** A PMI is due: while the code holds it back, another instruction retires first. */
  #holdBack(code: ExecutionCursor, drains: readonly Drain[]): void {
    const { ip } = code;
    if (!this.#drawn) {
      this.#drawn = true;
      const drain = drains.find(({ start, end }) => ip >= start && ip < end);
      this.#drain = drain !== undefined && this.#skidStream.uniform() < drain.p ? drain : undefined;
    }
    if (this.#drain === undefined) return;
    if (ip < this.#drain.start || ip >= this.#drain.end || code.finished) this.#drain = undefined;
    else this.lapic.pmiAt = (this.#clock + 1 / SUBCYCLES) as Cycles;
  }

  /**
   * One pass through a function, which takes `total` this time, with stops where a counter overflows or an interrupt
   * arrives that can be taken.
   */
  #spendInSteps(f: Ring0Function, total: number, plan: CountingPlan): void {
    const { pmu, lapic } = this;
    const { columns, counters, slots } = plan;
    let done = 0;
    while (done < total) {
      let step = total - done;
      if (!this.#nmiBlocked) step = Math.min(step, Math.max(0, lapic.pmiAt - this.#clock));
      if (this.#irqOff === 0) step = Math.min(step, Math.max(0, lapic.timerAt - this.#clock));
      for (let i = 0; i < counters.length; i++) {
        const column = columns[slots[i] as number] as number;
        const rate = column === CYCLES ? 1 : f.events[column]! / total;
        // An event happens where its running share passes a whole number, never before `remaining / rate`.
        if (rate > 0) step = Math.min(step, Math.max(1 / SUBCYCLES, pmu.remaining(counters[i] as Counter) / rate));
      }
      const next = Math.min(total, done + Math.ceil(step * SUBCYCLES) / SUBCYCLES);
      for (let i = 0; i < counters.length; i++) {
        const column = columns[slots[i] as number] as number;
        pmu.add(counters[i] as Counter, retiredBy(f, column, next, total) - retiredBy(f, column, done, total));
      }
      this.#clock = (this.#clock + next - done) as Cycles;
      this.#page[f.index]! += next - done;
      done = next;
      if (pmu.pmi) this.#raisePmi();
      if (done < total) {
        this.#serve(f, Math.floor((f.size * done) / total));
        // The handler may have reprogrammed the counters of this privilege level.
        const now = pmu.plan(0);
        if (now !== plan) return this.#finishUnder(f, done, total, now);
      }
    }
  }

  /** The rest of a pass whose counting plan changed midway, as a function of its own. */
  #finishUnder(f: Ring0Function, done: number, total: number, plan: CountingPlan): void {
    const offset = Math.floor((f.size * done) / total);
    const events = f.events.map((count, column) => count - retiredBy(f, column, done, total));
    const tail: Ring0Function = { ...f, address: address(f.address + offset), size: f.size - offset, events };
    this.#spendInSteps(tail, total - done, plan);
  }

  /**
   * Delivers pending interrupts that can be taken; `f` and `offset` say where in ring 0 the core is, if it is there.
   */
  #serve(f: Ring0Function | undefined, offset: number): void {
    const { lapic } = this;
    for (;;) {
      if (this.#clock >= lapic.pmiAt || this.#clock >= lapic.timerAt) lapic.latch(this.#clock);
      const vector = lapic.take(this.#nmiBlocked, this.#irqOff > 0);
      if (vector === undefined) return;
      const [irqOff, nmiBlocked] = [this.#irqOff, this.#nmiBlocked];
      this.#irqOff++;
      this.#nmiBlocked = vector === 'NMI' || nmiBlocked;
      this.#dispatch(vector, f, offset);
      this.#irqOff = irqOff;
      this.#nmiBlocked = nmiBlocked;
    }
  }

  /** Delivers what can be taken at the end of a pass through a function. */
  #serveIn(f: Ring0Function): void {
    this.#serve(f, f.size);
  }

  /** A PMI on its way reaches the local APIC now: serializing the core waits for it. */
  settlePmi(): void {
    if (this.lapic.pmiAt === Infinity) return;
    this.lapic.pmiAt = this.#clock;
    this.lapic.latch(this.#clock);
  }

  /** VM-entry: while the guest runs, the host's interrupts and NMIs are open. */
  openInterrupts(): void {
    this.#irqOff = 0;
    this.#nmiBlocked = false;
  }

  /** Runs `work` in ring 0, on top of interrupted ring-3 code if there is any. */
  asRing0(work: () => void): void {
    const interrupted = this.#ring3;
    this.#ring3 = undefined;
    work();
    this.#ring3 = interrupted;
  }

  /** Where ring 0 is now, for a hypervisor that injects an interrupt. */
  ring0Regs(): Regs {
    return this.#regs(undefined, 0);
  }

  #dispatch(vector: Vector, f: Ring0Function | undefined, offset: number): void {
    beat();
    if (this.#clock > this.deadline) throw new Overrun();
    this.sibling?.wakes(this.#clock);
    const interrupted = this.#ring3;
    const regs = this.#regs(f, offset);
    this.#ring3 = undefined;
    this.#syscall = false;
    this.#software.interrupt(vector, regs);
    this.#ring3 = interrupted;
  }

  #regs(f: Ring0Function | undefined, offset: number): Regs {
    if (this.#ring3 === undefined) return this.#ring0Regs(f, offset);
    return { cpl: 3, ip: this.#ring3.ip, kernelFrames: NO_FRAMES };
  }

  /** Without `f`, ring 0 is between two functions: it is reported in the innermost frame, or in the idle loop. */
  #ring0Regs(f: Ring0Function | undefined, offset: number): Regs {
    const frames = this.#frames;
    const { ring0 } = this.#spec;
    const returnAddress = (i: number): Address => {
      const g = ring0[frames[i] as number] as Ring0Function;
      return address(g.address + (g.size >> 1));
    };
    let top = frames.length;
    // The running function is not its own caller.
    if (f !== undefined && frames[top - 1] === f.index) top--;
    const ip =
      f !== undefined
        ? address(f.address + Math.min(offset, f.size - 1))
        : top > 0
          ? returnAddress(--top)
          : (ring0[0] as Ring0Function).address;
    return {
      cpl: 0,
      ip,
      get kernelFrames() {
        return Array.from({ length: top }, (_, i) => returnAddress(top - 1 - i));
      },
    };
  }
}

/** The least that ring 3 works in `span` cycles if it first waits a cycle for each, `debt` in all. */
const afterDebt = (span: number, debt: number): number =>
  span > 2 * debt ? span - debt : Math.ceil((span / 2) * SUBCYCLES) / SUBCYCLES;

/**
 * Events of a column that have retired after `x` of the `total` cycles of a pass: the whole part of the proportional
 * share.
 */
function retiredBy(f: Ring0Function, column: number, x: number, total: number): number {
  if (column === CYCLES) return x;
  return x >= total ? f.events[column]! : Math.floor((f.events[column]! * x) / total);
}

/** Events of a column in a pass that takes `cost` cycles, `share` times the function's own cost. */
const retiredIn = (f: Ring0Function, column: number, cost: Cycles, share: number): number =>
  column === CYCLES ? cost : Math.floor(f.events[column]! * share);
