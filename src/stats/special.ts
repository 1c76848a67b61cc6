/**
 * The distributions behind the tests: normal, gamma, chi-square (central or not), beta, binomial, Student's t.
 *
 * Tails are computed as tails, never as one minus the rest, so that a p of 1e-20 has as many digits as one of 0.5.
 * Relative error is below 1e-12 for up to 10,000 degrees of freedom and down to 1e-300 (test/stats compares with
 * mpmath).
 *
 * Method: series and continued fraction (modified Lentz) as in Abramowitz and Stegun 6.5.29, 6.5.31 and 26.5.8. Their
 * factor, x^a e^-x / Gamma(a) and its beta counterpart, is written as a saddle point (C. Loader, "Fast and accurate
 * computation of binomial probabilities", 2000), where nothing large cancels.
 * Not modelled: complex or negative parameters, NaN.
 */
import { exp, log, probit } from '../sim/math.ts';

const LN_2PI = 1.8378770664093453;
const EPSILON = 1e-17;
const TINY = 1e-300;
/** Terms of a series or fraction; near x = a they need about 7 sqrt(a), so this is enough for a up to 1e8. */
const TERMS = 100_000;

/** ln(1 + t) - t without cancellation, t > -1. */
export function log1pmx(t: number): number {
  if (t < -0.5 || t > 1) return log(1 + t) - t;
  // ln(1+t) = 2 atanh(r) with r = t/(2+t), and 2r - t = -t r.
  const r = t / (2 + t);
  const r2 = r * r;
  let sum = 0;
  let power = 1;
  for (let n = 3; ; n += 2) {
    const next = sum + power / n;
    if (next === sum) break;
    sum = next;
    power *= r2;
  }
  return 2 * r * r2 * sum - t * r;
}

/** From here on Stirling's series has all digits. */
const SERIES = 12;
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156] as const;

/** ln Gamma(a) minus Stirling's (a - 1/2) ln a - a + ln(2 pi)/2: the smooth remainder, about 1/(12 a); a > 0. */
function lnGammaStar(a: number): number {
  // Half-integers serve the chi-square: nearly all calls.
  if (a < SERIES) return Number.isInteger(2 * a) ? HALVES[2 * a]! : shifted(a);
  const r = 1 / a;
  const r2 = r * r;
  let sum = 0;
  for (let i = STIRLING.length - 1; i >= 0; i--) sum = sum * r2 + STIRLING[i]!;
  return sum * r;
}

const log1p = (t: number): number => log1pmx(t) + t;

/** Gamma(a) = Gamma(a + 1) / a, in terms of the remainders. */
const shifted = (a: number): number => lnGammaStar(a + 1) + (a + 0.5) * log1p(1 / a) - 1;
/** Indexed by 2 a, filled from the top. */
const HALVES = new Float64Array(2 * SERIES);
for (let twice = 2 * SERIES - 1; twice > 0; twice--) HALVES[twice] = shifted(twice / 2);

/** ln Gamma(a), a > 0. */
export function lnGamma(a: number): number {
  return (a - 0.5) * log(a) - a + LN_2PI / 2 + lnGammaStar(a);
}

/** a (ln(x/a) + 1) - x: how unlikely x is where a is expected; never positive. */
function deviance(x: number, a: number): number {
  const t = (x - a) / a;
  return a * (t < -0.5 ? log(x / a) - t : log1pmx(t));
}

/** x^a e^-x / Gamma(a): a times the Poisson probability of a at mean x. */
function gammaFactor(a: number, x: number): number {
  return exp(deviance(x, a) - lnGammaStar(a)) * Math.sqrt(a / (2 * Math.PI));
}

/** Modified Lentz: b0 + a1/(b1 + a2/(b2 + …)). */
function fraction(b0: number, a: (i: number) => number, b: (i: number) => number): number {
  let f = b0 || TINY;
  let c = f;
  let d = 0;
  for (let i = 1; i < TERMS; i++) {
    d = b(i) + a(i) * d || TINY;
    c = b(i) + a(i) / c || TINY;
    d = 1 / d;
    const step = c * d;
    f *= step;
    if (Math.abs(step - 1) < 1e-16) break;
  }
  return f;
}

/** Lower and upper regularised incomplete gamma functions at once; a > 0, x >= 0. */
function gammaPQ(a: number, x: number): { p: number; q: number } {
  if (x <= 0) return { p: 0, q: 1 };
  if (x === Infinity) return { p: 1, q: 0 };
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < TERMS; n++) {
      term *= x / (a + n);
      sum += term;
      if (term < sum * EPSILON) break;
    }
    const p = gammaFactor(a, x) * sum;
    return { p, q: 1 - p };
  }
  const q =
    gammaFactor(a, x) /
    fraction(
      x + 1 - a,
      (i) => i * (a - i),
      (i) => x + 2 * i + 1 - a,
    );
  return { p: 1 - q, q };
}

