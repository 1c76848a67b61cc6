/**
 * Executes a compiled program without walking it: the lazily expanded execution tree.
 *
 * The state of any range of loop iterations is (n, how often each entry happens in it). Ranges that end before the next
 * limit are skipped in one step, the one that does not is split: the counts of its left part are hypergeometric draws, the
 * right part is what remains. Draws come from keys of the range, so what executes does not depend on where it was stopped.
 * Ranges of up to CHUNK iterations are drawn one iteration after the other; a range in which nothing random happens is
 * divided by arithmetic. What is pending is a stack in program order: RANGE and CHUNK (iterations of a loop), SEQ (rest of
 * a sequence), BLOCK (rest of a block). Counts of an entry e are found at arena[base + e].
 *
 * Cost of a stop: about log2(iterations since the last one) splits, whatever the size of the program's loops.
 * One file, and long, because the draws must be inlined into split(): a call that passes doubles allocates (V8 boxes
 * them), and the generator's state must live in registers. The plain forms of the draws are in samplers.ts.
 * Not modelled: populations of 2^53; more than one thread.
 */
import type { Drain, ExecutionCursor, Trap } from '../arch/cpu.ts';
import { CYCLES, NR_EVENTS } from '../arch/events.ts';
import type { EventColumn, EventVector } from '../arch/events.ts';
import { address } from '../units.ts';
import type { Address } from '../units.ts';
import { armed } from './armed.ts';
import type { Armed } from './armed.ts';
import { Identities } from './identities.ts';
import { BLOCK as NODE_BLOCK, BRANCH, LOOP } from './image.ts';
import type { Image, Tables } from './image.ts';
import type { StaticInstruction } from './layout.ts';
import { truthByCallchain, truthByInstruction, truthBySymbol } from './ledger.ts';
import type { Books, ChainTruth, InstructionTruth, SymbolTruth, Truth } from './ledger.ts';
import {
  binomial,
  cdf,
  cdfRow,
  DRAWS,
  FEW,
  FEW_HALF,
  hypergeometric,
  invertHypergeometric,
  keyOfText,
  layerInside,
  layerWidth,
  LEFT,
  mixed,
  mixKey,
  NEST,
  normalEdge,
  ratioToBest,
  RIGHT,
  rng,
  rowKey,
  SEED_CONTRACT,
  seedRng,
  TABLE_M,
  tabulate,
  UNIT,
} from './samplers.ts';
import { Tally } from './tally.ts';

const RANGE = 0;
const CHUNK = 1;
const SEQ = 2;
const BLOCK = 3;

/** Ranges of up to so many iterations are drawn iteration by iteration. Part of the seed contract. */
export const CHUNK_MAX = 8;

const TWO32 = 4294967296;
const DEPTH = 64;

export class Cursor implements ExecutionCursor, Books, Truth {
  private readonly image: Image;
  private readonly t: Tables;
  private readonly key0: number;
  private readonly key1: number;
  /** Occurrences of each entry in the whole run. */
  private readonly rootCounts: Float64Array;
  private readonly identities: Identities;

  /** Pending pieces, the next to run on top. */
  private sp = 0;
  private depth = DEPTH;
  private eKind = new Uint8Array(DEPTH);
  private eNode = new Int32Array(DEPTH);
  /** Next child of a SEQ, next instance of a BLOCK, iterations done of a CHUNK. */
  private eIdx = new Int32Array(DEPTH);
  private eBase = new Int32Array(DEPTH);
  /** Arena top when the piece is done, and how many counts above it the piece owns. */
  private eTop = new Int32Array(DEPTH);
  private eOwn = new Int32Array(DEPTH);
  private eK0 = new Int32Array(DEPTH);
  private eK1 = new Int32Array(DEPTH);
  /** Generator of a CHUNK. */
  private eR0 = new Int32Array(DEPTH);
  private eR1 = new Int32Array(DEPTH);
  /** Version of the armed set that eTotal was computed for. */
  private eVersion = new Int32Array(DEPTH);
  private eN = new Float64Array(DEPTH);
  /** Armed totals of a RANGE or CHUNK; stride is the number of armed columns. */
  private eTotal = new Float64Array(DEPTH * NR_EVENTS);
  /** Which entries of a RANGE or CHUNK have a count; stride is maxWords. */
  private eMask: Int32Array;
  /** Zero above arenaTop. */
  private arena: Float64Array;
  private arenaTop = 0;

  /** Trials of each entry of the range being split, and of its left part. */
  private readonly trialsAll: Float64Array;
  private readonly trialsLeft: Float64Array;
  /** Entries that happened in the iteration of a chunk, and how often each entry did. */
  private readonly happened: Int32Array;
  private readonly inUnit: Float64Array;

  /** Armed columns, how many there are, and the stride of tables by column: at least three. */
  private armed: Armed;
  private nrArmed = 1;
  private stride = 3;
  private version = 1;
  private readonly current = new Float64Array(NR_EVENTS);
  counts: Float64Array;
  private readonly item = new Float64Array(NR_EVENTS);

  /** What has retired. */
  private readonly tally: Tally;
  /** Executions of periodic branches so far, by entry. */
  private readonly executed: Float64Array;
  /** The instance that retired last, or -1. */
  private last = -1;

