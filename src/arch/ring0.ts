/**
 * Ring 0 as a table of functions: address, time and events of one pass through each. The kernel names the functions,
 * machine/ring0.ts fills the table, the core walks it.
 */
import type { EventVector } from './events.ts';
import type { Address, Cycles } from '../units.ts';

/** A ring-0 function; `index` is its place in the table. */
export interface Ring0Function {
  readonly index: number;
  readonly name: string;
  readonly address: Address;
  readonly size: number;
  /** One pass, without its callees: the mean. */
  readonly cost: Cycles;
  /** Events of one pass: whole numbers, and cycles equal to `cost`. Passes of any length have the same of the others. */
  readonly events: EventVector;
  /** Absent: every pass takes `cost`. */
  readonly spread?: PassSpread | undefined;
}

/** The least that a pass takes, and the quantiles, with mean 1, of what comes on top (sim/spread.ts). */
export interface PassSpread {
  readonly least: Cycles;
  readonly quantiles: Float64Array;
}

export type Ring0Table = readonly Ring0Function[];

/** The functions to which the core charges the processor's own slow instructions. */
export interface MsrFunctions {
  readonly rdmsr: number;
  readonly wrmsr: number;
  readonly rdpmc: number;
}
