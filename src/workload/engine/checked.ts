/** What tests call besides index.ts: the draws one by one. */
import { binomial as binomialOf } from './binomial.ts';
import { hypergeometric as hypergeometricOf } from './hypergeometric.ts';
import { exp as expOf, lnFactorial as lnFactorialOf, log as logOf } from './math.ts';
import { normal as normalOf } from './normal.ts';
import { mixKey as mixKeyOf, next32 as next32Of, next53 as next53Of, seeded, setRng } from './random.ts';

export function seed(key: u64): void {
  setRng(seeded(key));
}
export function mixKey(key: u64, tag: i32): u64 {
  return mixKeyOf(key, tag);
}
export function next32(): u32 {
  return next32Of();
}
export function next53(): f64 {
  return next53Of();
}
export function normal(): f64 {
  return normalOf();
}
export function hypergeometric(M: f64, c: f64, L: f64): f64 {
  return hypergeometricOf(M, c, L);
}
export function binomial(n: f64, p: f64): f64 {
  return binomialOf(n, p);
}
export function log(x: f64): f64 {
  return logOf(x);
}
export function exp(x: f64): f64 {
  return expOf(x);
}
export function lnFactorial(k: f64): f64 {
  return lnFactorialOf(k);
}
