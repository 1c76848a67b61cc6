/** A vPMU design held to the contract. Plain data for renderers. */

/** A vPMU design put to the contract on one host. */
export interface ContractReport {
  /** As --vpmu names it. */
  readonly vpmu: string;
  readonly design: string;
  readonly machine: string;
  /** Linux on the host. */
  readonly release: string;
  readonly checks: number;
  /** What fails as the design says it does. */
  readonly declared: readonly { readonly check: string; readonly reason: string; readonly commit: string }[];
  readonly failures: readonly ContractFailure[];
}

export interface ContractFailure {
  readonly check: string;
  /** What failures have in common. */
  readonly cause: string;
  /** What was expected in this one; '' if the cause says all. */
  readonly detail: string;
}
