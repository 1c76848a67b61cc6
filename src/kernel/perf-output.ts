/**
 * What perf's core writes into ring buffers: samples, and the side-band records that tell a reader whose addresses they
 * hold.
 *
 * Source: kernel/events/core.c (perf_event_output_forward, perf_prepare_sample, perf_log_throttle, perf_event_comm,
 * perf_event_mmap, perf_event_task), arch/x86/events/core.c (perf_misc_flags, perf_callchain_kernel), Linux 5.0.
 * Not modelled: register and stack dumps, raw data, branch stacks, data addresses.
 */
import type { Regs } from '../arch/cpu.ts';
import { asDoubles } from '../sim/doubles.ts';
import {
  PERF_CONTEXT,
  PERF_FORMAT,
  PERF_RECORD,
  PERF_RECORD_MISC,
  PERF_SAMPLE,
  type KernelRecord,
  type ReadFormat,
  type SampleRecord,
} from '../uapi/perf-event.ts';
import { address, nanos, type Address, type Nanos } from '../units.ts';
import { atLeast } from './config.ts';
import { has_inherit_and_sample_read } from './perf-inherit.ts';
import type { PerCpu } from './per-cpu.ts';
import {
  ctx_events,
  PERF_EVENT_STATE,
  groupMembers,
  primaryEvent,
  type PerfEvent,
  type PerfEventContext,
} from './perf-event.ts';
import { FN } from './symbols.ts';
import type { Task } from './task.ts';

/** sysctl kernel.perf_event_max_stack */
const PERF_MAX_STACK_DEPTH = 127;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Fields every record of an event carries. */
type Common = Pick<SampleRecord, 'pid' | 'tid' | 'time' | 'id' | 'stream_id' | 'cpu'>;

function newSample(
  misc: number,
  ip: Address,
  period: number,
  { tgid, pid }: Pick<Task, 'tgid' | 'pid'>,
  time: Nanos,
  id: number,
  stream_id: number,
  cpu: number,
): Mutable<SampleRecord> {
  return { type: PERF_RECORD.SAMPLE, misc, ip, period, pid: tgid, tid: pid, time, id, stream_id, cpu };
}

export class PerfOutput {
  readonly #here: PerCpu;

  constructor(here: PerCpu) {
    this.#here = here;
    asDoubles(newSample(0, address(0), 0, here.idle, nanos(0), 0, 0, 0), 'ip', 'period', 'time');
  }

  /** perf_event_output_forward(): writes one sample of what the interrupt hit; it stands for `period` events. */
  sample(event: PerfEvent, regs: Regs, period: number): void {
    const { cpu, current } = this.#here;
    const { attr } = event;
    const at = this.#sampled(event, regs);
    const { USER, KERNEL, GUEST_USER, GUEST_KERNEL } = PERF_RECORD_MISC;
    const misc = at === regs ? (at.cpl === 3 ? USER : KERNEL) : at.cpl === 3 ? GUEST_USER : GUEST_KERNEL;
    cpu.enter(FN.perf_event_output_forward);
    cpu.spend(FN.perf_event_output_forward);
    cpu.spend(FN.perf_prepare_sample);
    const { number } = this.#here;
    const record = newSample(misc, at.ip, period, current, cpu.nanos(), primaryEvent(event).id, event.id, number);
    if ((attr.sample_type & PERF_SAMPLE.READ) !== 0) record.read = this.#perf_output_read(event);
    if ((attr.sample_type & PERF_SAMPLE.CALLCHAIN) !== 0) record.callchain = this.#callchain(event, regs);
    this.#write(event, record);
    cpu.leave();
  }

  /**
   * Where perf_misc_flags() and perf_instruction_pointer() look: an interrupt that caused a VM-exit is attributed to the guest
   * (kvm_is_in_guest). From 6.13 on, an event that excludes guests gets the host's address instead ("perf/core: Correct
   * perf sampling with guest VMs").
   */
  #sampled({ attr }: PerfEvent, regs: Regs): Pick<Regs, 'cpl' | 'ip'> {
    const { guest } = regs;
    return guest === undefined || (attr.exclude_guest === true && atLeast(this.#here.config, 6, 13)) ? regs : guest;
  }

  /**
   * perf_output_read(): counts and times of the event or its group. The sampled event's own count is already up to
   * date.
   */
  #perf_output_read(event: PerfEvent): ReadFormat {
    const { ctx, tstamp, total_time_enabled, total_time_running } = event;
    const members = (event.attr.read_format & PERF_FORMAT.GROUP) === 0 ? [event] : groupMembers(event.group_leader);
    for (const member of members)
      if (member !== event && member.state === PERF_EVENT_STATE.ACTIVE) member.pmu.read(member);
    const ofThread = has_inherit_and_sample_read(event.attr);
    const since = ctx.time - tstamp + this.#here.cpu.nanos() - ctx.timestamp;
    return {
      time_enabled: total_time_enabled + since,
      time_running: total_time_running + since,
      values: members.map((member) => ({
        value: ofThread ? member.count : member.count + member.ended.count,
        id: primaryEvent(member).id,
        lost: member.lost_samples,
      })),
    };
  }

