/**
 * A thread's place in a compiled program. What executes is the engine's business (engine/advance.ts tells how); here is its
 * interface: limits go in, armed totals come out, addresses and frames are looked up in the image.
 *
 * A cursor's state can leave as a snapshot and go on elsewhere: in the same cursor, back where it was; in another of the same
 * image; in another thread, by postMessage, where the same program was compiled.
 * Not modelled: waiting; threads that wait for each other are the kernel's business (arch/sync.ts).
 */
import type { Drain, ExecutionCursor, Trap } from '../arch/cpu.ts';
import { CYCLES, NR_EVENTS } from '../arch/events.ts';
import type { EventColumn, EventVector } from '../arch/events.ts';
import { address } from '../units.ts';
import type { Address } from '../units.ts';
import { engineOf } from './engine.ts';
import type { Armed, Engine } from './engine.ts';
import type { Image, Tables } from './image.ts';
import type { StaticInstruction } from './layout.ts';
import { truthByCallchain, truthByInstruction, truthBySymbol } from './ledger.ts';
import type { Books, ChainTruth, InstructionTruth, SymbolTruth, Truth } from './ledger.ts';
import { SEED_CONTRACT } from './seed-contract.ts';

/** The whole state of a cursor, armed columns included, in a buffer of its own; it holds no address and no object. */
export type Snapshot = ArrayBuffer;

/** Offsets in a snapshot's header (engine/snapshot.ts) of what is read here: in words of 32 bits; the key's is in bytes. */
const CONTRACT = 0;
const KEY = 8;
const ASKED = 9;
const COLUMNS = 10;

export class Cursor implements ExecutionCursor, Books, Truth {
  readonly #image: Image;
  readonly #t: Tables;
  readonly #engine: Engine;
  readonly #run: Engine['run'];
  readonly #key: bigint;
  /** The engine's record of this execution. */
  readonly #record: number;
  #armed: Armed;
  /** Limits and armed totals in the engine's memory; of length 0 after it has grown. */
  #window: Float64Array;
  counts: Float64Array;

  /** Starts an image's program with a seed, or goes on from a snapshot of that image, whatever its seed. */
  constructor(image: Image, from: string | Snapshot) {
    this.#image = image;
    this.#t = image.tables;
    this.#engine = engineOf(image.tables);
    this.#run = this.#engine.run;
    this.#key = typeof from === 'string' ? this.#engine.keyOf(from) : keyOf(from);
    this.#armed = this.#engine.armed([CYCLES]);
    this.#record = this.#engine.start(this, this.#key, this.#armed);
    this.#window = this.#look();
    this.counts = new Float64Array(1);
    if (typeof from !== 'string') this.restore(from);
  }

