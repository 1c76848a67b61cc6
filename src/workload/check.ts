/**
 * What makes a program invalid: unknown names, probabilities outside 0..1, recursion, loops that never end.
 *
 * A fault refers to an object (a node, a function, a set of rates) and a key in it, so that parse.ts can say where in
 * the file it is.
 */
import { EVENT_COLUMNS } from '../arch/events.ts';
import { checkThreads, keyOf, targetOf } from './check-threads.ts';
import { didYouMean } from './fault.ts';
import {
  MOST_ADDRESS,
  MOST_AT_ONCE,
  MOST_CHARACTERS,
  MOST_DSOS,
  MOST_INSTRUCTIONS,
  MOST_ITERATIONS,
  MOST_LEVELS,
  MOST_NANOSECONDS,
  MOST_NESTED,
  MOST_OBJECTS,
  MOST_PARAMS,
  MOST_PERIOD,
  MOST_CPU,
  MOST_THREADS,
  MOST_TOLD,
  MOST_VALUE,
} from './limits.ts';
import {
  type Call,
  type DsoSpec,
  type Events,
  EXITS,
  type FetchRates,
  FUNCTIONS,
  type FunctionSpec,
  type Instruction,
  type Jump,
  type MissRates,
  type Node,
  type ObjectSpec,
  OPS,
  type Program,
  type Quantity,
  type Sync,
  type Syscall,
} from './program.ts';
import { interpolate, QuantityError, type Scope, toNumber } from './quantity.ts';
import { SYSCALLS } from './syscalls.ts';

export interface ProgramFault {
  readonly message: string;
  /** The object of the program that is wrong. */
  readonly about: object;
  /** The key in it that is wrong, if a single one is. */
  readonly key: string | undefined;
}

/** As the kernel parses a list. */
const CPU_LIST = /^\d+(-\d+)?(,\d+(-\d+)?)*$/;
/** Whether it is a list of numbers and rising ranges of CPUs that a machine can have. */
const isCpuList = (list: string): boolean =>
  CPU_LIST.test(list) &&
  list.split(',').every((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return first! <= last! && last! <= MOST_CPU;
  });
/** After so many faults, no more suggestions are looked up. */
const FULL = 50 * MOST_TOLD;
/** Greatest exit status. */
const MOST_STATUS = 255;
/** The kind of object that each item needs. */
const OBJECT_OF: Readonly<Partial<Record<Sync['op'], ObjectSpec['kind']>>> = {
  lock: 'mutex',
  unlock: 'mutex',
  arrive: 'barrier',
  post: 'semaphore',
  take: 'semaphore',
  read: 'pipe',
  write: 'pipe',
};
const EVENT_NAMES: ReadonlySet<string> = new Set(EVENT_COLUMNS);
const OP_NAMES: ReadonlySet<string> = new Set(OPS);

class Check {
  readonly faults: ProgramFault[] = [];
  readonly #program: Program;
  readonly #scope: Scope;
  readonly #functions: ReadonlyMap<string, FunctionSpec>;
  readonly #dsos: ReadonlySet<string>;
  readonly #objects: ReadonlyMap<string, ObjectSpec['kind']>;
  #where = '';
  /** How many items enclose the current node. */
  #depth = 0;
  #instructions = 0;
  /** Functions that always end the program. */
  readonly #ending = new Set<string>();

  constructor(program: Program, scope: Scope) {
    this.#program = program;
    this.#scope = scope;
    this.#functions = new Map(program.functions.map((f) => [f.name, f]));
    this.#dsos = new Set(program.dsos.map((d) => d.name));
    this.#objects = new Map(program.objects.map(({ name, kind }) => [name, kind]));
  }

