/** What a kernel tells its probe: where perf moves events on and off the PMU. */

/** Events of one kind leave with a task, come with a task, or take turns (rotation). */
export interface KernelStep {
  readonly kind: 'sched_out' | 'sched_in' | 'rotation';
  readonly context: 'hw' | 'sw';
}
