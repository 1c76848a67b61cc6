/**
 * Keys and random bits. Part of the seed contract (seed-contract.ts).
 *
 * A 64-bit key names every piece of the execution tree; children are keyed by chained mixing, and the draws inside a piece
 * come from a xoroshiro64** generator seeded with a key of its own. So any piece can be expanded without having expanded
 * what lies before it. Keys and states of the generator are 64-bit values, their first half the low one.
 *
 * Source: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators" (xoroshiro64**).
 * Not modelled: randomness that withstands an adversary.
 */

/**
 * Tags of derived keys. A range's halves and its draws, and the slots of classes; the iterations of a chunk follow UNIT, the
 * loops in an iteration follow NEST.
 */
export const LEFT: i32 = 0;
export const RIGHT: i32 = 1;
export const DRAWS: i32 = 2;
export const CLASSES: i32 = 3;
export const UNIT: i32 = 8;
export const NEST: i32 = 64;

export const TWO32: f64 = 4294967296;

function pair(low: u32, high: u32): u64 {
  return <u64>low | ((<u64>high) << 32);
}

/** The key of the child `tag` of a key. Every bit of the result depends on every bit given. */
export function mixKey(key: u64, tag: i32): u64 {
  let a = <u32>key + <u32>(tag + 1) * 0x9e3779b1;
  let b = <u32>(key >> 32);
  a = (a ^ (a >> 16)) * 0x7feb352d;
  b ^= a;
  b = (b ^ (b >> 15)) * 0x846ca68b;
  a += b;
  a = (a ^ (a >> 15)) * 0x21f0aaad;
  b ^= a ^ (a >> 16);
  b = (b ^ (b >> 16)) * 0x735a2d97;
  a = a ^ b ^ (b >> 15);
  return pair(a, b ^ (b >> 15));
}

/** The key that a text names, given its UTF-16 units: mixing chained over them and their number. */
export function keyOfText(units: usize, n: i32): u64 {
  let key = pair(0x243f6a88, 0x85a308d3);
  for (let i = 0; i < n; i++) key = mixKey(key, <i32>load<u16>(units + ((<usize>i) << 1)));
  return mixKey(key, 0x10000 + n);
}

/** A generator that starts from a key. */
export function seeded(key: u64): u64 {
  return key === 0 ? (<u64>0x5bd1e995) << 32 : key;
}
/** What a generator gives, an unsigned number of 32 bits. */
export function bits(q: u64): u32 {
  return rotl<u32>(<u32>q * 0x9e3779bb, 5) * 5;
}
/** Its state after that. */
export function step(q: u64): u64 {
  const s0 = <u32>q;
  const s1 = <u32>(q >> 32) ^ s0;
  return pair(rotl<u32>(s0, 26) ^ s1 ^ (s1 << 9), rotl<u32>(s1, 13));
}

/** State of the generator that everything is drawn from. */
export let rng: u64 = 0;
export function setRng(q: u64): void {
  rng = q;
}

/** 32 random bits. */
export function next32(): u32 {
  const u = bits(rng);
  rng = step(rng);
  return u;
}

/** A uniform deviate inside (0, 1) with 53 bits. */
export function next53(): f64 {
  const high = <f64>(next32() >> 5);
  const low = <f64>(next32() >> 6);
  return (high * 67108864 + low + 0.5) / 9007199254740992;
}
