/**
 * The JavaScript side of the engine (engine/, in AssemblyScript): one compiled module for the process, and an instance
 * for each image, with the image's tables in its memory. A cursor (cursor.ts) holds a record in that memory.
 *
 * V8 compiles the module in a millisecond and runs it at full speed within some hundred stops. Threads that are given
 * the module (engineModule, useEngine) share its machine code.
 * Not modelled: giving memory back before the image is gone. Records of dead cursors are reused.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CYCLES, type EventColumn } from '../arch/events.ts';
import { WorkloadError } from './fault.ts';
import type { Tables } from './image.ts';

/** Functions of engine/index.ts; records and arrays are addresses, keys 64-bit numbers. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  newBytes(n: number): number;
  newInts(n: number): number;
  newDoubles(n: number): number;
  newRecord(words: number): number;
  scratch(bytes: number): number;
  select(from: number, rows: number, columns: number, n: number): number;
  prepare(tables: number): void;
  keyOfText(units: number, n: number): bigint;
  start(tables: number, used: number, armed: number, key: bigint): number;
  arm(run: number, armed: number): void;
  advance(run: number): number;
  limits(run: number): number;
  next(run: number): number;
  last(run: number): number;
  pending(run: number): number;
  fold(run: number): number;
  shares(run: number, entry: number): number;
  snapshotBytes(run: number): number;
  snapshot(run: number, into: number): void;
  fits(run: number, from: number, bytes: number): number;
  restore(run: number, from: number): void;
}

/** The part of the WebAssembly interface that Node has but its types lack. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => EngineModule;
  readonly Instance: new (module: EngineModule) => { readonly exports: unknown };
}
const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: Wasm }).WebAssembly;

/** The compiled engine, a WebAssembly.Module: postMessage and workerData carry it to other threads. */
export type EngineModule = object;

let shared: EngineModule | undefined;

/** The engine's module, compiled on first use. Throws WorkloadError if gperf was not built. */
export const engineModule = (): EngineModule => (shared ??= compileEngine(new URL('./engine.wasm', import.meta.url)));

/** Compiles the engine in a file. Throws WorkloadError if the file does not exist. */
export function compileEngine(file: URL): EngineModule {
  if (!existsSync(file))
    throw new WorkloadError([{ file: fileURLToPath(file), message: 'no such file: npm run build makes it' }]);
  return new Module(readFileSync(file));
}

/** Makes a module that another thread compiled the engine of all images that start from now on. */
export function useEngine(module: EngineModule): void {
  shared = module;
}

/** Fields of engine/tables.ts after its five numbers, in order. */
export const TABLE_FIELDS = [
  'kind',
  'child0',
  'childCount',
  'children',
  'trip',
  'site',
  's0',
  's1',
  'frame',
  'first',
  'plain',
  'inst0',
  'instCount',
  'instVector',
  'vectors',
  'effect0',
  'effectEntry',
  'effectSlot',
  'p',
  'every',
  'decides',
  'weight',
  'weight0',
  'weightColumn',
  'weightValue',
  'slot0',
  'slotP',
  'rel0',
  'relParent',
  'relElse',
  'relTimes',
  'own0',
  'ownEntry',
  'ownLo',
  'ownHi',
  'nested0',
  'nestedFrom',
  'nestedTo',
  'periodic0',
  'periodicEntry',
  'words',
  'word0',
  'multi',
  'forced',
] as const satisfies readonly (keyof Tables)[];
type Field = (typeof TABLE_FIELDS)[number];

/** The tables of an image reduced to a set of columns, in the engine. */
export interface Armed {
  readonly address: number;
  /** Columns asked for. */
  readonly columns: readonly EventColumn[];
}

/** One registry for all images, since V8 cleans up one at a time. It does not keep an engine alive. */
const gone = new FinalizationRegistry<{ readonly record: number; readonly used: number[] }>(({ record, used }) =>
  used.push(record),
);

export class Engine {
  readonly run: Exports;
  readonly #t: Tables;
  readonly #tables: number;
  readonly #fields = new Map<Field, number>();
  readonly #armed = new Map<string, Armed>();
  /** Records of dead cursors, for reuse. */
  readonly #used: number[] = [];

  constructor(t: Tables) {
    this.#t = t;
    this.run = new Instance(engineModule()).exports as Exports;
    for (const name of TABLE_FIELDS) this.#fields.set(name, this.#copy(t[name]));
    this.#tables = this.#record([
      t.nodes,
      t.entries,
      t.instId.length,
      t.nrVectors,
      t.maxWords,
      ...this.#fields.values(),
      // Made by the engine.
      0,
      0,
      0,
    ]);
    this.run.prepare(this.#tables);
  }

  /** A new execution's record, at the start of the program; valid as long as `owner` lives. */
  start(owner: object, key: bigint, armed: Armed): number {
    const record = this.run.start(this.#tables, this.#used.pop() ?? 0, armed.address, key);
    gone.register(owner, { record, used: this.#used }, owner);
    return record;
  }

  /** Gives a record back before its owner is gone. */
  release(owner: object, record: number): void {
    gone.unregister(owner);
    this.#used.push(record);
  }

  /** The random key for a text. */
  keyOf(text: string): bigint {
    const at = this.run.scratch(2 * text.length);
    const units = new Uint16Array(this.run.memory.buffer, at, text.length);
    for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i);
    return this.run.keyOfText(at, text.length);
  }

  /** The tables for a set of columns: made once. */
  armed(columns: readonly EventColumn[]): Armed {
    const name = columns.join();
    const known = this.#armed.get(name);
    if (known) return known;
    const filled = [...columns];
    if (filled.length % 2 === 1) filled.push(CYCLES);
    const n = filled.length;
    const at = this.#copy(Int32Array.from(filled));
    const select = (field: Field, rows: number): number => this.run.select(this.#fields.get(field)!, rows, at, n);
    const { nodes, entries, nrVectors } = this.#t;
    const address = this.#record([
      columns.length,
      n,
      at,
      select('plain', nodes),
      select('weight', entries),
      select('vectors', nrVectors),
    ]);
    const armed = { address, columns: [...columns] };
    this.#armed.set(name, armed);
    return armed;
  }

  /** Views of the engine's memory. When a call makes it grow, they become invalid and have length 0. */
  ints(at: number, n: number): Int32Array {
    return new Int32Array(this.run.memory.buffer, at, n);
  }
  doubles(at: number, n: number): Float64Array {
    return new Float64Array(this.run.memory.buffer, at, n);
  }
  bytes(at: number, n: number): Uint8Array {
    return new Uint8Array(this.run.memory.buffer, at, n);
  }

  #copy(from: Uint8Array | Int32Array | Float64Array): number {
    const { run } = this;
    const n = from.length;
    const at =
      from instanceof Float64Array ? run.newDoubles(n) : from instanceof Int32Array ? run.newInts(n) : run.newBytes(n);
    this.bytes(at, from.byteLength).set(new Uint8Array(from.buffer, from.byteOffset, from.byteLength));
    return at;
  }

  #record(words: readonly number[]): number {
    const at = this.run.newRecord(words.length);
    this.ints(at, words.length).set(words);
    return at;
  }
}

const engines = new WeakMap<Tables, Engine>();

/** The engine of an image. */
export function engineOf(t: Tables): Engine {
  let engine = engines.get(t);
  if (!engine) engines.set(t, (engine = new Engine(t)));
  return engine;
}
