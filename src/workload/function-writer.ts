/**
 * Writes the code of one function, and the flow through it: what executes, in order. One walk over its nodes does both.
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
 * Not modelled: addresses, which layout.ts gives.
 */
import { COND, REG } from '../arch/encode.ts';
import * as x86 from '../arch/encode.ts';
import type { Trap } from '../arch/cpu.ts';
import type { EventVector } from '../arch/events.ts';
import { actOf, type Objects, trapOf } from './acts.ts';
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
  type Op,
  type Program,
  type Site,
  type Sync,
} from './program.ts';
import { type Scope, toNumber } from './quantity.ts';
import { SYSCALLS } from './syscalls.ts';

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

/** A place in a function's code: before its instruction of that index. */
interface Label {
  at: number;
}
/** An instruction before its displacements are known. */
export interface Draft {
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

/** Condition codes of compiled comparisons, used in rotation. */
const CONDITIONS = [COND.e, COND.ne, COND.le, COND.g, COND.ge, COND.s, COND.be, COND.a] as const;

/** What the writers of all functions share. */
export interface Context {
  readonly instructions: Instructions;
  readonly program: Program;
  readonly scope: Scope;
  readonly functionIndex: ReadonlyMap<string, number>;
  readonly stubs: ReadonlyMap<string, number>;
  readonly objects: Objects;
}

/** Writes the code of one function and the flow through it. */
export class FunctionWriter {
  readonly drafts: Draft[] = [];
  /** What a child executes that is made here. */
  child: readonly Flow[] | undefined;
  readonly #instructions: Instructions;
  readonly #program: Program;
  readonly #scope: Scope;
  readonly #functionIndex: ReadonlyMap<string, number>;
  readonly #stubs: ReadonlyMap<string, number>;
  readonly #objects: Objects;
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
          this.#syscall(node.name, node.cycles, flow, { trap: trapOf(node, this.#scope) });
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

  #sync(node: Sync, flow: Flow[]): void {
    if ((node.op === 'spawn' || node.op === 'fork') && node.times !== 1) {
      this.#loop({ kind: 'loop', times: node.times, body: [{ ...node, times: 1 }] }, flow);
      return;
    }
    flow.push(this.#step(x86.leaRip(REG.rdi, 8 * this.#roll(64)), this.#instructions.retires('lea')));
    this.#transfer({ kind: 'call', target: FUNCTIONS[node.op] }, flow, actOf(node, this.#objects, this.#scope));
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

/** A stub's key: the DSO that has it, and the function that it jumps to. */
export const stubKey = (dso: string, target: string): string => `${dso}\0${target}`;