  #look(): Float64Array {
    return this.#engine.doubles(this.#run.limits(this.#record), 2 * NR_EVENTS);
  }

  /** Copies what the engine has counted in the armed columns. */
  #read(): void {
    if (this.#window.length === 0) this.#window = this.#look();
    const { counts } = this;
    for (let a = 0; a < counts.length; a++) counts[a] = this.#window[NR_EVENTS + a]!;
  }

  get finished(): boolean {
    return this.#run.pending(this.#record) === 0;
  }

  arm(columns: readonly EventColumn[]): void {
    const armed = this.#engine.armed(columns);
    if (armed !== this.#armed) this.#arm(armed);
  }

  #arm(armed: Armed): void {
    this.#armed = armed;
    this.#run.arm(this.#record, armed.address);
    this.counts = new Float64Array(armed.columns.length);
    this.#read();
  }

  advance(limits: Float64Array): number {
    if (this.#window.length === 0) this.#window = this.#look();
    const n = this.counts.length;
    for (let a = 0; a < n; a++) this.#window[a] = limits[a]!;
    const fired = this.#run.advance(this.#record);
    this.#read();
    return fired;
  }

  totals(into: EventVector): EventVector {
    into.set(this.#book(SUMS, NR_EVENTS));
    return into;
  }

  /** One of the books: its address is a word of the engine's record of them. */
  #book(which: number, n: number): Float64Array {
    const books = this.#run.fold(this.#record);
    return this.#engine.doubles(this.#engine.ints(books, which + 1)[which]!, n);
  }

  get ip(): Address {
    const q = this.#run.next(this.#record);
    if (q >= 0) return address(this.#instruction(q).address);
    // After the end there is no next instruction; the address after the last one is where it would be.
    const i = this.#instruction(this.#run.last(this.#record));
    return address(i.address + i.length);
  }

  callchain(into: Address[]): void {
    const q = this.#run.next(this.#record);
    if (q < 0) return;
    const t = this.#t;
    for (let c = t.call[t.instNode[q]!]!; c >= 0; c = t.callOuter[c]!) into.push(address(t.callReturn[c]!));
  }

  get trap(): Trap | undefined {
    const last = this.#run.last(this.#record);
    return last < 0 ? undefined : (this.#instruction(last).trap ?? this.#image.acts.get(last));
  }

  get drains(): readonly Drain[] | undefined {
    return this.#image.drains;
  }

  get footprint(): number {
    return this.#image.footprint;
  }

  #instruction(q: number): StaticInstruction {
    return this.#image.layout.instructions[this.#t.instId[q]!]!;
  }

  /** Takes a snapshot; the cursor stays where it is. */
  snapshot(): Snapshot {
    const bytes = this.#run.snapshotBytes(this.#record);
    const at = this.#run.scratch(bytes);
    this.#run.snapshot(this.#record, at);
    const out = this.#engine.bytes(at, bytes).slice().buffer;
    new Int32Array(out)[CONTRACT] = SEED_CONTRACT;
    return out;
  }

  /**
   * Goes to where a cursor of the same image and seed was when it took a snapshot; its armed columns are armed. Throws if the
   * snapshot is of another program, seed or version of the engine, or not whole.
   */
  restore(snapshot: Snapshot): void {
    const at = this.#run.scratch(snapshot.byteLength);
    this.#engine.bytes(at, snapshot.byteLength).set(new Uint8Array(snapshot));
    if (keyOf(snapshot) !== this.#key || this.#run.fits(this.#record, at, snapshot.byteLength) === 0) throw foreign();
    const words = new Int32Array(snapshot, 0, COLUMNS + NR_EVENTS);
    const columns = [...words.subarray(COLUMNS, COLUMNS + words[ASKED]!)];
    if (columns.some((c) => c < 0 || c >= NR_EVENTS)) throw foreign();
    this.#run.restore(this.#record, at);
    this.#arm(this.#engine.armed(columns));
  }

  /** Gives its memory back at once, to the next cursor of the image; it must not be used any more. */
  release(): void {
    this.#engine.release(this, this.#record);
  }

  truth(): SymbolTruth[] {
    return truthBySymbol(this.#image, this);
  }

  truthByInstruction(): InstructionTruth[] {
    return truthByInstruction(this.#image, this);
  }

  truthByCallchain(): ChainTruth[] {
    return truthByCallchain(this.#image, this);
  }

  retired(): ReturnType<Books['retired']> {
    const { nodes, entries, instId } = this.#t;
    return {
      wholes: this.#book(WHOLES, nodes).slice(),
      singles: this.#book(SINGLES, instId.length).slice(),
      occurred: this.#book(OCCURRED, entries).slice(),
    };
  }

  shares(entry: number): readonly number[] {
    const slots = this.#t.slot0[entry + 1]! - this.#t.slot0[entry]!;
    return [...this.#engine.doubles(this.#run.shares(this.#record, entry), slots)];
  }
}

/** Numbers of the books: their order in engine/tally.ts. */
const SUMS = 0;
const WHOLES = 1;
const SINGLES = 2;
const OCCURRED = 3;

/** The key of the execution that a snapshot is of. */
function keyOf(snapshot: Snapshot): bigint {
  if (snapshot.byteLength < 4 * (COLUMNS + NR_EVENTS)) throw foreign();
  const header = new DataView(snapshot);
  if (header.getInt32(4 * CONTRACT, true) !== SEED_CONTRACT) throw foreign();
  return header.getBigInt64(KEY, true);
}

const foreign = (): Error => new Error('the snapshot is of another execution');
