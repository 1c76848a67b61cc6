/**
 * What the counts of folded stacks count: samples, or something that samples weigh.
 *
 * bcc's profile, async-profiler and stackcollapse of lines without a period write numbers of samples. stackcollapse-perf.pl and
 * inferno add up the periods where perf script prints them; offcputime and bpftrace write microseconds, async-profiler's
 * "total" nanoseconds, memleak and allocation profilers bytes. Shares are shares of any of them, but their sum is no number of
 * samples, and a test that takes it for one finds a difference in everything.
 *
 * A fixed period divides every count, and dividing by it gives the samples back. Powers of two are left out of that: they are
 * what sizes are aligned to. Without one, counts are taken for weights where samples would look otherwise:
 *  - a fraction;
 *  - more than a recording can hold;
 *  - many, and no stack seldom: whatever is sampled a hundred thousand times was started and stopped as well;
 *  - tens of stacks of a thousand each, or a few of many thousands, none of which was seen a few times: most stacks are rare;
 *  - millions, in so few stacks that each has many thousands.
 *
 * Not modelled: weights that pass for samples (a few stacks with some hundred microseconds each); nothing tells them apart.
 */

/** What counts are, where it is not samples. */
export type CountUnit =
  /** Each sample counts as so many; `samples` was found by it. */
  | { readonly kind: 'period'; readonly period: number }
  /** Nobody knows what; the largest and the smallest. */
  | { readonly kind: 'weights'; readonly smallest: number; readonly largest: number }
  /** Differences of readings, some of which fell: 2^64 less the fall. */
  | { readonly kind: 'falls' };

export interface JudgedCounts {
  /** Undefined if the counts do not tell. */
  readonly samples: number | undefined;
  readonly unit?: CountUnit;
}

/** By how much less likely than not a common divisor must be chance. */
const NO_CHANCE = 1e9;
/** Samples that no folded file is made of. */
const TOO_MANY = 1e9;
/** Samples from which some stack was seen less often than `SELDOM`. */
const MANY = 1e5;
const SELDOM = 1000;
/** Tens of stacks with `SELDOM` samples each on the mean, or fewer with so many: some were seen a few times. */
const TENS = 20;
const OFTEN = 20_000;
const A_FEW = 10;
/** Samples that are of more stacks than leave `OFTEN` to each. */
const MILLIONS = 1e7;

/** Counts, one at a time. */
export class CountsSeen {
  #lines = 0;
  #few = 0;
  #sum = 0;
  #smallest = Infinity;
  #largest = 0;
  #divisor = 0;
  #whole = true;
  /** How many different ones there are, as far as it matters. */
  readonly #values = new Set<number>();

  /** `count` is at least 0; nothing that was seen no time says anything. */
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

  /** Whether counts of so many each could be samples. */
  #asSamples(period: number): boolean {
    const [samples, smallest] = [this.#sum / period, this.#smallest / period];
    if (samples > TOO_MANY || (samples >= MANY && smallest >= SELDOM)) return false;
    // A period that divides all is known better than by how its multiples are spread.
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
