/**
 * When a CPU of several may affect another one, and what it waits for before it goes on: the turn of an act upon what
 * all CPUs share, or another CPU's answer to a call. A CPU on its own waits for nothing.
 *
 * A host's CPU also stands still for the acts of a guest that runs on it, and promises what its guests' CPUs may do: it
 * asks their threads.
 *
 * Source: kernel/smp.c (smp_call_function_single), Linux 5.0; acts and promises: sim/windows.ts.
 * Not modelled: interrupts of other CPUs while one of bare metal waits for an answer to perf.
 */
import type { Outlook } from '../arch/cpu.ts';
import { cycles, type Cycles } from '../units.ts';
import { apply, type SystemAct, type ActOutcome } from './acts.ts';
import type { Answered, CpuCall } from './mail.ts';
import type { PerCpu } from './per-cpu.ts';
import { FN, type KernelFunction } from './symbols.ts';
import type { Task } from './task.ts';

/** An act of the current task upon what several CPUs share. The CPU stands still until it is its turn. */
interface ActInTurn {
  readonly act: SystemAct;
  /** What this CPU does about it. */
  readonly goOn: (outcome: ActOutcome) => void;
}

const NEVER = cycles(Infinity);

/** What it takes at least to write a record, and to serve a PMI that writes a sample. */
export interface LeastCosts {
  readonly record: Cycles;
  readonly nmi: Cycles;
}

/** What is known of the CPU besides its tasks. */
export interface Ahead extends LeastCosts {
  /** When it has the host's CPU, if it is a vCPU; otherwise now. */
  readonly from: Cycles;
  /** When what is on its way to it arrives. */
  readonly arrival: Cycles;
  /** No earlier than this does a PMI interrupt it. */
  readonly pmi: Cycles;
  /** How many counters can raise a PMI, and whether all of them count no faster than the clock. */
  readonly sampling: { readonly counters: number; readonly byClock: boolean };
}

/** Every record is written by these. */
const WRITES = ['perf_output_begin_forward', 'perf_output_sample', 'perf_output_end'] as const;
/** Every PMI that writes a sample goes through these. */
const SAMPLES = [
  'nmi',
  'do_nmi',
  'default_do_nmi',
  'nmi_handle',
  'perf_event_nmi_handler',
  'intel_pmu_handle_irq',
  '__perf_event_overflow',
  'perf_event_output_forward',
  'perf_prepare_sample',
  ...WRITES,
] as const;

export function leastCosts(costOf: (fn: number) => Cycles): LeastCosts {
  const sum = (fns: readonly KernelFunction[]): Cycles => cycles(fns.reduce((all, fn) => all + costOf(FN[fn]), 0));
  return { record: sum(WRITES), nmi: sum(SAMPLES) };
}

export class Turns {
  readonly #here: PerCpu;
  /** The act that the CPU stands still for; and one whose turn has come, to go on with. */
  #act: ActInTurn | undefined;
  #acted: (() => void) | undefined;
  /** Goes on when another CPU has answered; and whether the CPU notices meanwhile what others send. */
  #calls: ((given: Answered) => void) | undefined;
  #open = false;

  constructor(here: PerCpu) {
    this.#here = here;
  }

  /**
   * The current task, at a point where its body can return, changes what several CPUs share. On one CPU that happens
   * now; if there are more, the CPU stands still, and goes on with `goOn` when the act has had its turn.
   */
  act(act: SystemAct, goOn: (outcome: ActOutcome) => void): void {
    const { cpu, number, system } = this.#here;
    if (system.cpus.size === 1) goOn(apply(system, act, cpu.now(), number));
    else this.#act = { act, goOn };
  }

  /**
   * smp_call_function_single(): asks another CPU to do something, and spins until it has; then `goOn` is called with the
   * answer. `irqs`: open, if two CPUs may ask each other at the same time; else one of bare metal stands still meanwhile.
   */
  smp_call_function_single(
    to: number,
    call: CpuCall,
    goOn: (given: Answered) => void,
    irqs: 'closed' | 'open' = 'closed',
  ): void {
    const { cpu, mail, number } = this.#here;
    cpu.enter(FN.smp_call_function_single);
    cpu.spend(FN.smp_call_function_single);
    cpu.spend(FN.native_send_call_func_single_ipi);
    mail.post({ kind: 'call', to, sent: cpu.sendIpi(to), from: number, call });
    this.#calls = goOn;
    this.#open = irqs === 'open';
  }

  /** The CPU stands still in front of an act, its own or that of the guest that runs on it. */
  get waits(): boolean {
    return this.#act !== undefined || this.#here.current.body.waits === true;
  }

  /** Its own act, in front of which it stands still. */
  get waitsFor(): SystemAct | undefined {
    return this.#act?.act;
  }

