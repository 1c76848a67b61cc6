/**
 * What has retired in one execution: how often nodes ran as wholes, single instances ran, and entries happened.
 *
 * Retiring a billion iterations is one addition here; totals in all columns are linear in these counts and are brought up
 * to date only when somebody reads them (fold).
 */
import { NR_EVENTS } from '../arch/events.ts';
import type { Tables } from './image.ts';

export class Tally {
  private readonly t: Tables;
  /** Executions of nodes as a whole and of single instances, occurrences of entries; as far as folded. */
  readonly wholes: Float64Array;
  readonly singles: Float64Array;
  readonly occurred: Float64Array;
  /** Totals in all columns; as far as folded. */
  readonly sums = new Float64Array(NR_EVENTS);
  /** What came since, and which are concerned. */
  private readonly newWholes: Float64Array;
  private readonly newSingles: Float64Array;
  private readonly newOccurred: Float64Array;
  private readonly dirtyWholes: Int32Array;
  private readonly dirtySingles: Int32Array;
  private readonly dirtyOccurred: Int32Array;
  private nrDirtyWholes = 0;
  private nrDirtySingles = 0;

  constructor(tables: Tables) {
    const { nodes, entries } = tables;
    const instances = tables.instId.length;
    this.t = tables;
    this.wholes = new Float64Array(nodes);
    this.singles = new Float64Array(instances);
    this.occurred = new Float64Array(entries);
    this.newWholes = new Float64Array(nodes);
    this.newSingles = new Float64Array(instances);
    this.newOccurred = new Float64Array(entries);
    this.dirtyWholes = new Int32Array(nodes);
    this.dirtySingles = new Int32Array(instances);
    this.dirtyOccurred = new Int32Array((entries + 31) >> 5);
  }

  /** A node ran as a whole n times. */
  whole(node: number, n: number): void {
    if (this.newWholes[node] === 0) this.dirtyWholes[this.nrDirtyWholes++] = node;
    this.newWholes[node] = this.newWholes[node]! + n;
  }

  /** An instance of a block that was entered ran once. */
  single(q: number): void {
    if (this.newSingles[q] === 0) this.dirtySingles[this.nrDirtySingles++] = q;
    this.newSingles[q] = this.newSingles[q]! + 1;
  }

  /** An entry happened n times. */
  occur(e: number, n: number): void {
    this.newOccurred[e] = this.newOccurred[e]! + n;
    this.dirtyOccurred[e >> 5] = this.dirtyOccurred[e >> 5]! | (1 << (e & 31));
  }

  /** Occurrences of an entry so far. */
  occurrences(e: number): number {
    return this.occurred[e]! + this.newOccurred[e]!;
  }

  /** Brings everything up to date. */
  fold(): void {
    const { t, sums } = this;
    for (let i = 0; i < this.nrDirtyWholes; i++) {
      const v = this.dirtyWholes[i]!;
      const n = this.newWholes[v]!;
      this.newWholes[v] = 0;
      this.wholes[v] = this.wholes[v]! + n;
      for (let c = 0; c < NR_EVENTS; c++) sums[c] = sums[c]! + n * t.plain[v * NR_EVENTS + c]!;
    }
    this.nrDirtyWholes = 0;
    for (let i = 0; i < this.nrDirtySingles; i++) {
      const q = this.dirtySingles[i]!;
      const n = this.newSingles[q]!;
      this.newSingles[q] = 0;
      this.singles[q] = this.singles[q]! + n;
      const v = t.instVector[q]! * NR_EVENTS;
      for (let c = 0; c < NR_EVENTS; c++) sums[c] = sums[c]! + n * t.vectors[v + c]!;
    }
    this.nrDirtySingles = 0;
    for (let w = 0; w < this.dirtyOccurred.length; w++) {
      for (let bits = this.dirtyOccurred[w]!; bits !== 0; bits &= bits - 1) {
        const e = (w << 5) + 31 - Math.clz32(bits & -bits);
        const n = this.newOccurred[e]!;
        this.newOccurred[e] = 0;
        this.occurred[e] = this.occurred[e]! + n;
        for (let j = t.weight0[e]!; j < t.weight0[e + 1]!; j++)
          sums[t.weightColumn[j]!] = sums[t.weightColumn[j]!]! + n * t.weightValue[j]!;
      }
      this.dirtyOccurred[w] = 0;
    }
  }

  /** Its state, once folded: to be copied from, or into. */
  state(): readonly Float64Array[] {
    return [this.sums, this.wholes, this.singles, this.occurred];
  }
}