  /** Starts the program of an image with a seed: a text, or the two halves of a key. */
  constructor(image: Image, seed: string | readonly [number, number]) {
    const t = image.tables;
    this.image = image;
    this.t = t;
    if (typeof seed === 'string') keyOfText(seed);
    else mixed.set(seed);
    this.key0 = mixed[0]!;
    this.key1 = mixed[1]!;
    this.eMask = new Int32Array(DEPTH * t.maxWords);
    this.arena = new Float64Array(Math.max(1024, t.entries * 32));
    this.trialsAll = new Float64Array(t.entries);
    this.trialsLeft = new Float64Array(t.entries);
    this.happened = new Int32Array(t.entries);
    this.inUnit = new Float64Array(t.entries);
    this.tally = new Tally(t);
    this.executed = new Float64Array(t.entries);
    this.armed = armed(t, [CYCLES]);
    this.counts = this.current.subarray(0, 1);
    this.rootCounts = this.drawRoot();
    this.identities = new Identities(t, this.key0, this.key1, this.rootCounts);
    this.arena.set(this.rootCounts);
    this.arenaTop = t.entries;
    this.push(RANGE, 0, 1, this.key0, this.key1, 0, 0, t.entries);
    this.initMask(0, 0, 0);
  }

  /** How often everything happens in the whole run: binomial draws, each given what it depends on. */
  private drawRoot(): Float64Array {
    const t = this.t;
    const counts = new Float64Array(t.entries);
    const trials = new Float64Array(t.entries);
    mixKey(this.key0, this.key1, DRAWS);
    seedRng(mixed[0]!, mixed[1]!);
    for (let e = 0; e < t.entries; e++) {
      const r = t.rel0[0]! + e;
      const parent = t.relParent[r]!;
      const condition = parent < 0 ? 1 : t.relElse[r] === 0 ? counts[parent]! : trials[parent]! - counts[parent]!;
      const n = condition * t.relTimes[r]!;
      trials[e] = n;
      counts[e] = t.every[e]! > 0 ? Math.floor(n / t.every[e]!) : binomial(n, t.p[e]!);
    }
    return counts;
  }

  get finished(): boolean {
    return this.sp === 0;
  }

  arm(columns: readonly EventColumn[]): void {
    const set = armed(this.t, columns);
    if (set === this.armed) return;
    this.tally.fold();
    this.use(set, columns.length);
  }

  /** Counts from `sums` on in the columns of a set; totals of pending ranges are those of another. */
  private use(set: Armed, columns: number): void {
    this.armed = set;
    this.nrArmed = columns;
    this.stride = set.columns.length;
    set.columns.forEach((column, a) => (this.current[a] = this.tally.sums[column]!));
    this.counts = this.current.subarray(0, columns);
    this.version++;
  }

  totals(into: EventVector): EventVector {
    this.tally.fold();
    into.set(this.tally.sums);
    return into;
  }

  get ip(): Address {
    const q = this.next();
    if (q >= 0) return address(this.instruction(q).address);
    // After the end there is no next instruction; the address after the last one is where it would be.
    const i = this.instruction(this.last);
    return address(i.address + i.length);
  }

  callchain(into: Address[]): void {
    const q = this.next();
    if (q < 0) return;
    const t = this.t;
    for (let c = t.call[t.instNode[q]!]!; c >= 0; c = t.callOuter[c]!) into.push(address(t.callReturn[c]!));
  }

  get trap(): Trap | undefined {
    return this.last < 0 ? undefined : this.instruction(this.last).trap;
  }

  get drains(): readonly Drain[] | undefined {
    return this.image.drains;
  }

  private instruction(q: number): StaticInstruction {
    return this.image.layout.instructions[this.t.instId[q]!]!;
  }

  /** The instance that executes next, or -1. Settled pieces are gone, so the top entry has it. */
  private next(): number {
    const top = this.sp - 1;
    if (top < 0) return -1;
    const t = this.t;
    const node = this.eNode[top]!;
    const kind = this.eKind[top]!;
    if (kind === BLOCK) return t.inst0[node]! + this.eIdx[top]!;
    return t.first[kind === SEQ ? t.children[t.child0[node]! + this.eIdx[top]!]! : node]!;
  }

  advance(limits: Float64Array): number {
    const cur = this.current;
    const n = this.nrArmed;
    const na = this.stride;
    for (let a = 0; a < n; a++) if (cur[a]! >= limits[a]!) return a;
    while (this.sp > 0) {
      const top = this.sp - 1;
      const kind = this.eKind[top]!;
      if (kind === SEQ) {
        this.walkSeq(top, limits);
      } else if (kind === BLOCK) {
        const fired = this.walkBlock(top, limits);
        if (fired >= 0) {
          this.settle();
          return fired;
        }
      } else {
        if (this.eVersion[top] !== this.version) this.rangeTotals(top);
        let crosses = false;
        for (let a = 0; a < n; a++) if (cur[a]! + this.eTotal[top * na + a]! >= limits[a]!) crosses = true;
        if (!crosses) this.consumeRange(top);
        else if (this.isUniform(top)) this.divide(top, limits);
        else if (kind === CHUNK) this.stepChunk(top, limits);
        else if (this.eN[top] === 1) this.unfold(top);
        else if (this.eN[top]! <= CHUNK_MAX) this.stepChunk(top, limits);
        else this.split(top);
      }
    }
    this.last = lastOf(this.t, 0);
    return -1;
  }

  /** Drops sequences that have nothing left, so that the top of the stack holds the next instruction. */
  private settle(): void {
    while (this.sp > 0) {
      const top = this.sp - 1;
      if (this.eKind[top] !== SEQ || this.eIdx[top]! < this.t.childCount[this.eNode[top]!]!) return;
      this.pop(top);
    }
  }

  private push(
    kind: number,
    node: number,
    n: number,
    k0: number,
    k1: number,
    base: number,
    top: number,
    own: number,
  ): number {
    const i = this.sp++;
    if (i >= this.depth) this.deepen();
    this.eKind[i] = kind;
    this.eNode[i] = node;
    this.eIdx[i] = 0;
    this.eN[i] = n;
    this.eK0[i] = k0;
    this.eK1[i] = k1;
    this.eBase[i] = base;
    this.eTop[i] = top;
    this.eOwn[i] = own;
    this.eVersion[i] = 0;
    return i;
  }

