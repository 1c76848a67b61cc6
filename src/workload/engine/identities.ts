/**
 * Which slot of a class an occurrence was: the r-th occurrence in program order has one, independently drawn.
 *
 * Occurrences 0..R-1 of a class, R known from the root draws, form a binary tree of ranks like the iterations of a loop:
 * slot counts of all R are a multinomial draw, those of a left half a multivariate hypergeometric one. So the slot of one
 * occurrence, and how many of the first r fell to each slot, cost O(log R) and agree with each other however they are asked.
 *
 * The path last descended is kept: program order asks for ascending ranks. It is a cache, not state.
 * Not modelled: classes whose slots depend on each other.
 */
import { binomial } from './binomial.ts';
import { hypergeometric } from './hypergeometric.ts';
import { Doubles, doubles, doublesAt, Ints, ints, reserve } from './memory.ts';
import { CLASSES, DRAWS, LEFT, mixKey, RIGHT, seeded, setRng } from './random.ts';
import { Tables } from './tables.ts';

/** One level of a path: ranks start..start+n-1, how they are shared out, and the shares of all ranks before them. */
@unmanaged
class Level {
  start: f64;
  n: f64;
  key: u64;
  counts: Doubles;
  before: Doubles;
}

/** The path of a class: `depth` levels of it are known, none before its root is drawn; there is room for `room`. */
@unmanaged
class Path {
  slots: i32;
  depth: i32;
  room: i32;
  levels: usize;

  @inline level(i: i32): Level {
    return changetype<Level>(this.levels + <usize>i * offsetof<Level>());
  }
}

function newPath(slots: i32, room: i32): Path {
  const path = changetype<Path>(reserve(offsetof<Path>()));
  path.slots = slots;
  path.room = room;
  path.levels = reserve(<usize>room * offsetof<Level>());
  const shares = reserve((<usize>room * <usize>slots) << 4);
  for (let i = 0; i < room; i++) {
    const at = shares + ((<usize>i * <usize>slots) << 4);
    path.level(i).counts = doublesAt(at, slots);
    path.level(i).before = doublesAt(at + ((<usize>slots) << 3), slots);
  }
  return path;
}

@unmanaged
export class Identities {
  t: Tables;
  key: u64;
  /** The occurrences of every entry in the whole run. */
  totals: Doubles;
  /** Paths by entry; 0 where none was needed yet. */
  paths: Ints;
  /** The shares of an entry with a single slot. */
  single: Doubles;

  /** Slot of occurrence `rank` of an entry. */
  slot(entry: i32, rank: f64): i32 {
    if (this.slots(entry) === 1) return 0;
    const counts = this.descend(this.path(entry), rank).counts;
    let s = 0;
    while (counts[s] !== 1) s++;
    return s;
  }

  /** How many of the first `n` occurrences of an entry fell to each of its slots. */
  shares(entry: i32, n: f64): Doubles {
    if (this.slots(entry) === 1) {
      this.single[0] = n;
      return this.single;
    }
    const path = this.path(entry);
    return n === this.totals[entry] ? path.level(0).counts : this.descend(path, n).before;
  }

  @inline slots(entry: i32): i32 {
    return this.t.slot0[entry + 1] - this.t.slot0[entry];
  }

  /** Another execution begins. */
  clear(key: u64): void {
    this.key = mixKey(key, CLASSES);
    for (let e = 0; e < this.t.entries; e++) if (this.paths[e] !== 0) changetype<Path>(<usize>this.paths[e]).depth = 0;
  }

  /** The path of an entry, with its root drawn. */
  private path(entry: i32): Path {
    const known = changetype<Path>(<usize>this.paths[entry]);
    if (changetype<usize>(known) !== 0 && known.depth > 0) return known;
    const n = this.totals[entry];
    let levels = 2;
    for (let m = n; m > 1; m /= 2) levels++;
    const wanting = changetype<usize>(known) === 0 || known.room < levels;
    const path = wanting ? newPath(this.slots(entry), levels) : known;
    this.paths[entry] = <i32>changetype<usize>(path);
    this.drawRoot(entry, path, n);
    path.depth = 1;
    return path;
  }

  private drawRoot(entry: i32, path: Path, n: f64): void {
    const t = this.t;
    const p0 = t.slot0[entry];
    const root = path.level(0);
    root.start = 0;
    root.n = n;
    root.key = mixKey(this.key, entry);
    setRng(seeded(mixKey(root.key, CLASSES)));
    let left = n;
    let mass = t.p[entry];
    for (let j = 0; j < path.slots; j++) {
      const p = t.slotP[p0 + j];
      const x = j === path.slots - 1 ? left : binomial(left, min<f64>(1, p / mass));
      root.counts[j] = x;
      root.before[j] = 0;
      left -= x;
      mass -= p;
    }
  }

  private descend(path: Path, rank: f64): Level {
    let at = path.level(path.depth - 1);
    while (rank < at.start || rank >= at.start + at.n) at = path.level(--path.depth - 1);
    while (at.n > 1) {
      const next = path.level(path.depth++);
      this.half(path.slots, at, next, rank);
      at = next;
    }
    return at;
  }

  /** The half of a level that holds a rank. */
  private half(slots: i32, at: Level, next: Level, rank: f64): void {
    let n: f64 = 1;
    while (n * 2 < at.n) n *= 2;
    setRng(seeded(mixKey(at.key, DRAWS)));
    const goLeft = rank < at.start + n;
    let population = at.n;
    let sample = n;
    for (let j = 0; j < slots; j++) {
      const c = at.counts[j];
      let x: f64 = 0;
      if (c !== 0 && sample !== 0) {
        if (c === population) x = sample;
        else if (sample === population) x = c;
        else x = hypergeometric(population, c, sample);
      }
      next.counts[j] = goLeft ? x : c - x;
      next.before[j] = goLeft ? at.before[j] : at.before[j] + x;
      population -= c;
      sample -= x;
    }
    next.key = mixKey(at.key, goLeft ? LEFT : RIGHT);
    next.start = goLeft ? at.start : at.start + n;
    next.n = goLeft ? n : at.n - n;
  }
}

export function newIdentities(t: Tables, totals: Doubles): Identities {
  const i = changetype<Identities>(reserve(offsetof<Identities>()));
  i.t = t;
  i.totals = totals;
  i.paths = ints(t.entries);
  i.single = doubles(1);
  return i;
}
