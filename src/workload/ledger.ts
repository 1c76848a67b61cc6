/**
 * Ground truth: what really retired up to a cursor's position, in every column, by symbol, by instruction and by call
 * chain.
 *
 * Nothing is sampled: the cursor's own counts (of contexts run and of outcomes) are distributed down the context tree.
 * Values are multiples of 1/64, so the sums equal the cursor's totals to the last bit.
 */
import { eventVector, type EventVector, NR_EVENTS } from '../arch/events.ts';
import { BLOCK, BRANCH, type Image, LOOP, type Tables } from './image.ts';

/** A cursor's counts of what has run so far. */
export interface Books {
  /** Executions of whole nodes and of single instances, and occurrences of entries. */
  retired(): { readonly wholes: Float64Array; readonly singles: Float64Array; readonly occurred: Float64Array };
  /** How the occurrences of an entry are divided among its slots. */
  shares(entry: number): readonly number[];
}

/** What a symbol retired. */
export interface SymbolTruth {
  /** Index into the image's dsos. */
  readonly dso: number;
  readonly symbol: string;
  readonly totals: EventVector;
}

/** What one instruction retired. */
export interface InstructionTruth extends SymbolTruth {
  readonly address: number;
  readonly length: number;
  /** Times it was executed. */
  readonly executions: number;
}

/** What a chain of calls retired in its innermost function itself. */
export interface ChainTruth {
  /** Indices of functions, outermost first. */
  readonly frames: readonly number[];
  readonly totals: EventVector;
}

/**
 * Executions of every node of the context tree, on its own and as part of a larger whole, from those of wholes and from how
 * often each entry occurred.
 */
export function executions(t: Tables, wholes: Float64Array, occurred: Float64Array): Float64Array {
  const n = wholes.slice();
  for (let v = 0; v < t.nodes; v++) {
    const times = n[v]!;
    if (times === 0 || t.kind[v] === BLOCK) continue;
    const child0 = t.child0[v]!;
    if (t.kind[v] === BRANCH) {
      const happened = occurred[t.site[v]!]!;
      n[t.children[child0]!] = n[t.children[child0]!]! + happened;
      n[t.children[child0 + 1]!] = n[t.children[child0 + 1]!]! + times - happened;
      continue;
    }
    const each = t.kind[v] === LOOP ? times * t.trip[v]! : times;
    for (let i = 0; i < t.childCount[v]!; i++) {
      const child = t.children[child0 + i]!;
      n[child] = n[child]! + each;
    }
  }
  return n;
}

/**
 * Adds up what retired: for instances under the key from `instanceKey`, for their outcomes under that from `slotKey`.
 */
function book(
  image: Image,
  books: Books,
  keys: number,
  instanceKey: (instance: number) => number,
  slotKey: (slot: number) => number,
): { readonly totals: Float64Array; readonly executions: Float64Array } {
  const t = image.tables;
  const { wholes, singles, occurred } = books.retired();
  const runs = executions(t, wholes, occurred);
  const totals = new Float64Array(keys * NR_EVENTS);
  const times = new Float64Array(keys);
  for (let q = 0; q < t.instId.length; q++) {
    const n = runs[t.instNode[q]!]! + singles[q]!;
    if (n === 0) continue;
    const key = instanceKey(q);
    times[key] = times[key]! + n;
    const v = t.instVector[q]! * NR_EVENTS;
    for (let c = 0; c < NR_EVENTS; c++) {
      const at = key * NR_EVENTS + c;
      totals[at] = totals[at]! + n * t.vectors[v + c]!;
    }
  }
  for (let e = 0; e < t.entries; e++) {
    if (occurred[e] === 0 || t.decides[e]! >= 0) continue;
    books.shares(e).forEach((n, slot) => {
      const key = slotKey(t.slot0[e]! + slot);
      for (let j = t.weight0[e]!; j < t.weight0[e + 1]!; j++) {
        const at = key * NR_EVENTS + t.weightColumn[j]!;
        totals[at] = totals[at]! + n * t.weightValue[j]!;
      }
    });
  }
  return { totals, executions: times };
}

