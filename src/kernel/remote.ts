/**
 * Perf events on other CPUs of the same boot: the system calls that must ask another CPU, and what that one does.
 *
 * The CPU that owns an event does everything about it. A system call about another's event sends an IPI, and spins until
 * the other has answered; so it is a generator, which yields while its CPU spins. All CPUs know which events there are.
 * On one CPU, and for an event of one that is not simulated, it is the plain system call (perf-syscalls.ts) and never
 * yields.
 *
 * Reading a ring buffer needs no system call. But what is in it depends on how far its CPU has come, so that a reader takes
 * from all buffers in one step, which waits until all CPUs have come as far. The writer learns of the room a latency
 * later.
 *
 * Source: kernel/events/core.c (cpu_function_call, event_function_call, perf_event_read, perf_install_in_context),
 * kernel/smp.c (smp_call_function_single), Linux 5.0.
 * Not modelled: interrupts of other CPUs while one spins; a call is saved if a task's event is known to be off its CPU,
 * and goes to the CPU that it is on: here it is made, once for each CPU that may have a thread with the event, and again while
 * one was missed that moves. The sum is the kernel's: each event once.
 */
import type { TaskBody } from '../arch/cpu.ts';
import type { KernelRecord, PerfEventAttr } from '../uapi/perf-event.ts';
import type { SystemAct, ActOutcome } from './acts.ts';
import type { Kernel } from './kernel.ts';
import { perf_event_new, unaccount_event } from './kernel-counter.ts';
import { ESRCH } from './errno.ts';
import type { Answered, PerfAnswer, PerfCall } from './mail.ts';
import type { OpenTarget, PerfCountsValues, PerfEvent } from './perf-event.ts';
import { perform } from './perf-install.ts';
import { packEvent } from './perf-pack.ts';
import { PAGE_SIZE, refusal, type PerfSyscalls } from './perf-syscalls.ts';
import type { RingBuffer } from './ring-buffer.ts';
import { FN } from './symbols.ts';
import type { Task } from './task.ts';

/** How often all CPUs are asked again for threads that move about. */
const MOST_AGAIN = 100;

/** Yields while the caller's CPU stands still. */
export type Steps<T> = Generator<void, T, void>;

export class RemoteSyscalls {
  readonly #kernel: Kernel;
  readonly #local: PerfSyscalls;
  readonly #resume: () => void;

  /** `resume` makes the generator that has yielded go on. */
  constructor(kernel: Kernel, local: PerfSyscalls, resume: () => void) {
    this.#kernel = kernel;
    this.#local = local;
    this.#resume = resume;
  }

  /** perf_event_open(2): the event, or a negative errno. */
  *perf_event_open(attr: PerfEventAttr, target: OpenTarget): Steps<PerfEvent | number> {
    const kernel = this.#kernel;
    const { system } = kernel;
    if (!this.#concerns(target.cpu)) return this.#local.perf_event_open(attr, target);
    return yield* this.#syscall(function* (this: RemoteSyscalls): Steps<PerfEvent | number> {
      kernel.cpu.spend(FN.__do_sys_perf_event_open);
      const refused = refusal(kernel, attr, target);
      if (refused !== 0) return refused;
      const made = perf_event_new(kernel, attr, target, undefined);
      if (typeof made === 'number') return made;
      yield* this.act({ op: 'perf_event_open', event: packEvent(made) });
      const event = system.events.get(made.id);
      if (event === undefined) return -ESRCH;
      if (event.pmu.task_ctx_nr === 'hw') kernel.global?.account(kernel, target.task !== undefined);
      if (!(yield* this.#install(event))) return -ESRCH;
      // The next member of the group is tried together with those that there are.
      const { group_leader } = event;
      if (group_leader !== event && !group_leader.sibling_list.includes(event)) group_leader.sibling_list.push(event);
      return event;
    });
  }

  /** mmap() of a buffer with `pages` data pages. */
  *mmap(event: PerfEvent, pages: number): Steps<RingBuffer> {
    const kernel = this.#kernel;
    if (!this.#concerns(event.cpu)) return this.#local.mmap(event, pages);
    return yield* this.#syscall(function* (this: RemoteSyscalls): Steps<RingBuffer> {
      kernel.cpu.spend(FN.perf_mmap);
      yield* this.act({ op: 'perf_mmap', event: event.id, size: pages * PAGE_SIZE, reader: kernel.current.pid });
      return event.rb!;
    });
  }

