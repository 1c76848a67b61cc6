/**
 * What a thread does about others: system calls for futexes and pipes, the threads and processes that it makes, waiting
 * for their end. The objects say what happens (sync-objects.ts); here it takes its time, and threads wake.
 *
 * A thread that waits keeps the frames of its system call, so that a sample in __schedule shows who slept, and where.
 * When it is woken, it tries again: a read or write within its call, all others after the call has returned.
 *
 * Source: kernel/futex.c, fs/pipe.c, kernel/exit.c (do_wait), Linux 5.0; glibc's nptl for what enters the kernel.
 * Not modelled: time that the C library takes to try again, waiting for one certain child.
 */
import type { Cpu } from '../arch/cpu.ts';
import { cloneOf, type ThreadStart } from '../arch/dso.ts';
import type { SyncAct } from '../arch/sync.ts';
import { restOf, type ActOutcome } from './acts.ts';
import type { Outcome, Placement } from './futex.ts';
import { FN, type KernelFunction } from './symbols.ts';
import type { ObjectAct } from './sync-objects.ts';
import type { System } from './system.ts';
import type { ActsState, PendingAct } from './moved-task.ts';
import type { Task } from './task.ts';
import type { Turns } from './turns.ts';

/** What acts need from the kernel. */
export interface ThreadHost {
  readonly cpu: Cpu;
  readonly system: System;
  syscall<T>(work: () => T): T;
  sleep(): void;
  /** A thread that waits for another one goes on. */
  wake_waiter(task: Task, reason: string, placed: Placement | undefined): void;
  /** For changes of what threads on other CPUs share. */
  readonly turns: Turns;
  /** A child of the current task: one more thread of its process, or a process, that runs its program from there. */
  clone(thread: boolean, start: ThreadStart, cpu: number | undefined, then: (pid: number) => void): void;
  do_exit(task: Task, status: number, by: ExitBy): void;
}

/** The system call that ends a task, or none: its first function has returned, or a signal has come. */
export type ExitBy = 'syscall' | 'none';

const PAGE_SIZE = 4096;
const SYSCALL: readonly KernelFunction[] = ['entry_SYSCALL_64', 'do_syscall_64'];
/** Frames of each call, and that in which it sleeps. */
const CALLS = {
  futex_wait: { path: ['do_futex', 'futex_wait'], sleeps: 'futex_wait_queue_me', wakes: undefined },
  futex_wake: { path: ['do_futex', 'futex_wake'], sleeps: undefined, wakes: 'wake_up_q' },
  pipe_read: { path: ['vfs_read', 'pipe_read'], sleeps: 'pipe_wait', wakes: '__wake_up_sync_key' },
  pipe_write: { path: ['vfs_write', 'pipe_write'], sleeps: 'pipe_wait', wakes: '__wake_up_sync_key' },
} as const satisfies Record<
  NonNullable<Outcome['call']>,
  {
    readonly path: readonly KernelFunction[];
    readonly sleeps: KernelFunction | undefined;
    readonly wakes: KernelFunction | undefined;
  }
>;

const NONE_YET: ActsState = { clones: 0, joinable: [], pending: undefined };

export class ThreadActs {
  readonly #kernel: ThreadHost;
  readonly #task: Task;
  /** As in ActsState. */
  #clones: number;
  readonly #joinable: number[];
  #pending: PendingAct | undefined;
  #more = false;

  constructor(kernel: ThreadHost, task: Task, { clones, joinable, pending }: ActsState = NONE_YET) {
    this.#kernel = kernel;
    this.#task = task;
    this.#clones = clones;
    this.#joinable = [...joinable];
    this.#pending = pending;
  }

  get state(): ActsState {
    return { clones: this.#clones, joinable: this.#joinable, pending: this.#pending };
  }

  /** The thread was woken, and must try again what it waited for. */
  get pending(): boolean {
    return this.#pending !== undefined;
  }

  /** The thread may act again as soon as the act is done for which it waits: it joins or awaits one after the other. */
  get more(): boolean {
    return this.#more;
  }

  /** An act that the thread begins. It has ended unless the thread sleeps then. Throws ProgramError. */
  begin(act: SyncAct): void {
    if ('entry' in act) {
      const start = cloneOf(this.#task.program!.thread, this.#clones++, act.entry);
      this.#kernel.clone(act.op === 'spawn', start, act.cpu, (tid) => {
        if (act.op === 'spawn') this.#joinable.push(tid);
      });
    } else if (act.op === 'exit') this.#kernel.do_exit(this.#task, 0, 'syscall');
    else this.#goOn({ act, again: false });
  }

