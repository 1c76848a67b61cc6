/**
 * Keys, random bits and exact integer draws: everything random about an execution comes from here.
 *
 * A 64-bit key names every piece of the execution tree (two 32-bit halves); children are keyed by chained mixing, and the
 * draws inside a piece come from a xoroshiro64** generator seeded with a key of its own. So any piece can be expanded
 * without having expanded what lies before it.
 *
 * Draws are exact (to the 2^-32 or 2^-53 of their uniform deviates) except that a hypergeometric draw of variance >= 10
 * uses the Cornish-Fisher quantile with skewness and kurtosis: total variation distance from the exact law below 6e-5 at
 * variance 10 and falling quickly (1e-8 at variance 500).
 *
 * Sources: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators" (xoroshiro64**); W. Hörmann, "The
 * generation of binomial random variates", J. Stat. Comput. Simul. 46 (1993) (BTRS); R. A. Fisher, E. A. Cornish,
 * Technometrics 2 (1960); the divide-and-conquer use of hypergeometric draws is that of P. Sanders et al., "Efficient
 * parallel random sampling", ACM TOMS 44(3), 2018.
 * Not modelled: populations of 2^53 or more.
 */
import { exp, lnFactorial, log, log1m, probit } from '../sim/math.ts';

/**
 * Version of the map from (program, seed) to execution. It changes with anything that moves a single draw: a mixing
 * constant or tag, the order of sites in a compiled image, the choice between drawing methods and its thresholds, the
 * size of a leaf chunk, a calibrated number in the sampler formulas. Results of different versions are different
 * experiments, so recordings carry it. The golden vectors in the tests hold it still.
 */
export const SEED_CONTRACT = 1;

/** What the last mixKey produced. Halves live here because a function that returned both would allocate. */
export const mixed = new Int32Array(2);

/** Derives the key of the child `tag` of a key into `mixed`. Every bit of the result depends on every bit given. */
export function mixKey(k0: number, k1: number, tag: number): void {
  let a = (k0 + Math.imul((tag + 1) | 0, 0x9e3779b1)) | 0;
  let b = k1 | 0;
  a = Math.imul(a ^ (a >>> 16), 0x7feb352d);
  b = (b ^ a) | 0;
  b = Math.imul(b ^ (b >>> 15), 0x846ca68b);
  a = (a + b) | 0;
  a = Math.imul(a ^ (a >>> 15), 0x21f0aaad);
  b = (b ^ (a ^ (a >>> 16))) | 0;
  b = Math.imul(b ^ (b >>> 16), 0x735a2d97);
  a = (a ^ b ^ (b >>> 15)) | 0;
  mixed[0] = a;
  mixed[1] = b ^ (b >>> 15);
}

/** The key that a text names, into `mixed`: mixing chained over its UTF-16 units and its length. */
export function keyOfText(text: string): void {
  mixed[0] = 0x243f6a88;
  mixed[1] = 0x85a308d3;
  for (let i = 0; i < text.length; i++) mixKey(mixed[0], mixed[1], text.charCodeAt(i));
  mixKey(mixed[0], mixed[1], 0x10000 + text.length);
}

/** State of the generator that the functions below draw from. */
export const rng = new Int32Array(2);

export function seedRng(k0: number, k1: number): void {
  rng[0] = k0;
  rng[1] = (k0 | k1) === 0 ? 0x5bd1e995 : k1;
}

/** 32 random bits, as an unsigned number. */
export function next32(): number {
  const s0 = rng[0]!;
  let s1 = rng[1]!;
  let r = Math.imul(s0, 0x9e3779bb);
  r = (r << 5) | (r >>> 27);
  r = Math.imul(r, 5);
  s1 ^= s0;
  rng[0] = ((s0 << 26) | (s0 >>> 6)) ^ s1 ^ (s1 << 9);
  rng[1] = (s1 << 13) | (s1 >>> 19);
  return r >>> 0;
}

/** A uniform deviate inside (0, 1) with 53 bits. */
export function next53(): number {
  const high = next32() >>> 5;
  return (high * 67108864 + (next32() >>> 6) + 0.5) / 9007199254740992;
}