  run(): readonly ProgramFault[] {
    const program = this.#program;
    const dsos = this.#dsos;
    if (!this.#functions.has(program.entry))
      this.#fault(
        program,
        'entry',
        `there is no function "${program.entry}"${this.#near(program.entry, this.#functions.keys())}`,
      );
    this.#atMost(program, 'dsos', program.dsos.length, MOST_DSOS);
    this.#atMost(program, 'params', program.params.length, MOST_PARAMS);
    for (const d of program.dsos) this.#dso(d);
    for (const m of Object.values(program.misses)) this.#rates(m);
    this.#atMost(program, 'objects', program.objects.length, MOST_OBJECTS);
    for (const o of program.objects) this.#object(o);
    this.#calls();
    const seen = new Set<string>();
    for (const f of program.functions) {
      this.#where = `function ${f.name}: `;
      if (seen.has(f.name)) this.#fault(f, 'name', 'is defined twice; give one of them another name and a `symbol`');
      seen.add(f.name);
      this.#name(f, 'name', f.name);
      if (f.symbol !== undefined) this.#name(f, 'symbol', f.symbol);
      if (!dsos.has(f.dso)) this.#fault(f, 'dso', `there is no dso "${f.dso}"${this.#near(f.dso, dsos)}`);
      if (f.fetch) this.#rates(f.fetch);
      if (f.drain !== undefined && !(f.drain >= 0 && f.drain <= 1))
        this.#fault(f, 'drain', 'drain is a probability: 0 to 1');
      this.#nodes(f.body);
    }
    this.#where = '';
    if (this.faults.length === 0)
      checkThreads(program, this.#scope, (about, key, message) => this.#fault(about, key, message));
    return this.faults;
  }

  #dso(d: DsoSpec): void {
    this.#name(d, undefined, d.name);
    if (!Number.isInteger(d.base) || d.base % 0x1000 !== 0)
      this.#fault(d, 'base', `base of ${d.name} is not a multiple of the page size`);
    else if (d.base < 0 || d.base > MOST_ADDRESS)
      this.#fault(d, 'base', `base of ${d.name} is no address of a program: 0 to ${MOST_ADDRESS}`);
    this.#quantity(d, 'path', () => {
      if (String(interpolate(d.path, this.#scope)).includes('\0'))
        this.#fault(d, 'path', `path of ${d.name} holds a NUL`);
    });
  }

  #object(o: ObjectSpec): void {
    this.#name(o, undefined, o.name);
    if (o.kind === 'barrier') this.#whole(o, 'barrier', o.count, 1, MOST_VALUE);
    if (o.kind === 'semaphore') this.#whole(o, 'semaphore', o.value, 0, MOST_VALUE);
    if (o.kind === 'pipe') this.#whole(o, 'pipe', o.capacity, 1, MOST_VALUE);
  }

