/**
 * From a program to machine code: every instruction gets bytes, an address and a symbol, and control flow gets the
 * instructions that a compiler would emit.
 *
 *     loop    xor %ebx,%ebx; jmp test; top: BODY; add $1,%ebx; test: cmp $n,%ebx; jl top  (gcc -O0's shape of a for)
 *     branch  jcc else; THEN; [jmp end;] else: [ELSE; end:]  (taken = not THEN)
 *     call    call callee, or call *slot(%rip) into another DSO, or through a stub of this DSO that only jumps there
 *     jump    jmp callee, or jmp *slot(%rip)  (a stub NAME@plt is one)
 *     nop     endbr64 where it is the first of a function
 *     syscall mov $nr,%eax; syscall
 *     sync    lea object(%rip),%rdi; call FUNCTION  (spawn and fork more than once: in a loop)
 *     act     lock cmpxchg %reg,(%rdi), or as syscall
 *     child   test %eax,%eax; jne parent; BODY; parent:
 *     start   call *%fs:slot
 *     function ...; ret, unless its last node never returns
 *
 * The code is plausible but not runnable: registers are chosen in rotation, and memory operands point nowhere.
 *
 * In order: the writer of one function, which walks its nodes once for both code and flow; stubs; relaxation of jumps;
 * layout().
 *
 * Not modelled: relocations, unwind tables, data. The pointers that indirect jumps read lie beyond the text.
 */
import { COND, REG } from '../arch/encode.ts';
import * as x86 from '../arch/encode.ts';
import type { Trap } from '../arch/cpu.ts';
import type { DsoImage, DsoSymbol } from '../arch/dso.ts';
import type { EventVector } from '../arch/events.ts';
import type { SyncObject } from '../arch/sync.ts';
import { address } from '../units.ts';
import { TAKEN, type Instructions } from './instructions.ts';
import {
  type Branch,
  type Call,
  type Child,
  type Events,
  EXITS,
  FUNCTIONS,
  type FunctionSpec,
  type Instruction,
  type Jump,
  type Loop,
  type MissRates,
  type Node,
  type ObjectSpec,
  type Op,
  type Program,
  type Quantity,
  type Site,
  type Sync,
  type Syscall,
} from './program.ts';
import { interpolate, type Scope, toNumber } from './quantity.ts';
import { SYSCALLS } from './syscalls.ts';

/** One instruction of the text. */
export interface StaticInstruction {
  /** Index of its function. */
  readonly func: number;
  readonly address: number;
  readonly length: number;
  readonly trap: Trap | undefined;
}

/** One execution of an instruction: its index, what it retires, its random outcomes. */
export interface Step {
  readonly kind: 'step';
  readonly id: number;
  readonly retires: EventVector;
  readonly sites: readonly Site[];
  /** It traps: with the act that the innermost call around it is for. */
  readonly act?: true;
}
/** What executes, in order: the program without syntax. */
export type Flow =
  | Step
  | { readonly kind: 'loop'; readonly times: number; readonly body: readonly Flow[] }
  | {
      readonly kind: 'branch';
      readonly p: number;
      /** Period of an exactly periodic branch, or 0. */
      readonly every: number;
      /** The conditional jump. Both arms begin with its step, and its sites apply to both directions. */
      readonly jcc: number;
      readonly sites: readonly Site[];
      readonly then: readonly Flow[];
      readonly else: readonly Flow[];
    }
  /**
   * `by` is the call instruction, or -1 for a tail jump, which leaves no return address. `act`: what the call is for.
   */
  | { readonly kind: 'call'; readonly func: number; readonly by: number; readonly act?: Trap }
  /** Nothing after this executes. */
  | { readonly kind: 'exit' };

/** The function of a call that depends on the thread: its own. */
export const OWN_FUNCTION = -1;

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

