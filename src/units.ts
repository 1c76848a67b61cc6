/**
 * Units of time, frequency and address, branded so that the compiler refuses a swap.
 *
 * Time is counted in cycles of one core clock, always a whole multiple of 1/64 cycle: sums of doubles are then exact up to
 * 2^53/64 cycles (14 hours at 2.8 GHz) and a ledger of times adds up to the last unit. Nanoseconds exist where Linux has
 * them (sched_clock, perf timestamps, spec values) and are converted by the two functions below only.
 *
 * Not modelled: frequency changes; one core has one clock.
 */
declare const unit: unique symbol;

/** Core cycles since boot, or a span of them; a multiple of 1/64. */
export type Cycles = number & { readonly [unit]: 'cycles' };
/** Nanoseconds as sched_clock() counts them. */
export type Nanos = number & { readonly [unit]: 'ns' };
/** Cycles per second. */
export type Hertz = number & { readonly [unit]: 'Hz' };
/**
 * A canonical 64-bit address as a signed number: user addresses are positive, kernel addresses negative
 * (0xffffffff81000000 is -0x7f000000). Canonical addresses have 48 significant bits, so a double holds every one exactly.
 */
export type Address = number & { readonly [unit]: 'address' };
/** A full 64-bit value where all bits matter; only at the borders that print or serialise. */
export type u64 = bigint;

/** Time comes in 64ths of a cycle. */
export const SUBCYCLES = 64;

export const cycles = (n: number): Cycles => n as Cycles;
export const nanos = (n: number): Nanos => n as Nanos;
export const hertz = (n: number): Hertz => n as Hertz;
export const address = (n: number): Address => n as Address;

/** The nearest multiple of 1/64 cycle to a span of nanoseconds. */
export function toCycles(ns: number, clock: Hertz): Cycles {
  return (Math.round((ns * clock * SUBCYCLES) / 1e9) / SUBCYCLES) as Cycles;
}

/** Whole nanoseconds elapsed after so many cycles; monotonic. */
export function toNanos(span: Cycles, clock: Hertz): Nanos {
  return Math.floor((span * 1e9) / clock) as Nanos;
}

/** The unsigned 64-bit form of an address, as files and MSRs hold it. */
export const addressToU64 = (a: Address): u64 => BigInt.asUintN(64, BigInt(a));

/** The signed form of an unsigned 64-bit address; exact for canonical addresses. */
export const addressFromU64 = (v: u64): Address => Number(BigInt.asIntN(64, v)) as Address;