  /** A quantity that is a number of things. */
  #whole(about: object, key: string, q: Quantity, least: number, most: number): void {
    this.#quantity(about, key, () => {
      const n = toNumber(q, this.#scope);
      if (!(n >= least) || (typeof q === 'number' && !Number.isInteger(n)))
        this.#fault(about, key, `${key}: ${n} is not a whole number of at least ${least}`);
      else if (n > most) this.#fault(about, key, `${key}: ${n} is more than ${most}`);
    });
  }

  /** Names go into symbol tables and records, where a NUL ends them. */
  #name(about: object, key: string | undefined, name: string): void {
    if (name.length > MOST_CHARACTERS)
      this.#fault(about, key, `a name of ${name.length} characters is longer than ${MOST_CHARACTERS}`);
    else if (name === '' || name.includes('\0')) this.#fault(about, key, 'a name is empty or holds a NUL');
  }

  #atMost(about: object, key: string, n: number, most: number): void {
    if (n > most) this.#fault(about, key, `there are ${n} ${key}, more than ${most}`);
  }

  /** A suggestion, while there are few enough faults for it to be read. */
  #near(word: string, candidates: Iterable<string>): string {
    return this.faults.length < FULL ? didYouMean(word, candidates) : '';
  }

  #fault(about: object, key: string | undefined, message: string): void {
    this.faults.push({ about, key, message: this.#where + message });
  }

  #quantity(about: object, key: string, evaluate: () => unknown): void {
    try {
      evaluate();
    } catch (e) {
      if (!(e instanceof QuantityError)) throw e;
      const hint = e.unknown === undefined ? '' : this.#near(e.unknown, Object.keys(this.#scope));
      this.#fault(about, key, e.message + hint);
    }
  }

  #probability(about: object, key: string, p: number | undefined): void {
    if (p !== undefined && !(p >= 0 && p <= 1)) this.#fault(about, key, `${key}: ${p} is not a probability (0 to 1)`);
  }

  #rates(m: MissRates | FetchRates): void {
    for (const [key, p] of Object.entries<number>({ ...m })) this.#probability(m, key, p);
  }

  /** Time is counted in 1/64 cycles; a cost between two of them could not be summed exactly. */
  #cycles(about: object, key: string, c: number | undefined): void {
    if (c === undefined) return;
    if (!(c >= 0)) this.#fault(about, key, `cycles: ${c} is negative`);
    else if (c > MOST_AT_ONCE) this.#fault(about, key, `cycles: ${c} is more than ${MOST_AT_ONCE} at once`);
    else if (!Number.isInteger(c * 64))
      this.#fault(about, key, `cycles: ${c} is not a multiple of 1/64 (the nearest is ${Math.round(c * 64) / 64})`);
  }

  #events(about: object, events: Events): void {
    for (const [name, n] of Object.entries(events)) {
      if (!EVENT_NAMES.has(name))
        this.#fault(about, name, `there is no event "${name}"${this.#near(name, EVENT_NAMES)}`);
      else if (name === 'cycles') this.#cycles(about, name, n);
      else if (!Number.isInteger(n) || n < 0) this.#fault(about, name, `${name}: ${n} is not a whole number`);
      else if (n > MOST_AT_ONCE) this.#fault(about, name, `${name}: ${n} is more than ${MOST_AT_ONCE} at once`);
    }
  }

  #nodes(body: readonly Node[]): void {
    if (this.#depth > MOST_NESTED) return;
    this.#depth++;
    body.forEach((node, i) => {
      if (node.kind === 'jump' && i < body.length - 1) this.#fault(node, 'jump', 'what follows a jump never runs');
      this.#node(node);
    });
    this.#depth--;
  }

  #count(node: Node, more: number): void {
    const before = this.#instructions;
    this.#instructions += more;
    if (before <= MOST_INSTRUCTIONS && this.#instructions > MOST_INSTRUCTIONS)
      this.#fault(node, undefined, `the program has more than ${MOST_INSTRUCTIONS} instructions; a loop repeats them`);
  }

  #node(node: Node): void {
    this.#count(node, node.kind === 'block' ? node.instructions.length : 1);
    if (this.#depth > MOST_NESTED) this.#fault(node, undefined, `more than ${MOST_NESTED} items within each other`);
    switch (node.kind) {
      case 'block':
        for (const i of node.instructions) this.#instruction(i);
        return;
      case 'seq':
        this.#nodes(node.body);
        return;
      case 'loop':
        this.#times(node, node.times);
        this.#probability(node, 'mispredict', node.mispredict);
        this.#cycles(node, 'cycles', node.cycles);
        if (isEmpty(node.body)) this.#fault(node, 'body', 'the body of a loop is empty');
        this.#noWayOut(node.body, 'a loop');
        this.#nodes(node.body);
        return;
      case 'branch':
        if (typeof node.p === 'number') this.#probability(node, 'branch', node.p);
        else if (!Number.isInteger(node.p.every) || node.p.every < 1)
          this.#fault(node, 'branch', `every: ${node.p.every} is not a whole number of at least 1`);
        else if (node.p.every > MOST_PERIOD)
          this.#fault(node, 'branch', `every: ${node.p.every} is more than ${MOST_PERIOD}`);
        this.#probability(node, 'mispredict', node.mispredict);
        this.#cycles(node, 'cycles', node.cycles);
        if (isEmpty(node.then)) this.#fault(node, 'then', 'the `then` part of a branch is empty; swap it with `else`');
        this.#noWayOut([...node.then, ...node.else], 'a branch');
        this.#nodes(node.then);
        this.#nodes(node.else);
        return;
      case 'call':
      case 'jump':
        if (node.kind === 'jump' || node.weak !== true) this.#exists(node, node.kind, node.target);
        this.#cycles(node, 'cycles', node.cycles);
        if (node.kind === 'jump') this.#probability(node, 'mispredict', node.mispredict);
        return;
      case 'syscall':
        if (!Object.hasOwn(SYSCALLS, node.name))
          this.#fault(
            node,
            'syscall',
            `unknown system call "${node.name}"${this.#near(node.name, Object.keys(SYSCALLS))}`,
          );
        for (const [key, v] of Object.entries(node.args)) this.#argument(node, key, v);
        this.#cycles(node, 'cycles', node.cycles);
        return;
      case 'fault':
        this.#cycles(node, 'cycles', node.cycles);
        return;
      case 'sync':
        this.#sync(node);
        return;
      case 'act':
        if (node.by !== 'atomic' && !Object.hasOwn(SYSCALLS, node.by))
          this.#fault(
            node,
            'act',
            `"${node.by}" is neither \`atomic\` nor a system call${this.#near(node.by, ['atomic', ...Object.keys(SYSCALLS)])}`,
          );
        this.#cycles(node, 'cycles', node.cycles);
        return;
      case 'child':
        if (!this.#ends(node.body))
          this.#fault(node, 'child', 'a child must end: in `exit_group`, or `exit` for a thread');
        this.#nodes(node.body);
        return;
      case 'start':
    }
  }

  #exists(about: object, key: string, name: string): void {
    if (!this.#functions.has(name))
      this.#fault(about, key, `there is no function "${name}"${this.#near(name, this.#functions.keys())}`);
  }

  #sync(node: Sync): void {
    const key = keyOf(node);
    const library = FUNCTIONS[node.op];
    if (!this.#functions.has(library)) {
      const file = ['read', 'write', 'fork', 'wait', 'sleep'].includes(node.op) ? 'process' : 'pthread';
      this.#fault(node, key, `${key} calls ${library}, which no file defines: include ${file}`);
    }
    if ('object' in node) {
      const kind = this.#objects.get(node.object);
      const wanted = OBJECT_OF[node.op];
      if (kind === undefined)
        this.#fault(node, key, `there is no object "${node.object}"${this.#near(node.object, this.#objects.keys())}`);
      else if (kind !== wanted) this.#fault(node, key, `${key} needs a ${wanted}; ${node.object} is a ${kind}`);
    }
    if ('bytes' in node) this.#whole(node, 'bytes', node.bytes, 1, MOST_VALUE);
    if ('ns' in node) this.#whole(node, 'sleep', node.ns, 0, MOST_NANOSECONDS);
    if ('target' in node) {
      this.#exists(node, key, node.target);
      this.#whole(node, 'times', node.times, 0, MOST_THREADS);
      if (node.cpu !== undefined) this.#whole(node, 'cpu', node.cpu, 0, MOST_CPU);
    }
  }

  #argument(node: Syscall, key: string, v: Quantity): void {
    const { args } = node;
    if (key === 'dso' && !this.#dsos.has(String(v)))
      this.#fault(args, key, `there is no dso "${v}"${this.#near(String(v), this.#dsos)}`);
    this.#quantity(args, key, () => {
      if (key === 'cpus' && !isCpuList(String(interpolate(String(v), this.#scope))))
        this.#fault(args, key, `cpus: "${v}" is no list of CPUs from 0 to ${MOST_CPU}; it is written like 0,2-3`);
      if (key !== 'ns' && key !== 'status') return void (typeof v === 'string' && interpolate(v, this.#scope));
      const n = toNumber(v, this.#scope);
      const most = key === 'ns' ? MOST_NANOSECONDS : MOST_STATUS;
      if (!(n >= 0 && n <= most)) this.#fault(args, key, `${key}: ${n} is not a number from 0 to ${most}`);
    });
  }

  #instruction(i: Instruction): void {
    if (!OP_NAMES.has(i.op)) this.#fault(i, 'op', `unknown instruction "${i.op}"${this.#near(i.op, OP_NAMES)}`);
    this.#cycles(i, 'cycles', i.cycles);
    if (typeof i.misses === 'string') {
      if (!Object.hasOwn(this.#program.misses, i.misses))
        this.#fault(
          i,
          'misses',
          `there is no miss profile "${i.misses}"${this.#near(i.misses, Object.keys(this.#program.misses))}`,
        );
    } else if (i.misses) this.#rates(i.misses);
    if (i.events) this.#events(i.events, i.events);
    for (const site of i.sites ?? []) {
      this.#probability(site, 'p', site.p);
      this.#events(site.events, site.events);
    }
  }

  #times(about: object, times: Quantity): void {
    this.#quantity(about, 'loop', () => {
      const n = toNumber(times, this.#scope);
      if (!(n >= 0) || (typeof times === 'number' && !Number.isInteger(times)))
        this.#fault(about, 'loop', `loop: ${n} is not a whole number of at least 0`);
      else if (n > MOST_ITERATIONS)
        this.#fault(about, 'loop', `loop: ${n} iterations are more than the simulator can count`);
    });
  }

  /** An exit is allowed only where it always happens: what follows it is not built. */
  #noWayOut(body: readonly Node[], where: string): void {
    for (const node of body) {
      if (node.kind === 'syscall' && EXITS.has(node.name))
        this.#fault(node, 'syscall', `${node.name} inside ${where} is not modelled; end the program after it`);
      if (node.kind === 'sync' && node.op === 'exit')
        this.#fault(node, 'exit', `exit inside ${where} is not modelled; end the thread after it`);
      if (node.kind === 'jump') this.#fault(node, 'jump', `a jump inside ${where} is not modelled; call the function`);
      if (node.kind === 'seq') this.#noWayOut(node.body, where);
      const target = node.kind === 'call' ? this.#functions.get(node.target) : undefined;
      if (target && this.#ending.has(target.name))
        this.#fault(node, 'call', `${target.name} ends the program; calling it inside ${where} is not modelled`);
    }
  }

  /** Whether a body always ends the program; its callees must have been checked before. */
  #ends(body: readonly Node[]): boolean {
    return body.some((n) => {
      if (n.kind === 'seq') return this.#ends(n.body);
      if (n.kind === 'syscall') return EXITS.has(n.name);
      if (n.kind === 'sync') return n.op === 'exit';
      if (n.kind === 'act') return EXITS.has(n.by);
      return (n.kind === 'call' || n.kind === 'jump') && this.#ending.has(n.target);
    });
  }

  /**
   * Walks the call graph, callees first and without recursion: finds cycles, the depth of loops, branches and calls,
   * and what ends the program.
   */
  #calls(): void {
    const levels = new Map<string, number>();
    for (const root of this.#program.functions) {
      if (levels.has(root.name)) continue;
      const trail: Visit[] = [];
      const open = new Map<string, number>();
      const enter = (f: FunctionSpec): void => {
        open.set(f.name, trail.length);
        trail.push({ f, transfers: transfers(f.body, 1), levels: 1 });
      };
      enter(root);
      while (trail.length > 0) {
        const visit = trail.at(-1)!;
        const { done, value } = visit.transfers.next();
        if (done === true) {
          if (this.#ends(visit.f.body)) this.#ending.add(visit.f.name);
          levels.set(visit.f.name, visit.levels);
          open.delete(visit.f.name);
          trail.pop();
          continue;
        }
        const { node, level } = value;
        const target = node === undefined ? undefined : this.#functions.get(calledBy(node));
        const known = target === undefined ? 0 : levels.get(target.name);
        const back = target === undefined ? undefined : open.get(target.name);
        if (node !== undefined && back !== undefined)
          this.#fault(
            node,
            keyOfTransfer(node),
            `recursion is not modelled: ${circle(trail.slice(back).map(({ f }) => f.name))}`,
          );
        else if (target !== undefined && known === undefined) {
          // Looked at again once the callee is known.
          visit.transfers = again(value, visit.transfers);
          enter(target);
        } else {
          const total = level + (known ?? 0);
          if (total <= MOST_LEVELS) visit.levels = Math.max(visit.levels, total);
          else if (node !== undefined)
            this.#fault(
              node,
              keyOfTransfer(node),
              `calls, loops and branches are more than ${MOST_LEVELS} levels deep here`,
            );
        }
      }
    }
  }
}