  private pop(top: number): void {
    const at = this.eTop[top]!;
    const own = this.eOwn[top]!;
    if (own > 0) this.arena.fill(0, at, at + own);
    this.arenaTop = at;
    this.sp = top;
  }

  private deepen(): void {
    const wider = <T extends Uint8Array | Int32Array | Float64Array>(old: T, stride = 1): T => {
      const out = new (old.constructor as new (n: number) => T)(this.depth * 2 * stride);
      out.set(old);
      return out;
    };
    this.eKind = wider(this.eKind);
    this.eNode = wider(this.eNode);
    this.eIdx = wider(this.eIdx);
    this.eBase = wider(this.eBase);
    this.eTop = wider(this.eTop);
    this.eOwn = wider(this.eOwn);
    this.eK0 = wider(this.eK0);
    this.eK1 = wider(this.eK1);
    this.eR0 = wider(this.eR0);
    this.eR1 = wider(this.eR1);
    this.eVersion = wider(this.eVersion);
    this.eN = wider(this.eN);
    this.eTotal = wider(this.eTotal, NR_EVENTS);
    this.eMask = wider(this.eMask, this.t.maxWords);
    this.depth *= 2;
  }

  /** Room for `n` more counts; returns where they begin. */
  private reserve(n: number): number {
    const at = this.arenaTop;
    if (at + n > this.arena.length) {
      const wider = new Float64Array(this.arena.length * 2 + n);
      wider.set(this.arena);
      this.arena = wider;
    }
    this.arenaTop = at + n;
    return at;
  }

  private initMask(top: number, node: number, base: number): void {
    const t = this.t;
    const m = top * t.maxWords;
    for (let w = 0; w < t.words[node]!; w++) {
      const from = t.s0[node]! + (w << 5);
      const to = Math.min(t.s1[node]!, from + 32);
      let bits = 0;
      for (let e = from; e < to; e++) if (this.arena[base + e] !== 0) bits |= 1 << (e - from);
      this.eMask[m + w] = bits;
    }
  }

  private isUniform(top: number): boolean {
    const t = this.t;
    const m = top * t.maxWords;
    for (let w = t.words[this.eNode[top]!]! - 1; w >= 0; w--) if (this.eMask[m + w] !== 0) return false;
    return true;
  }

  private rangeTotals(top: number): void {
    const t = this.t;
    const { plain, weight, columns } = this.armed;
    const na = columns.length;
    const node = this.eNode[top]!;
    const n = this.eN[top]!;
    const at = top * na;
    const body = t.children[t.child0[node]!]! * na;
    for (let a = 0; a < na; a++) this.eTotal[at + a] = n * plain[body + a]!;
    const m = top * t.maxWords;
    for (let w = 0; w < t.words[node]!; w++) {
      for (let bits = this.eMask[m + w]!; bits !== 0; bits &= bits - 1) {
        const e = t.s0[node]! + (w << 5) + 31 - Math.clz32(bits & -bits);
        const c = this.arena[this.eBase[top]! + e]!;
        for (let a = 0; a < na; a++) this.eTotal[at + a] = this.eTotal[at + a]! + c * weight[e * na + a]!;
      }
    }
    this.eVersion[top] = this.version;
  }

  /** A whole range retires. */
  private consumeRange(top: number): void {
    const t = this.t;
    const na = this.stride;
    const node = this.eNode[top]!;
    const s0 = t.s0[node]!;
    const base = this.eBase[top]!;
    const m = top * t.maxWords;
    for (let a = 0; a < na; a++) this.current[a] = this.current[a]! + this.eTotal[top * na + a]!;
    this.countExecutions(node, node, this.eN[top]!, base);
    for (let w = 0; w < t.words[node]!; w++) {
      for (let bits = this.eMask[m + w]!; bits !== 0; bits &= bits - 1) {
        const e = s0 + (w << 5) + 31 - Math.clz32(bits & -bits);
        this.tally.occur(e, this.arena[base + e]!);
        this.arena[base + e] = 0;
      }
    }
    this.tally.whole(t.children[t.child0[node]!]!, this.eN[top]!);
    this.arenaTop = this.eTop[top]!;
    this.sp = top;
  }

  /** Periodic branches count their executions: those inside `node`, which runs n times in the loop `frame`. */
  private countExecutions(node: number, frame: number, n: number, base: number): void {
    const t = this.t;
    for (let j = t.periodic0[node]!; j < t.periodic0[node + 1]!; j++) {
      const e = t.periodicEntry[j]!;
      this.executed[e] = this.executed[e]! + this.trials(e, node, frame, n, base);
    }
  }

  private trials(e: number, node: number, frame: number, n: number, base: number): number {
    const t = this.t;
    const s0 = t.s0[frame]!;
    const r = t.rel0[frame]! + e - s0;
    const parent = t.relParent[r]!;
    // A condition outside `node` holds, or this would not be running.
    if (parent < 0 || t.decides[s0 + parent]! < node) return n * t.relTimes[r]!;
    const happens = this.arena[base + s0 + parent]!;
    const runs = t.relElse[r] === 0 ? happens : this.trials(s0 + parent, node, frame, n, base) - happens;
    return runs * t.relTimes[r]!;
  }

  /** A range of one iteration becomes its body; classes learn which slot it was. */
  private unfold(top: number): void {
    const t = this.t;
    const node = this.eNode[top]!;
    this.identify(node, this.eBase[top]!, top * t.maxWords);
    this.eKind[top] = SEQ;
    this.eNode[top] = t.children[t.child0[node]!]!;
    this.eIdx[top] = 0;
  }

