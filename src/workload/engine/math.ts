/**
 * log, exp and ln n! of sim/math.ts, operation by operation, so that both give the same bits: see there for what they
 * follow. They are here because draws need them where a call to JavaScript would cost more than the draw.
 * Not modelled: what sim/math.ts does not model.
 */
import { doubles } from './memory.ts';

const LN2_HI: f64 = 0.6931471803691238;
const LN2_LO: f64 = 1.9082149292705877e-10;

const TWO52: f64 = 4503599627370496;

/**
 * A whole number from 0 to 2^32 - 1 as an integer: after 2^52 has been added, it is the mantissa's end. WebAssembly's conversions
 * check what they are given, which takes longer than all else in a short draw.
 */
export function toInt(x: f64): u32 {
  return <u32>reinterpret<u64>(x + TWO52);
}

/** Natural logarithm of a positive normal number. */
export function log(x: f64): f64 {
  const bits = reinterpret<i64>(x);
  let high = <i32>(bits >> 32);
  let k = (high >> 20) - 1023;
  high &= 0xfffff;
  // Brings the mantissa into [sqrt(1/2), sqrt(2)).
  const carry = (high + 0x95f64) & 0x100000;
  high = high | (carry ^ 0x3ff00000);
  k += carry >> 20;
  const f = reinterpret<f64>(((<i64>high) << 32) | (bits & 0xffffffff)) - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const odd = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const even = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const half = 0.5 * f * f;
  return <f64>k * LN2_HI - (half - (s * (half + odd + even) + <f64>k * LN2_LO) - f);
}

/** e to the x; 0 below -700, where no caller needs a value. */
export function exp(x: f64): f64 {
  if (x < -700) return 0;
  const k = floor(x * Math.LOG2E + 0.5);
  const hi = x - k * LN2_HI;
  const lo = k * LN2_LO;
  const r = hi - lo;
  const t = r * r;
  const c =
    r -
    t *
      (0.16666666666666602 +
        t *
          (-0.0027777777777015593 +
            t * (6.613756321437934e-5 + t * (-1.6533902205465252e-6 + t * 4.1381367970572385e-8))));
  const y: f64 = 1 - (lo - (r * c) / (2 - c) - hi);
  return reinterpret<f64>(reinterpret<i64>(y) + ((<i64>((<i32>k) << 20)) << 32));
}

/** ln(1 - p) for 0 <= p < 1, also where p is tiny. */
export function log1m(p: f64): f64 {
  return p < 1e-4 ? -p * (1 + p * (1.0 / 2 + p * (1.0 / 3 + p / 4))) : log(1 - p);
}

const FACTORIALS = 4096;
const lnFact = doubles(FACTORIALS);
{
  // Kahan summation: the table is as good as the logarithms in it.
  let sum: f64 = 0;
  let lost: f64 = 0;
  for (let i = 2; i < FACTORIALS; i++) {
    const term = log(<f64>i) - lost;
    const next = sum + term;
    lost = next - sum - term;
    sum = next;
    lnFact[i] = sum;
  }
}
const HALF_LN_2PI: f64 = 0.9189385332046728;

/** ln k! of a whole number: a table, then Stirling's series (remainder below 1e-25). */
export function lnFactorial(k: f64): f64 {
  if (k < <f64>FACTORIALS) return lnFact[<i32>k];
  const x = k + 1;
  const r = 1 / x;
  const r2 = r * r;
  return (x - 0.5) * log(x) - x + HALF_LN_2PI + r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260)));
}
