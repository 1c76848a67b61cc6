/**
 * struct perf_event, hw_perf_event, perf_event_context, perf_cpu_context and pmu: the data structures of perf's core.
 *
 * Source: include/linux/perf_event.h and kernel/events/core.c as of Linux 5.0; field names are the kernel's.
 * Not modelled: cgroups, AUX areas, BPF, address filters.
 */
import type { Regs } from '../arch/cpu.ts';
import { asDoubles } from '../sim/doubles.ts';
import type { Alarm } from '../sim/event-queue.ts';
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import type { Cycles, Nanos } from '../units.ts';
import type { RingBuffer } from './ring-buffer.ts';
import type { Task } from './task.ts';

/** enum perf_event_state. */
export const PERF_EVENT_STATE = { DEAD: -4, EXIT: -3, ERROR: -2, OFF: -1, INACTIVE: 0, ACTIVE: 1 } as const;
export type PerfEventState = (typeof PERF_EVENT_STATE)[keyof typeof PERF_EVENT_STATE];

/** PERF_EF_*: flags of pmu.add, start and stop. */
export const PERF_EF = { START: 1, RELOAD: 2, UPDATE: 4 } as const;
/** PERF_HES_*: hw.state. */
export const PERF_HES = { STOPPED: 1, UPTODATE: 2, ARCH: 4 } as const;

/** hw.interrupts of a throttled event (MAX_INTERRUPTS). */
export const MAX_INTERRUPTS = Infinity;

/** struct hw_perf_event_extra: a register shared by all events on the PMU that want the same value in it. */
export interface ExtraReg {
  readonly config: number;
  /** Which of the two registers holds it, or held it last. */
  idx: 0 | 1;
  /** The event is on the PMU and holds the register. */
  alloc: boolean;
}

/** struct hw_perf_event. */
interface HwPerfEvent {
  /** IA32_PERFEVTSELx value without EN, or the event number of a software PMU. */
  config: number;
  /** MSR_OFFCORE_RSP_0 or _1 with its value, for the events that need one. */
  extra_reg: ExtraReg | undefined;
  /** Its counter; -1: none. Fixed counters start at PMC_IDX_FIXED. */
  idx: number;
  last_cpu: number;
  last_tag: number;
  config_base: number;
  event_base: number;
  event_base_rdpmc: number;
  /** PERF_HES_* */
  state: number;
  prev_count: number;
  sample_period: number;
  last_period: number;
  period_left: number;
  /** PMIs in this tick; MAX_INTERRUPTS: throttled. */
  interrupts: number;
  interrupts_seq: number;
  freq_time_stamp: Nanos;
  freq_count_stamp: number;
}

/** struct pmu, for one CPU: puts events of one kind on counters. Errors are negative errnos. */
export interface Pmu {
  readonly name: string;
  /** Which of a task's contexts its events live in. Hardware events may find no counter; software events always fit. */
  readonly task_ctx_nr: 'hw' | 'sw';
  pmu_enable(): void;
  pmu_disable(): void;
  /** 0, or why the event is refused (-ENOENT: not mine, try the next PMU). */
  event_init(event: PerfEvent): number;
  add(event: PerfEvent, flags: number): number;
  del(event: PerfEvent): void;
  start(event: PerfEvent, flags: number): void;
  stop(event: PerfEvent, flags: number): void;
  read(event: PerfEvent): void;
  start_txn(): void;
  commit_txn(): number;
  cancel_txn(): void;
  /** 0 if the event can have this period, else a negative errno. */
  check_period?(event: PerfEvent, value: number): number;
}

/**
 * What happens on overflow after accounting: a sample for user space, a callback for in-kernel users (KVM, watchdog).
 */
export type OverflowHandler = (event: PerfEvent, regs: Regs, period: number) => void;