  /** In one iteration, a class that happens has its slot number + 1 in place of its count. */
  private identify(node: number, base: number, mask: number): void {
    const t = this.t;
    for (let w = 0; w < t.words[node]!; w++) {
      for (let bits = this.eMask[mask + w]! & t.multi[t.word0[node]! + w]!; bits !== 0; bits &= bits - 1) {
        const e = t.s0[node]! + (w << 5) + 31 - Math.clz32(bits & -bits);
        this.arena[base + e] = 1 + this.identities.slot(e, this.tally.occurrences(e));
      }
    }
  }

  /** Nothing random happens in this range: whole iterations before the limit are a division, then comes one to walk. */
  private divide(top: number, limits: Float64Array): void {
    const t = this.t;
    const cur = this.current;
    const { plain, columns } = this.armed;
    const na = columns.length;
    const node = this.eNode[top]!;
    const body = t.children[t.child0[node]!]!;
    const base = this.eBase[top]!;
    const n = this.eN[top]!;
    let skip = n - 1;
    for (let a = 0; a < this.nrArmed; a++) {
      const each = plain[body * na + a]!;
      if (each === 0) continue;
      // The quotient may be rounded up; it is never too small by more than the iteration that is walked anyway.
      skip = Math.min(skip, Math.floor((limits[a]! - cur[a]!) / each));
      while (skip > 0 && cur[a]! + skip * each >= limits[a]!) skip--;
    }
    if (skip > 0) {
      for (let a = 0; a < na; a++) {
        const d = skip * plain[body * na + a]!;
        cur[a] = cur[a]! + d;
        this.eTotal[top * na + a] = this.eTotal[top * na + a]! - d;
      }
      this.countExecutions(node, node, skip, base);
      this.tally.whole(body, skip);
    }
    if (skip === n - 1) {
      this.eN[top] = 1;
      this.unfold(top);
      return;
    }
    this.eN[top] = n - skip - 1;
    for (let a = 0; a < na; a++) this.eTotal[top * na + a] = this.eTotal[top * na + a]! - plain[body * na + a]!;
    // Its counts are all zero and so are those of any loop in it: keys are never used, the zeros can be shared.
    this.push(SEQ, body, 1, 0, 0, base, this.arenaTop, 0);
  }

  /** Runs the iterations of a short range one by one, up to the one that crosses a limit. */
  private stepChunk(top: number, limits: Float64Array): void {
    const t = this.t;
    const { plain, weight, columns } = this.armed;
    const na = columns.length;
    const n0 = this.nrArmed;
    const { eMask, arena, inUnit, happened, trialsAll, trialsLeft, current: cur, item, eTotal } = this;
    const node = this.eNode[top]!;
    const s0 = t.s0[node]!;
    const off = this.eBase[top]! + s0;
    const nw = t.words[node]!;
    const mask = top * t.maxWords;
    const word0 = t.word0[node]!;
    const rel0 = t.rel0[node]!;
    const body = t.children[t.child0[node]!]!;
    const periodic0 = t.periodic0[node]!;
    const periodic1 = t.periodic0[node + 1]!;
    const { relParent, relElse, relTimes, forced, every } = t;
    const k0 = this.eK0[top]!;
    const k1 = this.eK1[top]!;
    if (this.eKind[top] === RANGE) {
      this.eKind[top] = CHUNK;
      this.eIdx[top] = 0;
      mixKey(k0, k1, DRAWS);
      seedRng(mixed[0]!, mixed[1]!);
    } else {
      rng[0] = this.eR0[top]!;
      rng[1] = this.eR1[top]!;
    }
    let q0 = rng[0]!;
    let q1 = rng[1]!;
    let n = this.eN[top]!;
    let done = this.eIdx[top]!;
    const base0 = plain[body * na]!;
    const base1 = plain[body * na + 1]!;
    const base2 = plain[body * na + 2]!;
    const limit0 = limits[0]!;
    const limit1 = n0 > 1 ? limits[1]! : Infinity;
    const limit2 = n0 > 2 ? limits[2]! : Infinity;
    const tot = top * na;
    for (;;) {
      if (n === 1) {
        // What remains is the last iteration's.
        mixKey(k0, k1, UNIT + done);
        this.eK0[top] = mixed[0]!;
        this.eK1[top] = mixed[1]!;
        this.eN[top] = 1;
        this.unfold(top);
        return;
      }
      let nh = 0;
      let left = 0;
      let t0 = base0;
      let t1 = base1;
      let t2 = base2;
      for (let a = 3; a < na; a++) item[a] = plain[body * na + a]!;
      for (let w = 0; w < nw; w++) {
        const present = eMask[mask + w]!;
        let remain = present;
        for (let bits = present | forced[word0 + w]!; bits !== 0; bits &= bits - 1) {
          const bit = bits & -bits;
          const i = (w << 5) + 31 - Math.clz32(bit);
          const r = rel0 + i;
          const parent = relParent[r]!;
          let M = relTimes[r]!;
          let ML = M;
          if (parent < 0) {
            M *= n;
          } else if (relElse[r] === 0) {
            M *= arena[off + parent]! + inUnit[parent]!;
            ML *= inUnit[parent]!;
          } else {
            M *= trialsAll[parent]! - arena[off + parent]! - inUnit[parent]!;
            ML *= trialsLeft[parent]! - inUnit[parent]!;
          }
          trialsAll[i] = M;
          trialsLeft[i] = ML;
          if ((present & bit) === 0 || ML === 0) continue;
          const c = arena[off + i]!;
          let x = 0;
          if (c === M) x = ML;
          else if (ML === M) x = c;
          else if (every[s0 + i]! !== 0) {
            const period = every[s0 + i]!;
            const before = this.executed[s0 + i]!;
            x = Math.floor((before + ML) / period) - Math.floor(before / period);
          } else if (ML === 1 || c === 1) {
            // One trial of c in M, or one marked among M: the same comparison.
            let u = Math.imul(q0, 0x9e3779bb);
            u = (u << 5) | (u >>> 27);
            u = Math.imul(u, 5);
            q1 ^= q0;
            q0 = ((q0 << 26) | (q0 >>> 6)) ^ q1 ^ (q1 << 9);
            q1 = (q1 << 13) | (q1 >>> 19);
            x = +((u >>> 0) * M < c * ML * TWO32);
          } else {
            rng[0] = q0;
            rng[1] = q1;
            x = hypergeometric(M, c, ML);
            q0 = rng[0]!;
            q1 = rng[1]!;
          }
          if (x === 0) continue;
          inUnit[i] = x;
          happened[nh++] = i;
          arena[off + i] = c - x;
          if (c === x) remain ^= bit;
          const wa = (s0 + i) * na;
          t0 += x * weight[wa]!;
          t1 += x * weight[wa + 1]!;
          t2 += x * weight[wa + 2]!;
          for (let a = 3; a < na; a++) item[a] = item[a]! + x * weight[wa + a]!;
        }
        eMask[mask + w] = remain;
        left |= remain;
      }
      item[0] = t0;
      item[1] = t1;
      item[2] = t2;
      let crosses = cur[0]! + t0 >= limit0 || cur[1]! + t1 >= limit1 || cur[2]! + t2 >= limit2;
      for (let a = 3; a < n0; a++) if (cur[a]! + item[a]! >= limits[a]!) crosses = true;
      for (let a = 0; a < na; a++) eTotal[tot + a] = eTotal[tot + a]! - item[a]!;
      n--;
      if (crosses) {
        this.eN[top] = n;
        this.eIdx[top] = done + 1;
        this.eR0[top] = q0;
        this.eR1[top] = q1;
        mixKey(k0, k1, UNIT + done);
        this.pushUnit(node, body, nh, mixed[0]!, mixed[1]!);
        return;
      }
      for (let a = 0; a < na; a++) cur[a] = cur[a]! + item[a]!;
      for (let h = 0; h < nh; h++) {
        const i = happened[h]!;
        this.tally.occur(s0 + i, inUnit[i]!);
        inUnit[i] = 0;
      }
      for (let j = periodic0; j < periodic1; j++) {
        const e = t.periodicEntry[j]!;
        this.executed[e] = this.executed[e]! + trialsLeft[e - s0]!;
      }
      this.tally.whole(body, 1);
      done++;
      if (left === 0) {
        // The rest is uniform; advance divides it. Its draws are over, so it may be a plain range again.
        this.eKind[top] = RANGE;
        this.eN[top] = n;
        return;
      }
    }
  }

