/**
 * What makes a program impossible: names that nothing has, probabilities outside 0..1, recursion, loops that never end.
 *
 * Faults refer to the object they are about (a node, a function, a set of rates) and the key in it, so that parse.ts can
 * say where in the file that was.
 */
import { EVENT_COLUMNS } from '../arch/events.ts';
import { didYouMean } from './fault.ts';
import { EXITS, OPS } from './program.ts';
import type { Events, FetchRates, FunctionSpec, Instruction, MissRates, Node, Program, Quantity } from './program.ts';
import { interpolate, QuantityError, toNumber } from './quantity.ts';
import type { Scope } from './quantity.ts';
import { SYSCALLS } from './syscalls.ts';

export interface ProgramFault {
  readonly message: string;
  /** The object of the program that is wrong. */
  readonly about: object;
  /** The key in it, if it is about one. */
  readonly key: string | undefined;
}

const EVENT_NAMES: ReadonlySet<string> = new Set(EVENT_COLUMNS);
const OP_NAMES: ReadonlySet<string> = new Set(OPS);

class Check {
  readonly faults: ProgramFault[] = [];
  private readonly program: Program;
  private readonly scope: Scope;
  private readonly functions: ReadonlyMap<string, FunctionSpec>;
  private where = '';

  constructor(program: Program, scope: Scope) {
    this.program = program;
    this.scope = scope;
    this.functions = new Map(program.functions.map((f) => [f.name, f]));
  }

  run(): readonly ProgramFault[] {
    const { program } = this;
    const dsos = program.dsos.map((d) => d.name);
    if (!this.functions.has(program.entry))
      this.fault(
        program,
        'entry',
        `there is no function "${program.entry}"${didYouMean(program.entry, this.functions.keys())}`,
      );
    for (const d of program.dsos) {
      if (d.base % 0x1000 !== 0) this.fault(d, 'base', `base of ${d.name} is not a multiple of the page size`);
      this.quantity(d, 'path', () => interpolate(d.path, this.scope));
    }
    for (const m of Object.values(program.misses)) this.rates(m);
    const seen = new Set<string>();
    for (const f of program.functions) {
      this.where = `function ${f.name}: `;
      if (seen.has(f.name)) this.fault(f, 'name', 'is defined twice; give one of them another name and a `symbol`');
      seen.add(f.name);
      if (!dsos.includes(f.dso)) this.fault(f, 'dso', `there is no dso "${f.dso}"${didYouMean(f.dso, dsos)}`);
      if (f.fetch) this.rates(f.fetch);
      if (f.drain !== undefined && !(f.drain >= 0 && f.drain <= 1))
        this.fault(f, 'drain', 'drain is a probability: 0 to 1');
      this.nodes(f.body);
    }
    this.where = '';
    this.recursion();
    return this.faults;
  }

  private fault(about: object, key: string | undefined, message: string): void {
    this.faults.push({ about, key, message: this.where + message });
  }

  private quantity(about: object, key: string, evaluate: () => unknown): void {
    try {
      evaluate();
    } catch (e) {
      if (!(e instanceof QuantityError)) throw e;
      const hint = e.unknown === undefined ? '' : didYouMean(e.unknown, Object.keys(this.scope));
      this.fault(about, key, e.message + hint);
    }
  }

  private probability(about: object, key: string, p: number | undefined): void {
    if (p !== undefined && !(p >= 0 && p <= 1)) this.fault(about, key, `${key}: ${p} is not a probability (0 to 1)`);
  }

  private rates(m: MissRates | FetchRates): void {
    for (const [key, p] of Object.entries<number>({ ...m })) this.probability(m, key, p);
  }

  /** Time is counted in 1/64 cycles; a cost between two of them could not be summed exactly. */
  private cycles(about: object, key: string, c: number | undefined): void {
    if (c === undefined) return;
    if (!(c >= 0)) this.fault(about, key, `cycles: ${c} is negative`);
    else if (!Number.isInteger(c * 64))
      this.fault(about, key, `cycles: ${c} is not a multiple of 1/64 (the nearest is ${Math.round(c * 64) / 64})`);
  }

  private events(about: object, events: Events): void {
    for (const [name, n] of Object.entries(events)) {
      if (!EVENT_NAMES.has(name))
        this.fault(about, name, `there is no event "${name}"${didYouMean(name, EVENT_NAMES)}`);
      else if (name === 'cycles') this.cycles(about, name, n);
      else if (!Number.isInteger(n) || n < 0) this.fault(about, name, `${name}: ${n} is not a whole number`);
    }
  }

  private nodes(body: readonly Node[]): void {
    body.forEach((node, i) => {
      if (node.kind === 'jump' && i < body.length - 1) this.fault(node, 'jump', 'what follows a jump never runs');
      this.node(node);
    });
  }

