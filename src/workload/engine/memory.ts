/**
 * Arrays in linear memory: what the tables, the pending pieces and the counts are made of.
 *
 * An array is an address; it has no header, and there is no garbage collector. Memory is never given back: an instance goes
 * with its image, and cursors are used again. A build with assertions checks each access against a map of what lies where.
 * Not modelled: operations on arrays that the engine does not need.
 */

/** What a word of memory is part of. */
const NOTHING: u8 = 0;
const BYTES: u8 = 1;
const INTS: u8 = 2;
const DOUBLES: u8 = 3;

/** In a build with assertions: for every four bytes of the first 64 MB, what they are part of. */
const MAPPED: usize = 1 << 26;
const map: usize = ASC_NO_ASSERT ? 0 : heap.alloc(MAPPED >> 2);

function check(at: usize, kind: u8): void {
  if (!ASC_NO_ASSERT) assert(at < MAPPED && load<u8>(map + (at >> 2)) === kind);
}

/** Declares what memory is part of. */
function declare(at: usize, size: usize, kind: u8): void {
  if (!ASC_NO_ASSERT) memory.fill(map + (at >> 2), kind, (size + 3) >> 2);
}

@unmanaged
export class Bytes {
  [key: number]: i32;
  @inline @operator('[]') at(i: i32): i32 {
    const at = changetype<usize>(this) + <usize>i;
    check(at, BYTES);
    return <i32>load<u8>(at);
  }
  @inline @operator('[]=') put(i: i32, v: i32): void {
    const at = changetype<usize>(this) + <usize>i;
    check(at, BYTES);
    store<u8>(at, v);
  }
}

@unmanaged
export class Ints {
  [key: number]: i32;
  @inline @operator('[]') at(i: i32): i32 {
    const at = changetype<usize>(this) + ((<usize>i) << 2);
    check(at, INTS);
    return load<i32>(at);
  }
  @inline @operator('[]=') put(i: i32, v: i32): void {
    const at = changetype<usize>(this) + ((<usize>i) << 2);
    check(at, INTS);
    store<i32>(at, v);
  }
  /** The array that begins at an index of this one. */
  @inline from(i: i32): Ints {
    return changetype<Ints>(changetype<usize>(this) + ((<usize>i) << 2));
  }
  /** The array that begins at an address. */
  @inline static at(address: usize): Ints {
    return changetype<Ints>(address);
  }
}

@unmanaged
export class Doubles {
  [key: number]: f64;
  @inline @operator('[]') at(i: i32): f64 {
    const at = changetype<usize>(this) + ((<usize>i) << 3);
    check(at, DOUBLES);
    return load<f64>(at);
  }
  @inline @operator('[]=') put(i: i32, v: f64): void {
    const at = changetype<usize>(this) + ((<usize>i) << 3);
    check(at, DOUBLES);
    store<f64>(at, v);
  }
  /** Two values at once, those at i and i + 1. */
  @inline pair(i: i32): v128 {
    const at = changetype<usize>(this) + ((<usize>i) << 3);
    check(at, DOUBLES);
    check(at + 8, DOUBLES);
    return v128.load(at);
  }
  @inline putPair(i: i32, v: v128): void {
    const at = changetype<usize>(this) + ((<usize>i) << 3);
    check(at, DOUBLES);
    check(at + 8, DOUBLES);
    v128.store(at, v);
  }
  /** Adds x times another array of an even number of values; the first two are the caller's. */
  @inline addRest(other: Doubles, x: f64, n: i32): void {
    for (let i = 2; i < n; i += 2) this.putPair(i, f64x2.add(this.pair(i), f64x2.mul(f64x2.splat(x), other.pair(i))));
  }
  /** The array that begins at an index of this one. */
  @inline from(i: i32): Doubles {
    return changetype<Doubles>(changetype<usize>(this) + ((<usize>i) << 3));
  }
  /** The array that begins at an address. */
  @inline static at(address: usize): Doubles {
    return changetype<Doubles>(address);
  }
  /** Copies n values of another array. */
  @inline set(other: Doubles, n: i32): void {
    memory.copy(changetype<usize>(this), changetype<usize>(other), (<usize>n) << 3);
  }
  /** Sets n values to zero. */
  @inline clear(n: i32): void {
    memory.fill(changetype<usize>(this), 0, (<usize>n) << 3);
  }
}

/** Zeroed memory, on an 8-byte boundary, for a record; nothing in it is an array until declared. */
export function reserve(size: usize): usize {
  const at = heap.alloc(size);
  memory.fill(at, 0, size);
  declare(at, size, NOTHING);
  return at;
}

export function bytes(n: i32): Bytes {
  const at = reserve(<usize>max(n, 1));
  declare(at, <usize>n, BYTES);
  return changetype<Bytes>(at);
}
export function ints(n: i32): Ints {
  const at = reserve((<usize>max(n, 1)) << 2);
  return intsAt(at, n);
}
export function doubles(n: i32): Doubles {
  const at = reserve((<usize>max(n, 1)) << 3);
  return doublesAt(at, n);
}

/** Arrays inside a record. */
export function bytesAt(at: usize, n: i32): Bytes {
  declare(at, <usize>n, BYTES);
  return changetype<Bytes>(at);
}
export function intsAt(at: usize, n: i32): Ints {
  declare(at, (<usize>n) << 2, INTS);
  return changetype<Ints>(at);
}
export function doublesAt(at: usize, n: i32): Doubles {
  declare(at, (<usize>n) << 3, DOUBLES);
  return changetype<Doubles>(at);
}
