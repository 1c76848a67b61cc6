/**
 * From a program to machine code: every function is written (function-writer.ts) and gets its place in its DSO, every instruction
 * an address.
 *
 * In order: stubs; relaxation of jumps; layout().
 * Not modelled: relocations, unwind tables, data. The pointers that indirect jumps read lie beyond the text.
 */
import * as x86 from '../arch/encode.ts';
import type { Trap } from '../arch/cpu.ts';
import type { DsoImage, DsoSymbol } from '../arch/dso.ts';
import { address } from '../units.ts';
import { objectsOf } from './acts.ts';
import { type Context, type Draft, type Flow, FunctionWriter, stubKey } from './function-writer.ts';
import type { Instructions } from './instructions.ts';
import type { FunctionSpec, Program } from './program.ts';
import { interpolate, type Scope } from './quantity.ts';

/** One instruction of the text. */
export interface StaticInstruction {
  /** Index of its function. */
  readonly func: number;
  readonly address: number;
  readonly length: number;
  readonly trap: Trap | undefined;
}

export interface Layout {
  readonly dsos: readonly DsoImage[];
  readonly instructions: readonly StaticInstruction[];
  readonly functions: readonly { readonly name: string; readonly symbol: string; readonly dso: number }[];
  /** By function. */
  readonly flows: readonly (readonly Flow[])[];
  /** What a child executes that is made in a function, by the function's index. */
  readonly children: ReadonlyMap<number, readonly Flow[]>;
  /** Index of each function by name. */
  readonly index: ReadonlyMap<string, number>;
}

const TEXT_OFFSET = 0x1000;
const PAGE = 0x1000;
const ALIGN = 16;

/** The function that a stub, perhaps after an endbr64, jumps to; undefined: not a stub. */
function stubFor(f: FunctionSpec): string | undefined {
  const last = f.body.at(-1);
  if (last?.kind !== 'jump') return undefined;
  const bare = f.body.every((n) =>
    n.kind === 'block' ? n.instructions.every((i) => i.op === 'nop') : n.kind === 'jump' && n.target === last.target,
  );
  return bare ? last.target : undefined;
}

/** The first stub of each DSO for each target. */
function stubsOf(functions: readonly FunctionSpec[]): ReadonlyMap<string, number> {
  const stubs = new Map<string, number>();
  functions.forEach((f, i) => {
    const target = stubFor(f);
    if (target !== undefined && !stubs.has(stubKey(f.dso, target))) stubs.set(stubKey(f.dso, target), i);
  });
  return stubs;
}

/** Passes in which only jumps that do not reach grow; after these, all jumps do. */
const MOST_PASSES = 50;

/** Chooses the length of each jump: all start short, and those that do not reach grow until all reach. */
function relax(drafts: readonly Draft[]): number[] {
  for (let pass = 0; ; pass++) {
    const starts = [0];
    for (const d of drafts) starts.push(starts.at(-1)! + d.length);
    let grew = false;
    drafts.forEach((d, i) => {
      if (!d.jump || d.length !== 2) return;
      const rel = starts[d.jump.to.at]! - starts[i + 1]!;
      if (rel < -128 || rel > 127 || pass > MOST_PASSES) {
        d.length = d.jump.cond === undefined ? 5 : 6;
        grew = true;
      }
    });
    if (!grew) return starts;
  }
}

interface Placed {
  readonly drafts: readonly Draft[];
  readonly starts: readonly number[];
  offset: number;
}

/** Lays a program out for a core. */
export function layout(program: Program, scope: Scope, instructions: Instructions): Layout {
  const functionIndex = new Map(program.functions.map((f, i) => [f.name, i]));
  const dsoIndex = new Map(program.dsos.map((d, i) => [d.name, i]));
  const stubs = stubsOf(program.functions);
  const objects = objectsOf(program.objects, scope);
  const context: Context = { instructions, program, scope, functionIndex, stubs, objects };
  const children = new Map<number, readonly Flow[]>();
  const flows: Flow[][] = [];
  const placed: Placed[] = [];
  let ids = 0;
  const ends = program.dsos.map(() => TEXT_OFFSET);
  for (const spec of program.functions) {
    const writer = new FunctionWriter(context, spec, ids);
    const i = flows.push(writer.write()) - 1;
    if (writer.child !== undefined) children.set(i, writer.child);
    ids += writer.drafts.length;
    const starts = relax(writer.drafts);
    const dso = dsoIndex.get(spec.dso)!;
    const offset = Math.ceil(ends[dso]! / ALIGN) * ALIGN;
    placed.push({ drafts: writer.drafts, starts, offset });
    ends[dso] = offset + starts.at(-1)!;
  }

  const dsos = program.dsos.map((d, i): DsoImage => {
    const text = new Uint8Array(ends[i]! - TEXT_OFFSET);
    const symbols: DsoSymbol[] = [];
    let slots = 0;
    let filled = TEXT_OFFSET;
    /** Pointers of indirect jumps start on the page after the text. */
    const firstSlot = Math.ceil(ends[i]! / PAGE) * PAGE;
    program.functions.forEach((f, fi) => {
      if (dsoIndex.get(f.dso) !== i) return;
      const { drafts, starts, offset } = placed[fi]!;
      text.set(x86.nops(offset - filled), filled - TEXT_OFFSET);
      filled = offset + starts.at(-1)!;
      symbols.push({ name: f.symbol ?? f.name, offset, size: starts.at(-1)! });
      drafts.forEach((draft, k) => {
        const end = offset + starts[k + 1]!;
        text.set(encoded(draft, end, offset, starts), offset + starts[k]! - TEXT_OFFSET);
      });
    });
    function encoded(draft: Draft, end: number, offset: number, starts: readonly number[]): number[] {
      if (draft.jump) {
        const rel = offset + starts[draft.jump.to.at]! - end;
        const { cond } = draft.jump;
        if (cond === undefined) return draft.length === 2 ? x86.jmpShort(rel) : x86.jmpNear(rel);
        return draft.length === 2 ? x86.jccShort(cond, rel) : x86.jccNear(cond, rel);
      }
      if (draft.transfer) {
        const { call, func, viaSlot } = draft.transfer;
        if (viaSlot) return (call ? x86.callIndirect : x86.jmpIndirect)(firstSlot + 8 * slots++ - end);
        return (call ? x86.callNear : x86.jmpNear)(placed[func]!.offset - end);
      }
      return draft.bytes as number[];
    }
    return {
      path: String(interpolate(d.path, scope)),
      base: address(d.base),
      textOffset: TEXT_OFFSET,
      text,
      symbols: symbols.toSorted((a, b) => a.offset - b.offset),
    };
  });

  const text = placed.flatMap(({ drafts, starts, offset }, func) => {
    const spec = program.functions[func]!;
    const base = program.dsos[dsoIndex.get(spec.dso)!]!.base;
    return drafts.map((draft, k): StaticInstruction => {
      const at = base + offset + starts[k]!;
      return { func, address: at, length: draft.length, trap: draft.trap };
    });
  });
  const functions = program.functions.map((f) => ({
    name: f.name,
    symbol: f.symbol ?? f.name,
    dso: dsoIndex.get(f.dso)!,
  }));
  return { dsos, instructions: text, functions, flows, children, index: functionIndex };
}