  /** PERF_EVENT_IOC_SET_OUTPUT */
  *setOutput(event: PerfEvent, rb: RingBuffer): Steps<void> {
    if (!this.#concerns(event.cpu)) return this.#local.setOutput(event, rb);
    yield* this.#syscall(function* (this: RemoteSyscalls): Steps<void> {
      this.#kernel.cpu.spend(FN.perf_ioctl);
      yield* this.act({ op: 'perf_set_output', event: event.id, rb: rb.id });
    });
  }

  /** PERF_EVENT_IOC_ENABLE */
  *enable(event: PerfEvent): Steps<void> {
    yield* this.#ioctl(event, 'enable');
  }

  /** PERF_EVENT_IOC_DISABLE */
  *disable(event: PerfEvent): Steps<void> {
    yield* this.#ioctl(event, 'disable');
  }

  /** read() with PERF_FORMAT_TOTAL_TIME_ENABLED|RUNNING; an event in ERROR reads as zero. */
  *read(event: PerfEvent): Steps<PerfCountsValues> {
    const kernel = this.#kernel;
    if (!this.#concerns(event.cpu)) return this.#local.read(event);
    return yield* this.#syscall(function* (this: RemoteSyscalls): Steps<PerfCountsValues> {
      kernel.cpu.spend(FN.perf_read);
      const { cpus, counted } = yield* this.act({ op: 'perf_cpus', event: event.id });
      const read = new Map<number, PerfCountsValues>();
      const tids = new Set<number | undefined>();
      for (let again = 0; ; again++) {
        const answers = yield* this.#ask(cpus!, event, 'read');
        if (answers.some(({ failed }) => failed)) return { val: 0, ena: 0, run: 0 };
        // One that was read, moved, and was read there again counts once.
        for (const { id, tid, ...count } of answers.flatMap(({ copies }) => copies)) {
          read.set(id, count);
          tids.add(tid);
        }
        const { ended, counted: still } = yield* this.act({ op: 'perf_ended', event: event.id });
        // One may move to a CPU that was asked before, or be on its way.
        const missed = still!.some((tid) => counted!.includes(tid) && !tids.has(tid));
        if (missed && again < MOST_AGAIN) continue;
        // Those that have ended since they were read are not counted twice.
        for (const { id, count, enabled, running } of ended!)
          if (!read.has(id)) read.set(id, { val: count, ena: enabled, run: running });
        let [val, ena, run] = [0, 0, 0];
        for (const part of read.values()) [val, ena, run] = [val + part.val, ena + part.ena, run + part.run];
        return { val, ena, run };
      }
    });
  }

  *close(event: PerfEvent): Steps<void> {
    if (!this.#concerns(event.cpu)) return this.#local.close(event);
    yield* this.#syscall(function* (this: RemoteSyscalls): Steps<void> {
      yield* this.#each(event, 'remove');
      yield* this.act({ op: 'perf_close', event: event.id });
      if (event.pmu.task_ctx_nr === 'hw') unaccount_event(this.#kernel, event);
    });
  }

  /** Takes everything out of the buffers that has been written by now. */
  *drain(buffers: readonly RingBuffer[]): Steps<{ records: KernelRecord[]; bytes: number }> {
    const elsewhere = buffers.filter(({ reader }) => reader !== undefined).map(({ id }) => id);
    const outcome = elsewhere.length === 0 ? undefined : yield* this.act({ op: 'perf_drain', buffers: elsewhere });
    const parts = buffers.map((rb) => (rb.reader === undefined ? rb.drain() : outcome!.drained!.get(rb.id)!));
    return {
      records: parts.flatMap(({ records }) => records),
      bytes: parts.reduce((bytes, part) => bytes + part.bytes, 0),
    };
  }

  /** The living threads, by pid. */
  *tasks(): Steps<readonly Task[]> {
    const { pids } = yield* this.act({ op: 'proc_tasks' });
    return pids!.flatMap((pid) => this.#kernel.system.taskOf(pid) ?? []);
  }

  /** fork(): the child, which runs `body`. */
  *fork(body: TaskBody): Steps<Task> {
    return yield* this.#until((goOn: (child: Task) => void) => this.#kernel.fork(body, goOn));
  }

  /** An act of the caller, in its turn. */
  *act(act: SystemAct): Steps<ActOutcome> {
    return yield* this.#until((goOn: (outcome: ActOutcome) => void) => this.#kernel.turns.act(act, goOn));
  }

  /** What `begin` passes on, at once or when the CPU has stood still for it. */
  *#until<T>(begin: (goOn: (result: T) => void) => void): Steps<T> {
    let result: T | undefined;
    let waits = false;
    begin((given) => {
      result = given;
      if (waits) this.#resume();
    });
    waits = result === undefined;
    if (waits) yield;
    return result!;
  }

  *#ioctl(event: PerfEvent, func: 'enable' | 'disable'): Steps<void> {
    if (!this.#concerns(event.cpu)) return this.#local[func](event);
    yield* this.#syscall(function* (this: RemoteSyscalls): Steps<void> {
      this.#kernel.cpu.spend(FN.perf_ioctl);
      yield* this.#each(event, func);
    });
  }

  /** Puts an event to use where the thread is that it follows, or on its CPU. False: the thread has ended. */
  *#install({ id, task, cpu }: PerfEvent): Steps<boolean> {
    for (;;) {
      const cpus = task === undefined ? [cpu] : (yield* this.act({ op: 'task_cpus', pid: task.pid })).cpus!;
      if (cpus.length === 0) return false;
      for (const one of cpus) {
        const { copies } = yield* this.#at(one, { func: 'install', event: id });
        if (copies.length > 0) return true;
      }
      // It was on its way from one to another.
    }
  }

  /** For an event and those inherited from it, on every CPU that may have one of them. */
  *#each(event: PerfEvent, func: Exclude<PerfCall['func'], 'install'>): Steps<PerfAnswer[]> {
    for (;;) {
      const { cpus, lives } = yield* this.act({ op: 'perf_cpus', event: event.id });
      const answers = yield* this.#ask(cpus!, event, func);
      // What follows a living thread that nobody had was on its way.
      if (lives !== true || answers.some(({ copies }) => copies.some(({ id }) => id === event.id))) return answers;
    }
  }

  *#ask(cpus: readonly number[], event: PerfEvent, func: PerfCall['func']): Steps<PerfAnswer[]> {
    const answers: PerfAnswer[] = [];
    for (const cpu of cpus) answers.push(yield* this.#at(cpu, { func, event: event.id }));
    return answers;
  }

  /** Here, or by smp_call_function_single(). */
  *#at(cpu: number, call: PerfCall): Steps<PerfAnswer> {
    const kernel = this.#kernel;
    if (cpu === kernel.number) return perform(kernel, call);
    return (yield* this.#until((goOn: (given: Answered) => void) =>
      kernel.turns.smp_call_function_single(cpu, call, goOn),
    )).answer!;
  }

  *#syscall<T>(work: (this: RemoteSyscalls) => Steps<T>): Steps<T> {
    const kernel = this.#kernel;
    kernel.enterSyscall();
    const result = yield* work.call(this);
    kernel.leaveSyscall();
    return result;
  }

  /** Whether an event of that CPU, or with -1 of any, may concern several that are simulated. */
  #concerns(cpu: number): boolean {
    const { cpus } = this.#kernel.system;
    return cpus.size > 1 && (cpu === -1 || cpus.has(cpu));
  }
}