interface Transfer {
  /** Undefined: a level without a call. */
  readonly node: Call | Jump | Sync | undefined;
  readonly level: number;
}
/** The function that is called: of a Sync node, the library's. */
const calledBy = (node: Call | Jump | Sync): string => (node.kind === 'sync' ? FUNCTIONS[node.op] : node.target);
const keyOfTransfer = (node: Call | Jump | Sync): string => (node.kind === 'sync' ? keyOf(node) : node.kind);
interface Visit {
  readonly f: FunctionSpec;
  transfers: Iterator<Transfer, void>;
  /** Levels found below it so far. */
  levels: number;
}

function* again(first: Transfer, rest: Iterator<Transfer, void>): Generator<Transfer, void> {
  yield first;
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value;
}

/** "a -> b -> a"; a long cycle is shortened in the middle. */
function circle(names: readonly string[]): string {
  const shown = names.length <= LONG_CIRCLE ? names : [...names.slice(0, LONG_CIRCLE - 1), '...', names.at(-1)!];
  return [...shown, names[0]!].join(' -> ');
}
const LONG_CIRCLE = 10;

function isEmpty(body: readonly Node[]): boolean {
  return body.every(
    (n) => (n.kind === 'block' && n.instructions.length === 0) || (n.kind === 'seq' && isEmpty(n.body)),
  );
}

/** Calls and jumps of a body, with the number of loops and branches around each; the body's own levels, too. */
function* transfers(body: readonly Node[], level: number): Generator<Transfer, void> {
  if (level > 2 * MOST_NESTED) return;
  yield { node: undefined, level };
  for (const n of body) {
    if (n.kind === 'call' || n.kind === 'jump') yield { node: n, level };
    else if (n.kind === 'sync') yield { node: n, level: targetOf(n) === undefined ? level : level + 1 };
    else if (n.kind === 'seq' || n.kind === 'child') yield* transfers(n.body, level);
    else if (n.kind === 'loop') yield* transfers(n.body, level + 1);
    else if (n.kind === 'branch') {
      yield* transfers(n.then, level + 1);
      yield* transfers(n.else, level + 1);
    }
  }
}

/** All faults of a program with these values of its parameters; none if it can be compiled. */
export const checkProgram = (program: Program, scope: Scope): readonly ProgramFault[] =>
  new Check(program, scope).run();