  /** The CPU spins, and another one has not answered yet. */
  get spins(): boolean {
    if (this.#calls === undefined) return false;
    const { cpu, mail } = this.#here;
    return mail.answered === undefined || ((this.#open || cpu.pause !== undefined) && mail.answered.at > cpu.now());
  }

  /** It spins, and its time stands still until the answer. */
  get standsStill(): boolean {
    return !this.#open && this.spins;
  }

  /** One round of spinning; false if the CPU stands still meanwhile. */
  spin(): boolean {
    const { cpu } = this.#here;
    if (this.#open) {
      cpu.relax?.(FN.smp_call_function_single);
      return true;
    }
    cpu.pause?.(FN.smp_call_function_single);
    return cpu.pause !== undefined;
  }

  /** The current task cannot go on by itself. */
  get holdsUp(): boolean {
    return this.waits || this.#calls !== undefined;
  }

  /** Goes on after an act that has had its turn, or after a call that was answered; whether there was one. */
  goOn(): boolean {
    if (this.#calls !== undefined) this.#finishCall();
    const acted = this.#acted;
    if (acted === undefined) return false;
    this.#acted = undefined;
    acted();
    return true;
  }

  #finishCall(): void {
    const goOn = this.#calls!;
    const { cpu, mail } = this.#here;
    const given = mail.answered!;
    const left = given.at - cpu.now();
    this.#calls = mail.answered = undefined;
    this.#open = false;
    if (left > 0) cpu.spendFor(FN.smp_call_function_single, cycles(left));
    cpu.leave();
    this.#acted = () => goOn(given);
  }

  /** Its act has had its turn. */
  acted(outcome: ActOutcome): void {
    const { goOn } = this.#act!;
    this.#act = undefined;
    this.#acted = () => goOn(outcome);
  }

  /**
   * No earlier than this can the CPU affect another one, unless something arrives here first. While it waits: what its
   * other tasks may do.
   */
  promise(ahead: Ahead): Cycles {
    const { from, arrival } = ahead;
    const { mail, system } = this.#here;
    if (system.cpus.size === 1 && !system.carriesGuests) return NEVER;
    if (this.#acted !== undefined) return from;
    const arrives = cycles(Math.max(from, arrival));
    const answers = mail.calls === 0 ? NEVER : mail.call_single_queue.length > 0 ? from : arrives;
    const ends = mail.signals === 0 ? NEVER : mail.wake_list.length > 0 ? from : arrives;
    const acts = this.#calls === undefined ? this.#acts(ahead) : Math.max(from, mail.answered?.at ?? NEVER);
    return cycles(Math.min(answers, ends, this.#moves(ahead), this.#passesWatermark(ahead), acts));
  }

  /** When it may send a task to another CPU, or ask one for tasks. */
  #moves({ from, arrival }: Ahead): Cycles {
    const { current, mail, number, system, timers } = this.#here;
    if (system.cpus.size === 1) return NEVER;
    if (this.#balances) return from;
    let at = mail.asked > 0 ? Math.max(from, arrival) : NEVER;
    if (system.overload) at = Math.min(at, this.#idles(from, Math.min(timers.next, arrival)));
    // Whom a timer wakes may go to another CPU. A halted vCPU is woken by any timer, and by what other vCPUs send.
    for (const task of system.eachTask()) {
      const { cpu: on, state, cpus_allowed, timer, preempt_notifier } = task;
      if (on !== number || cpus_allowed?.size === 1) continue;
      if (preempt_notifier === undefined) {
        if (state === 'sleeping' && timer !== undefined) at = Math.min(at, Math.max(from, timer.when));
      } else if (state === 'sleeping') at = Math.min(at, Math.max(from, Math.min(timers.next, arrival)));
      else if (task === current) at = Math.min(at, this.#outlookOf(task, from).leave);
    }
    return cycles(at);
  }

  /** When it may become idle; `next`: when something comes to it, if it is. */
  #idles(from: Cycles, next: number): number {
    const { current, idle, rq } = this.#here;
    if (current === idle) return rq.waiting > 0 ? from : Math.max(from, next);
    return current.state === 'running' ? this.#outlookOf(current, from).leave : from;
  }

  /** There are tasks to be moved between CPUs. */
  get #balances(): boolean {
    const { kicks, mail, rebalances } = this.#here;
    return rebalances || kicks !== undefined || mail.attached.length > 0;
  }

  /** No earlier than this has it nothing to run any more, if it has a host's CPU from `from` on. */
  leaves(from: Cycles): Cycles {
    const { current, idle } = this.#here;
    if (this.holdsUp || current === idle || current.state !== 'running') return from;
    return this.#outlookOf(current, from).leave;
  }

  /** When a task may be woken because a buffer has filled up. */
  #passesWatermark(ahead: Ahead): Cycles {
    const { mail, number, pending_wakeups, shared_buffers } = this.#here;
    const { from, pmi, record, nmi, sampling } = ahead;
    if (shared_buffers.size === 0) return NEVER;
    if (pending_wakeups.size > 0) return from;
    const quiet = this.#quietUntil(ahead);
    const first = Math.max(from, Math.min(quiet, pmi));
    let at: number = NEVER;
    for (const { follows, toWatermark } of shared_buffers) {
      // Whom it follows is elsewhere; if he comes, that is known before he does.
      if (follows !== undefined && follows.cpu !== number && !mail.coming.has(follows)) continue;
      const { records, samples } = toWatermark;
      // A PMI writes a sample for each counter, and until the next tick each event is throttled but once.
      const pmis = sampling.counters === 0 ? 0 : Math.max(0, Math.floor(samples / sampling.counters) - 1);
      const span = sampling.byClock ? this.#spanOf(pmis - 1, nmi) : pmis * nmi;
      const sampled = first + Math.max(samples * record, span);
      at = Math.min(at, Math.max(first + records * record, Math.min(sampled, quiet)));
    }
    return cycles(at);
  }

  /**
   * Cycles in which each event on the PMU, all of which count cycles, can overflow so many more times than once. With a
   * frequency, perf_adjust_period() makes a period at most an eighth shorter than the one before, and rounds.
   */
  #spanOf(n: number, nmi: Cycles): number {
    let least = Infinity;
    for (const { attr, hw } of this.#here.cpu_hw_events.events.values()) {
      if (attr.sample_period === 0) continue;
      let period = hw.sample_period;
      let [span, left] = [0, Math.max(0, n)];
      for (; attr.freq === true && left > 0 && period > nmi; left--) {
        period = Math.floor((period * 7) / 8) - 1;
        span += period;
      }
      least = Math.min(least, span + left * Math.max(nmi, attr.freq === true ? 0 : period));
    }
    return least === Infinity ? 0 : least;
  }

  /** Until then the CPU writes no records but those of PMIs: no timer fires, no task calls the kernel or gives way. */
  #quietUntil({ from, arrival }: Ahead): Cycles {
    const { current, idle, rq, timers } = this.#here;
    if (this.waits || rq.needResched || this.#balances) return from;
    const until = Math.min(timers.next, arrival);
    if (current === idle) return rq.waiting > 0 ? from : cycles(Math.max(from, until));
    if (current.state !== 'running') return from;
    const { leave, trap } = this.#outlookOf(current, from);
    return cycles(Math.max(from, Math.min(until, leave, trap)));
  }

  /** When one of its tasks may act. */
  #acts({ arrival, from }: Ahead): Cycles {
    const { current, idle, mail, number, rq, system, timers } = this.#here;
    const runs = current !== idle && current.state === 'running';
    const own = runs ? this.#outlookOf(current, from) : undefined;
    const act = this.#act === undefined ? (own?.act ?? NEVER) : NEVER;
    const switches = rq.needResched || this.waits || (own === undefined ? rq.waiting > 0 : own.leave <= from);
    const turn = switches ? from : cycles(Math.max(from, Math.min(timers.next, arrival, own?.leave ?? NEVER)));
    let others: number = NEVER;
    for (const task of system.eachTask())
      if (task.cpu === number && !(runs && task === current))
        others = Math.min(others, this.#outlookOf(task, turn).act);
    for (const task of mail.coming) others = Math.min(others, this.#outlookOf(task, turn).act);
    return cycles(Math.min(act, others));
  }

  /** A task that a signal ends does so as soon as it runs. The only CPU of a boot affects others by its guests alone. */
  #outlookOf({ body, fatal_signal }: Task, from: Cycles): Outlook {
    if (fatal_signal !== 0) return { act: from, leave: from, trap: from };
    const outlook = body.outlook?.(from) ?? { act: NEVER, leave: from, trap: from };
    return this.#here.system.cpus.size > 1 || body.waits !== undefined ? outlook : { ...outlook, act: NEVER };
  }

  /**
   * No earlier than this does the CPU enter HLT, if it is out of it: the running task works at least as long. While it
   * waits for an act's turn, it does not.
   */
  get idlesFrom(): Cycles {
    if (this.waits) return NEVER;
    const { cpu, current, idle } = this.#here;
    const now = cpu.now();
    return current.state === 'running' && current !== idle ? this.#outlookOf(current, now).leave : now;
  }

  /** Cycles that the current task works after the act that the CPU stands still for, until it may next act. */
  get workAfterAct(): Cycles {
    return this.#outlookOf(this.#here.current, cycles(0)).act;
  }
}