  /** Goes on with the act in which the thread slept. */
  resume(): void {
    const pending = this.#pending!;
    this.#pending = undefined;
    this.#task.stack = [];
    this.#goOn(pending);
  }

  #goOn({ act, again }: PendingAct): void {
    if (act.op === 'join') this.#join();
    else if (act.op === 'wait') this.#wait();
    else this.#object(act, again);
  }

  #object(act: ObjectAct, again: boolean): void {
    this.#act(act, again, (outcome) => {
      if (outcome.sleeps) this.#pending = { act: restOf(act, outcome), again: true };
    });
  }

  /** pthread_join() of one thread after the other. */
  #join(): void {
    const tid = this.#joinable[0];
    this.#more = this.#joinable.length > 1;
    if (tid === undefined) return;
    this.#act({ op: 'join_thread', tid }, false, ({ sleeps }) => {
      if (sleeps) this.#pending = { act: { op: 'join' }, again: true };
      else {
        this.#joinable.shift();
        this.#join();
      }
    });
  }

  /** An act upon the objects, in its turn, and then its system call. */
  #act(act: ObjectAct, again: boolean, then: (outcome: ActOutcome) => void): void {
    this.#kernel.turns.act({ op: 'object', tid: this.#task.pid, act, again }, (outcome) => {
      this.#perform(outcome, again);
      then(outcome);
    });
  }

  /** wait4(-1), once for each child. */
  #wait(): void {
    this.#more = true;
    this.#kernel.turns.act({ op: 'wait', tid: this.#task.pid }, ({ sleeps, more = false }) => {
      this.#more = more;
      this.#kernel.syscall(() => {
        this.#kernel.cpu.enter(FN.do_wait);
        this.#kernel.cpu.spend(FN.do_wait);
        this.#kernel.cpu.leave();
      });
      if (sleeps) {
        this.#task.stack = [...SYSCALL, 'do_wait' as const].map((fn) => FN[fn]);
        this.#kernel.sleep();
        this.#pending = { act: { op: 'wait' }, again: true };
      } else if (more) this.#wait();
    });
  }

  /** The system call of an outcome, if it takes one; `again`: the thread has slept in it. */
  #perform({ call, sleeps, wakes, placed, bytes = 0 }: ActOutcome, again: boolean): void {
    if (call === undefined) return;
    const { cpu } = this.#kernel;
    const { path, ...inner } = CALLS[call];
    const inCall = again && (call === 'pipe_read' || call === 'pipe_write');
    const enter = (fn: KernelFunction): void => {
      cpu.enter(FN[fn]);
      if (!inCall) cpu.spend(FN[fn]);
    };
    const stack = [...SYSCALL, ...path];
    for (const fn of stack) enter(fn);
    if (bytes > 0) cpu.spend(FN.copy_user_enhanced_fast_string, Math.ceil(bytes / PAGE_SIZE));
    if (wakes.length > 0) this.#wakeAll(wakes, inner.wakes!, placed);
    if (sleeps) {
      cpu.enter(FN[inner.sleeps!]);
      cpu.spend(FN[inner.sleeps!]);
      this.#task.stack = [...stack, inner.sleeps!].map((fn) => FN[fn]);
      this.#kernel.sleep();
      cpu.leave();
    }
    for (let i = 0; i < stack.length; i++) cpu.leave();
  }

  #wakeAll(wakes: readonly number[], fn: KernelFunction, placed: readonly Placement[] | undefined): void {
    const { cpu, system } = this.#kernel;
    cpu.enter(FN[fn]);
    cpu.spend(FN[fn]);
    for (const [i, tid] of wakes.entries()) {
      const task = system.taskOf(tid);
      if (task !== undefined) this.#kernel.wake_waiter(task, fn, placed?.[i]);
    }
    cpu.leave();
  }
}
