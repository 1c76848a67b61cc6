/**
 * The system calls that are perf's interface: perf_event_open and what is done with its file descriptors. A PerfEvent
 * stands for its descriptor.
 *
 * Source: kernel/events/core.c (SYSCALL_DEFINE5(perf_event_open), perf_mmap, perf_ioctl, perf_read, perf_poll), Linux 5.0.
 * Not modelled: descriptor limits, inheritance, filters, breakpoints and tracepoints.
 */
import type { Evsel } from '../uapi/evsel.ts';
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import type { StatCount } from '../uapi/results.ts';
import { EACCES, EINVAL, ENOENT } from './errno.ts';
import type { Kernel } from './kernel.ts';
import { PERF_EVENT_STATE, type OverflowHandler, type PerfEvent } from './perf-event.ts';
import { RingBuffer } from './ring-buffer.ts';
import { FN } from './symbols.ts';
import type { Task } from './task.ts';

const PAGE_SIZE = 4096;

export interface OpenTarget {
  /** The task to follow; undefined: everything on `cpu`. */
  readonly task: Task | undefined;
  /** -1: wherever the task runs. */
  readonly cpu: number;
  readonly group_leader: PerfEvent | undefined;
}

export class PerfSyscalls {
  readonly #kernel: Kernel;
  #nextId = 1;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** perf_event_open(2): the event, or a negative errno. */
  perf_event_open(evsel: Evsel, attr: PerfEventAttr, target: OpenTarget): PerfEvent | number {
    const kernel = this.#kernel;
    return kernel.syscall(() => {
      kernel.cpu.spend(FN.__do_sys_perf_event_open);
      if (attr.freq === true && attr.sample_period > kernel.rate.sysctl_perf_event_sample_rate) return -EINVAL;
      const { perf_event_paranoid: paranoid } = kernel.config;
      if (paranoid > 1 && attr.exclude_kernel !== true) return -EACCES;
      if (paranoid > 0 && target.task === undefined) return -EACCES;
      return this.perf_event_alloc(evsel, attr, target, (event, regs) => kernel.output.sample(event, regs));
    });
  }

  /** perf_event_alloc() and perf_install_in_context(), shared with in-kernel users. */
  perf_event_alloc(
    evsel: Evsel | undefined,
    wanted: PerfEventAttr,
    target: OpenTarget,
    overflow_handler: OverflowHandler,
  ): PerfEvent | number {
    const kernel = this.#kernel;
    kernel.cpu.spend(FN.perf_event_alloc);
    const attr = { ...wanted };
    const { group_leader } = target;
    for (const pmu of [kernel.pmu, kernel.swPmu]) {
      const sampling = attr.sample_period !== 0;
      const period = attr.freq === true ? 1 : attr.sample_period;
      const event = {
        id: this.#nextId,
        attr,
        pmu,
        task: target.task,
        cpu: target.cpu,
        sibling_list: [],
        state: attr.disabled === true ? PERF_EVENT_STATE.OFF : PERF_EVENT_STATE.INACTIVE,
        hw: {
          config: 0,
          extra_config: 0,
          idx: -1,
          last_cpu: -1,
          last_tag: 0,
          config_base: 0,
          event_base: 0,
          event_base_rdpmc: 0,
          state: 0,
          prev_count: 0,
          sample_period: period,
          last_period: period,
          period_left: sampling ? period : 0,
          interrupts: 0,
          interrupts_seq: -1,
          freq_time_stamp: kernel.cpu.nanos(),
          freq_count_stamp: 0,
        },
        count: 0,
        total_time_enabled: 0,
        total_time_running: 0,
        tstamp: 0,
        enable_on_exec: attr.enable_on_exec === true,
        rb: undefined,
        pending_wakeup: false,
        overflow_handler,
        evsel,
      } as unknown as PerfEvent;
      (event as { group_leader: PerfEvent }).group_leader = group_leader ?? event;
      const error = pmu.event_init(event);
      if (error === -ENOENT) continue;
      if (error !== 0) return error;
      this.#nextId++;
      // A software event may join a hardware group; a hardware event takes a software group along with it.
      const kind = group_leader !== undefined && pmu.task_ctx_nr === 'sw' ? group_leader.ctx.kind : pmu.task_ctx_nr;
      if (group_leader !== undefined && group_leader.ctx.kind !== kind) this.#moveGroup(group_leader, kind);
      event.ctx = kernel.perf.contextFor(kind, target.task);
      if (pmu === kernel.pmu) kernel.pmu.activeEvents++;
      kernel.perf.install(event);
      return event;
    }
    return -ENOENT;
  }

  /** mmap() of so many data pages. */
  mmap(event: PerfEvent, pages: number): RingBuffer {
    const kernel = this.#kernel;
    return kernel.syscall(() => {
      kernel.cpu.spend(FN.perf_mmap);
      const rb = new RingBuffer(pages * PAGE_SIZE, event.attr);
      event.rb = rb;
      return rb;
    });
  }

  /** PERF_EVENT_IOC_SET_OUTPUT */
  setOutput(event: PerfEvent, rb: RingBuffer): void {
    this.#ioctl(() => {
      event.rb = rb;
    });
  }

  /** PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE */
  enable(event: PerfEvent): void {
    this.#ioctl(() => this.#kernel.perf.enable(event));
  }
  disable(event: PerfEvent): void {
    this.#ioctl(() => this.#kernel.perf.disable(event));
  }

  /** read() with PERF_FORMAT_TOTAL_TIME_ENABLED|RUNNING. */
  read(event: PerfEvent): StatCount {
    const kernel = this.#kernel;
    return kernel.syscall(() => {
      kernel.cpu.spend(FN.perf_read);
      kernel.perf.read(event);
      return { val: event.count, ena: event.total_time_enabled, run: event.total_time_running, supported: true };
    });
  }

  close(event: PerfEvent): void {
    const kernel = this.#kernel;
    kernel.syscall(() => this.perf_event_release(event));
  }

  /** perf_event_release_kernel() */
  perf_event_release(event: PerfEvent): void {
    this.#kernel.perf.remove(event);
    if (event.pmu === this.#kernel.pmu) this.#kernel.pmu.activeEvents--;
  }

  /** poll() on ring buffers: true if one has passed its watermark or a signal came; else the caller now sleeps. */
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

  /** wait4(): the child's status, or undefined and the caller sleeps until it ends. */
  wait4(child: Task): number | undefined {
    const kernel = this.#kernel;
    return kernel.syscall(() => {
      kernel.cpu.spend(FN.do_wait);
      if (child.state === 'dead') return child.exit_code;
      kernel.sleep();
      return undefined;
    });
  }

  /** write() of so many bytes to a file. */
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

  #moveGroup(leader: PerfEvent, kind: 'hw' | 'sw'): void {
    const members = [leader, ...leader.sibling_list];
    const states = members.map((m) => m.state);
    for (const member of members.toReversed()) this.#kernel.perf.remove(member);
    members.forEach((member, i) => {
      member.state = states[i] as PerfEvent['state'];
      member.ctx = this.#kernel.perf.contextFor(kind, member.task);
      this.#kernel.perf.install(member);
    });
  }
}
