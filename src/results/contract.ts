/** A vPMU design held to the contract. Plain data for renderers. */

/** Result of checking a vPMU design against the contract on one host. */
export interface ContractReport {
  /** As --vpmu names it. */
  readonly vpmu: string;
  readonly design: string;
  readonly machine: string;
  /** Linux on the host. */
  readonly release: string;
  readonly checks: number;
  /** Failures that the design declares (`deviates`). */
  readonly declared: readonly { readonly check: string; readonly reason: string; readonly commit: string }[];
  readonly failures: readonly ContractFailure[];
}

export interface ContractFailure {
  readonly check: string;
  /** The common cause of failures. */
  readonly cause: string;
  /** What was expected here; '' if the cause says everything. */
  readonly detail: string;
}
