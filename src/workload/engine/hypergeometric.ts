/**
 * Hypergeometric counts: how much of what happens in a range happens in its left part. Part of the seed contract
 * (seed-contract.ts).
 *
 * Draws are exact (to the 2^-32 or 2^-53 of their uniform deviates) except that one of variance >= 10 maps a normal deviate
 * through the Cornish-Fisher expansion with skewness and kurtosis: total variation distance from the exact law below 6e-5 at
 * variance 10 and falling quickly (1e-8 at variance 500).
 *
 * Sources: R. A. Fisher, E. A. Cornish, Technometrics 2 (1960); the divide-and-conquer use of hypergeometric draws is that of
 * P. Sanders et al., "Efficient parallel random sampling", ACM TOMS 44(3), 2018.
 * Not modelled: populations of 2^53 or more.
 */
import { exp, lnFactorial, toInt } from './math.ts';
import { Bytes, bytesAt, Doubles, doublesAt, ints, reserve } from './memory.ts';
import { normal } from './normal.ts';
import { bits, next32, next53, rng, setRng, step, TWO32 } from './random.ts';

/** Populations up to this size are drawn from tabulated distributions, and those up to twice it where half is sampled. */
const TABLE_M: i32 = 64;
/** Up to so many marked, a random comparison for each is cheapest, unless half is sampled: then bits are cheaper. */
const FEW: f64 = 7;
const FEW_HALF: f64 = 2;
/** Up to so many marked, comparisons are made bit by bit for all at once. */
const BITWISE: f64 = 32;
/** From this variance on, counts come from normal deviates. */
const MANY: f64 = 10;

/** How many of the `c` marked among M are in a random sample of `L`; 0 < c < M, 0 < L < M. */
export function hypergeometric(M: f64, c: f64, L: f64): f64 {
  // The law is symmetric in marked and sampled and under complement of either, so 1 <= a <= b <= M/2 suffices.
  const flipC = c + c > M;
  const flipL = L + L > M;
  const C = flipC ? M - c : c;
  const D = flipL ? M - L : L;
  const a = C < D ? C : D;
  const b = C < D ? D : C;
  const half = b + b === M;
  let x: f64 = 0;
  if (a <= FEW_HALF || (a <= FEW && !half)) x = oneByOne(M, a, b);
  else if (a <= BITWISE && a + a <= b) x = byRejection(M, a, b, half);
  else if (M <= <f64>TABLE_M || (half && M <= 2 * <f64>TABLE_M)) x = fromTable(M, a, b);
  else x = ofMany(M, a, b);
  if (flipL) x = C - x;
  return flipC ? L - x : x;
}

/** Of high variance: the Cornish-Fisher image of a normal deviate, rounded to a value the law has. */
function ofMany(M: f64, a: f64, b: f64): f64 {
  const r = 1 / M;
  const fa = a * r;
  const fb = b * r;
  const va = fa * (1 - fa);
  const vb = fb * (1 - fb);
  // M / (M - 1), to the third order in 1 / M: M is above 64 here.
  const v = M * va * vb * (1 + r * (1 + r * (1 + r)));
  if (v < MANY) return byInversion(M, a, b);
  const z = normal();
  const sd = sqrt<f64>(v);
  const iv = 1 / v;
  const g2 = (1 - 6 * va) * (1 - 6 * vb) * iv - 6 * r;
  const z2 = z * z;
  const g1 = (1 - fa - fa) * (1 - fb - fb) * sd * iv;
  const y = z + (z2 - 1) * g1 * (1.0 / 6) + z * ((z2 - 3) * g2 * (1.0 / 24) - (2 * z2 - 5) * g1 * g1 * (1.0 / 36));
  const x = floor<f64>(a * fb + sd * y * (1 - iv * (1.0 / 24)) + 0.5);
  return x < 0 ? 0 : x > a ? a : x;
}

function oneByOne(M: f64, a: f64, b: f64): f64 {
  let q = rng;
  let x = 0;
  // Branch-free: the outcome is as unpredictable as the bits.
  for (let j: f64 = 0; j < a; j++) {
    x += i32(<f64>bits(q) * (M - j) < (b - <f64>x) * TWO32);
    q = step(q);
  }
  setRng(q);
  return <f64>x;
}

/**
 * Binomial(a, b/M), and a rejection that makes it hypergeometric: sampling without replacement is the likelier to give x the
 * nearer x is to its mean. For b >= 2a.
 */
