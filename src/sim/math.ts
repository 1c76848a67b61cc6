/**
 * log, exp, ln n! and the normal quantile from + - * / and sqrt alone, so that every JavaScript engine gives the same
 * bits.
 *
 * ECMAScript leaves Math.log and Math.exp to the implementation; IEEE 754 fixes the five operations used here.
 * Everything random below cli/ (the samplers of workload/, the cost draws of machine/) is built on these.
 *
 * Sources: log and exp follow the argument reductions and minimax coefficients published with FreeBSD's msun (e_log.c,
 * e_exp.c, after K. C. Ng), relative error below 1 ulp; the quantile is M. J. Wichura, "Algorithm AS 241", Applied
 * Statistics 37 (1988), PPND16, relative error about 1e-16.
 * Not modelled: subnormal arguments, NaN, errno.
 */
const f64 = new Float64Array(1);
const i32 = new Int32Array(f64.buffer);
/** Index of a double's high word: 1 on the little-endian machines that Node runs on. */
const HIGH = 1;

const LN2_HI = 0.6931471803691238;
const LN2_LO = 1.9082149292705877e-10;

/** Natural logarithm of a positive normal number. */
export function log(x: number): number {
  f64[0] = x;
  let high = i32[HIGH]!;
  let k = (high >> 20) - 1023;
  high &= 0xfffff;
  // Brings the mantissa into [sqrt(1/2), sqrt(2)).
  const carry = (high + 0x95f64) & 0x100000;
  i32[HIGH] = high | (carry ^ 0x3ff00000);
  k += carry >> 20;
  const f = f64[0] - 1;
  const s = f / (2 + f);
  const z = s * s;
  const w = z * z;
  const odd = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373));
  const even = z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)));
  const half = 0.5 * f * f;
  return k * LN2_HI - (half - (s * (half + odd + even) + k * LN2_LO) - f);
}

/** e to the x; 0 below -700, where no caller needs a value. */
export function exp(x: number): number {
  if (x < -700) return 0;
  const k = Math.floor(x * Math.LOG2E + 0.5);
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
  f64[0] = 1 - (lo - (r * c) / (2 - c) - hi);
  i32[HIGH] = i32[HIGH]! + (k << 20);
  return f64[0];
}

/** ln(1 - p) for 0 <= p < 1, also where p is tiny. */
export function log1m(p: number): number {
  return p < 1e-4 ? -p * (1 + p * (1 / 2 + p * (1 / 3 + p / 4))) : log(1 - p);
}

const FACTORIALS = 4096;
/** ln k! below FACTORIALS, on first use: few processes need it. */
let lnFact: Float64Array | undefined;

function factorials(): Float64Array {
  const table = new Float64Array(FACTORIALS);
  // Kahan summation: the table is as accurate as its logarithms.
  let sum = 0;
  let lost = 0;
  for (let i = 2; i < FACTORIALS; i++) {
    const term = log(i) - lost;
    const next = sum + term;
    lost = next - sum - term;
    sum = next;
    table[i] = sum;
  }
  return table;
}

const HALF_LN_2PI = 0.9189385332046728;

/** ln k! of a whole number: a table, then Stirling's series (remainder below 1e-25). */
export function lnFactorial(k: number): number {
  if (k < FACTORIALS) return (lnFact ??= factorials())[k]!;
  const x = k + 1;
  const r = 1 / x;
  const r2 = r * r;
  return (x - 0.5) * log(x) - x + HALF_LN_2PI + r * (1 / 12 - r2 * (1 / 360 - r2 * (1 / 1260)));
}

/** Quantile of the standard normal distribution, 0 < p < 1. */
export function probit(p: number): number {
  const q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const r = 0.180625 - q * q;
    return (
      (q *
        (((((((2509.0809287301227 * r + 33430.57558358813) * r + 67265.7709270087) * r + 45921.95393154987) * r +
          13731.69376550946) *
          r +
          1971.5909503065513) *
          r +
          133.14166789178438) *
          r +
          3.3871328727963665)) /
      (((((((5226.495278852546 * r + 28729.085735721943) * r + 39307.89580009271) * r + 21213.794301586597) * r +
        5394.196021424751) *
        r +
        687.1870074920579) *
        r +
        42.31333070160091) *
        r +
        1)
    );
  }
  let r = Math.sqrt(-log(q < 0 ? p : 1 - p));
  let v: number;
  if (r <= 5) {
    r -= 1.6;
    v =
      (((((((0.0007745450142783414 * r + 0.022723844989269184) * r + 0.2417807251774506) * r + 1.2704582524523684) * r +
        3.6478483247632045) *
        r +
        5.769497221460691) *
        r +
        4.630337846156546) *
        r +
        1.4234371107496835) /
      (((((((1.0507500716444169e-9 * r + 0.0005475938084995345) * r + 0.015198666563616457) * r + 0.14810397642748008) *
        r +
        0.6897673349851) *
        r +
        1.6763848301838038) *
        r +
        2.053191626637759) *
        r +
        1);
  } else {
    r -= 5;
    v =
      (((((((2.0103343992922881e-7 * r + 2.7115555687434876e-5) * r + 0.0012426609473880784) * r +
        0.026532189526576124) *
        r +
        0.29656057182850487) *
        r +
        1.7848265399172913) *
        r +
        5.463784911164114) *
        r +
        6.657904643501103) /
      (((((((2.0442631033899397e-15 * r + 1.421511758316446e-7) * r + 1.8463183175100548e-5) * r +
        0.0007868691311456133) *
        r +
        0.014875361290850615) *
        r +
        0.1369298809227358) *
        r +
        0.599832206555888) *
        r +
        1);
  }
  return q < 0 ? -v : v;
}
