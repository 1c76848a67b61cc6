/** What a core tells its probe: what the software on it does not see. */

/** An overflow pulled the PMI line; the interrupt comes later. */
export interface CoreStep {
  readonly kind: 'wrap';
  /** IA32_PERF_GLOBAL_STATUS at that moment. */
  readonly global_status: number;
}
