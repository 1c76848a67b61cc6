/** What a check of the contract is, and how it fails. */
import { AssertionError } from 'chai';
import { GeneralProtection } from '../../arch/msr.ts';
import type { ContractKernel } from './kernel.ts';

export interface Check {
  readonly name: string;
  /** The version of the PMU that it is about, and all later ones. */
  readonly since?: number;
  /** So many counters, if it takes more than one general-purpose one. */
  readonly needs?: { readonly gp?: number; readonly fixed?: number };
  readonly run: (kernel: ContractKernel) => void;
}

/** What is wrong with a PMU whose check fails. */
export type PmuFault =
  | 'a register does not hold what it must'
  | 'interrupts are missing or too many'
  | 'an access that must fault does not'
  | 'an access that must not fault does';

/** A check that fails, and of what kind its failure is; `message` says what was expected. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
  readonly fault: PmuFault;

  constructor(fault: PmuFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** Runs a check, or a part of one. Throws CheckFailure, and what else is thrown below. */
export function asking(fault: PmuFault, ask: () => void): void {
  try {
    ask();
  } catch (error) {
    if (error instanceof AssertionError) throw new CheckFailure(fault, error.message);
    if (error instanceof GeneralProtection) throw new CheckFailure('an access that must not fault does', error.message);
    throw error;
  }
}
