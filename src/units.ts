/**
 * Units of time, frequency and address, branded so that the compiler catches mix-ups.
 *
 * Time is counted in cycles of one core clock, always in multiples of 1/64 cycle. Sums of doubles are then exact up to
 * 2^53/64 cycles (14 hours at 2.8 GHz). Nanoseconds are used where Linux has them (sched_clock, perf timestamps, spec
 * values); only the two functions below convert them.
 *
 * Not modelled: clocks that drift apart. What a core counts at a higher clock (machine/turbo.ts) is no time.
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
 * (0xffffffff81000000 is -0x7f000000). Canonical addresses have 48 significant bits, so a double holds every one
 * exactly.
 */
export type Address = number & { readonly [unit]: 'address' };
/** A 64-bit value with all its bits; used only for printing and serialising. */
export type u64 = bigint;
/** An unsigned 64-bit value in a file: a number below 2^53, a bigint from there on. Each value has one form. */
export type U64 = number | bigint;
/** A time in a file, as U64. */
export type Nanos64 = Nanos | bigint;
/** A signed address in a file: an Address if a number holds it exactly (as all canonical ones), else a bigint. */
export type Address64 = Address | bigint;

/** Units of time in a cycle. */
export const SUBCYCLES = 64;

export const cycles = (n: number): Cycles => n as Cycles;
export const nanos = (n: number): Nanos => n as Nanos;
export const hertz = (n: number): Hertz => n as Hertz;
export const address = (n: number): Address => n as Address;

/** Nanoseconds as cycles, rounded to 1/64 cycle. */
export function toCycles(ns: number, clock: Hertz): Cycles {
  return (Math.round((ns * clock * SUBCYCLES) / 1e9) / SUBCYCLES) as Cycles;
}

/** Cycles as nanoseconds, rounded down; monotonic. */
export function toNanos(span: Cycles, clock: Hertz): Nanos {
  return Math.floor((span * 1e9) / clock) as Nanos;
}

/** The unsigned 64-bit form of an address, as files and MSRs hold it. */
export const addressToU64 = (a: Address): u64 => BigInt.asUintN(64, BigInt(a));

/** The signed form of an unsigned 64-bit address; exact for canonical addresses. */
export const addressFromU64 = (v: u64): Address => Number(BigInt.asIntN(64, v)) as Address;

/** The U64 form of a value; wraps at 2^64. */
export function toU64(v: bigint): U64 {
  const wrapped = BigInt.asUintN(64, v);
  return wrapped <= Number.MAX_SAFE_INTEGER ? Number(wrapped) : wrapped;
}

/** -2^53: lower addresses do not fit a double exactly. */
const LEAST_ADDRESS = -(2n ** 53n);

/** The Address64 form of an address; wraps at 2^64. */
export function toAddress64(v: bigint): Address64 {
  const wrapped = BigInt.asIntN(64, v);
  return wrapped <= Number.MAX_SAFE_INTEGER && wrapped >= LEAST_ADDRESS ? address(Number(wrapped)) : wrapped;
}

/** a - b of unsigned values, wrapping at 2^64 as in C. */
export function subU64(a: U64, b: U64): U64 {
  if (typeof a === 'number' && typeof b === 'number' && a >= b) return a - b;
  return toU64(BigInt(a) - BigInt(b));
}

/** from + by - less, for addresses and lengths, wrapping at 2^64. */
export function moveAddress(from: number | bigint, by: number | bigint, less: number | bigint = 0): Address64 {
  if (typeof from === 'number' && typeof by === 'number' && typeof less === 'number') {
    const sum = from - less + by;
    if (Number.isSafeInteger(from - less) && Number.isSafeInteger(sum)) return address(sum);
  }
  return toAddress64(BigInt(from) + BigInt(by) - BigInt(less));
}

/** Whether address a is below b, both taken as unsigned. */
export const isBelow = (a: number | bigint, b: number | bigint): boolean => (a < 0 === b < 0 ? a < b : b < 0);

/**
 * Sums of unsigned values that wrap at 2^64, kept as signed doubles: the difference of a counter that went down, a
 * number just below 2^64, is then small and exact. `signedU64` converts a value, `unsignedSum` gives the number that C
 * would print as %f, `sumText` the text that it would print as %lu, and `compareSums` orders sums.
 */
export const signedU64 = (value: U64): number => (typeof value === 'number' ? value : Number(BigInt.asIntN(64, value)));
export const unsignedSum = (sum: number): number => (sum < 0 ? sum + 2 ** 64 : sum);
export const sumText = (sum: number): string => String(sum < 0 ? BigInt.asUintN(64, BigInt(sum)) : sum);
export const compareSums = (a: number, b: number): number => (a < 0 === b < 0 ? a - b : a < 0 ? 1 : -1);
