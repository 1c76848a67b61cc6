/**
 * The variables of one CPU (DEFINE_PER_CPU): its current task and run queue, its timers and log, the state of perf and
 * of the PMU driver. No other CPU touches them.
 *
 * Not modelled: softirqs, and irq_work other than perf's wakeups.
 */
import type { Cpu, Regs } from '../arch/cpu.ts';
import { asDoubles } from '../sim/doubles.ts';
import type { Alarm, Order } from '../sim/event-queue.ts';
import type { Probe } from '../sim/probe.ts';
import { toCycles, toNanos, type Cycles, type Hertz, type Nanos } from '../units.ts';
import type { CpuConfig, KernelConfig } from './config.ts';
import { CpuHwEvents } from './cpu-hw-events.ts';
import { Hrtimers } from './hrtimer.ts';
import { Mail } from './mail.ts';
import { perfCpuContext, type PerfCpuContext, type PerfEvent } from './perf-event.ts';
import type { RingBuffer } from './ring-buffer.ts';
import { RunQueue } from './sched.ts';
import type { KernelStep } from './steps.ts';
import { PerfSysctls } from './sysctl.ts';
import type { System } from './system.ts';
import { newTask, type Task } from './task.ts';

const NSEC_PER_SEC = 1e9;
/** 2 * rq->max_idle_balance_cost, ns. */
export const MAX_AVG_IDLE = 1e6;

/** Numbers that no other CPU of the boot gives out: each has every n-th, if there are n. */
class Stripe {
  readonly #here: Pick<PerCpu, 'number' | 'system'>;
  #taken = 0;

  constructor(here: Pick<PerCpu, 'number' | 'system'>) {
    this.#here = here;
  }

  get next(): number {
    const { number, system } = this.#here;
    const { size } = system.cpus;
    return 1 + (number % size) + size * this.#taken;
  }

  take(): number {
    const { next } = this;
    this.#taken++;
    return next;
  }
}

export class PerCpu {
  /** smp_processor_id() */
  readonly number: number;
  readonly cpu: Cpu;
  readonly system: System;
  /** irq_stat.kvm_cpu_l1tf_flush_l1d: an interrupt was served since KVM last entered a guest. */
  kvm_cpu_l1tf_flush_l1d = false;
  /** The limits of sampling as this CPU knows them; whoever simulates several tells it what the others have lowered. */
  readonly sysctl: PerfSysctls;
  readonly config: KernelConfig;
  /** Cycles of one tick. */
  readonly tick: Cycles;
  /** The task that has the CPU, and the one that has it when no other task is runnable. */
  current: Task;
  readonly idle: Task;
  readonly rq: RunQueue;
  /** When `current` was last picked. */
  pickedAt = 0 as Cycles;
  /** rq->nr_running of other CPUs as of the last grid line, with the tasks that this one has sent them since. */
  readonly others_running = new Map<number, number>();
  /** SCHED_SOFTIRQ is pending: time to look for tasks of busier CPUs. When a busy CPU does so next. */
  rebalances = false;
  next_balance = 0 as Cycles;
  /** Pending likewise: the idle CPU that is to be kicked, so that it looks for tasks. */
  kicks: number | undefined;
  /** rq->idle_stamp; 0: not idle. rq->avg_idle, ns. */
  idle_stamp = 0 as Cycles;
  avg_idle = MAX_AVG_IDLE;
  readonly timers: Hrtimers;
  readonly mail = new Mail();
  /** Processes that a signal has ended here, with that signal. */
  readonly killed = new Map<number, number>();
  /** What the current timer interrupt hit (get_irq_regs). */
  irq_regs: Regs | undefined;
  /** Events whose buffers passed their watermark: irq_work will wake their readers. */
  readonly pending_wakeups = new Set<PerfEvent>();
  /** irq_work of others (irq_work_queue): done in the same interrupt, after that. */
  readonly irq_work: (() => void)[] = [];
  readonly cpuctx: Readonly<Record<'hw' | 'sw', PerfCpuContext>> = {
    hw: perfCpuContext('hw'),
    sw: perfCpuContext('sw'),
  };
  readonly cpu_hw_events: CpuHwEvents;
  /** 128 times the average length of a PMI, ns; no sysctl resets it. */
  running_sample_length: number;
  /** perf_throttled_seq, perf_throttled_count */
  throttled_seq = 0;
  throttled_count = 0;
  /** Buffers into which this CPU writes, and from which a task reads that may act when it is woken. */
  readonly shared_buffers = new Set<RingBuffer>();
  /** perf_event_id: ids of events that are made here; and ids of contexts. */
  readonly event_ids = new Stripe(this);
  readonly context_ids = new Stripe(this);
  /** LVTPC raises PERF_GUEST_MEDIATED_PMI: an NMI that comes now is not a PMI. */
  guest_lvtpc_loaded = false;
  /** KVM's handler for PMIs of a guest's own counters (perf_guest_info_callbacks.handle_mediated_pmi). */
  handle_mediated_pmi: (() => void) | undefined;
  /** rq->prev_steal_time: how much of the time that others had its core has been accounted. */
  prev_steal_time = 0 as Cycles;
  /** PMIs served, and context switches made. */
  nmis = 0;
  switches = 0;
  /** This CPU's lines in the kernel log. */
  readonly log: { readonly time: Nanos; readonly text: string }[] = [];
  /** If set: told of context switches, and of what perf does at them and at rotations. */
  probe: Probe<KernelStep> | undefined;
  readonly #clock: Hertz;

  constructor(system: System, cpu: Cpu, { number, clock, running_sample_length }: CpuConfig) {
    this.system = system;
    this.sysctl = new PerfSysctls(system.config);
    this.config = system.config;
    this.number = number;
    this.cpu = cpu;
    this.#clock = clock;
    this.tick = this.cyclesOf(NSEC_PER_SEC / system.config.hz);
    this.idle = newTask(0, undefined, 'swapper', { run: () => undefined });
    this.current = this.idle;
    this.rq = new RunQueue(clock);
    this.timers = new Hrtimers(cpu);
    this.cpu_hw_events = new CpuHwEvents(number);
    this.running_sample_length = running_sample_length;
    asDoubles(this, 'pickedAt', 'next_balance', 'idle_stamp', 'avg_idle');
  }

  /** rq->nr_running: tasks that are runnable here, the running one included. */
  get nr_running(): number {
    return this.rq.waiting + (this.current !== this.idle && this.current.state === 'running' ? 1 : 0);
  }

  cyclesOf(ns: number): Cycles {
    return toCycles(ns, this.#clock);
  }

  nanosOf(span: Cycles): Nanos {
    return toNanos(span, this.#clock);
  }

  /** Arms an hrtimer: `fire` runs in the timer interrupt at or after `when`. */
  hrtimer(when: Cycles, order: Order, fire: (when: Cycles) => void): Alarm {
    return this.timers.start(when, order, fire);
  }

  /** Appends a line to the kernel log. */
  printk(text: string): void {
    this.log.push({ time: this.cpu.nanos(), text });
  }
}
