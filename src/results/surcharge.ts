/** What a host's first and last hardware event cost, by its number of CPUs. Plain data for renderers. */

/** Work of one kind within a call: how often for each number of CPUs, and at which cost, ns. */
export interface SurchargeRow {
  /** The kernel function that does it. */
  readonly fn: string;
  /** The spec key of its cost. */
  readonly cost: string;
  readonly each: number;
  readonly times: readonly number[];
  /** Grows with the number of CPUs, or with its square. */
  readonly grows: 'linear' | 'quadratic';
}

export interface SurchargeReport {
  /** The host's Linux, and its host.ipi. */
  readonly release: string;
  readonly scenario: string;
  /** How much of what its parts cost a call takes in that scenario, on average. */
  readonly share: number;
  /** Numbers of CPUs, ascending; the machine's own is one of them. */
  readonly cpus: readonly number[];
  readonly own: number;
  readonly calls: readonly { readonly name: string; readonly rows: readonly SurchargeRow[] }[];
}
