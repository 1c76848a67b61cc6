/**
 * What makes the threads of a program invalid: acts that nobody asked for, children that never end, threads that spawn
 * each other for ever.
 *
 * An item such as `lock` calls a function of the C library, which must come to exactly one `act`, outside loops and
 * branches; `spawn` and `fork` also to one `child`, which comes to one `start`. All this concerns how often things
 * happen in one call of a function, so it is worked out function by function, callees first.
 * Not modelled: whether the threads can go on (they may wait for each other for ever): only a run tells.
 */
import { MOST_LEVELS, MOST_THREADS } from './limits.ts';
import {
  type Act,
  type Child,
  FUNCTIONS,
  type FunctionSpec,
  type Node,
  type Program,
  type Start,
  type Sync,
} from './program.ts';
import { type Scope, toNumber } from './quantity.ts';

/** Says that a key of an object is wrong. */
type Report = (about: object, key: string | undefined, message: string) => void;

/** How often something happens in one call of a function. */
interface Tally {
  acts: number;
  children: number;
  starts: number;
  /** Threads and processes that it makes, on average, and those that these make. */
  threads: number;
}

/** The key of a file's item that a node comes from. */
export const keyOf = ({ op }: Sync): string => (op === 'arrive' ? 'wait' : op);

/** The function that a spawn or a fork is for. */
export const targetOf = (node: Node): string | undefined =>
  node.kind === 'sync' && (node.op === 'spawn' || node.op === 'fork') ? node.target : undefined;

/** Nodes of a body, each before those inside it. */
export function* nodesOf(body: readonly Node[]): Generator<Node, void> {
  for (const node of body) {
    yield node;
    if (node.kind === 'seq' || node.kind === 'loop' || node.kind === 'child') yield* nodesOf(node.body);
    else if (node.kind === 'branch') {
      yield* nodesOf(node.then);
      yield* nodesOf(node.else);
    }
  }
}

class ThreadCheck {
  readonly #program: Program;
  readonly #scope: Scope;
  readonly #report: Report;
  readonly #functions: ReadonlyMap<string, FunctionSpec>;
  readonly #tallies = new Map<string, Tally>();
  /** Functions being tallied as those of threads, outermost first. */
  readonly #making: string[] = [];
  #endless = false;

  constructor(program: Program, scope: Scope, report: Report) {
    this.#program = program;
    this.#scope = scope;
    this.#report = report;
    this.#functions = new Map(program.functions.map((f) => [f.name, f]));
  }