  /** One iteration, drawn into inUnit and happened, becomes the next piece to run. */
  private pushUnit(node: number, body: number, nh: number, k0: number, k1: number): void {
    const t = this.t;
    const s0 = t.s0[node]!;
    const size = t.s1[node]! - s0;
    const before = this.arenaTop;
    const lo = this.reserve(size);
    const unit = this.push(SEQ, body, 1, k0, k1, lo - s0, before, size);
    const mask = unit * t.maxWords;
    for (let w = 0; w < t.words[node]!; w++) this.eMask[mask + w] = 0;
    for (let h = 0; h < nh; h++) {
      const i = this.happened[h]!;
      this.arena[lo + i] = this.inUnit[i]!;
      this.inUnit[i] = 0;
      this.eMask[mask + (i >> 5)] = this.eMask[mask + (i >> 5)]! | (1 << (i & 31));
    }
    this.identify(node, lo - s0, mask);
  }

  /** Splits a range: the left part, the largest power of two below n, is pushed; the entry becomes the right part. */
  private split(top: number): void {
    const t = this.t;
    const node = this.eNode[top]!;
    const n = this.eN[top]!;
    const s0 = t.s0[node]!;
    const size = t.s1[node]! - s0;
    const na = this.stride;
    let nL = n < 1073741825 ? 1 << (31 - Math.clz32(n - 1)) : 1073741824;
    while (nL * 2 < n) nL *= 2;
    const k0 = this.eK0[top]!;
    const k1 = this.eK1[top]!;
    const before = this.arenaTop;
    const lo = this.reserve(size);
    mixKey(k0, k1, LEFT);
    const left = this.push(RANGE, node, nL, mixed[0]!, mixed[1]!, lo - s0, before, size);
    mixKey(k0, k1, RIGHT);
    this.eK0[top] = mixed[0]!;
    this.eK1[top] = mixed[1]!;
    mixKey(k0, k1, DRAWS);
    let q0 = mixed[0]!;
    let q1 = mixed[1]!;
    if ((q0 | q1) === 0) q1 = 0x5bd1e995;
    const { arena, eMask, eTotal, trialsAll, trialsLeft } = this;
    const { plain, weight } = this.armed;
    const { relParent, relElse, relTimes, forced, every } = t;
    const off = this.eBase[top]! + s0;
    const rel0 = t.rel0[node]!;
    const word0 = t.word0[node]!;
    const nw = t.words[node]!;
    const mask = top * t.maxWords;
    const maskL = left * t.maxWords;
    const tot = top * na;
    const totL = left * na;
    const body = t.children[t.child0[node]!]! * na;
    // The first three columns are kept in locals: most armed sets have no more.
    let t0 = nL * plain[body]!;
    let t1 = nL * plain[body + 1]!;
    let t2 = nL * plain[body + 2]!;
    for (let a = 3; a < na; a++) eTotal[totL + a] = nL * plain[body + a]!;
    for (let w = 0; w < nw; w++) {
      const present = eMask[mask + w]!;
      let inRight = present;
      let inLeft = 0;
      for (let bits = present | forced[word0 + w]!; bits !== 0; bits &= bits - 1) {
        const bit = bits & -bits;
        const i = (w << 5) + 31 - Math.clz32(bit);
        const r = rel0 + i;
        const parent = relParent[r]!;
        let M = relTimes[r]!;
        let ML = M;
        if (parent < 0) {
          M *= n;
          ML *= nL;
        } else if (relElse[r] === 0) {
          M *= arena[off + parent]! + arena[lo + parent]!;
          ML *= arena[lo + parent]!;
        } else {
          M *= trialsAll[parent]! - arena[off + parent]! - arena[lo + parent]!;
          ML *= trialsLeft[parent]! - arena[lo + parent]!;
        }
        trialsAll[i] = M;
        trialsLeft[i] = ML;
        if ((present & bit) === 0) continue;
        const c = arena[off + i]!;
        let x = 0;
        if (ML === 0) continue;
        else if (c === M) x = ML;
        else if (ML === M) x = c;
        else if (every[s0 + i]! !== 0) {
          const period = every[s0 + i]!;
          const executed = this.executed[s0 + i]!;
          x = Math.floor((executed + ML) / period) - Math.floor(executed / period);
        } else {
          // samplers.hypergeometric, unrolled.
          const flipC = c + c > M;
          const flipL = ML + ML > M;
          const C = flipC ? M - c : c;
          const D = flipL ? M - ML : ML;
          const a = C < D ? C : D;
          const b = C < D ? D : C;
          const half = b + b === M;
          if (a <= FEW_HALF || (a <= FEW && !half)) {
            let k = 0;
            for (let j = 0; j < a; j++) {
              let u = Math.imul(q0, 0x9e3779bb);
              u = (u << 5) | (u >>> 27);
              u = Math.imul(u, 5);
              q1 ^= q0;
              q0 = ((q0 << 26) | (q0 >>> 6)) ^ q1 ^ (q1 << 9);
              q1 = (q1 << 13) | (q1 >>> 19);
              // Branch-free: the outcome is as unpredictable as the bits.
              k = (k + +((u >>> 0) * (M - j) < (b - k) * TWO32)) | 0;
            }
            x = k;
          } else if (a <= 32 && a + a <= b) {
            const p = half ? 0x80000000 : Math.floor((b / M) * TWO32);
            const B = M - b;
            const best = half ? (a + 1) >> 1 : Math.floor(((a - 1) * b) / M) + 1;
            for (;;) {
              let open = -1 >>> (32 - a);
              let below = 0;
              let digits = p | 0;
              do {
                let u = Math.imul(q0, 0x9e3779bb);
                u = (u << 5) | (u >>> 27);
                u = Math.imul(u, 5);
                q1 ^= q0;
                q0 = ((q0 << 26) | (q0 >>> 6)) ^ q1 ^ (q1 << 9);
                q1 = (q1 << 13) | (q1 >>> 19);
                const one = digits >> 31;
                below |= open & ~u & one;
                open &= u ^ ~one;
                digits <<= 1;
              } while (open !== 0 && digits !== 0);
              let v = below - ((below >>> 1) & 0x55555555);
              v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
              x = Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
              let u = Math.imul(q0, 0x9e3779bb);
              u = (u << 5) | (u >>> 27);
              u = Math.imul(u, 5);
              q1 ^= q0;
              q0 = ((q0 << 26) | (q0 >>> 6)) ^ q1 ^ (q1 << 9);
              q1 = (q1 << 13) | (q1 >>> 19);
              const f = (u >>> 0) * (1 / TWO32);
              const d = x > best ? x - best : best - x;
              if ((1 - f) * (B + B) * (b - a) > d * (d + 1) * M || f < ratioToBest(M, a, b, x)) break;
            }
          } else if (M <= TABLE_M || (half && M <= 2 * TABLE_M)) {
            let at = cdfRow[rowKey(M, a, b)]!;
            if (at < 0) at = tabulate(M, a, b);
            let u = Math.imul(q0, 0x9e3779bb);
            u = (u << 5) | (u >>> 27);
            u = Math.imul(u, 5);
            q1 ^= q0;
            q0 = ((q0 << 26) | (q0 >>> 6)) ^ q1 ^ (q1 << 9);
            q1 = (q1 << 13) | (q1 >>> 19);
            const f = u >>> 0;
            const { rows } = cdf;
            x = rows[at]!;
            at++;
            if (f < rows[at + x]!) while (x > 0 && f < rows[at + x - 1]!) x--;
            else
              do x++;
              while (f >= rows[at + x]!);
          } else {
            const rM = 1 / M;
            const fa = a * rM;
            const fb = b * rM;
            const va = fa * (1 - fa);
            const vb = fb * (1 - fb);
            const v = M * va * vb * (1 + rM * (1 + rM * (1 + rM)));
            if (v >= 10) {
              let u = Math.imul(q0, 0x9e3779bb);
              u = (u << 5) | (u >>> 27);
              u = Math.imul(u, 5);
              q1 ^= q0;
              q0 = ((q0 << 26) | (q0 >>> 6)) ^ q1 ^ (q1 << 9);
              q1 = (q1 << 13) | (q1 >>> 19);
              const layer = u & 255;
              const place = u >>> 9;
              let z = place * layerWidth[layer]!;
              if (place >= layerInside[layer]!) {
                rng[0] = q0;
                rng[1] = q1;
                z = normalEdge(u);
                q0 = rng[0]!;
                q1 = rng[1]!;
              } else if ((u & 256) !== 0) z = -z;
              const sd = Math.sqrt(v);
              const iv = 1 / v;
              const g2 = (1 - 6 * va) * (1 - 6 * vb) * iv - 6 * rM;
              const z2 = z * z;
              const g1 = (1 - fa - fa) * (1 - fb - fb) * sd * iv;
              const y =
                z + (z2 - 1) * g1 * (1 / 6) + z * ((z2 - 3) * g2 * (1 / 24) - (2 * z2 - 5) * g1 * g1 * (1 / 36));
              x = Math.floor(a * fb + sd * y * (1 - iv * (1 / 24)) + 0.5);
              if (x < 0) x = 0;
              else if (x > a) x = a;
            } else {
              rng[0] = q0;
              rng[1] = q1;
              x = invertHypergeometric(M, a, b);
              q0 = rng[0]!;
              q1 = rng[1]!;
            }
          }
          if (flipL) x = C - x;
          if (flipC) x = ML - x;
        }
        if (x === 0) continue;
        arena[lo + i] = x;
        arena[off + i] = c - x;
        inLeft |= bit;
        if (c === x) inRight ^= bit;
        const wa = (s0 + i) * na;
        t0 += x * weight[wa]!;
        t1 += x * weight[wa + 1]!;
        t2 += x * weight[wa + 2]!;
        for (let a = 3; a < na; a++) eTotal[totL + a] = eTotal[totL + a]! + x * weight[wa + a]!;
      }
      eMask[mask + w] = inRight;
      eMask[maskL + w] = inLeft;
    }
    this.eN[top] = n - nL;
    this.eVersion[left] = this.version;
    eTotal[totL] = t0;
    eTotal[totL + 1] = t1;
    eTotal[totL + 2] = t2;
    for (let a = 0; a < na; a++) eTotal[tot + a] = eTotal[tot + a]! - eTotal[totL + a]!;
  }

