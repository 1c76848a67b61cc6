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
import { NR_ACCUMULATED_SAMPLES } from './sampling.ts';
import { FN } from './symbols.ts';
import type { Task } from './task.ts';
import { passesWatermark, type Ahead } from './watermark.ts';

/** An act of the current task upon what several CPUs share. The CPU stands still until it is its turn. */
interface ActInTurn {
  readonly act: SystemAct;
  /** What this CPU does about it. */
  readonly goOn: (outcome: ActOutcome) => void;
}

const NEVER = cycles(Infinity);

/** Which part of what the kernel allows a PMI to take is far less. */
const FAR_LESS = 0.75;

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

  /**
   * No earlier than this is something else to be seen of the CPU at a grid line: how many tasks are runnable, its part of the
   * host's counts, and its limits of sampling. These a PMI may lower at any time, but where PMIs take far less than what
   * is allowed, one does not make the average reach that.
   */
  steady(ahead: Ahead): Cycles {
    const { current, idle, mail, pending_wakeups, rq, running_sample_length, sysctl, system } = this.#here;
    const { sample_allowed_ns: allowed } = sysctl;
    const average = running_sample_length / NR_ACCUMULATED_SAMPLES;
    if (allowed > 0 && average > FAR_LESS * allowed) return ahead.from;
    // What exits and entries of vCPUs do to the host's events, only their designs know.
    if (system.overload || rq.waiting > 0 || pending_wakeups.size > 0 || current.body.waits !== undefined)
      return ahead.from;
    if (mail.calls + mail.signals + mail.asked + mail.coming.size > 0 || this.#calls !== undefined) return ahead.from;
    if (this.#acted !== undefined) return ahead.from;
    // PMIs may wake a vCPU's thread.
    return cycles(Math.min(this.#calmUntil(ahead), current === idle ? ahead.pmi : NEVER));
  }

  /** When it may send a task to another CPU, or ask one for tasks. */
  #moves(ahead: Ahead): Cycles {
    const { from, arrival } = ahead;
    const { current, mail, number, system, timers } = this.#here;
    if (system.cpus.size === 1) return NEVER;
    if (this.#balances) return from;
    let at = mail.asked > 0 ? Math.max(from, arrival) : NEVER;
    if (system.overload) at = Math.min(at, this.#idles(from, Math.min(timers.next, arrival)));
    // Whom a timer wakes may go to another CPU. A halted vCPU is woken by any timer, and by what other vCPUs send; one that
    // runs, or comes to run, may halt.
    for (const task of system.eachTask()) {
      const { cpu: on, state, cpus_allowed, timer, preempt_notifier } = task;
      if (on !== number || cpus_allowed?.size === 1) continue;
      if (preempt_notifier === undefined) {
        if (state === 'sleeping' && timer !== undefined) at = Math.min(at, Math.max(from, timer.when));
      } else if (state === 'sleeping') at = Math.min(at, Math.max(from, Math.min(timers.next, arrival)));
      else at = Math.min(at, this.#outlookOf(task, task === current ? from : this.#turn(ahead)).leave);
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
    const { shared_buffers, timers } = this.#here;
    if (shared_buffers.size === 0) return NEVER;
    const silence = { quiet: this.#quietUntil(ahead, timers.next), calm: this.#calmUntil(ahead) };
    return passesWatermark(this.#here, ahead, silence);
  }

  /** Until then there are only PMIs and ticks, and no tick lets another task run. */
  #calmUntil(ahead: Ahead): Cycles {
    const { rq, timers } = this.#here;
    return this.#quietUntil(ahead, rq.waiting > 0 ? timers.next : timers.nextTimer);
  }

  /**
   * Until then, and while no timer fires, the CPU writes no records but those of PMIs: no task calls the kernel or gives way.
   */
  #quietUntil({ from, arrival }: Ahead, timer: Cycles): Cycles {
    const { current, idle, rq } = this.#here;
    if (this.waits || rq.needResched || this.#balances) return from;
    const until = Math.min(timer, arrival);
    if (current === idle) return rq.waiting > 0 ? from : cycles(Math.max(from, until));
    if (current.state !== 'running') return from;
    const { leave, trap } = this.#outlookOf(current, from);
    return cycles(Math.max(from, Math.min(until, leave, trap)));
  }

  /** What the current task may do; undefined: there is none that runs. */
  #own(from: Cycles): Outlook | undefined {
    const { current, idle } = this.#here;
    return current !== idle && current.state === 'running' ? this.#outlookOf(current, from) : undefined;
  }

  /** Whether another task may have the CPU at once. */
  #switches(from: Cycles, own: Outlook | undefined): boolean {
    const { rq } = this.#here;
    return rq.needResched || this.waits || (own === undefined ? rq.waiting > 0 : own.leave <= from);
  }

  /** When another task may have the CPU. */
  #turn({ arrival, from }: Ahead): Cycles {
    const own = this.#own(from);
    if (this.#switches(from, own)) return from;
    return cycles(Math.max(from, Math.min(this.#here.timers.next, arrival, own?.leave ?? NEVER)));
  }

  /** When one of its tasks may act. */
  #acts(ahead: Ahead): Cycles {
    const { arrival, from } = ahead;
    const { current, mail, number, system, timers } = this.#here;
    const own = this.#own(from);
    const runs = own !== undefined;
    const act = this.#act === undefined ? (own?.act ?? NEVER) : NEVER;
    const switches = this.#switches(from, own);
    const turn = this.#turn(ahead);
    // A tick wakes nobody.
    const wakes = switches ? from : cycles(Math.max(from, Math.min(timers.nextTimer, arrival)));
    let others: number = NEVER;
    for (const task of system.eachTask())
      if (task.cpu === number && !(runs && task === current)) {
        // PMIs may wake a vCPU's thread.
        const sleeps = task.state === 'sleeping' && task !== current && task.body.waits === undefined;
        others = Math.min(others, this.#outlookOf(task, sleeps ? wakes : turn).act);
      }
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