/** struct perf_event. */
export interface PerfEvent {
  readonly id: number;
  readonly attr: PerfEventAttr;
  /** That of the CPU on which it is, was last or will be first. */
  pmu: Pmu;
  /** The task it follows; undefined: it counts whatever its CPU runs. */
  readonly task: Task | undefined;
  /** CPU it is confined to; -1: wherever its task runs. */
  readonly cpu: number;
  group_leader: PerfEvent;
  /** The other members of the group; empty unless this is the leader. */
  readonly sibling_list: PerfEvent[];
  ctx: PerfEventContext;
  state: PerfEventState;
  /** The event that it was inherited from, never itself inherited. Records go to that one's buffer, under its id. */
  readonly parent: PerfEvent | undefined;
  /** Events that threads and processes which still live have inherited from this one. */
  readonly child_list: Set<PerfEvent>;
  readonly hw: HwPerfEvent;
  count: number;
  total_time_enabled: number;
  total_time_running: number;
  /** The same of inherited events that have ended (child_count, child_total_time_*). */
  readonly ended: { count: number; enabled: number; running: number };
  /** Each of them, in a system of several CPUs. */
  readonly ended_copies: EndedCount[];
  /** Living threads, by tid, that have it or have inherited it, in a system of several CPUs. */
  readonly holders: Set<number>;
  /** ctx.time at the last change of the times above. */
  tstamp: number;
  /** Cleared by the first exec. */
  enable_on_exec: boolean;
  /** Where its records go; PERF_EVENT_IOC_SET_OUTPUT lets events of one CPU share a buffer. */
  rb: RingBuffer | undefined;
  pending_wakeup: boolean;
  /** How many of its records found no room in the buffer. */
  lost_samples: number;
  /** undefined: it writes samples (perf_event_output_forward). */
  overflow_handler: OverflowHandler | undefined;
  /** KVM drives the counter: the host's driver leaves its selector and counter registers alone but may read them. */
  ownedByKvm: boolean;
  /** KVM has said that it has switched the counter off (perf_event_owner_switched): it keeps it, but no time passes. */
  ownerOff: boolean;
}

/** What read() of an event fills in: struct perf_counts_values. */
export interface PerfCountsValues {
  readonly val: number;
  /** ns the event was enabled. */
  readonly ena: number;
  /** ns it was on a counter. */
  readonly run: number;
}

/** What an event has counted when its thread ends; of one that is not inherited, only several CPUs need to know. */
export interface EndedCount {
  /** Ids: its own, and that of the event that it was inherited from, or its own again. */
  readonly id: number;
  readonly parent: number;
  readonly count: number;
  readonly enabled: number;
  readonly running: number;
}

/** The event that user space knows: itself, or the one that it was inherited from. */
export const primaryEvent = (event: PerfEvent): PerfEvent => event.parent ?? event;

/** is_sampling_event() */
export const is_sampling_event = (event: PerfEvent): boolean => event.attr.sample_period !== 0;

/** struct perf_event_context: the events of a task, or of a CPU, of one kind. */
export interface PerfEventContext {
  readonly kind: 'hw' | 'sw';
  /** Of a task's context: no other one of the boot has it. */
  readonly id: number;
  /** Whose events they are now: clones that follow each other on a CPU swap their contexts. */
  task: Task | undefined;
  /** The id of the context that this one is a clone of, and that one's generation then. */
  parent_ctx: number | undefined;
  parent_gen: number;
  /** How often events have come and gone. */
  generation: number;
  /** Group leaders in the order they are tried; rotation moves the first active flexible one to the end. */
  readonly pinned_groups: PerfEvent[];
  readonly flexible_groups: PerfEvent[];
  readonly pinned_active: PerfEvent[];
  readonly flexible_active: PerfEvent[];
  nr_events: number;
  nr_active: number;
  nr_freq: number;
  /** EVENT_* */
  is_active: number;
  /** ns the context was on a CPU with its clock running. */
  time: number;
  timestamp: Nanos;
}

/** EVENT_*: which parts of a context are scheduled. */
export const EVENT = { FLEXIBLE: 1, PINNED: 2, TIME: 4, CPU: 8, ALL: 3 } as const;

export const perfEventContext = (kind: 'hw' | 'sw', task: Task | undefined, id = 0): PerfEventContext =>
  asDoubles(
    {
      kind,
      id,
      task,
      parent_ctx: undefined,
      parent_gen: 0,
      generation: 0,
      pinned_groups: [],
      flexible_groups: [],
      pinned_active: [],
      flexible_active: [],
      nr_events: 0,
      nr_active: 0,
      nr_freq: 0,
      is_active: 0,
      time: 0,
      timestamp: 0 as Nanos,
    },
    'time',
    'timestamp',
  );

/** struct perf_cpu_context: one for each CPU and kind. */
export interface PerfCpuContext {
  /** The CPU's own events. */
  readonly ctx: PerfEventContext;
  /** The context of the task on the CPU, if it has events. */
  task_ctx: PerfEventContext | undefined;
  /** Hardware events on the PMU. */
  active_oncpu: number;
  /** An exclusive group is on the PMU: no other hardware event may join it. */
  exclusive: boolean;
  mux: Alarm | undefined;
  /** Last due time of the multiplexing timer, kept while it is stopped so that its grid stays. */
  muxExpiry: Cycles | undefined;
}

export const perfCpuContext = (kind: 'hw' | 'sw'): PerfCpuContext => ({
  ctx: perfEventContext(kind, undefined),
  task_ctx: undefined,
  active_oncpu: 0,
  exclusive: false,
  mux: undefined,
  muxExpiry: undefined,
});