function byRejection(M: f64, a: f64, b: f64, half: bool): f64 {
  const p: u32 = half ? 0x80000000 : toInt(floor<f64>((b / M) * TWO32));
  const B = M - b;
  const best = half ? floor<f64>((a + 1) * 0.5) : floor<f64>(((a - 1) * b) / M) + 1;
  while (true) {
    const x = ones(toInt(a), p);
    const u = <f64>next32() * (1 / TWO32);
    const d = x > best ? x - best : best - x;
    // A lower bound of the ratio, met nearly always.
    if ((1 - u) * (B + B) * (b - a) > d * (d + 1) * M || u < ratioToBest(M, a, b, best, x)) return x;
  }
}

/** Binomial(a, p / 2^32) for a <= 32: compares a random numbers with p at once, a bit of each in every step. */
function ones(a: u32, p: u32): f64 {
  let open: u32 = <u32>-1 >> (32 - a);
  let below: u32 = 0;
  let digits = <i32>p;
  let q = rng;
  do {
    const u = bits(q);
    q = step(q);
    const one = <u32>(digits >> 31);
    below |= open & ~u & one;
    open &= u ^ ~one;
    digits <<= 1;
    // Once the remaining digits of p are zero, nothing is below them.
  } while (open !== 0 && digits !== 0);
  setRng(q);
  return <f64>popcnt<u32>(below);
}

/** Ratio of hypergeometric to binomial probability at x, relative to where it is greatest. */
function ratioToBest(M: f64, a: f64, b: f64, best: f64, x: f64): f64 {
  const B = M - b;
  let ratio: f64 = 1;
  for (let y = best; y < x; y++) ratio *= ((b - y) * B) / (b * (B - (a - 1 - y)));
  for (let y = x; y < best; y++) ratio *= (b * (B - (a - 1 - y))) / ((b - y) * B);
  return ratio;
}

/** ln P(X = x), where X of the `a` marked among M are found in a sample of `b`. */
function lnHypergeometric(M: f64, a: f64, b: f64, x: f64): f64 {
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

/** Address of the row of (M, a, b), at rowKey(M, a, b); 0 where no row was needed yet. */
const SIDE: i32 = TABLE_M / 2 + 1;
const SQUARE: i32 = SIDE * SIDE;
const rows = ints((TABLE_M + 1) * SQUARE + (TABLE_M + 1) * (TABLE_M + 1));
function rowKey(M: i32, a: i32, b: i32): i32 {
  return M <= TABLE_M ? M * SQUARE + a * SIDE + b : (TABLE_M + 1) * SQUARE + b * (TABLE_M + 1) + a;
}

/** So many leading bits of a deviate say where to look for it. */
const GUIDE_BITS: i32 = 6;
const GUIDES: i32 = 1 << GUIDE_BITS;

/**
 * A row: the least count for every beginning of a deviate; then 2^32 P(X <= x) for x = 0..a. A search from the mode would cost two
 * mispredicted jumps, from there it is hardly ever more than a look.
 */
@unmanaged
class Row {
  @inline get begin(): Bytes {
    return changetype<Bytes>(this);
  }
  @inline get below(): Doubles {
    return Doubles.at(changetype<usize>(this) + GUIDES);
  }
}

function tabulate(M: i32, a: i32, b: i32): Row {
  const at = reserve(<usize>GUIDES + ((<usize>a + 1) << 3));
  const begin = bytesAt(at, GUIDES);
  const below = doublesAt(at + GUIDES, a + 1);
  let sum: f64 = 0;
  for (let x = 0; x <= a; x++) {
    sum += exp(lnHypergeometric(<f64>M, <f64>a, <f64>b, <f64>x));
    // The last entry exceeds every deviate, whatever rounding left out of the sum.
    below[x] = x === a ? TWO32 + 1 : sum * TWO32;
  }
  for (let i = 0, x = 0; i < GUIDES; i++) {
    while ((<f64>i * TWO32) / GUIDES >= below[x]) x++;
    begin[i] = x;
  }
  rows[rowKey(M, a, b)] = <i32>at;
  return changetype<Row>(at);
}

function fromTable(M: f64, a: f64, b: f64): f64 {
  const at = rows[rowKey(toInt(M), toInt(a), toInt(b))];
  const row = at !== 0 ? changetype<Row>(<usize>at) : tabulate(toInt(M), toInt(a), toInt(b));
  const u = next32();
  let x = row.begin[<i32>(u >> (32 - GUIDE_BITS))];
  const below = row.below;
  while (<f64>u >= below[x]) x++;
  return <f64>x;
}

/** Inversion outward from the mode; for moderate variance. */
function byInversion(M: f64, a: f64, b: f64): f64 {
  const mode = floor<f64>(((a + 1) * (b + 1)) / (M + 2));
  const rest = M - a - b;
  const p = exp(lnHypergeometric(M, a, b, mode));
  let u = next53() - p;
  if (u < 0) return mode;
  let pUp = p;
  let pDown = p;
  let up = mode;
  let down = mode;
  while (true) {
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
