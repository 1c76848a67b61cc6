/** What a kernel does to its PMU, and what that took. Plain data for renderers. */

/** What a kernel does to its PMU, and what it does around that. */
export type Operation =
  | 'enable GLOBAL_CTRL'
  | 'disable GLOBAL_CTRL'
  | 'r/w FIXED_CTR_CTRL'
  /** Those writes of FIXED_CTR_CTRL that switch a counter on. */
  | 'enable a fixed counter'
  | 'r/w EVENTSEL'
  /** Those writes of PERFEVTSEL that switch a counter on. */
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
  /** perf_rotate_context, where somebody's turn is over. */
  | 'rotation'
  /** tick_sched_timer, perf_event_task_tick in it. */
  | 'tick'
  /** KVM makes a host event for a virtual counter, or gives one up; in the host, inside the accesses above. */
  | 'pmc_reprogram_counter, GP'
  | 'pmc_reprogram_counter, fixed'
  | 'pmc_stop_counter, GP'
  | 'pmc_stop_counter, fixed';

/** What one operation took in a run; times in ns. All 0 if it did not happen. */
export interface OperationRow {
  readonly operation: Operation;
  readonly calls: number;
  readonly mean: number;
  /** Nearest-rank: a value that came. */
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
