/** A check of the contract, and how it fails. */
import { AssertionError } from 'chai';
import { GeneralProtection } from '../../arch/msr.ts';
import type { ContractKernel } from './kernel.ts';

export interface Check {
  readonly name: string;
  /** The first version of the PMU to which it applies. */
  readonly since?: number;
  /** Counters it needs, if more than one general-purpose one. */
  readonly needs?: { readonly gp?: number; readonly fixed?: number };
  readonly run: (kernel: ContractKernel) => void;
}

/** What is wrong with a PMU that fails a check. */
export type PmuFault =
  | 'a register does not hold what it must'
  | 'interrupts are missing or too many'
  | 'an access that must fault does not'
  | 'an access that must not fault does';

/** A failed check and the kind of failure; `message` says what was expected. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
  readonly fault: PmuFault;

  constructor(fault: PmuFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** Runs a check or a part of it. Throws CheckFailure, and whatever `ask` throws besides. */
export function asking(fault: PmuFault, ask: () => void): void {
  try {
    ask();
  } catch (error) {
    if (error instanceof AssertionError) throw new CheckFailure(fault, error.message);
    if (error instanceof GeneralProtection) throw new CheckFailure('an access that must not fault does', error.message);
    throw error;
  }
}
