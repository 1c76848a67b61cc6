/** Operations of a kernel on its PMU, with their times. Plain data for renderers. */

/** Operations of a kernel on its PMU, and others around these. */
export type Operation =
  | 'enable GLOBAL_CTRL'
  | 'disable GLOBAL_CTRL'
  | 'r/w FIXED_CTR_CTRL'
  /** Writes of FIXED_CTR_CTRL that switch a counter on. */
  | 'enable a fixed counter'
  | 'r/w EVENTSEL'
  /** Writes of PERFEVTSEL that switch a counter on. */
  | 'enable a GP counter'
  | 'r/w counter'
  | 'RDPMC'
  | 'r/w GLOBAL_STATUS, OVF_CTRL'
  | 'w LVTPC'
  /** A PMI in the driver: intel_pmu_handle_irq. */
  | 'x86_pmu.handle_irq'
  /** perf's part of switching to and from a task with hardware events. */
  | 'context_switch, sched_in'
  | 'context_switch, sched_out'
  /** perf_rotate_context, when events do change places. */
  | 'rotation'
  /** tick_sched_timer, including perf_event_task_tick. */
  | 'tick'
  /** KVM makes or releases a host event for a virtual counter: in the host, inside the accesses above. */
  | 'pmc_reprogram_counter, GP'
  | 'pmc_reprogram_counter, fixed'
  | 'pmc_stop_counter, GP'
  | 'pmc_stop_counter, fixed';

/** Times of one operation in a run, ns. All 0 if it did not occur. */
export interface OperationRow {
  readonly operation: Operation;
  readonly calls: number;
  readonly mean: number;
  readonly min: number;
  /** Nearest-rank, so an observed value. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** VM-exits of one call, on average. */
  readonly exits: number;
  /** Time outside the guest of one call, on average. */
  readonly host: number;
  /** False: p50 and p99 are rounded up by up to 0.1 %. */
  readonly exact: boolean;
}