/** A place in a function's code: before its instruction of that index. */
interface Label {
  at: number;
}
/** An instruction before its displacements are known. */
interface Draft {
  readonly trap: Trap | undefined;
  readonly bytes?: number[];
  readonly jump?: { readonly cond: number | undefined; readonly to: Label };
  readonly transfer?: { readonly call: boolean; readonly func: number; readonly viaSlot: boolean };
  length: number;
}

/** Counters of nested loops: callee-saved, as a compiler would choose. */
const COUNTERS = [REG.rbx, REG.r12, REG.r13, REG.r14, REG.r15] as const;
const SCRATCH = [REG.rax, REG.rdx, REG.rcx, REG.rsi, REG.r8, REG.rdi, REG.r9, REG.r10, REG.r11] as const;
const ALU_OPS = ['add', 'sub', 'xor', 'and', 'or'] as const;
/** %fs:0x640, where struct pthread has start_routine. */
const START_ROUTINE = 0x640;
/** An act at a locked instruction traps, too. */
const TRAPS: Events = { traps: 1 };

/** What a spawned thread or forked process executes, by name: the same function may be started both ways. */
export const entryName = ({ op, target }: { readonly op: 'spawn' | 'fork'; readonly target: string }): string =>
  `${op} ${target}`;

/** Condition codes of compiled comparisons, used in rotation. */
const CONDITIONS = [COND.e, COND.ne, COND.le, COND.g, COND.ge, COND.s, COND.be, COND.a] as const;

/** What the writers of all functions share. */
interface Context {
  readonly instructions: Instructions;
  readonly program: Program;
  readonly scope: Scope;
  readonly functionIndex: ReadonlyMap<string, number>;
  readonly stubs: ReadonlyMap<string, number>;
  readonly objects: ReadonlyMap<string, SyncObject>;
}

/** Writes the code of one function and the flow through it. */
class FunctionWriter {
  readonly drafts: Draft[] = [];
  /** What a child executes that is made here. */
  child: readonly Flow[] | undefined;
  readonly #instructions: Instructions;
  readonly #program: Program;
  readonly #scope: Scope;
  readonly #functionIndex: ReadonlyMap<string, number>;
  readonly #stubs: ReadonlyMap<string, number>;
  readonly #objects: ReadonlyMap<string, SyncObject>;
  readonly #spec: FunctionSpec;
  readonly #firstId: number;
  /** Varies registers and operands from place to place, but not from run to run. */
  #dice: number;
  #depth = 0;
  #accumulator: number = REG.rax;

