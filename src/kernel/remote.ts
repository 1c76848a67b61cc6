/**
 * Perf events on other CPUs of the same boot: the system calls that must ask another CPU, and what that one does.
 *
 * The CPU that owns an event does everything about it. A system call about another's event sends an IPI, and spins until
 * the other has answered; so it is a generator, which yields while its CPU spins. Of an event of its own CPU, or of one that
 * is not simulated, it is the plain system call (perf-syscalls.ts) and never yields.
 *
 * Reading a ring buffer needs no system call. But what is in it depends on how far its CPU has come, so that a reader takes
 * from all buffers in one step, which waits until all CPUs have come as far. The writer learns of the room a latency
 * later.
 *
 * Source: kernel/events/core.c (cpu_function_call, event_function_call, perf_event_read, perf_install_in_context),
 * kernel/smp.c (smp_call_function_single), Linux 5.0.
 * Not modelled: interrupts of other CPUs while one spins; a call is saved if a task's event is known to be off its CPU,
 * here it is made.
 */
import type { KernelRecord, PerfEventAttr } from '../uapi/perf-event.ts';
import { DONE, type Outcome } from './futex.ts';
import type { Kernel } from './kernel.ts';
import { perf_event_new, unaccount_event } from './kernel-counter.ts';
import { PERF_EVENT_STATE, type OpenTarget, type PerfCountsValues, type PerfEvent } from './perf-event.ts';
import { perf_event_sum } from './perf-inherit.ts';
import { perform } from './perf-install.ts';
import { refusal, type PerfSyscalls } from './perf-syscalls.ts';
import type { PerfCall } from './mail.ts';
import type { RingBuffer } from './ring-buffer.ts';
import { FN } from './symbols.ts';

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
    const to = target.task === undefined ? target.cpu : target.task.cpu;
    if (!this.#isElsewhere(to)) return this.#local.perf_event_open(attr, target);
    return yield* this.#syscall(function* (this: RemoteSyscalls): Steps<PerfEvent | number> {
      kernel.cpu.spend(FN.__do_sys_perf_event_open);
      const refused = refusal(kernel, attr, target);
      if (refused !== 0) return refused;
      const event = perf_event_new(kernel, attr, target, undefined);
      if (typeof event === 'number') return event;
      kernel.global?.account(kernel, target.task !== undefined);
      yield* this.#call(to, { func: 'install', event });
      return event;
    });
  }

  /** mmap() of a buffer with `pages` data pages. */
  mmap(event: PerfEvent, pages: number): RingBuffer {
    const rb = this.#local.mmap(event, pages);
    const writer = event.cpu === this.#kernel.number ? undefined : this.#kernel.system.cpus.get(event.cpu);
    if (writer === undefined) return rb;
    rb.readFrom(this.#kernel.current, event.cpu);
    writer.shared_buffers.add(rb);
    return rb;
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
    if (!this.#anyElsewhere(event)) return this.#local.read(event);
    return yield* this.#syscall(function* (this: RemoteSyscalls): Steps<PerfCountsValues> {
      kernel.cpu.spend(FN.perf_read);
      if (event.state === PERF_EVENT_STATE.ERROR) return { val: 0, ena: 0, run: 0 };
      yield* this.#each(event, 'read');
      return perf_event_sum(event);
    });
  }

  *close(event: PerfEvent): Steps<void> {
    if (!this.#anyElsewhere(event)) return this.#local.close(event);
    yield* this.#syscall(function* (this: RemoteSyscalls): Steps<void> {
      yield* this.#each(event, 'remove');
      if (event.pmu.task_ctx_nr === 'hw') unaccount_event(this.#kernel, event);
    });
  }

  /** Takes everything out of the buffers that has been written by now. */
  *drain(buffers: readonly RingBuffer[]): Steps<{ records: KernelRecord[]; bytes: number }> {
    const kernel = this.#kernel;
    const records: KernelRecord[] = [];
    let bytes = 0;
    const take = (): Outcome => {
      const now = kernel.cpu.now();
      for (const rb of buffers) {
        const part = rb.drain(now);
        for (const record of part.records) records.push(record);
        bytes += part.bytes;
        if (rb.writer !== undefined && part.bytes > 0)
          kernel.mail.post({ kind: 'tail', to: rb.writer, sent: now, rb, tail: part.tail });
      }
      return DONE;
    };
    if (buffers.some(({ reader }) => reader !== undefined)) {
      kernel.turns.act(take, this.#resume, { looks: true, posts: true });
      yield;
    } else take();
    return { records, bytes };
  }

  *#ioctl(event: PerfEvent, func: 'enable' | 'disable'): Steps<void> {
    if (!this.#anyElsewhere(event)) return this.#local[func](event);
    yield* this.#syscall(function* (this: RemoteSyscalls): Steps<void> {
      this.#kernel.cpu.spend(FN.perf_ioctl);
      yield* this.#each(event, func);
    });
  }

  /** For an event and those inherited from it. */
  *#each(event: PerfEvent, func: Exclude<PerfCall['func'], 'install'>): Steps<void> {
    for (const one of [event, ...event.child_list]) {
      const at = cpuOf(one);
      if (this.#isElsewhere(at)) yield* this.#call(at, { func, event: one });
      else perform(this.#kernel, { func, event: one });
    }
  }

  /** smp_call_function_single() */
  *#call(to: number, call: PerfCall): Steps<void> {
    this.#kernel.turns.smp_call_function_single(to, call, this.#resume);
    yield;
  }

  *#syscall<T>(work: (this: RemoteSyscalls) => Steps<T>): Steps<T> {
    const kernel = this.#kernel;
    kernel.enterSyscall();
    const result = yield* work.call(this);
    kernel.leaveSyscall();
    return result;
  }

  #anyElsewhere(event: PerfEvent): boolean {
    if (this.#kernel.system.cpus.size === 1) return false;
    return [event, ...event.child_list].some((one) => this.#isElsewhere(cpuOf(one)));
  }

  #isElsewhere(cpu: number): boolean {
    return cpu !== this.#kernel.number && this.#kernel.system.cpus.has(cpu);
  }
}

/** Whose event it is: its CPU's, or that of the CPU to which its task belongs. */
const cpuOf = ({ cpu, ctx }: PerfEvent): number => ctx.task?.cpu ?? cpu;