/** The same by static instruction. */
function bookStatic(
  image: Image,
  books: Books,
  keys: number,
  keyOf: (instruction: number) => number,
): ReturnType<typeof book> {
  const { instId, slotInstruction } = image.tables;
  return book(
    image,
    books,
    keys,
    (q) => keyOf(instId[q]!),
    (slot) => keyOf(slotInstruction[slot]!),
  );
}

/** A cursor's ledger, as the floors above see it. */
export interface Truth {
  /** What each symbol retired so far, in the order of the program's functions; symbols that did not run are absent. */
  truth(): SymbolTruth[];
  /** What each instruction retired so far, by address within its DSO; instructions that did not run are absent. */
  truthByInstruction(): InstructionTruth[];
  /** What each chain of calls retired so far; chains that did not run are absent. */
  truthByCallchain(): ChainTruth[];
}

/** What each symbol retired so far, in the order of the program's functions; symbols that did not run are absent. */
export function truthBySymbol(image: Image, books: Books): SymbolTruth[] {
  const { functions, instructions } = image.layout;
  const booked = bookStatic(image, books, functions.length, (i) => instructions[i]!.func);
  return functions.flatMap((f, i) => {
    const totals = eventVector();
    totals.set(booked.totals.subarray(i * NR_EVENTS, (i + 1) * NR_EVENTS));
    return booked.executions[i] === 0 ? [] : [{ dso: f.dso, symbol: f.symbol, totals }];
  });
}

/** What each instruction retired so far, by address within its DSO; instructions that did not run are absent. */
export function truthByInstruction(image: Image, books: Books): InstructionTruth[] {
  const { functions, instructions } = image.layout;
  const booked = bookStatic(image, books, instructions.length, (i) => i);
  return instructions.flatMap((instruction, i) => {
    if (booked.executions[i] === 0) return [];
    const f = functions[instruction.func]!;
    const totals = eventVector();
    totals.set(booked.totals.subarray(i * NR_EVENTS, (i + 1) * NR_EVENTS));
    const { address, length } = instruction;
    return [{ dso: f.dso, symbol: f.symbol, totals, address, length, executions: booked.executions[i]! }];
  });
}

/** What each chain of calls retired so far; chains that did not run are absent. */
export function truthByCallchain(image: Image, books: Books): ChainTruth[] {
  const t = image.tables;
  const { instructions } = image.layout;
  /** The function that made the call with a given return address. */
  const callers = new Map(instructions.map(({ address, length, func }) => [address + length, func]));
  const chains = new Map<string, { readonly frames: number[]; readonly key: number }>();
  const keys = Int32Array.from(t.instId, (instruction, q) => {
    const frames = [instructions[instruction]!.func];
    for (let c = t.call[t.instNode[q]!]!; c >= 0; c = t.callOuter[c]!) frames.unshift(callers.get(t.callReturn[c]!)!);
    const name = frames.join(' ');
    let chain = chains.get(name);
    if (!chain) chains.set(name, (chain = { frames, key: chains.size }));
    return chain.key;
  });
  const slotKeys = new Int32Array(t.slotInstruction.length);
  for (let q = 0; q < keys.length; q++)
    for (let j = t.effect0[q]!; j < t.effect0[q + 1]!; j++)
      slotKeys[t.slot0[t.effectEntry[j]!]! + t.effectSlot[j]!] = keys[q]!;
  const booked = book(
    image,
    books,
    chains.size,
    (q) => keys[q]!,
    (slot) => slotKeys[slot]!,
  );
  return [...chains.values()].flatMap(({ frames, key }) => {
    if (booked.executions[key] === 0) return [];
    const totals = eventVector();
    totals.set(booked.totals.subarray(key * NR_EVENTS, (key + 1) * NR_EVENTS));
    return [{ frames, totals }];
  });
}