  /** Retires items of a sequence up to the one that crosses a limit, and opens that one. */
  private walkSeq(top: number, limits: Float64Array): void {
    const { t, tally, current: cur, item, arena, happened, inUnit } = this;
    const { plain, weight, columns } = this.armed;
    const { own0, ownEntry, ownLo, ownHi, nested0, nestedFrom, nestedTo, periodic0 } = t;
    const na = columns.length;
    const n0 = this.nrArmed;
    const limit0 = limits[0]!;
    const limit1 = n0 > 1 ? limits[1]! : Infinity;
    const limit2 = n0 > 2 ? limits[2]! : Infinity;
    const node = this.eNode[top]!;
    const base = this.eBase[top]!;
    const child0 = t.child0[node]!;
    const count = t.childCount[node]!;
    for (let ix = this.eIdx[top]!; ix < count; ix++) {
      let v = t.children[child0 + ix]!;
      let branch = -1;
      if (t.kind[v] === BRANCH) {
        branch = t.site[v]!;
        v = t.children[t.child0[v]! + (arena[base + branch] !== 0 ? 0 : 1)]!;
      }
      let t0 = plain[v * na]!;
      let t1 = plain[v * na + 1]!;
      let t2 = plain[v * na + 2]!;
      for (let a = 3; a < na; a++) item[a] = plain[v * na + a]!;
      // What happens inside, to be booked if the item retires.
      let nh = 0;
      for (let j = own0[v]!; j < own0[v + 1]!; j++) {
        const e = ownEntry[j]!;
        const x = arena[base + e]!;
        if (x <= ownLo[j]! || x > ownHi[j]!) continue;
        happened[nh] = e;
        inUnit[nh++] = 1;
      }
      for (let j = nested0[v]!; j < nested0[v + 1]!; j++) {
        for (let e = nestedFrom[j]!; e < nestedTo[j]!; e++) {
          const c = arena[base + e]!;
          if (c === 0) continue;
          happened[nh] = e;
          inUnit[nh++] = c;
        }
      }
      for (let h = 0; h < nh; h++) {
        const x = inUnit[h]!;
        const wa = happened[h]! * na;
        t0 += x * weight[wa]!;
        t1 += x * weight[wa + 1]!;
        t2 += x * weight[wa + 2]!;
        for (let a = 3; a < na; a++) item[a] = item[a]! + x * weight[wa + a]!;
      }
      let crosses = cur[0]! + t0 >= limit0 || cur[1]! + t1 >= limit1 || cur[2]! + t2 >= limit2;
      for (let a = 3; a < n0; a++) if (cur[a]! + item[a]! >= limits[a]!) crosses = true;
      if (!crosses) {
        cur[0] = cur[0]! + t0;
        cur[1] = cur[1]! + t1;
        cur[2] = cur[2]! + t2;
        for (let a = 3; a < na; a++) cur[a] = cur[a]! + item[a]!;
        if (periodic0[v + 1]! > periodic0[v]!) this.countExecutions(v, t.frame[v]!, 1, base);
        for (let h = 0; h < nh; h++) tally.occur(happened[h]!, inUnit[h]!);
        tally.whole(v, 1);
      }
      if (branch >= 0 && t.every[branch]! > 0) this.executed[branch] = this.executed[branch]! + 1;
      for (let h = 0; h < nh; h++) inUnit[h] = 0;
      if (crosses) {
        this.eIdx[top] = ix + 1;
        this.open(top, v, base);
        return;
      }
    }
    this.pop(top);
  }