  private node(node: Node): void {
    switch (node.kind) {
      case 'block':
        for (const i of node.instructions) this.instruction(i);
        return;
      case 'seq':
        this.nodes(node.body);
        return;
      case 'loop':
        this.times(node, node.times);
        this.probability(node, 'mispredict', node.mispredict);
        this.cycles(node, 'cycles', node.cycles);
        if (isEmpty(node.body)) this.fault(node, 'body', 'the body of a loop is empty');
        this.noWayOut(node.body, 'a loop');
        this.nodes(node.body);
        return;
      case 'branch':
        if (typeof node.p === 'number') this.probability(node, 'branch', node.p);
        else if (!Number.isInteger(node.p.every) || node.p.every < 1)
          this.fault(node, 'branch', `every: ${node.p.every} is not a whole number of at least 1`);
        this.probability(node, 'mispredict', node.mispredict);
        this.cycles(node, 'cycles', node.cycles);
        if (isEmpty(node.then)) this.fault(node, 'then', 'the `then` part of a branch is empty; swap it with `else`');
        this.noWayOut([...node.then, ...node.else], 'a branch');
        this.nodes(node.then);
        this.nodes(node.else);
        return;
      case 'call':
      case 'jump':
        if (!this.functions.has(node.target))
          this.fault(
            node,
            node.kind,
            `there is no function "${node.target}"${didYouMean(node.target, this.functions.keys())}`,
          );
        this.cycles(node, 'cycles', node.cycles);
        if (node.kind === 'jump') this.probability(node, 'mispredict', node.mispredict);
        return;
      case 'syscall':
        if (SYSCALLS[node.name] === undefined)
          this.fault(
            node,
            'syscall',
            `unknown system call "${node.name}"${didYouMean(node.name, Object.keys(SYSCALLS))}`,
          );
        for (const [key, v] of Object.entries(node.args)) {
          if (typeof v === 'string') this.quantity(node.args, key, () => interpolate(v, this.scope));
          if (key === 'dso' && !this.program.dsos.some((d) => d.name === v))
            this.fault(
              node.args,
              key,
              `there is no dso "${v}"${didYouMean(
                String(v),
                this.program.dsos.map((d) => d.name),
              )}`,
            );
        }
        this.cycles(node, 'cycles', node.cycles);
        return;
      case 'fault':
        this.cycles(node, 'cycles', node.cycles);
    }
  }

  private instruction(i: Instruction): void {
    if (!OP_NAMES.has(i.op)) this.fault(i, 'op', `unknown instruction "${i.op}"${didYouMean(i.op, OP_NAMES)}`);
    this.cycles(i, 'cycles', i.cycles);
    if (typeof i.misses === 'string') {
      if (!Object.hasOwn(this.program.misses, i.misses))
        this.fault(
          i,
          'misses',
          `there is no miss profile "${i.misses}"${didYouMean(i.misses, Object.keys(this.program.misses))}`,
        );
    } else if (i.misses) this.rates(i.misses);
    if (i.events) this.events(i.events, i.events);
    for (const site of i.sites ?? []) {
      this.probability(site, 'p', site.p);
      this.events(site.events, site.events);
    }
  }

  private times(about: object, times: Quantity): void {
    this.quantity(about, 'loop', () => {
      const n = toNumber(times, this.scope);
      if (n < 0 || (typeof times === 'number' && !Number.isInteger(times)))
        this.fault(about, 'loop', `loop: ${n} is not a whole number of at least 0`);
      else if (n > 2 ** 47) this.fault(about, 'loop', `loop: ${n} iterations are more than the simulator can count`);
    });
  }

  /** An exit is only understood where it always happens: the rest of the program is then not built at all. */
  private noWayOut(body: readonly Node[], where: string): void {
    for (const node of body) {
      if (node.kind === 'syscall' && EXITS.has(node.name))
        this.fault(node, 'syscall', `${node.name} inside ${where} is not modelled; end the program after it`);
      if (node.kind === 'jump') this.fault(node, 'jump', `a jump inside ${where} is not modelled; call the function`);
      if (node.kind === 'seq') this.noWayOut(node.body, where);
      const target = node.kind === 'call' ? this.functions.get(node.target) : undefined;
      if (target && this.exits(target, new Set()))
        this.fault(node, 'call', `${target.name} ends the program; calling it inside ${where} is not modelled`);
    }
  }

  /** Whether a function ends the program on its way. */
  private exits(f: FunctionSpec, visiting: Set<string>): boolean {
    if (visiting.has(f.name)) return false;
    visiting.add(f.name);
    const any = (body: readonly Node[]): boolean =>
      body.some((n) => {
        if (n.kind === 'seq') return any(n.body);
        if (n.kind === 'syscall') return EXITS.has(n.name);
        if (n.kind !== 'call' && n.kind !== 'jump') return false;
        const target = this.functions.get(n.target);
        return target !== undefined && this.exits(target, visiting);
      });
    return any(f.body);
  }

  private recursion(): void {
    const done = new Set<string>();
    const visit = (f: FunctionSpec, trail: readonly string[]): void => {
      if (done.has(f.name)) return;
      for (const node of transfers(f.body)) {
        const target = this.functions.get(node.target);
        if (!target) continue;
        const back = [...trail, f.name].indexOf(target.name);
        if (back < 0) visit(target, [...trail, f.name]);
        else {
          const circle = [...trail, f.name].slice(back).concat(target.name).join(' -> ');
          this.fault(node, node.kind, `recursion is not modelled: ${circle}`);
        }
      }
      done.add(f.name);
    };
    for (const f of this.program.functions) visit(f, []);
  }
}

function isEmpty(body: readonly Node[]): boolean {
  return body.every(
    (n) => (n.kind === 'block' && n.instructions.length === 0) || (n.kind === 'seq' && isEmpty(n.body)),
  );
}

function* transfers(body: readonly Node[]): Generator<Extract<Node, { kind: 'call' | 'jump' }>> {
  for (const n of body) {
    if (n.kind === 'call' || n.kind === 'jump') yield n;
    else if (n.kind === 'seq' || n.kind === 'loop') yield* transfers(n.body);
    else if (n.kind === 'branch') {
      yield* transfers(n.then);
      yield* transfers(n.else);
    }
  }
}

/** Every fault of a program whose parameters have these values; none if it can be compiled. */
export const checkProgram = (program: Program, scope: Scope): readonly ProgramFault[] =>
  new Check(program, scope).run();