  constructor(context: Context, spec: FunctionSpec, firstId: number) {
    this.#instructions = context.instructions;
    this.#program = context.program;
    this.#scope = context.scope;
    this.#functionIndex = context.functionIndex;
    this.#stubs = context.stubs;
    this.#objects = context.objects;
    this.#spec = spec;
    this.#firstId = firstId;
    this.#dice = Array.from(spec.name, (c) => c.charCodeAt(0)).reduce(
      (h, c) => Math.imul(h ^ c, 0x01000193),
      0x811c9dc5,
    );
  }

  write(): Flow[] {
    const flow: Flow[] = [];
    this.#nodes(this.#spec.body, flow);
    if (!this.#endsWithoutReturn(this.#spec.body)) flow.push(this.#step(x86.ret(), this.#instructions.retires('ret')));
    const fetch = this.#instructions.fetchSites(this.#spec.fetch ?? {});
    const first = flow[0]!;
    if (fetch.length > 0 && (first.kind === 'step' || first.kind === 'branch'))
      flow[0] = { ...first, sites: [...fetch, ...first.sites] };
    return flow;
  }

  #endsWithoutReturn(body: readonly Node[]): boolean {
    const last = body.at(-1);
    if (last === undefined) return false;
    if (last.kind === 'seq') return this.#endsWithoutReturn(last.body);
    if (last.kind === 'sync') return last.op === 'exit';
    if (last.kind === 'act') return EXITS.has(last.by);
    return last.kind === 'jump' || (last.kind === 'syscall' && EXITS.has(last.name));
  }

  #roll(n: number): number {
    this.#dice = (Math.imul(this.#dice, 1664525) + 1013904223) | 0;
    return (this.#dice >>> 12) % n;
  }
  #scratch(): number {
    return SCRATCH[this.#roll(SCRATCH.length)]!;
  }
  /** A second operand. */
  #other(): number {
    const r = this.#scratch();
    return r === this.#accumulator ? REG.rbx : r;
  }
  /** A stack slot below the frame pointer. */
  #slot(): number {
    return -8 * (1 + this.#roll(12));
  }

  #emit(draft: Omit<Draft, 'trap'>, trap?: Trap): number {
    this.drafts.push({ trap, ...draft });
    return this.#firstId + this.drafts.length - 1;
  }
  #step(bytes: number[], events: EventVector, sites: readonly Site[] = [], trap?: Trap): Step {
    return { kind: 'step', id: this.#emit({ bytes, length: bytes.length }, trap), retires: events, sites };
  }
  #jump(to: Label, cond?: number): number {
    return this.#emit({ jump: { cond, to }, length: 2 });
  }
  #label(): Label {
    return { at: this.drafts.length };
  }

  #nodes(body: readonly Node[], flow: Flow[]): void {
    body.forEach((node, i) => {
      const next = body[i + 1];
      switch (node.kind) {
        case 'block':
          node.instructions.forEach((instruction, j) => {
            const ends = j === node.instructions.length - 1;
            const isLast = ends && body === this.#spec.body && next === undefined;
            flow.push(this.#instruction(instruction, ends && next?.kind === 'branch', isLast));
          });
          break;
        case 'seq':
          this.#nodes(node.body, flow);
          break;
        case 'loop':
          this.#loop(node, flow);
          break;
        case 'branch':
          this.#branch(node, flow);
          break;
        case 'call':
        case 'jump':
          this.#transfer(node, flow);
          break;
        case 'syscall':
          this.#syscall(node.name, node.cycles, flow, { trap: this.#trapOf(node) });
          if (EXITS.has(node.name)) flow.push({ kind: 'exit' });
          break;
        case 'sync':
          this.#sync(node, flow);
          break;
        case 'act':
          if (node.by === 'atomic') {
            const bytes = x86.lockCmpxchg(REG.rdi, 0, this.#other());
            flow.push({ ...this.#step(bytes, this.#instructions.retires('atomic', node.cycles, TRAPS)), act: true });
          } else this.#syscall(node.by, node.cycles, flow, { act: true });
          if (EXITS.has(node.by)) flow.push({ kind: 'exit' });
          break;
        case 'child':
          this.#child(node, flow);
          break;
        case 'start': {
          const by = this.#step(x86.callThreadLocal(START_ROUTINE), this.#instructions.retires('call_got'));
          flow.push(by, { kind: 'call', func: OWN_FUNCTION, by: by.id });
          break;
        }
        case 'fault': {
          const bytes = node.write
            ? x86.store64(REG.rdi, 8 * this.#roll(16), this.#accumulator)
            : x86.load64(this.#pick(), REG.rsi, 8 * this.#roll(16));
          const events = this.#instructions.retires(node.write ? 'fault_store' : 'fault_load', node.cycles);
          flow.push(this.#step(bytes, events, [], { kind: 'page_fault', write: node.write }));
          break;
        }
      }
    });
  }

  #syscall(name: string, cycles: number | undefined, flow: Flow[], traps: { trap?: Trap; act?: true }): void {
    flow.push(this.#step(x86.movImm(REG.rax, SYSCALLS[name]!), this.#instructions.retires('mov')));
    const { trap, ...act } = traps;
    const retires = this.#instructions.retires('syscall', cycles);
    flow.push({ ...this.#step(x86.syscallInstruction(), retires, [], trap), ...act });
  }

  #trapOf({ name, args }: Syscall): Trap {
    return name === 'exit' ? { kind: 'sync', op: 'exit' } : { kind: 'syscall', name, args: this.#args(args) };
  }

  /** What a node asks of others, once its quantities are known. */
  #actOf(node: Sync): Trap {
    const number = (q: Quantity): number => Math.round(toNumber(q, this.#scope));
    const object = <K extends SyncObject['kind']>(name: string): Extract<SyncObject, { kind: K }> =>
      this.#objects.get(name) as Extract<SyncObject, { kind: K }>;
    switch (node.op) {
      case 'lock':
      case 'unlock':
        return { kind: 'sync', op: node.op, object: object<'mutex'>(node.object) };
      case 'arrive':
        return { kind: 'sync', op: node.op, object: object<'barrier'>(node.object) };
      case 'post':
      case 'take':
        return { kind: 'sync', op: node.op, object: object<'semaphore'>(node.object) };
      case 'read':
      case 'write':
        return { kind: 'sync', op: node.op, object: object<'pipe'>(node.object), bytes: number(node.bytes) };
      case 'spawn':
      case 'fork':
        return { kind: 'sync', op: node.op, entry: entryName(node) };
      case 'sleep':
        return { kind: 'syscall', name: 'nanosleep', args: { ns: number(node.ns) } };
      case 'join':
      case 'wait':
      case 'exit':
        return { kind: 'sync', op: node.op };
    }
  }

  #sync(node: Sync, flow: Flow[]): void {
    if ((node.op === 'spawn' || node.op === 'fork') && node.times !== 1) {
      this.#loop({ kind: 'loop', times: node.times, body: [{ ...node, times: 1 }] }, flow);
      return;
    }
    flow.push(this.#step(x86.leaRip(REG.rdi, 8 * this.#roll(64)), this.#instructions.retires('lea')));
    this.#transfer({ kind: 'call', target: FUNCTIONS[node.op] }, flow, this.#actOf(node));
    if (node.op === 'exit') flow.push({ kind: 'exit' });
  }

  #child(node: Child, flow: Flow[]): void {
    const parent: Label = { at: 0 };
    const test = this.#step(x86.aluRegReg('test', REG.rax, REG.rax), this.#instructions.retires('cmp'));
    const id = this.#jump(parent, COND.ne);
    const step = (taken?: Events): Step => ({
      kind: 'step',
      id,
      retires: this.#instructions.retires('jcc', undefined, taken),
      sites: [],
    });
    const body: Flow[] = [test, step()];
    this.#nodes(node.body, body);
    parent.at = this.drafts.length;
    this.child = body;
    flow.push(test, step(TAKEN));
  }

  #args(args: Readonly<Record<string, Quantity>>): Record<string, number | string> {
    return Object.fromEntries(
      Object.entries(args).map(([key, v]) => [key, typeof v === 'string' ? interpolate(v, this.#scope) : v]),
    );
  }

  #loop(node: Loop, flow: Flow[]): void {
    const times = Math.round(toNumber(node.times, this.#scope));
    const counter = COUNTERS[this.#depth % COUNTERS.length]!;
    const test: Label = { at: 0 };
    flow.push(this.#step(x86.aluRegReg('xor', counter, counter), this.#instructions.retires('alu')));
    flow.push({ kind: 'step', id: this.#jump(test), retires: this.#instructions.retires('jmp', 0.5), sites: [] });
    const top = this.#label();
    const body: Flow[] = [];
    this.#depth++;
    this.#nodes(node.body, body);
    this.#depth--;
    body.push(this.#step(x86.aluRegImm('add', counter, 1), this.#instructions.retires('alu')));
    test.at = this.drafts.length;
    // The length does not depend on the count, so that code does not move with a program's arguments.
    const compare = this.#step(x86.cmpImm32(counter, Math.min(times, 0x7fffffff)), this.#instructions.retires('cmp'));
    const jcc = this.#jump(top, COND.l);
    const again: Step = {
      kind: 'step',
      id: jcc,
      retires: this.#instructions.retires('jcc', node.cycles, TAKEN),
      sites: [],
    };
    const exit: Step = {
      kind: 'step',
      id: jcc,
      retires: this.#instructions.retires('jcc', node.cycles),
      sites: this.#instructions.mispredictSites(node.mispredict),
    };
    if (times > 0) flow.push({ kind: 'loop', times, body: [compare, again, ...body] });
    flow.push(compare, exit);
  }

  #branch(node: Branch, flow: Flow[]): void {
    const otherwise: Label = { at: 0 };
    const end: Label = { at: 0 };
    const jcc = this.#jump(otherwise, CONDITIONS[this.#roll(CONDITIONS.length)]);
    const stays: Step = { kind: 'step', id: jcc, retires: this.#instructions.retires('jcc', node.cycles), sites: [] };
    const takes: Step = {
      kind: 'step',
      id: jcc,
      retires: this.#instructions.retires('jcc', node.cycles, TAKEN),
      sites: [],
    };
    const then: Flow[] = [stays];
    this.#nodes(node.then, then);
    if (node.else.length > 0 && !this.#endsWithoutReturn(node.then))
      then.push({ kind: 'step', id: this.#jump(end), retires: this.#instructions.retires('jmp'), sites: [] });
    otherwise.at = this.drafts.length;
    const other: Flow[] = [takes];
    this.#nodes(node.else, other);
    end.at = this.drafts.length;
    const every = typeof node.p === 'number' ? 0 : node.p.every;
    flow.push({
      kind: 'branch',
      p: typeof node.p === 'number' ? node.p : 1 / node.p.every,
      every,
      jcc,
      sites: this.#instructions.mispredictSites(node.mispredict),
      // oxlint-disable-next-line no-thenable -- an arm, not a promise
      then,
      else: other,
    });
  }

  #transfer(node: Call | Jump, flow: Flow[], act?: Trap): void {
    const call = node.kind === 'call';
    let func = this.#functionIndex.get(node.target);
    // A weak reference that nothing defines; check.ts saw to all others.
    if (func === undefined) return;
    const target = this.#program.functions[func]!;
    let viaSlot = target.dso !== this.#spec.dso;
    if (viaSlot && call) {
      const stub = this.#stubs.get(stubKey(this.#spec.dso, node.target));
      if (stub !== undefined) {
        func = stub;
        viaSlot = false;
      }
    }
    const id = this.#emit({ transfer: { call, func, viaSlot }, length: viaSlot ? 6 : 5 });
    const sites = call ? [] : this.#instructions.mispredictSites(node.mispredict);
    const op = call ? (viaSlot ? 'call_got' : 'call') : viaSlot ? 'jmp_got' : 'jmp';
    flow.push(
      { kind: 'step', id, retires: this.#instructions.retires(op, node.cycles), sites },
      { kind: 'call', func, by: call ? id : -1, ...(act && { act }) },
    );
    if (call) this.#accumulator = REG.rax;
  }

  #pick(): number {
    this.#accumulator = this.#scratch();
    return this.#accumulator;
  }

  #rates(misses: string | MissRates | undefined): MissRates {
    return typeof misses === 'string' ? (this.#program.misses[misses] as MissRates) : (misses ?? {});
  }

  #instruction(i: Instruction, setsFlags: boolean, isLast: boolean): Step {
    const rates = this.#rates(i.misses);
    const sites =
      i.op === 'store' || i.op === 'push'
        ? this.#instructions.storeSites(rates)
        : isLoad(i.op)
          ? this.#instructions.loadSites(rates)
          : [];
    return this.#step(this.#encode(i.op, setsFlags, isLast), this.#instructions.retires(i.op, i.cycles, i.events), [
      ...sites,
      ...(i.sites ?? []),
    ]);
  }

  #encode(op: Op, setsFlags: boolean, isLast: boolean): number[] {
    const acc = this.#accumulator;
    switch (op) {
      case 'nop':
        return this.drafts.length === 0 ? x86.endbr64() : x86.nops(1);
      case 'alu': {
        if (setsFlags) return x86.aluRegReg('test', acc, acc);
        const operation = ALU_OPS[this.#roll(ALU_OPS.length)]!;
        if (this.#roll(3) === 0)
          return x86.shiftImm(([4, 5, 7] as const)[this.#roll(3)] as 4 | 5 | 7, acc, 1 + this.#roll(31));
        if (this.#roll(3) === 0) return x86.aluRegImm(operation, acc, 1 + this.#roll(100));
        return x86.aluRegReg(operation, acc, this.#other());
      }
      case 'mov':
        // push %rbp; mov %rsp,%rbp
        if (this.drafts.length === 1 && this.drafts[0]!.bytes?.[0] === 0x55)
          return x86.aluRegReg64('mov', REG.rbp, REG.rsp);
        return x86.aluRegReg('mov', this.#pick(), acc);
      case 'lea':
        return x86.lea64(this.#pick(), acc, 1 + this.#roll(100));
      case 'cmp':
        return this.#roll(2) === 0
          ? x86.aluRegImm('cmp', acc, this.#roll(100))
          : x86.aluRegReg('cmp', acc, this.#other());
      case 'mul':
        return x86.imul(acc, this.#scratch());
      case 'div':
        return x86.idiv(REG.rcx);
      case 'sqrt':
        return x86.sqrtsd(this.#roll(8), this.#roll(8));
      case 'fadd':
        return x86.addsd(this.#roll(8), this.#roll(8));
      case 'load':
        return this.#roll(3) === 0
          ? x86.load64(this.#pick(), acc, 8 * this.#roll(12))
          : x86.load(this.#pick(), REG.rbp, this.#slot());
      case 'store':
        return this.#roll(3) === 0 ? x86.store64(REG.rbp, this.#slot(), acc) : x86.store(REG.rbp, this.#slot(), acc);
      case 'push':
        return x86.push(this.drafts.length === 0 ? REG.rbp : COUNTERS[this.#roll(COUNTERS.length)]!);
      case 'pop':
        return x86.pop(isLast ? REG.rbp : COUNTERS[this.#roll(COUNTERS.length)]!);
      case 'leave':
        return x86.leave();
      case 'atomic':
        return x86.lockXadd(REG.rdi, 8 * this.#roll(8), acc);
      case 'pause':
        return x86.pause();
    }
  }
}

/** Ops whose `misses` are those of a load. */
const isLoad = (op: Op): boolean => op === 'load' || op === 'pop' || op === 'leave' || op === 'atomic';

/** The function that a stub, perhaps after an endbr64, jumps to; undefined: not a stub. */
function stubFor(f: FunctionSpec): string | undefined {
  const last = f.body.at(-1);
  if (last?.kind !== 'jump') return undefined;
  const bare = f.body.every((n) =>
    n.kind === 'block' ? n.instructions.every((i) => i.op === 'nop') : n.kind === 'jump' && n.target === last.target,
  );
  return bare ? last.target : undefined;
}

const stubKey = (dso: string, target: string): string => `${dso}\0${target}`;

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

/** An object, once its quantities are known. */
function objectOf(spec: ObjectSpec, scope: Scope): SyncObject {
  const number = (q: Quantity): number => Math.round(toNumber(q, scope));
  switch (spec.kind) {
    case 'mutex':
      return { kind: spec.kind, name: spec.name };
    case 'barrier':
      return { kind: spec.kind, name: spec.name, count: number(spec.count) };
    case 'semaphore':
      return { kind: spec.kind, name: spec.name, value: number(spec.value) };
    case 'pipe':
      return { kind: spec.kind, name: spec.name, capacity: number(spec.capacity) };
  }
}

/** Lays a program out for a core. */
export function layout(program: Program, scope: Scope, instructions: Instructions): Layout {
  const functionIndex = new Map(program.functions.map((f, i) => [f.name, i]));
  const dsoIndex = new Map(program.dsos.map((d, i) => [d.name, i]));
  const stubs = stubsOf(program.functions);
  const objects = new Map(program.objects.map((spec) => [spec.name, objectOf(spec, scope)]));
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