const TWO32 = 4294967296;
/** Populations up to this size are drawn from tabulated distributions. */
export const TABLE_M = 64;
/** Below this population a product of a 32-bit deviate and a count is exact in a double. */
export const EXACT_M = 2097152;

/** Offset into `cdf` of the row of (M, a, b), at (M * 33 + a) * 33 + b; -1 where no row was needed yet. */
export const cdfRow = new Int32Array((TABLE_M + 1) * 33 * 33).fill(-1);
/** Rows: the mode, then 2^32 P(X <= x) for x = 0..a. In an object because it grows. */
export const cdf = { rows: new Float64Array(1 << 14) };
let cdfTop = 0;

/** Tabulates a row of the hypergeometric distribution and returns its offset. */
export function tabulate(M: number, a: number, b: number): number {
  const at = cdfTop;
  cdfTop += a + 2;
  if (cdfTop > cdf.rows.length) {
    const wider = new Float64Array(cdf.rows.length * 2);
    wider.set(cdf.rows);
    cdf.rows = wider;
  }
  const rows = cdf.rows;
  rows[at] = Math.floor(((a + 1) * (b + 1)) / (M + 2));
  let sum = 0;
  for (let x = 0; x <= a; x++) {
    sum += exp(lnHypergeometric(M, a, b, x));
    // The last entry exceeds every deviate, whatever rounding left out of the sum.
    rows[at + 1 + x] = x === a ? TWO32 + 1 : sum * TWO32;
  }
  cdfRow[(M * 33 + a) * 33 + b] = at;
  return at;
}

/** ln P(X = x), where X of the `a` marked among M are found in a sample of `b`. */
export function lnHypergeometric(M: number, a: number, b: number, x: number): number {
  return (
    lnFactorial(a) -
    lnFactorial(x) -
    lnFactorial(a - x) +
    lnFactorial(M - a) -
    lnFactorial(b - x) -
    lnFactorial(M - a - b + x) -
    lnFactorial(M) +
    lnFactorial(b) +
    lnFactorial(M - b)
  );
}

/** Inversion outward from the mode; for a, b <= M/2 and moderate variance. */
export function invertHypergeometric(M: number, a: number, b: number): number {
  const mode = Math.floor(((a + 1) * (b + 1)) / (M + 2));
  const rest = M - a - b;
  const p = exp(lnHypergeometric(M, a, b, mode));
  let u = next53() - p;
  if (u < 0) return mode;
  let pUp = p;
  let pDown = p;
  let up = mode;
  let down = mode;
  for (;;) {
    if (up < a) {
      pUp *= ((a - up) * (b - up)) / ((up + 1) * (rest + up + 1));
      up++;
      u -= pUp;
      if (u < 0) return up;
    } else if (down <= 0) return mode;
    if (down > 0) {
      pDown *= (down * (rest + down)) / ((a - down + 1) * (b - down + 1));
      down--;
      u -= pDown;
      if (u < 0) return down;
    }
    // What is left is rounding error of the probabilities, not tail.
    if (pUp < 1e-18 && pDown < 1e-18) return mode;
  }
}

/** The Cornish-Fisher quantile at z of the law of (M, a, b) with variance v >= 10, rounded to a value it can take. */
export function cornishFisher(M: number, a: number, b: number, v: number, z: number): number {
  const fa = a / M;
  const fb = b / M;
  const sd = Math.sqrt(v);
  const i = 1 / sd;
  const z2 = z * z;
  const g1 = (1 - fa - fa) * (1 - fb - fb) * i;
  const g2 = (1 - 6 * fa * (1 - fa)) * (1 - 6 * fb * (1 - fb)) * i * i - 6 / M;
  const y = z + (z2 - 1) * g1 * (1 / 6) + z * ((z2 - 3) * g2 * (1 / 24) - (2 * z2 - 5) * g1 * g1 * (1 / 36));
  const x = Math.floor(a * fb + sd * y * (1 - i * i * (1 / 24)) + 0.5);
  return x < 0 ? 0 : x > a ? a : x;
}

