/** What perf's part of context switches consists of. Plain data for renderers. */

/** Switches of one kind under one design; ns, part by part in the order of SwitchReport.parts. */
export interface SwitchParts {
  readonly vpmu: string;
  readonly operation: 'sched_in' | 'sched_out';
  readonly calls: number;
  readonly mean: readonly number[];
  readonly longest: readonly number[];
}

export interface SwitchReport {
  /** The command that was run. */
  readonly command: string;
  readonly vcpus: number;
  readonly migrations: readonly { readonly vpmu: string; readonly count: number }[];
  readonly parts: readonly string[];
  readonly switches: readonly SwitchParts[];
}
