/**
 * What the counts of folded stacks mean: samples, or some weight of samples.
 *
 * bcc's profile, async-profiler and stackcollapse (for lines without a period) write numbers of samples.
 * stackcollapse-perf.pl and inferno sum the periods if perf script prints them; offcputime and bpftrace write
 * microseconds, async-profiler's "total" nanoseconds, memleak and allocation profilers bytes. Shares make sense for
 * all of these, but only samples can be summed to a number of samples: a test that takes other weights for samples
 * finds a difference in everything.
 *
 * A fixed period divides every count, and dividing by it gives the samples. Powers of two do not count as a period, as
 * sizes are aligned to them. Without a period, counts are taken for weights if samples would look different:
 *  - a fraction;
 *  - more than a recording can hold;
 *  - many, and no stack seldom: among a hundred thousand samples, some show the program's start and end;
 *  - tens of stacks of a thousand each, or a few of many thousands, none seen only a few times: most stacks are rare;
 *  - millions, in so few stacks that each has many thousands.
 *
 * Not modelled: weights that look like samples (a few stacks of some hundred microseconds each); nothing tells them
 * apart.
 */

/** What the counts are, if not samples. */
export type CountUnit =
  /** Each sample counts for `period`, from which `samples` was computed. */
  | { readonly kind: 'period'; readonly period: number }
  /** Of unknown meaning; the smallest and the largest. */
  | { readonly kind: 'weights'; readonly smallest: number; readonly largest: number }
  /** Differences of readings, some of which fell: 2^64 minus the fall. */
  | { readonly kind: 'falls' };

export interface JudgedCounts {
  /** Undefined if the counts do not tell. */
  readonly samples: number | undefined;
  readonly unit?: CountUnit;
}

/** A common divisor is trusted if chance is this much less likely. */
const NO_CHANCE = 1e9;
/** More samples than any folded file is made of. */
const TOO_MANY = 1e9;
/** In as many samples, some stack is seen less often than `SELDOM`. */
const MANY = 1e5;
const SELDOM = 1000;
/** If this many stacks average `SELDOM` samples, or fewer average more, some were seen only a few times. */
const TENS = 20;
const OFTEN = 20_000;
const A_FEW = 10;
/** This many samples fall on more stacks than would leave `OFTEN` to each. */
const MILLIONS = 1e7;

/** Takes counts, one at a time. */
export class CountsSeen {
  #lines = 0;
  #few = 0;
  #sum = 0;
  #smallest = Infinity;
  #largest = 0;
  #divisor = 0;
  #whole = true;
  /** Different counts, up to the number that matters. */
  readonly #values = new Set<number>();

  /** `count` is at least 0; a count of 0 says nothing. */
  add(count: number): void {
    if (count === 0) return;
    this.#lines++;
    this.#sum += count;
    this.#smallest = Math.min(this.#smallest, count);
    this.#largest = Math.max(this.#largest, count);
    if (this.#values.size < TENS + A_FEW) this.#values.add(count);
    if (!Number.isInteger(count)) this.#whole = false;
    else if (this.#whole) this.#divisor = greatestCommonDivisor(this.#divisor, count);
    if (count <= A_FEW) this.#few++;
  }

  judge(): JudgedCounts {
    const weights = {
      samples: undefined,
      unit: { kind: 'weights', smallest: this.#smallest, largest: this.#largest },
    } as const;
    if (this.#lines === 0) return { samples: 0 };
    if (!this.#whole) return weights;
    const period = this.#divisor;
    const shared = period > 1 && this.#values.size > 1 && period ** this.#values.size >= NO_CHANCE;
    if (!shared) return this.#asSamples(1) ? { samples: this.#sum } : weights;
    if (isPowerOfTwo(period) || !this.#asSamples(period)) return weights;
    return { samples: Math.round(this.#sum / period), unit: { kind: 'period', period } };
  }

  /** Whether the counts could be samples of this period. */
  #asSamples(period: number): boolean {
    const [samples, smallest] = [this.#sum / period, this.#smallest / period];
    if (samples > TOO_MANY || (samples >= MANY && smallest >= SELDOM)) return false;
    // A period that divides everything is better evidence than the spread of its multiples.
    if (period > 1) return true;
    const mean = samples / this.#lines;
    if (mean >= OFTEN && samples >= MILLIONS) return false;
    return this.#few > 0 || mean < SELDOM || (mean < OFTEN && this.#lines < TENS);
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return x;
}

const isPowerOfTwo = (n: number): boolean => (BigInt(n) & (BigInt(n) - 1n)) === 0n;
