/** What a kernel tells its probe: where perf moves events on and off the PMU, and who has the CPU. */
import type { Task } from './task.ts';

export type KernelStep =
  /** Events of one kind leave with a task, come with a task, or take turns (rotation). */
  | { readonly kind: 'sched_out' | 'sched_in' | 'rotation'; readonly context: 'hw' | 'sw' }
  /** One task has given way to another, or to the idle one. */
  | { readonly kind: 'switch'; readonly prev: Task; readonly next: Task };
