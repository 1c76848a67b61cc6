/**
 * What every part of the kernel may lean on: the CPU it runs on, its configuration, its clockwork, the task it runs for.
 */
import type { Cpu } from '../arch/cpu.ts';
import type { Alarm, Order } from '../sim/event-queue.ts';
import type { Probe } from '../sim/probe.ts';
import type { Cycles, Nanos } from '../units.ts';
import type { KernelConfig } from './config.ts';
import type { KernelStep } from './steps.ts';
import type { Task } from './task.ts';

export interface KernelServices {
  readonly cpu: Cpu;
  readonly config: KernelConfig;
  /** Cycles of one tick. */
  readonly tick: Cycles;
  /** The task whose context the CPU is in. */
  readonly current: Task;
  /** Arms an hrtimer: `fire` runs in the timer interrupt at or after `when`. */
  hrtimer(when: Cycles, order: Order, fire: (when: Cycles) => void): Alarm;
  cyclesOf(ns: number): Cycles;
  nanosOf(span: Cycles): Nanos;
  /** Appends a line to the kernel log. */
  printk(text: string): void;
  /** Hears, if somebody watches, of what perf does at context switches and when it rotates. */
  readonly probe: Probe<KernelStep> | undefined;
  /** try_to_wake_up() */
  wake(task: Task, reason: string): void;
}
