/**
 * When a CPU of several may affect another one, and what it waits for before it goes on: the turn of an act upon what
 * all CPUs share, or another CPU's answer to a call. A CPU on its own waits for nothing.
 *
 * Source: kernel/smp.c (smp_call_function_single), Linux 5.0; acts and promises: sim/windows.ts.
 * Not modelled: interrupts of other CPUs while one waits for an answer.
 */
import type { Outlook } from '../arch/cpu.ts';
import { cycles, type Cycles } from '../units.ts';
import { apply, type SystemAct, type ActOutcome } from './acts.ts';
import type { Answered, PerfCall } from './mail.ts';
import type { PerCpu } from './per-cpu.ts';
import { FN } from './symbols.ts';
import type { Task } from './task.ts';

/** An act of the current task upon what several CPUs share. The CPU stands still until it is its turn. */
interface ActInTurn {
  readonly act: SystemAct;
  /** What this CPU does about it. */
  readonly goOn: (outcome: ActOutcome) => void;
}

const NEVER = cycles(Infinity);
/** What is known of the CPU besides its tasks. */
export interface Ahead {
  /** When what is on its way to it arrives. */
  readonly arrival: Cycles;
  /** No earlier than this does a PMI interrupt it. */
  readonly pmi: Cycles;
  /** What it takes at least to write a record. */
  readonly record: Cycles;
}

const NO_OUTLOOK: Outlook = { act: NEVER, leave: cycles(0), trap: cycles(0) };
const SOON: Outlook = { act: cycles(0), leave: cycles(0), trap: cycles(0) };
/** A task that a signal ends does so as soon as it runs. */
const outlookOf = ({ body, fatal_signal }: Task): Outlook =>
  fatal_signal === 0 ? (body.outlook?.() ?? NO_OUTLOOK) : SOON;

export class Turns {
  readonly #here: PerCpu;
  /** The act that the CPU stands still for; and one whose turn has come, to go on with. */
  #act: ActInTurn | undefined;
  #acted: (() => void) | undefined;
  /** Goes on when another CPU has answered. */
  #calls: ((given: Answered) => void) | undefined;

  constructor(here: PerCpu) {
    this.#here = here;
  }

  /**
   * The current task, at a point where its body can return, changes what several CPUs share. On one CPU that happens
   * now; if there are more, the CPU stands still, and goes on with `goOn` when the act has had its turn.
   */
  act(act: SystemAct, goOn: (outcome: ActOutcome) => void): void {
    const { system } = this.#here;
    if (system.cpus.size === 1) goOn(apply(system, act, this.#here.cpu.now()));
    else this.#act = { act, goOn };
  }

  /**
   * smp_call_function_single(): asks another CPU to do something to one of its events, from inside a system call, and
   * spins until it has; then `goOn` is called with the answer.
   */
  smp_call_function_single(to: number, call: PerfCall, goOn: (given: Answered) => void): void {
    const { cpu, mail, number } = this.#here;
    cpu.enter(FN.smp_call_function_single);
    cpu.spend(FN.smp_call_function_single);
    cpu.spend(FN.native_send_call_func_single_ipi);
    mail.post({ kind: 'call', to, sent: cpu.now(), from: number, call });
    this.#calls = goOn;
  }

  /** The CPU stands still in front of an act. */
  get waits(): boolean {
    return this.#act !== undefined;
  }

  /** That act. */
  get waitsFor(): SystemAct | undefined {
    return this.#act?.act;
  }

  /** The CPU spins until another one answers, and does not know yet when that will be. */
  get spins(): boolean {
    return this.#calls !== undefined && this.#here.mail.answered === undefined;
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
    const { arrival } = ahead;
    const { cpu, mail, system } = this.#here;
    const now = cpu.now();
    if (system.cpus.size === 1) return NEVER;
    if (this.#acted !== undefined) return now;
    if (this.#calls !== undefined) return mail.answered === undefined ? NEVER : cycles(Math.max(now, mail.answered.at));
    const answers = mail.calls === 0 ? NEVER : mail.call_single_queue.length > 0 ? now : cycles(Math.max(now, arrival));
    const ends = mail.signals === 0 ? NEVER : mail.wake_list.length > 0 ? now : cycles(Math.max(now, arrival));
    return cycles(Math.min(answers, ends, this.#passesWatermark(ahead), this.#acts(arrival)));
  }

  /** When a task of another CPU may be woken because a buffer has filled up. */
  #passesWatermark({ arrival, pmi, record }: Ahead): Cycles {
    const { cpu, pending_wakeups, shared_buffers } = this.#here;
    if (shared_buffers.size === 0) return NEVER;
    const now = cpu.now();
    if (pending_wakeups.size > 0) return now;
    const quiet = this.#quietUntil(arrival);
    const first = Math.min(quiet, pmi);
    let at: number = NEVER;
    for (const { toWatermark } of shared_buffers)
      at = Math.min(
        at,
        Math.max(first + toWatermark.records * record, Math.min(first + toWatermark.samples * record, quiet)),
      );
    return cycles(at);
  }

  /** Until then the CPU writes no records but those of PMIs: no timer fires, no task calls the kernel or gives way. */
  #quietUntil(arrival: Cycles): Cycles {
    const { cpu, current, idle, rq, timers } = this.#here;
    const now = cpu.now();
    if (this.waits || rq.needResched) return now;
    const until = Math.min(timers.next, arrival);
    if (current === idle) return rq.waiting > 0 ? now : cycles(Math.max(now, until));
    if (current.state !== 'running') return now;
    const { leave, trap } = outlookOf(current);
    return cycles(Math.max(now, Math.min(until, now + Math.min(leave, trap))));
  }

  /** When one of its tasks may act. */
  #acts(arrival: Cycles): Cycles {
    const { cpu, current, idle, number, rq, system, timers } = this.#here;
    const now = cpu.now();
    const runs = current !== idle && current.state === 'running';
    const { act, leave } = runs ? outlookOf(current) : NO_OUTLOOK;
    let others = Infinity;
    for (const task of system.tasks)
      if (task.cpu === number && !(runs && task === current)) others = Math.min(others, outlookOf(task).act);
    const own = this.waits ? Infinity : now + act;
    if (others === Infinity) return cycles(own);
    const switches = rq.needResched || this.waits || (runs ? leave === 0 : rq.waiting > 0);
    const turn = switches ? now : Math.max(now, Math.min(timers.next, arrival, runs ? now + leave : Infinity));
    return cycles(Math.min(own, turn + others));
  }

  /**
   * No earlier than this does the CPU enter HLT, if it is out of it: the running task works at least as long. While it
   * waits for an act's turn, it does not.
   */
  get idlesFrom(): Cycles {
    if (this.waits) return NEVER;
    const { cpu, current, idle } = this.#here;
    const works = current.state === 'running' && current !== idle;
    return cycles(cpu.now() + (works ? outlookOf(current).leave : 0));
  }

  /** Cycles that the current task works after the act that the CPU stands still for, until it may next act. */
  get workAfterAct(): Cycles {
    return outlookOf(this.#here.current).act;
  }
}
