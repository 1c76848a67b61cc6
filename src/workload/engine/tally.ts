/**
 * What has retired in one execution: how often nodes ran as wholes, single instances ran, and entries happened.
 *
 * Retiring a billion iterations is one addition here; totals in all columns are linear in these counts and are brought up
 * to date only when somebody reads them (fold).
 * Not modelled: the order in which things retired.
 */
import { Doubles, doubles, Ints, ints, reserve } from './memory.ts';
import { NR_EVENTS, Tables } from './tables.ts';

@unmanaged
export class Tally {
  /** Totals in all columns; executions of nodes as wholes and of single instances, occurrences of entries: as far as folded. */
  sums: Doubles;
  wholes: Doubles;
  singles: Doubles;
  occurred: Doubles;
  t: Tables;
  /** What has come since, and the numbers of the nodes, instances and entries that it concerns. */
  newWholes: Doubles;
  newSingles: Doubles;
  newOccurred: Doubles;
  dirtyWholes: Ints;
  dirtySingles: Ints;
  dirtyOccurred: Ints;
  nrDirtyWholes: i32;
  nrDirtySingles: i32;

  /** A node ran as a whole n times. */
  @inline whole(node: i32, n: f64): void {
    const now = this.newWholes[node];
    if (now === 0) this.dirtyWholes[this.nrDirtyWholes++] = node;
    this.newWholes[node] = now + n;
  }

  /** An instance of a block that was entered ran once. */
  @inline single(q: i32): void {
    const now = this.newSingles[q];
    if (now === 0) this.dirtySingles[this.nrDirtySingles++] = q;
    this.newSingles[q] = now + 1;
  }

  /** An entry happened n times. */
  @inline occur(e: i32, n: f64): void {
    this.newOccurred[e] = this.newOccurred[e] + n;
    this.dirtyOccurred[e >> 5] = this.dirtyOccurred[e >> 5] | (1 << (e & 31));
  }

  /** Occurrences of an entry so far. */
  @inline occurrences(e: i32): f64 {
    return this.occurred[e] + this.newOccurred[e];
  }

  /** Brings everything up to date. */
  fold(): void {
    const t = this.t;
    const sums = this.sums;
    for (let i = 0; i < this.nrDirtyWholes; i++) {
      const v = this.dirtyWholes[i];
      const n = this.newWholes[v];
      this.newWholes[v] = 0;
      this.wholes[v] = this.wholes[v] + n;
      const plain = t.plain.from(v * NR_EVENTS);
      for (let c = 0; c < NR_EVENTS; c++) sums[c] = sums[c] + n * plain[c];
    }
    this.nrDirtyWholes = 0;
    for (let i = 0; i < this.nrDirtySingles; i++) {
      const q = this.dirtySingles[i];
      const n = this.newSingles[q];
      this.newSingles[q] = 0;
      this.singles[q] = this.singles[q] + n;
      const vector = t.vectors.from(t.instVector[q] * NR_EVENTS);
      for (let c = 0; c < NR_EVENTS; c++) sums[c] = sums[c] + n * vector[c];
    }
    this.nrDirtySingles = 0;
    const words = (t.entries + 31) >> 5;
    for (let w = 0; w < words; w++) {
      for (let bits = this.dirtyOccurred[w]; bits !== 0; bits &= bits - 1) {
        const e = (w << 5) + ctz(bits);
        const n = this.newOccurred[e];
        this.newOccurred[e] = 0;
        this.occurred[e] = this.occurred[e] + n;
        for (let j = t.weight0[e]; j < t.weight0[e + 1]; j++)
          sums[t.weightColumn[j]] = sums[t.weightColumn[j]] + n * t.weightValue[j];
      }
      this.dirtyOccurred[w] = 0;
    }
  }

  /** Nothing has retired. */
  clear(): void {
    this.fold();
    this.sums.clear(NR_EVENTS);
    this.wholes.clear(this.t.nodes);
    this.singles.clear(this.t.instances);
    this.occurred.clear(this.t.entries);
  }
}

export function newTally(t: Tables): Tally {
  const y = changetype<Tally>(reserve(offsetof<Tally>()));
  y.t = t;
  y.sums = doubles(NR_EVENTS);
  y.wholes = doubles(t.nodes);
  y.singles = doubles(t.instances);
  y.occurred = doubles(t.entries);
  y.newWholes = doubles(t.nodes);
  y.newSingles = doubles(t.instances);
  y.newOccurred = doubles(t.entries);
  y.dirtyWholes = ints(t.nodes);
  y.dirtySingles = ints(t.instances);
  y.dirtyOccurred = ints((t.entries + 31) >> 5);
  return y;
}
