/**
 * The oracle's draws: those of src/workload/engine written once more, plainly, in JavaScript's numbers. Both must consume the
 * same bits and give the same counts.
 *
 * A 64-bit key names every piece of the execution tree (two 32-bit halves); children are keyed by chained mixing, and the
 * draws inside a piece come from a xoroshiro64** generator seeded with a key of its own. So any piece can be expanded
 * without having expanded what lies before it.
 *
 * Draws are exact (to the 2^-32 or 2^-53 of their uniform deviates) except that a hypergeometric draw of variance >= 10
 * maps a normal deviate through the Cornish-Fisher expansion with skewness and kurtosis: total variation distance from the
 * exact law below 6e-5 at variance 10 and falling quickly (1e-8 at variance 500).
 *
 * Sources: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators" (xoroshiro64**); W. Hörmann, "The
 * generation of binomial random variates", J. Stat. Comput. Simul. 46 (1993) (BTRS); G. Marsaglia, W. W. Tsang, "The
 * ziggurat method for generating random variables", J. Stat. Software 5(8), 2000; R. A. Fisher, E. A. Cornish,
 * Technometrics 2 (1960); the divide-and-conquer use of hypergeometric draws is that of P. Sanders et al., "Efficient
 * parallel random sampling", ACM TOMS 44(3), 2018.
 * Not modelled: populations of 2^53 or more.
 */
import { exp, lnFactorial, log, log1m } from '../../../src/sim/math.ts';

/**
 * Tags of derived keys, part of the contract. A range's halves and its draws, and the slots of classes; the iterations of a
 * chunk follow UNIT, the loops in an iteration follow NEST.
 */
export const LEFT = 0;
export const RIGHT = 1;
export const DRAWS = 2;
export const CLASSES = 3;
export const UNIT = 8;
export const NEST = 64;

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
const rng = new Int32Array(2);

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
/** Populations up to this size are drawn from tabulated distributions, and those up to twice it where half is sampled. */
const TABLE_M = 64;

/** Offset into `cdf` of the row of (M, a, b), at rowKey(M, a, b); -1 where no row was needed yet. */
const SQUARE = (TABLE_M / 2 + 1) * (TABLE_M / 2 + 1);
const cdfRow = new Int32Array((TABLE_M + 1) * SQUARE + (TABLE_M + 1) * (TABLE_M + 1)).fill(-1);
const rowKey = (M: number, a: number, b: number): number =>
  M <= TABLE_M ? M * SQUARE + a * (TABLE_M / 2 + 1) + b : (TABLE_M + 1) * SQUARE + b * (TABLE_M + 1) + a;
/** Rows: the mode, then 2^32 P(X <= x) for x = 0..a. In an object because it grows. */
const cdf = { rows: new Float64Array(1 << 14) };
let cdfTop = 0;