/** Regularised lower incomplete gamma function P(a, x). */
export const gammaP = (a: number, x: number): number => gammaPQ(a, x).p;
/** Regularised upper incomplete gamma function Q(a, x). */
export const gammaQ = (a: number, x: number): number => gammaPQ(a, x).q;

/** P(chi-square with df degrees of freedom > x); 1 when df is 0, as a table of one cell cannot differ. */
export const chiSquareTail = (x: number, df: number): number => (df > 0 ? gammaQ(df / 2, x / 2) : 1);

/** P(Poisson(mean) >= k), k whole or not. */
export const poissonTail = (mean: number, k: number): number => (k > 0 ? gammaP(k, mean) : 1);

/** P(|N(0, 1)| > |z|), the two-sided p of a z. */
export const twoSided = (z: number): number => gammaQ(0.5, (z * z) / 2);

/** The z whose two-sided p is given, 0 < p <= 1; the smallest p that has one is 1e-300. */
export const deviateOf = (p: number): number => (p >= 1 ? 0 : -probit(Math.max(p, 1e-300) / 2));

/** The x in [low, high] where a falling function passes target: bisection to the last bit. */
export function fallsTo(target: number, low: number, high: number, f: (x: number) => number): number {
  let [lo, hi] = [low, high];
  for (;;) {
    const middle = lo + (hi - lo) / 2;
    if (middle <= lo || middle >= hi) return middle;
    if (f(middle) > target) lo = middle;
    else hi = middle;
  }
}

/** First power of two above start at which a falling function is at or below target. */
function bracket(target: number, start: number, f: (x: number) => number): number {
  let high = start;
  while (f(high) > target) high *= 2;
  return high;
}

/** The x that a chi-square with df degrees of freedom exceeds with the given probability. */
export function chiSquareQuantile(tail: number, df: number): number {
  const f = (x: number): number => chiSquareTail(x, df);
  return fallsTo(tail, 0, bracket(tail, df, f), f);
}

/** Regularised incomplete beta function I_x(a, b) and its complement; a, b > 0. */
function betaIQ(x: number, a: number, b: number): { p: number; q: number } {
  if (x <= 0) return { p: 0, q: 1 };
  if (x >= 1) return { p: 1, q: 0 };
  if (x > (a + 1) / (a + b + 2)) {
    const { p, q } = betaIQ(1 - x, b, a);
    return { p: q, q: p };
  }
  const n = a + b;
  const lnFactor = deviance(n * x, a) + deviance(n * (1 - x), b) + lnGammaStar(n) - lnGammaStar(a) - lnGammaStar(b);
  const factor = exp(lnFactor) * Math.sqrt((a * b) / (2 * Math.PI * n));
  const term = (i: number): number => {
    const m = i >> 1;
    return i % 2 === 0
      ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
      : -((a + m) * (n + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
  };
  const p = factor / a / fraction(1, term, () => 1);
  return { p, q: 1 - p };
}

/** Regularised incomplete beta function I_x(a, b). */
export const betaI = (x: number, a: number, b: number): number => betaIQ(x, a, b).p;

/** P(Binomial(n, p) >= k); n and k need not be whole, as effective counts are not. */
export const binomialTail = (n: number, p: number, k: number): number =>
  k <= 0 ? 1 : k > n ? 0 : k < n ? betaI(p, k, n - k + 1) : n === 1 ? p : exp(n * log(p));

/** P(|t| > |x|) for Student's t. */
export const studentTwoSided = (x: number, df: number): number => betaI(df / (df + x * x), df / 2, 0.5);

/** P(non-central chi-square > x): chi-squares of df + 2j weighted by the Poisson probability of j at lambda/2. */
export function nonCentralTail(x: number, df: number, lambda: number): number {
  const mean = lambda / 2;
  if (mean <= 0) return chiSquareTail(x, df);
  const probability = (j: number): number => (j === 0 ? exp(-mean) : gammaFactor(j, mean) / j);
  const mode = Math.floor(mean);
  let sum = 0;
  let below = probability(mode);
  for (let j = mode; j >= 0 && below > 0; j--) {
    const add = below * chiSquareTail(x, df + 2 * j);
    sum += add;
    if (add < sum * EPSILON) break;
    below *= j / mean;
  }
  let above = probability(mode);
  for (let j = mode + 1; ; j++) {
    above *= mean / j;
    const add = above * chiSquareTail(x, df + 2 * j);
    sum += add;
    if (add < sum * EPSILON) return sum;
  }
}