  /** An item of a sequence becomes the next piece to run. */
  private open(top: number, v: number, base: number): void {
    const t = this.t;
    const kind = t.kind[v]!;
    if (kind === NODE_BLOCK) {
      this.push(BLOCK, v, 1, 0, 0, base, this.arenaTop, 0);
    } else if (kind === LOOP) {
      mixKey(this.eK0[top]!, this.eK1[top]!, NEST + v);
      const range = this.push(RANGE, v, t.trip[v]!, mixed[0]!, mixed[1]!, base, this.arenaTop, 0);
      this.initMask(range, v, base);
    } else {
      this.push(SEQ, v, 1, this.eK0[top]!, this.eK1[top]!, base, this.arenaTop, 0);
    }
  }

  /** Retires instructions up to the first that reaches a limit; the slot that fired, or -1 if none did. */
  private walkBlock(top: number, limits: Float64Array): number {
    const t = this.t;
    const { weight, vectors, columns } = this.armed;
    const na = columns.length;
    const n0 = this.nrArmed;
    const { current: cur, arena } = this;
    const node = this.eNode[top]!;
    const base = this.eBase[top]!;
    const end = t.inst0[node]! + t.instCount[node]!;
    let q = t.inst0[node]! + this.eIdx[top]!;
    let fired = -1;
    while (q < end && fired < 0) {
      const v = t.instVector[q]! * na;
      cur[0] = cur[0]! + vectors[v]!;
      cur[1] = cur[1]! + vectors[v + 1]!;
      cur[2] = cur[2]! + vectors[v + 2]!;
      for (let a = 3; a < na; a++) cur[a] = cur[a]! + vectors[v + a]!;
      for (let j = t.effect0[q]!; j < t.effect0[q + 1]!; j++) {
        const e = t.effectEntry[j]!;
        if (arena[base + e] !== t.effectSlot[j]! + 1) continue;
        this.tally.occur(e, 1);
        for (let a = 0; a < na; a++) cur[a] = cur[a]! + weight[e * na + a]!;
      }
      this.tally.single(q);
      for (let a = n0 - 1; a >= 0; a--) if (cur[a]! >= limits[a]!) fired = a;
      q++;
    }
    this.last = q - 1;
    this.eIdx[top] = q - t.inst0[node]!;
    if (q === end) this.pop(top);
    return fired;
  }