/** Tabulates a row of the hypergeometric distribution and returns its offset. */
function tabulate(M: number, a: number, b: number): number {
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
  cdfRow[rowKey(M, a, b)] = at;
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
function invertHypergeometric(M: number, a: number, b: number): number {
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

/** Layers of the ziggurat. */
const LAYERS = 256;
/** Where the lowest layer's tail begins, and the area of every layer, for 256 layers of exp(-x^2 / 2). */
const TAIL = 3.6541528853610088;
const AREA = 0.00492867323399;
/** Width of a layer over 2^23, and the share of it that lies under the curve wholly, times 2^23. */
const layerWidth = new Float64Array(LAYERS);
const layerInside = new Float64Array(LAYERS);
/** Right edges of the layers, and the density there. */
const edge = new Float64Array(LAYERS + 1);
const density = new Float64Array(LAYERS + 1);
{
  const SCALE = 8388608;
  edge[0] = AREA / exp(-0.5 * TAIL * TAIL);
  edge[1] = TAIL;
  for (let i = 2; i < LAYERS; i++) {
    const x = edge[i - 1]!;
    edge[i] = Math.sqrt(-2 * log(AREA / x + exp(-0.5 * x * x)));
  }
  for (let i = 0; i <= LAYERS; i++) density[i] = exp(-0.5 * edge[i]! * edge[i]!);
  for (let i = 0; i < LAYERS; i++) {
    layerWidth[i] = edge[i]! / SCALE;
    layerInside[i] = (edge[i + 1]! / edge[i]!) * SCALE;
  }
}

/**
 * A standard normal deviate by the ziggurat: 8 random bits choose a layer, one the sign, 23 the place in it.
 */
export function normal(): number {
  const bits = next32();
  const i = bits & 255;
  const place = bits >>> 9;
  if (place < layerInside[i]!) return (bits & 256) === 0 ? place * layerWidth[i]! : -place * layerWidth[i]!;
  return normalEdge(bits);
}

/** The rare rest of normal(): the place was not wholly under the curve. */
function normalEdge(first: number): number {
  for (let bits = first; ; bits = next32()) {
    const i = bits & 255;
    const sign = (bits & 256) === 0 ? 1 : -1;
    const place = bits >>> 9;
    const x = place * layerWidth[i]!;
    if (place < layerInside[i]!) return sign * x;
    if (i === 0) {
      for (;;) {
        const dx = -log(next53()) / TAIL;
        if (-2 * log(next53()) > dx * dx) return sign * (TAIL + dx);
      }
    }
    if (density[i]! + next53() * (density[i + 1]! - density[i]!) < exp(-0.5 * x * x)) return sign * x;
  }
}

/** Variance of the folded law (M, a, b), from the reciprocal of M. */
function variance(M: number, a: number, b: number): number {
  const r = 1 / M;
  const fa = a * r;
  const fb = b * r;
  // M / (M - 1), to the third order in 1 / M: M is above 64 wherever this is used.
  return M * (fa * (1 - fa)) * (fb * (1 - fb)) * (1 + r * (1 + r * (1 + r)));
}

/** The Cornish-Fisher image of a normal deviate z under the law of (M, a, b) with variance v, rounded to a value it has. */
function cornishFisher(M: number, a: number, b: number, v: number, z: number): number {
  const r = 1 / M;
  const fa = a * r;
  const fb = b * r;
  const sd = Math.sqrt(v);
  const iv = 1 / v;
  const g1 = (1 - fa - fa) * (1 - fb - fb) * sd * iv;
  const g2 = (1 - 6 * fa * (1 - fa)) * (1 - 6 * fb * (1 - fb)) * iv - 6 * r;
  const z2 = z * z;
  const y = z + (z2 - 1) * g1 * (1 / 6) + z * ((z2 - 3) * g2 * (1 / 24) - (2 * z2 - 5) * g1 * g1 * (1 / 36));
  const x = Math.floor(a * fb + sd * y * (1 - iv * (1 / 24)) + 0.5);
  return x < 0 ? 0 : x > a ? a : x;
}

/**
 * How many of the `c` marked among M are in a random sample of `L`; 0 < c < M, 0 < L < M.
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

/** Up to so many marked, a random comparison for each is the cheapest way; a sample of half has a cheaper one. */
const FEW = 7;
const FEW_HALF = 2;

/** The draw proper, after folding: 1 <= a <= b <= M/2. */
function drawFolded(M: number, a: number, b: number): number {
  if (a <= FEW_HALF || (a <= FEW && b + b !== M)) {
    let x = 0;
    for (let i = 0; i < a; i++) if (next32() * (M - i) < (b - x) * TWO32) x++;
    return x;
  }
  if (a <= 32 && a + a <= b) {
    for (;;) {
      const x = ones(a, b + b === M ? 0x80000000 : Math.floor((b / M) * TWO32));
      if (accepts(M, a, b, x)) return x;
    }
  }
  if (M <= TABLE_M || (b + b === M && M <= 2 * TABLE_M)) {
    let at = cdfRow[rowKey(M, a, b)]!;
    if (at < 0) at = tabulate(M, a, b);
    const u = next32();
    let x = 0;
    while (u >= cdf.rows[at + 1 + x]!) x++;
    return x;
  }
  const v = variance(M, a, b);
  return v >= 10 ? cornishFisher(M, a, b, v, normal()) : invertHypergeometric(M, a, b);
}

/** Binomial(a, p / 2^32) for a <= 32: compares a random numbers with p at once, a bit of each in every step. */
function ones(a: number, p: number): number {
  let open = -1 >>> (32 - a);
  let below = 0;
  for (let k = 31; k >= 0 && open !== 0; k--) {
    const bits = next32();
    if (((p >>> k) & 1) === 0) open &= ~bits;
    else {
      below |= open & ~bits;
      open &= bits;
      // The remaining digits of p are zero: nothing is below them.
      if (p << (32 - k) === 0) break;
    }
  }
  return popcount(below);
}

function popcount(bits: number): number {
  let v = bits - ((bits >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * Rejection that makes a Binomial(a, b/M) proposal x hypergeometric: sampling without replacement is the likelier to give x
 * the nearer x is to its mean. For b >= 2a.
 */
function accepts(M: number, a: number, b: number, x: number): boolean {
  const B = M - b;
  const best = b + b === M ? (a + 1) >> 1 : Math.floor(((a - 1) * b) / M) + 1;
  const d = x > best ? x - best : best - x;
  const u = next32() * (1 / TWO32);
  // A lower bound of the ratio, met nearly always.
  return (1 - u) * (B + B) * (b - a) > d * (d + 1) * M || u < ratioToBest(M, a, b, x);
}

/** Ratio of hypergeometric to binomial probability at x, relative to where it is greatest. */
function ratioToBest(M: number, a: number, b: number, x: number): number {
  const B = M - b;
  const best = b + b === M ? (a + 1) >> 1 : Math.floor(((a - 1) * b) / M) + 1;
  let ratio = 1;
  for (let y = best; y < x; y++) ratio *= ((b - y) * B) / (b * (B - (a - 1 - y)));
  for (let y = x; y < best; y++) ratio *= (b * (B - (a - 1 - y))) / ((b - y) * B);
  return ratio;
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