/**
 * perf_event_set_state(): books the time spent in the old state, then changes it. A leader that is switched on or off
 * starts or stops the clocks of its members, too.
 */
export function perf_event_set_state(event: PerfEvent, state: PerfEventState): void {
  if (event.state === state) return;
  perf_event_update_time(event);
  if (event.state < 0 !== state < 0) for (const member of event.sibling_list) perf_event_update_time(member);
  event.state = state;
}

/** perf_event_update_time(): enabled while INACTIVE or better, running while ACTIVE, in the context's time. */
export function perf_event_update_time(event: PerfEvent): void {
  const now = event.ctx.time;
  const delta = now - event.tstamp;
  event.tstamp = now;
  const state = effective_state(event);
  if (state >= PERF_EVENT_STATE.INACTIVE) event.total_time_enabled += delta;
  if (state >= PERF_EVENT_STATE.ACTIVE) event.total_time_running += delta;
}

/** __perf_effective_state(): while the leader is off, so are its members; and an event is while its owner has it off. */
export function effective_state({ group_leader, state, ownerOff }: PerfEvent): PerfEventState {
  if (group_leader.state <= PERF_EVENT_STATE.OFF) return group_leader.state;
  return ownerOff && state > PERF_EVENT_STATE.OFF ? PERF_EVENT_STATE.OFF : state;
}

/** Which class of its context an event belongs to, and whether that is the CPU's own (get_event_type). */
export function get_event_type(event: PerfEvent, ofCpu: boolean): number {
  return (event.group_leader.attr.pinned === true ? EVENT.PINNED : EVENT.FLEXIBLE) | (ofCpu ? EVENT.CPU : 0);
}

/**
 * Every event of a context now, leaders before their members (ctx->event_list). A thread that perf record follows has one for each
 * possible CPU, and every tick looks at all of them.
 */
export function ctx_events(ctx: PerfEventContext): PerfEvent[] {
  const events: PerfEvent[] = [];
  for (const groups of [ctx.pinned_groups, ctx.flexible_groups])
    for (const leader of groups) {
      events.push(leader);
      for (const sibling of leader.sibling_list) events.push(sibling);
    }
  return events;
}

/** Leader first, then siblings. */
export const groupMembers = (leader: PerfEvent): PerfEvent[] => [leader, ...leader.sibling_list];

/** What an event is opened on. */
export interface OpenTarget {
  /** The task to follow; undefined: everything on `cpu`. */
  readonly task: Task | undefined;
  /** -1: wherever the task runs. */
  readonly cpu: number;
  readonly group_leader: PerfEvent | undefined;
}

/** The fields of a new event; its context, and what its PMU keeps in `hw`, are yet to be filled in. */
export function newEvent(
  id: number,
  attr: PerfEventAttr,
  pmu: Pmu,
  { task, cpu, group_leader }: OpenTarget,
  overflow_handler: OverflowHandler | undefined,
  parent?: PerfEvent,
): PerfEvent {
  const period = attr.freq === true ? 1 : Number(attr.sample_period);
  const event = {
    id,
    attr,
    pmu,
    task,
    cpu,
    sibling_list: [],
    state: initialState(attr),
    parent,
    child_list: new Set(),
    hw: {
      config: 0,
      extra_reg: undefined,
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
      period_left: attr.sample_period === 0 ? 0 : period,
      interrupts: 0,
      interrupts_seq: -1,
      // 0 in the kernel, which has been up for longer than two ticks by then: the first PMI gives no feedback.
      freq_time_stamp: -Infinity,
      freq_count_stamp: 0,
    },
    count: 0,
    total_time_enabled: 0,
    total_time_running: 0,
    ended: { count: 0, enabled: 0, running: 0 },
    ended_copies: [],
    holders: new Set(),
    tstamp: 0,
    enable_on_exec: attr.enable_on_exec === true,
    rb: undefined,
    pending_wakeup: false,
    lost_samples: 0,
    overflow_handler,
    ownedByKvm: false,
    ownerOff: false,
  } as unknown as PerfEvent;
  asDoubles(event.hw, 'prev_count', 'sample_period', 'last_period', 'period_left', 'interrupts', 'freq_count_stamp');
  event.group_leader = group_leader ?? event;
  return asDoubles(event, 'count', 'total_time_enabled', 'total_time_running', 'tstamp');
}

/** perf_event__state_init() */
export const initialState = (attr: PerfEventAttr): PerfEventState =>
  attr.disabled === true ? PERF_EVENT_STATE.OFF : PERF_EVENT_STATE.INACTIVE;

/** list_del(): does nothing if the event is not in the list. */
export function removeFrom(list: PerfEvent[], item: PerfEvent): void {
  const i = list.indexOf(item);
  if (i >= 0) list.splice(i, 1);
}
