/**
 * perf_event_open and the system calls on its file descriptors. A PerfEvent stands for its descriptor. Events of other
 * simulated CPUs: remote.ts.
 *
 * Source: kernel/events/core.c (SYSCALL_DEFINE5(perf_event_open), perf_mmap, perf_ioctl, perf_read, perf_poll), Linux
 * 5.0.
 * Not modelled: descriptor limits, filters, breakpoints and tracepoints.
 */
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import { EACCES, EINVAL, ESRCH } from './errno.ts';
import type { Kernel } from './kernel.ts';
import { perf_event_alloc, perf_event_release_kernel } from './kernel-counter.ts';
import { PERF_EVENT_STATE, type OpenTarget, type PerfCountsValues, type PerfEvent } from './perf-event.ts';
import { perf_event_read_value } from './perf-inherit.ts';
import { RingBuffer } from './ring-buffer.ts';
import { FN } from './symbols.ts';
import { isZombie, wait_task_zombie, type Task } from './task.ts';

export const PAGE_SIZE = 4096;

export class PerfSyscalls {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** perf_event_open(2): the event, or a negative errno. */
  perf_event_open(attr: PerfEventAttr, target: OpenTarget): PerfEvent | number {
    const kernel = this.#kernel;
    return kernel.syscall(() => {
      kernel.cpu.spend(FN.__do_sys_perf_event_open);
      const refused = refusal(kernel, attr, target);
      const event = refused === 0 ? perf_event_alloc(kernel, attr, target, undefined) : refused;
      if (typeof event !== 'number') kernel.system.events.set(event.id, event);
      return event;
    });
  }

  /** mmap() of a buffer with `pages` data pages. */
  mmap(event: PerfEvent, pages: number): RingBuffer {
    const kernel = this.#kernel;
    return kernel.syscall(() => {
      kernel.cpu.spend(FN.perf_mmap);
      const rb = new RingBuffer(pages * PAGE_SIZE, event.attr, event.id);
      event.rb = rb;
      return rb;
    });
  }

  /** PERF_EVENT_IOC_SET_OUTPUT */
  setOutput(event: PerfEvent, rb: RingBuffer): void {
    this.#ioctl(() => {
      event.rb = rb;
      rb.take(event.attr);
    });
  }

  /** PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE */
  enable(event: PerfEvent): void {
    this.#ioctl(() => perf_event_for_each_child(event, (one) => this.#kernel.perf.enable(one)));
  }
  disable(event: PerfEvent): void {
    this.#ioctl(() => perf_event_for_each_child(event, (one) => this.#kernel.perf.disable(one)));
  }

  /** read() with PERF_FORMAT_TOTAL_TIME_ENABLED|RUNNING; an event in ERROR reads as zero. */
  read(event: PerfEvent): PerfCountsValues {
    const kernel = this.#kernel;
    return kernel.syscall(() => {
      kernel.cpu.spend(FN.perf_read);
      if (event.state === PERF_EVENT_STATE.ERROR) return { val: 0, ena: 0, run: 0 };
      return perf_event_read_value(event, (one) => kernel.perf.read(one));
    });
  }

  close(event: PerfEvent): void {
    const kernel = this.#kernel;
    kernel.syscall(() => perf_event_release_kernel(kernel, event));
    kernel.system.events.delete(event.id);
  }

  /** poll() on ring buffers: true if one has passed its watermark or a signal came; otherwise the caller sleeps. */
  poll(buffers: readonly RingBuffer[]): boolean {
    const kernel = this.#kernel;
    return kernel.syscall(() => {
      kernel.cpu.spend(FN.do_sys_poll);
      kernel.cpu.spend(FN.perf_poll, buffers.length);
      const task = kernel.current;
      if (task.signal_pending) {
        task.signal_pending = false;
        return true;
      }
      let ready = false;
      for (const rb of buffers) {
        ready ||= rb.poll;
        rb.poll = false;
        rb.waiter = task;
      }
      if (!ready) kernel.sleep();
      return ready;
    });
  }

  /** wait4(): the child's status; undefined: the caller sleeps until the child ends. */
  wait4(child: Task): number | undefined {
    const kernel = this.#kernel;
    return kernel.syscall(() => {
      kernel.cpu.spend(FN.do_wait);
      if (isZombie(child)) return wait_task_zombie(kernel.current, child);
      kernel.sleep();
      return undefined;
    });
  }

  /** write() of `bytes` to a file. */
  write(bytes: number): void {
    const kernel = this.#kernel;
    kernel.syscall(() => {
      kernel.cpu.spend(FN.vfs_write);
      kernel.cpu.spend(FN.ext4_file_write_iter);
      kernel.cpu.spend(FN.generic_perform_write, Math.ceil(bytes / PAGE_SIZE));
    });
  }

  #ioctl(work: () => void): void {
    const kernel = this.#kernel;
    kernel.syscall(() => {
      kernel.cpu.spend(FN.perf_ioctl);
      work();
    });
  }
}

/** What perf_event_open() checks first: 0, or a negative errno. */
export function refusal({ config, sysctl }: Kernel, attr: PerfEventAttr, { task }: OpenTarget): number {
  if (attr.freq === true && attr.sample_period > sysctl.sysctl_perf_event_sample_rate) return -EINVAL;
  const { perf_event_paranoid: paranoid } = config;
  if (paranoid > 1 && attr.exclude_kernel !== true) return -EACCES;
  if (task?.state === 'dead') return -ESRCH;
  return paranoid > 0 && task === undefined ? -EACCES : 0;
}

function perf_event_for_each_child(event: PerfEvent, work: (one: PerfEvent) => void): void {
  for (const one of [event, ...event.child_list]) work(one);
}