/**
 * How many of the `c` marked among M are in a random sample of `L`; 0 < c < M, 0 < L < M.
 *
 * The reference form: cursor.ts holds the same draw unrolled into its inner loop, and must consume the same bits.
 */
export function hypergeometric(M: number, c: number, L: number): number {
  // The law is symmetric in marked and sampled and under complement of either, so 1 <= a <= b <= M/2 suffices.
  const flipC = c + c > M;
  const flipL = L + L > M;
  const C = flipC ? M - c : c;
  const D = flipL ? M - L : L;
  const a = C < D ? C : D;
  const b = C < D ? D : C;
  let x = drawFolded(M, a, b);
  if (flipL) x = C - x;
  return flipC ? L - x : x;
}

/** The draw proper, after folding: 1 <= a <= b <= M/2. */
export function drawFolded(M: number, a: number, b: number): number {
  if (a === 1) return next32() * M < b * TWO32 ? 1 : 0;
  if (a <= 32 && b + b === M && M >= 4 * a) return drawHalf(a, b);
  if (M <= TABLE_M) {
    let at = cdfRow[(M * 33 + a) * 33 + b]!;
    if (at < 0) at = tabulate(M, a, b);
    const u = next32();
    let x = 0;
    while (u >= cdf.rows[at + 1 + x]!) x++;
    return x;
  }
  if (a <= 20 && M < EXACT_M) {
    let x = 0;
    for (let i = 0; i < a; i++) if (next32() * (M - i) < (b - x) * TWO32) x++;
    return x;
  }
  const fb = b / M;
  const v = ((a * (M - a)) / (M - 1)) * (fb * (1 - fb));
  return v >= 10 ? cornishFisher(M, a, b, v, probit(next53())) : invertHypergeometric(M, a, b);
}

/** A sample of exactly half: the ones among `a` random bits are Binomial(a, 1/2), then rejection makes it exact. */
function drawHalf(a: number, b: number): number {
  const half = a >> 1;
  for (;;) {
    let bits = next32() >>> (32 - a);
    let x = 0;
    for (; bits !== 0; bits &= bits - 1) x++;
    const u = next32() * (1 / TWO32);
    const d = x > half ? x - half : half - x;
    // A lower bound of the acceptance probability, met nearly always.
    if (u < 1 - (d * (d + 1)) / (b - a)) return x;
    const top = x + x > a ? x : a - x;
    let accept = 1;
    for (let y = (a + 1) >> 1; y < top; y++) accept *= (b - y) / (b - (a - 1 - y));
    if (u < accept) return x;
  }
}

/** Successes in n independent trials of probability p. */
export function binomial(n: number, p: number): number {
  if (p <= 0 || n <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(n, 1 - p);
  const mean = n * p;
  if (mean < 30) {
    const odds = p / (1 - p);
    let term = exp(n * log1m(p));
    let u = next53();
    let x = 0;
    while (u > term) {
      u -= term;
      x++;
      if (x > n || (term < 1e-300 && x > mean + 200)) return Math.floor(mean);
      term *= ((n - x + 1) / x) * odds;
    }
    return x;
  }
  const spq = Math.sqrt(mean * (1 - p));
  const b = 1.15 + 2.53 * spq;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const centre = mean + 0.5;
  const vr = 0.92 - 4.2 / b;
  const alpha = (2.83 + 5.1 / b) * spq;
  const logOdds = log(p / (1 - p));
  const mode = Math.floor((n + 1) * p);
  const h = lnFactorial(mode) + lnFactorial(n - mode);
  for (;;) {
    const u = next53() - 0.5;
    const v = next53();
    const us = 0.5 - (u < 0 ? -u : u);
    const k = Math.floor(((2 * a) / us + b) * u + centre);
    if (us >= 0.07 && v <= vr) return k;
    if (k < 0 || k > n) continue;
    if (log((v * alpha) / (a / (us * us) + b)) <= h - lnFactorial(k) - lnFactorial(n - k) + (k - mode) * logOdds)
      return k;
  }
}