  run(): void {
    const roots = new Set([this.#program.entry]);
    for (const f of this.#program.functions)
      for (const node of nodesOf(f.body)) {
        const target = targetOf(node);
        if (target !== undefined) roots.add(target);
      }
    for (const root of roots) this.#root(this.#functions.get(root)!);
    if (this.#endless) return;
    const { threads } = this.#function(this.#program.entry);
    if (threads <= MOST_THREADS) return;
    const [most] = this.#program.functions
      .flatMap((f) => [...nodesOf(f.body)].filter((node) => targetOf(node) !== undefined))
      .toSorted((a, b) => this.#made(b) - this.#made(a));
    const makes = `the program makes some ${Math.round(threads)} threads and processes`;
    this.#report(most as Sync, keyOf(most as Sync), `${makes}: at most ${MOST_THREADS}`);
  }

  /** What runs as a thread of its own, or is called there, may leave nothing to whoever called it. */
  #root(f: FunctionSpec): void {
    if (isNothing(this.#function(f.name))) return;
    for (const node of nodesOf(f.body)) {
      if (isForCallers(node))
        this.#report(node, node.kind, `this is for functions that ${CALLERS} call; ${f.name} is not called by them`);
      if (node.kind !== 'call' && node.kind !== 'jump') continue;
      const callee = this.#functions.get(node.target);
      if (callee === undefined || isNothing(this.#function(callee.name))) continue;
      const leaves = f.dso === this.#program.dsos[0]?.name && callee.dso !== f.dso;
      if (LIBRARY.has(callee.name) || (leaves && [...nodesOf(callee.body)].some(isForCallers)))
        this.#report(node, node.kind, `${node.target} comes to an act: only ${CALLERS} can call it`);
      else this.#root(callee);
    }
  }

  #function(name: string): Tally {
    let tally = this.#tallies.get(name);
    if (tally === undefined) this.#tallies.set(name, (tally = this.#body(this.#functions.get(name)!.body, false)));
    return tally;
  }

  #body(body: readonly Node[], nested: boolean): Tally {
    const sum = { ...NOTHING };
    for (const node of body) add(sum, this.#node(node, nested));
    return sum;
  }

  #node(node: Node, nested: boolean): Tally {
    switch (node.kind) {
      case 'seq':
        return this.#body(node.body, nested);
      case 'loop': {
        const { threads } = this.#body(node.body, true);
        return { ...NOTHING, threads: threads * Math.round(toNumber(node.times, this.#scope)) };
      }
      case 'branch': {
        const p = typeof node.p === 'number' ? node.p : 1 / node.p.every;
        const then = this.#body(node.then, true);
        const otherwise = this.#body(node.else, true);
        return { ...NOTHING, threads: p * then.threads + (1 - p) * otherwise.threads };
      }
      case 'call':
      case 'jump': {
        if (!this.#functions.has(node.target)) return NOTHING;
        const tally = this.#function(node.target);
        if (!nested || isNothing(tally)) return tally;
        this.#report(node, node.kind, `${node.target} comes to an act: not modelled inside a loop or a branch`);
        return { ...NOTHING, threads: tally.threads };
      }
      case 'act':
      case 'start':
      case 'child':
        if (nested) this.#report(node, node.kind, `${node.kind} inside a loop or a branch is not modelled`);
        else if (node.kind === 'child') this.#child(node);
        return nested ? NOTHING : { ...NOTHING, [COUNT_OF[node.kind]]: 1 };
      case 'sync':
        return this.#sync(node);
      case 'block':
      case 'syscall':
      case 'fault':
        return NOTHING;
    }
  }

  #child(node: Child): void {
    const { acts, children, starts } = this.#body(node.body, false);
    if (acts + children > 0) this.#report(node, 'child', 'a child comes to an act before it starts');
    else if (starts !== 1) this.#report(node, 'child', `a child comes to ${starts} \`start\` instead of one`);
  }

  #sync(node: Sync): Tally {
    const library = FUNCTIONS[node.op];
    const { acts, children } = this.#function(library);
    const makes = node.op === 'spawn' || node.op === 'fork' ? 1 : 0;
    if (acts !== 1) this.#report(node, keyOf(node), `${library} comes to ${acts} \`act\` instead of one`);
    if (children !== makes)
      this.#report(node, keyOf(node), `${library} comes to ${children} \`child\` instead of ${makes}`);
    return { ...NOTHING, threads: this.#made(node) };
  }

  /** Threads that a spawn or a fork comes to. */
  #made(node: Node): number {
    if (node.kind !== 'sync' || (node.op !== 'spawn' && node.op !== 'fork')) return 0;
    const { target } = node;
    const back = this.#making.indexOf(target);
    if (back >= 0) {
      if (!this.#endless)
        this.#report(node, node.op, `threads without end: ${[...this.#making.slice(back), target].join(' -> ')}`);
      this.#endless = true;
      return 0;
    }
    if (this.#making.length >= MOST_LEVELS) {
      if (!this.#endless)
        this.#report(node, node.op, `threads that make threads are more than ${MOST_LEVELS} levels deep here`);
      this.#endless = true;
      return 0;
    }
    this.#making.push(target);
    const { threads } = this.#function(target);
    this.#making.pop();
    return Math.round(toNumber(node.times, this.#scope)) * (1 + threads);
  }
}

const NOTHING: Readonly<Tally> = { acts: 0, children: 0, starts: 0, threads: 0 };
const COUNT_OF = { act: 'acts', child: 'children', start: 'starts' } as const;
const isNothing = ({ acts, children, starts }: Tally): boolean => acts + children + starts === 0;
const LIBRARY: ReadonlySet<string> = new Set(Object.values(FUNCTIONS));
const isForCallers = (node: Node): node is Act | Child | Start =>
  node.kind === 'act' || node.kind === 'child' || node.kind === 'start';
const CALLERS = '`lock`, `spawn` and their like';

function add(to: Tally, more: Tally): void {
  to.acts += more.acts;
  to.children += more.children;
  to.starts += more.starts;
  to.threads += more.threads;
}

/** Reports what is wrong with the threads of a program that is otherwise right. */
export const checkThreads = (program: Program, scope: Scope, report: Report): void =>
  new ThreadCheck(program, scope, report).run();
