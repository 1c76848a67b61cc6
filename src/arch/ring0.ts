/**
 * Ring 0 as a table of functions: where each one's code lies, how long one pass through it takes and what retires
 * meanwhile. The kernel names the functions, machine/costs.ts fills the table, the core walks it.
 */
import type { EventVector } from './events.ts';
import type { Address, Cycles } from '../units.ts';

/** A function of ring 0. `index` is its place in the table. */
export interface Ring0Function {
  readonly index: number;
  readonly name: string;
  readonly address: Address;
  readonly size: number;
  /** One pass, its callees not included. */
  readonly cost: Cycles;
  /** What one pass retires: whole numbers, cycles equal to `cost`. */
  readonly events: EventVector;
}

export type Ring0Table = readonly Ring0Function[];

/** The functions in which the processor's own slow instructions are executed, for the core to charge. */
export interface MsrFunctions {
  readonly rdmsr: number;
  readonly wrmsr: number;
  readonly rdpmc: number;
}
