/**
 * Binomial counts: how often everything happens in a whole run. Part of the seed contract (seed-contract.ts).
 *
 * Source: W. Hörmann, "The generation of binomial random variates", J. Stat. Comput. Simul. 46 (1993) (BTRS).
 * Not modelled: 2^53 trials or more.
 */
import { exp, lnFactorial, log, log1m } from './math.ts';
import { next53 } from './random.ts';

/** Successes in n independent trials of probability p. */
export function binomial(n: f64, p: f64): f64 {
  if (p <= 0 || n <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(n, 1 - p);
  return n * p < 30 ? byInversion(n, p) : byRejection(n, p);
}

function byInversion(n: f64, p: f64): f64 {
  const mean = n * p;
  const odds = p / (1 - p);
  let term = exp(n * log1m(p));
  let u = next53();
  let x: f64 = 0;
  while (u > term) {
    u -= term;
    x++;
    if (x > n || (term < 1e-300 && x > mean + 200)) return floor<f64>(mean);
    term *= ((n - x + 1) / x) * odds;
  }
  return x;
}

function byRejection(n: f64, p: f64): f64 {
  const mean = n * p;
  const spq = sqrt<f64>(mean * (1 - p));
  const b = 1.15 + 2.53 * spq;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const centre = mean + 0.5;
  const vr = 0.92 - 4.2 / b;
  const alpha = (2.83 + 5.1 / b) * spq;
  const logOdds = log(p / (1 - p));
  const mode = floor<f64>((n + 1) * p);
  const h = lnFactorial(mode) + lnFactorial(n - mode);
  while (true) {
    const u = next53() - 0.5;
    const v = next53();
    const us = 0.5 - (u < 0 ? -u : u);
    const k = floor<f64>(((2 * a) / us + b) * u + centre);
    if (us >= 0.07 && v <= vr) return k;
    if (k < 0 || k > n) continue;
    if (log((v * alpha) / (a / (us * us) + b)) <= h - lnFactorial(k) - lnFactorial(n - k) + (k - mode) * logOdds)
      return k;
  }
}
