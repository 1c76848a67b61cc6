/** What a core tells its probe: nothing but what no software on it sees happen. */

/** An overflow pulled the PMI line; the interrupt is yet to come. */
export interface CoreStep {
  readonly kind: 'wrap';
  /** IA32_PERF_GLOBAL_STATUS just then. */
  readonly global_status: number;
}