  /**
   * perf_event_read_event(): what an inherited event counted in a thread that ends. Where the kernel writes into the buffer
   * of another CPU, whose event it is, this one's takes it: only its own CPU knows a buffer as of now.
   */
  read(event: PerfEvent, task: Task): void {
    const { count, ended, total_time_enabled: time_enabled, total_time_running: time_running, lost_samples } = event;
    const values = [{ value: count + ended.count, id: primaryEvent(event).id, lost: lost_samples }];
    const read = { time_enabled, time_running, values };
    const { number } = this.#here;
    const isOwn = ({ cpu }: PerfEvent): boolean => cpu === -1 || cpu === number;
    const own = isOwn(event) ? event : [...ctx_events(event.ctx)].find(isOwn);
    if (own !== undefined) this.#write(own, { type: PERF_RECORD.READ, misc: 0, ...this.#common(event, task), read });
  }

  /** perf_log_throttle(): THROTTLE, or UNTHROTTLE if `enable`. */
  throttle(event: PerfEvent, enable: boolean): void {
    if (primaryEvent(event).rb === undefined) return;
    this.#here.cpu.spend(FN.perf_log_throttle);
    const type = enable ? PERF_RECORD.UNTHROTTLE : PERF_RECORD.THROTTLE;
    this.#write(event, { type, misc: 0, ...this.#common(event, this.#here.current) });
  }

  /** Writes a side-band record about a task to every event in `contexts` that wants this kind. */
  sideband(
    task: Task,
    contexts: readonly (PerfEventContext | undefined)[],
    wanted: (event: PerfEvent) => boolean,
    make: (event: PerfEvent, common: Common) => KernelRecord,
  ): void {
    for (const ctx of contexts) {
      if (ctx === undefined) continue;
      for (const leader of [...ctx.pinned_groups, ...ctx.flexible_groups])
        for (const event of groupMembers(leader)) {
          const here = event.cpu === -1 || event.cpu === this.#here.number;
          if (!here || event.state < 0 || primaryEvent(event).rb === undefined || !wanted(event)) continue;
          this.#write(event, make(event, this.#common(event, task)));
        }
    }
  }

  /** perf_output_begin() to perf_output_end(): an inherited event writes into the buffer of the one it came from. */
  #write(writer: PerfEvent, record: KernelRecord): void {
    const event = primaryEvent(writer);
    const { rb } = event;
    if (rb === undefined) return;
    const { cpu } = this.#here;
    cpu.spend(FN.perf_output_begin_forward);
    cpu.spend(FN.perf_output_sample);
    cpu.spend(FN.perf_output_end);
    if (rb.follows !== undefined) rb.writesOn(this.#here.number);
    const note: KernelRecord | undefined =
      rb.lost > 0
        ? { type: PERF_RECORD.LOST, misc: 0, lost: rb.lost, ...this.#common(event, this.#here.current) }
        : undefined;
    const { lostTotal } = rb;
    const wake = rb.write(event.attr, record, note, cpu.now());
    if (rb.lostTotal > lostTotal) event.lost_samples++;
    if (!wake || event.pending_wakeup) return;
    event.pending_wakeup = true;
    this.#here.pending_wakeups.add(event);
    cpu.raiseIrqWork();
  }

  #common(event: PerfEvent, task: Task): Common {
    return {
      pid: task.tgid,
      tid: task.pid,
      time: this.#here.cpu.nanos(),
      id: primaryEvent(event).id,
      stream_id: event.id,
      cpu: this.#here.number,
    };
  }

  /**
   * get_perf_callchain(): the kernel part if the interrupt hit ring 0, the user part if there is user code below. For a
   * guest there are only the markers.
   */
  #callchain(event: PerfEvent, regs: Regs): Address[] {
    const { cpu, current } = this.#here;
    const { attr } = event;
    const chain: Address[] = [];
    const max =
      attr.sample_max_stack !== undefined && attr.sample_max_stack > 0 ? attr.sample_max_stack : PERF_MAX_STACK_DEPTH;
    cpu.spend(FN.get_perf_callchain);
    if (regs.guest !== undefined) {
      if (attr.exclude_callchain_kernel !== true) chain.push(address(PERF_CONTEXT.KERNEL));
      if (attr.exclude_callchain_user !== true) chain.push(address(PERF_CONTEXT.USER));
      return chain;
    }
    if (regs.cpl === 0 && attr.exclude_callchain_kernel !== true) {
      cpu.spend(FN.perf_callchain_kernel);
      chain.push(address(PERF_CONTEXT.KERNEL), regs.ip, ...regs.kernelFrames.slice(0, max - 1));
    }
    const user = current.cursor;
    if (user !== undefined && attr.exclude_callchain_user !== true) {
      cpu.spend(FN.perf_callchain_user);
      const frames = [regs.cpl === 3 ? regs.ip : user.ip];
      user.callchain(frames);
      // Markers do not count towards the limit.
      const room = max - Math.max(0, chain.length - 1);
      chain.push(address(PERF_CONTEXT.USER), ...frames.slice(0, room));
    }
    return chain;
  }
}