  /** The cursor's whole state as one transferable buffer of its own. */
  snapshot(): ArrayBuffer {
    this.tally.fold();
    const { t, sp } = this;
    const stack = this.stack().map((field) => field.subarray(0, sp));
    const parts = [
      Float64Array.of(
        SEED_CONTRACT,
        this.key0,
        this.key1,
        t.nodes,
        t.entries,
        sp,
        this.arenaTop,
        this.last,
        this.nrArmed,
      ),
      this.armed.columns.slice(0, this.nrArmed),
      ...this.tally.state(),
      this.executed,
      ...stack,
      this.eMask.subarray(0, sp * t.maxWords),
      this.arena.subarray(0, this.arenaTop),
    ];
    const out = new Float64Array(parts.reduce((n, part) => n + part.length, 0));
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out.buffer;
  }

  /** Goes to where a cursor of the same image and seed was when it took a snapshot; its armed columns are armed. */
  restore(snapshot: ArrayBuffer): void {
    const { t } = this;
    const from = new Float64Array(snapshot);
    let at = 9;
    const take = (n: number): Float64Array => from.subarray(at, (at += n));
    const [contract, key0, key1, nodes, entries, sp, arenaTop, last, nrArmed] = from;
    if (
      contract !== SEED_CONTRACT ||
      key0 !== this.key0 ||
      key1 !== this.key1 ||
      nodes !== t.nodes ||
      entries !== t.entries
    )
      throw new Error('the snapshot is of another execution');
    this.tally.fold();
    const columns = [...take(nrArmed!)];
    for (const book of [...this.tally.state(), this.executed]) book.set(take(book.length));
    while (this.depth < sp!) this.deepen();
    for (const field of this.stack()) field.set(take(sp!));
    this.eMask.set(take(sp! * t.maxWords));
    this.arena.fill(0);
    this.arenaTop = 0;
    this.reserve(arenaTop!);
    this.arena.set(take(arenaTop!));
    this.sp = sp!;
    this.last = last!;
    this.use(armed(t, columns), columns.length);
  }

  /** Fields of the pending stack that are state; totals are recomputed. */
  private stack(): (Uint8Array | Int32Array | Float64Array)[] {
    const { eKind, eNode, eIdx, eBase, eTop, eOwn, eK0, eK1, eR0, eR1, eN } = this;
    return [eKind, eNode, eIdx, eBase, eTop, eOwn, eK0, eK1, eR0, eR1, eN];
  }

  truth(): SymbolTruth[] {
    return truthBySymbol(this.image, this);
  }

  truthByInstruction(): InstructionTruth[] {
    return truthByInstruction(this.image, this);
  }

  truthByCallchain(): ChainTruth[] {
    return truthByCallchain(this.image, this);
  }

  retired(): { readonly wholes: Float64Array; readonly singles: Float64Array; readonly occurred: Float64Array } {
    this.tally.fold();
    return this.tally;
  }

  shares(entry: number): readonly number[] {
    this.tally.fold();
    return this.identities.shares(entry, this.tally.occurred[entry]!);
  }
}

/** Instance that executes last in a node. */
function lastOf(t: Tables, v: number): number {
  for (;;) {
    const count = t.childCount[v]!;
    if (count === 0) return t.inst0[v]! + t.instCount[v]! - 1;
    v = t.children[t.child0[v]! + count - 1]!;
  }
}
