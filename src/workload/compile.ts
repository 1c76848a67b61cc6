/**
 * Program -> image: lays the code out, inlines calls into a context tree, and groups random outcomes into classes.
 *
 * Entries are numbered in the order in which the tree meets them; that order is part of the seed contract.
 * In order: the builder of the tree, the tables that it is flattened into, and compile().
 *
 * Not modelled: sharing of contexts. Each call copies the nodes of the function called, and a program that exceeds the
 * budget of nodes is refused.
 */
import { COLUMN, CYCLES, EVENT_COLUMNS, eventVector, type EventVector, NR_EVENTS } from '../arch/events.ts';
import type { Drain, Trap } from '../arch/cpu.ts';
import { entryName } from './acts.ts';
import { checkProgram } from './check.ts';
import { nodesOf } from './check-threads.ts';
import { Cursor, type Snapshot } from './cursor.ts';
import { engineModule } from './engine.ts';
import { expectedExecutions, expectedTotals } from './expected.ts';
import { WorkloadError } from './fault.ts';
import { BLOCK, BRANCH, type Image, LOOP, SEQ, type Tables } from './image.ts';
import { address } from '../units.ts';
import { addEvents, Instructions, type CoreTiming } from './instructions.ts';
import { FUNCTIONS, type Program, scopeOf, type Site } from './program.ts';
import { type Flow, OWN_FUNCTION, type Step } from './function-writer.ts';
import { layout, type Layout, type StaticInstruction } from './layout.ts';
import { MOST_COUNTED } from './limits.ts';

/** Nodes that the context trees of a program may have, of about 1.5 kB of memory each. */
const MAX_NODES = 100_000;
/** Instructions in their contexts, and what is kept of nodes about others in them. */
const MAX_INSTANCES = 200_000;
const MAX_FACTS = 1_000_000;
/** Instances in a block: what a stop inside it has to walk. */
const MAX_BLOCK = 32;
/** Joint probability up to which outcomes with the same events share a class. */
const MAX_CLASS_P = 1 / 16;

/** How much of that a program has used, in all its trees. */
interface Size {
  nodes: number;
  instances: number;
  facts: number;
}

const tooLarge = (program: Program, message: string): WorkloadError =>
  new WorkloadError([{ file: program.name, message }]);

type Condition =
  | { readonly loop: number; readonly trip: number }
  | { readonly entry: number; readonly happens: boolean };
/** Where the walk is: the conditions under which this code runs, outermost first, and the enclosing loop and call. */
interface Place {
  readonly path: readonly Condition[];
  /** Identifies the last condition: outcomes of one region may share a class. */
  readonly region: number;
  readonly frame: number;
  readonly call: number;
  /** What the innermost call around it that is for something is for. */
  readonly act: Trap | undefined;
}

interface Entry {
  readonly path: readonly Condition[];
  p: number;
  readonly every: number;
  readonly decides: number;
  weight: EventVector;
  readonly slots: { readonly instruction: number; readonly p: number }[];
}

interface NodeDraft {
  readonly kind: number;
  readonly frame: number;
  readonly call: number;
  readonly children: number[];
  trip: number;
  site: number;
  s0: number;
  s1: number;
  inst0: number;
  instCount: number;
  plain: EventVector;
  /** Own entries with slots inside: entry -> [lo, hi] of slot numbers. */
  readonly own: Map<number, [number, number]>;
  readonly nested: [number, number][];
  readonly periodic: number[];
}

class TreeBuilder {
  readonly nodes: NodeDraft[] = [];
  readonly entries: Entry[] = [];
  readonly instId: number[] = [];
  readonly instNode: number[] = [];
  readonly instVector: number[] = [];
  readonly effects: (readonly [entry: number, slot: number])[][] = [];
  /** Acts, by instance. */
  readonly acts = new Map<number, Trap>();
  readonly calls: { readonly outer: number; readonly ret: number }[] = [];
  readonly vectors: EventVector[] = [];
  readonly #vectorIndex = new Map<string, number>();
  readonly #classes = new Map<string, number>();
  #regions = 0;
  readonly #code: Layout;
  readonly #program: Program;
  readonly #own: number;
  readonly #size: Size;

  /** The tree of a thread that executes `flow`; `own` is the index of the function that it was made for. */
  constructor(code: Layout, program: Program, flow: readonly Flow[], own: number, size: Size) {
    this.#size = size;
    this.#code = code;
    this.#program = program;
    this.#own = own;
    this.#loop(1, flow, { path: [], region: 0, frame: -1, call: -1, act: undefined });
  }

  #node(kind: number, place: Place): [number, NodeDraft] {
    const draft: NodeDraft = {
      kind,
      frame: place.frame,
      call: place.call,
      children: [],
      trip: 0,
      site: -1,
      s0: 0,
      s1: 0,
      inst0: 0,
      instCount: 0,
      plain: eventVector(),
      own: new Map(),
      nested: [],
      periodic: [],
    };
    this.nodes.push(draft);
    if (++this.#size.nodes > MAX_NODES)
      throw tooLarge(this.#program, `calls expand into more than ${MAX_NODES} contexts; share or shorten them`);
    return [this.nodes.length - 1, draft];
  }

  /** Counts `more` stored facts about nodes, whose number the nodes do not bound. */
  #grow(more: number): void {
    this.#size.facts += more;
    if (this.#size.facts > MAX_FACTS)
      throw tooLarge(
        this.#program,
        'loops and random outcomes within calls within loops are too many; share or shorten them',
      );
  }

  #adopt(draft: NodeDraft, child: NodeDraft): void {
    this.#grow(child.nested.length + child.periodic.length);
    for (const range of child.nested) draft.nested.push(range);
    for (const entry of child.periodic) draft.periodic.push(entry);
  }

  #loop(trip: number, body: readonly Flow[], place: Place): number {
    const [id, draft] = this.#node(LOOP, place);
    draft.trip = trip;
    draft.s0 = this.entries.length;
    const inside: Place = { ...place, path: [...place.path, { loop: id, trip }], region: ++this.#regions, frame: id };
    const child = this.#seq(body, inside);
    draft.children.push(child);
    draft.s1 = this.entries.length;
    this.#grow(draft.s1 - draft.s0 + inside.path.length);
    draft.plain = this.nodes[child]!.plain.map((x) => x * trip);
    if (draft.s1 > draft.s0) draft.nested.push([draft.s0, draft.s1]);
    for (const periodic of this.nodes[child]!.periodic) draft.periodic.push(periodic);
    return id;
  }

  /** A sequence; what follows an exit in it is left out. */
  #seq(flow: readonly Flow[], place: Place): number {
    const [id, draft] = this.#node(SEQ, place);
    const add = (child: number): void => {
      const c = this.nodes[child]!;
      draft.children.push(child);
      c.plain.forEach((x, e) => (draft.plain[e] = draft.plain[e]! + x));
      for (const [entry, [lo, hi]] of c.own) {
        const mine = draft.own.get(entry);
        draft.own.set(entry, mine ? [Math.min(mine[0], lo), Math.max(mine[1], hi)] : [lo, hi]);
      }
      this.#grow(c.own.size);
      this.#adopt(draft, c);
    };
    let steps: Step[] = [];
    const flush = (): void => {
      for (let i = 0; i < steps.length; i += MAX_BLOCK) add(this.#block(steps.slice(i, i + MAX_BLOCK), place));
      steps = [];
    };
    for (const item of flow) {
      if (item.kind === 'step') {
        steps.push(item);
        continue;
      }
      flush();
      if (item.kind === 'exit') break;
      if (item.kind === 'loop') add(this.#loop(item.times, item.body, place));
      else if (item.kind === 'branch') add(this.#branch(item, place));
      else {
        const func = this.#called(item.func);
        add(this.#call(func, item.by, item.act ? { ...place, act: item.act } : place));
        if (this.#neverReturns(func)) break;
      }
    }
    flush();
    return id;
  }

  #called(func: number): number {
    return func === OWN_FUNCTION ? this.#own : func;
  }

  readonly #ends = new Map<number, boolean>();
  #neverReturns(func: number): boolean {
    let known = this.#ends.get(func);
    if (known === undefined) {
      known = this.#code.flows[func]!.some(
        (f) => f.kind === 'exit' || (f.kind === 'call' && this.#neverReturns(this.#called(f.func))),
      );
      this.#ends.set(func, known);
    }
    return known;
  }

  #call(func: number, by: number, place: Place): number {
    let call = place.call;
    if (by >= 0) {
      const i = this.#code.instructions[by]!;
      call = this.calls.push({ outer: place.call, ret: i.address + i.length }) - 1;
    }
    return this.#seq(this.#code.flows[func]!, { ...place, call });
  }

  #branch(b: Extract<Flow, { kind: 'branch' }>, place: Place): number {
    const [id, draft] = this.#node(BRANCH, place);
    const jcc = b.sites.map((site) => this.#outcome(site, b.jcc, place));
    const entry =
      this.entries.push({
        path: place.path,
        p: b.p,
        every: b.every,
        decides: id,
        weight: eventVector(),
        slots: [{ instruction: b.jcc, p: b.p }],
      }) - 1;
    draft.site = entry;
    draft.own.set(entry, [0, 1]);
    if (b.every > 0) draft.periodic.push(entry);
    const arms = [true, false].map((happens) => {
      const path = [...place.path, { entry, happens }];
      const flow = happens ? b.then : b.else;
      const arm = this.#seq(flow, { ...place, path, region: ++this.#regions });
      draft.children.push(arm);
      // Both arms begin with the conditional jump; its own outcomes do not depend on its direction.
      const first = this.nodes[arm]!;
      const block = this.nodes[first.children[0]!]!;
      this.effects[block.inst0] = [...jcc, ...this.effects[block.inst0]!];
      for (const [e, slot] of jcc) for (const n of [first, block]) widen(n.own, e, slot);
      for (const [e, [lo, hi]] of first.own) {
        widen(draft.own, e, lo);
        widen(draft.own, e, hi - 1);
      }
      this.#adopt(draft, first);
      return first;
    });
    const [then, otherwise] = arms as [NodeDraft, NodeDraft];
    draft.plain = otherwise.plain.slice();
    this.entries[entry]!.weight = then.plain.map((x, e) => x - otherwise.plain[e]!);
    return id;
  }

  #block(steps: readonly Step[], place: Place): number {
    const [id, draft] = this.#node(BLOCK, place);
    draft.inst0 = this.instId.length;
    draft.instCount = steps.length;
    this.#size.instances += steps.length;
    if (this.#size.instances > MAX_INSTANCES)
      throw tooLarge(
        this.#program,
        `calls expand into more than ${MAX_INSTANCES} instructions in their contexts; share or shorten them`,
      );
    for (const step of steps) {
      if (step.act && place.act) this.acts.set(this.instId.length, place.act);
      this.instId.push(step.id);
      this.instNode.push(id);
      this.instVector.push(this.#vector(step.retires));
      step.retires.forEach((x, e) => (draft.plain[e] = draft.plain[e]! + x));
      const effects = step.sites.map((site) => this.#outcome(site, step.id, place));
      this.effects.push(effects);
      for (const [e, slot] of effects) widen(draft.own, e, slot);
    }
    return id;
  }

  #vector(v: EventVector): number {
    const key = v.join();
    let i = this.#vectorIndex.get(key);
    if (i === undefined) {
      i = this.vectors.push(v) - 1;
      this.#vectorIndex.set(key, i);
    }
    return i;
  }

  /** Finds room in a class for an outcome of this region, or opens one: [entry, slot number]. */
  #outcome(site: Site, instruction: number, place: Place): readonly [number, number] {
    const weight = addEvents(eventVector(), site.events);
    const key = `${place.region}:${weight.join()}`;
    let e = this.#classes.get(key);
    if (e === undefined || this.entries[e]!.p + site.p > MAX_CLASS_P) {
      e = this.entries.push({ path: place.path, p: 0, every: 0, decides: -1, weight, slots: [] }) - 1;
      this.#classes.set(key, e);
    }
    const entry = this.entries[e]!;
    entry.p += site.p;
    return [e, entry.slots.push({ instruction, p: site.p }) - 1];
  }
}

/** Extends the slots of an entry that are inside a node by one; kept as lo < slot + 1 <= hi. */
function widen(own: Map<number, [number, number]>, entry: number, slot: number): void {
  const mine = own.get(entry);
  own.set(entry, mine ? [Math.min(mine[0], slot), Math.max(mine[1], slot + 1)] : [slot, slot + 1]);
}

/** Start offsets of rows of varying length, with the end of the last. */
function starts(rows: readonly { readonly length: number }[]): Int32Array {
  const out = new Int32Array(rows.length + 1);
  rows.forEach((r, i) => (out[i + 1] = out[i]! + r.length));
  return out;
}
const matrix = (rows: readonly EventVector[]): Float64Array => {
  const out = new Float64Array(rows.length * NR_EVENTS);
  rows.forEach((r, i) => out.set(r, i * NR_EVENTS));
  return out;
};
const ints = (xs: readonly number[]): Int32Array => Int32Array.from(xs);
const doubles = (xs: readonly number[]): Float64Array => Float64Array.from(xs);

/** How an entry depends on others inside a loop: see Tables.relParent. */
function relation(entry: Entry, loop: number): { parent: number; not: boolean; times: number } {
  const from = entry.path.findIndex((c) => 'loop' in c && c.loop === loop) + 1;
  let times = 1;
  for (let i = entry.path.length - 1; i >= from; i--) {
    const c = entry.path[i]!;
    if ('entry' in c) return { parent: c.entry, not: !c.happens, times };
    times *= c.trip;
  }
  return { parent: -1, not: false, times };
}

function setBit(bits: Int32Array, i: number): void {
  bits[i >> 5] = bits[i >> 5]! | (1 << (i & 31));
}

function hasBit(bits: Int32Array, i: number): boolean {
  return (bits[i >> 5]! & (1 << (i & 31))) !== 0;
}

function flatten(t: TreeBuilder): Tables {
  const { nodes, entries } = t;
  const children = nodes.map((n) => n.children);
  const own = nodes.map((n) => [...n.own].toSorted((a, b) => a[0] - b[0]));
  const slots = entries.map((e) => e.slots);
  const sparse = entries.map((e) => [...e.weight].flatMap((v, column) => (v === 0 ? [] : [{ column, v }])));

  const rel0 = new Int32Array(nodes.length).fill(-1);
  const relParent: number[] = [];
  const relElse: number[] = [];
  const relTimes: number[] = [];
  const words = new Int32Array(nodes.length);
  const word0 = new Int32Array(nodes.length).fill(-1);
  const multi: number[] = [];
  const forced: number[] = [];
  nodes.forEach((node, id) => {
    if (node.kind !== LOOP) return;
    const count = node.s1 - node.s0;
    rel0[id] = relParent.length;
    words[id] = (count + 31) >> 5;
    word0[id] = multi.length;
    const multiBits = new Int32Array(words[id]);
    const forcedBits = new Int32Array(words[id]);
    for (let e = node.s0; e < node.s1; e++) {
      const entry = entries[e]!;
      const { parent, not, times } = relation(entry, id);
      relParent.push(parent < 0 ? -1 : parent - node.s0);
      relElse.push(not ? 1 : 0);
      relTimes.push(times);
      if (entry.slots.length > 1 && nearestLoop(entry) === id) setBit(multiBits, e - node.s0);
      // An entry that is tried when another does not happen needs that one's trials, even if its count is zero.
      if (not) setBit(forcedBits, parent - node.s0);
      if (entry.every > 0) setBit(forcedBits, e - node.s0);
    }
    // And that one's trials need those of what it depends on.
    for (let e = node.s1 - 1; e >= node.s0; e--) {
      const parent = relParent[rel0[id] + e - node.s0]!;
      if (parent >= 0 && hasBit(forcedBits, e - node.s0)) setBit(forcedBits, parent);
    }
    for (const bits of multiBits) multi.push(bits);
    for (const bits of forcedBits) forced.push(bits);
  });
  const first = new Int32Array(nodes.length);
  for (let id = nodes.length - 1; id >= 0; id--) {
    const n = nodes[id]!;
    first[id] = n.kind === BLOCK ? n.inst0 : first[n.children[0]!]!;
  }
  return {
    nodes: nodes.length,
    kind: Uint8Array.from(nodes, (n) => n.kind),
    child0: starts(children),
    childCount: ints(children.map((c) => c.length)),
    children: ints(children.flat()),
    trip: doubles(nodes.map((n) => n.trip)),
    site: ints(nodes.map((n) => n.site)),
    s0: ints(nodes.map((n) => n.s0)),
    s1: ints(nodes.map((n) => n.s1)),
    frame: ints(nodes.map((n) => n.frame)),
    first,
    call: ints(nodes.map((n) => n.call)),
    plain: matrix(nodes.map((n) => n.plain)),
    inst0: ints(nodes.map((n) => n.inst0)),
    instCount: ints(nodes.map((n) => n.instCount)),
    instId: ints(t.instId),
    instNode: ints(t.instNode),
    instVector: ints(t.instVector),
    vectors: matrix(t.vectors),
    nrVectors: t.vectors.length,
    effect0: starts(t.effects),
    effectEntry: ints(t.effects.flat().map(([e]) => e)),
    effectSlot: ints(t.effects.flat().map(([, slot]) => slot)),
    entries: entries.length,
    p: doubles(entries.map((e) => e.p)),
    every: ints(entries.map((e) => e.every)),
    decides: ints(entries.map((e) => e.decides)),
    weight: matrix(entries.map((e) => e.weight)),
    weight0: starts(sparse),
    weightColumn: ints(sparse.flat().map((w) => w.column)),
    weightValue: doubles(sparse.flat().map((w) => w.v)),
    slot0: starts(slots),
    slotInstruction: ints(slots.flat().map((s) => s.instruction)),
    slotP: doubles(slots.flat().map((s) => s.p)),
    rel0,
    relParent: ints(relParent),
    relElse: Uint8Array.from(relElse),
    relTimes: doubles(relTimes),
    own0: starts(own),
    ownEntry: ints(own.flat().map(([e]) => e)),
    ownLo: ints(own.flat().map(([, [lo]]) => lo)),
    ownHi: ints(own.flat().map(([, [, hi]]) => hi)),
    nested0: starts(nodes.map((n) => n.nested)),
    nestedFrom: ints(nodes.flatMap((n) => n.nested.map(([from]) => from))),
    nestedTo: ints(nodes.flatMap((n) => n.nested.map(([, to]) => to))),
    periodic0: starts(nodes.map((n) => n.periodic)),
    periodicEntry: ints(nodes.flatMap((n) => n.periodic)),
    callOuter: ints(t.calls.map((c) => c.outer)),
    callReturn: doubles(t.calls.map((c) => c.ret)),
    words,
    word0,
    multi: ints(multi),
    forced: ints(forced),
    maxWords: words.reduce((most, n) => Math.max(most, n), 1),
  };
}

function nearestLoop(entry: Entry): number {
  for (let i = entry.path.length - 1; i >= 0; i--) {
    const c = entry.path[i]!;
    if ('loop' in c) return c.loop;
  }
  return 0;
}

/** Values of a program's parameters and of the machine's `libc` and `hz`, by name; each has a default. */
export type Params = Readonly<Record<string, number | string>>;

/** An image that can be run. */
export interface CompiledProgram extends Image {
  /** A cursor before the first instruction. Its execution is a function of the image and the seed. */
  start(seed: string): Cursor;
  /** A cursor where another of the same image took a snapshot, in this thread or another. */
  resume(snapshot: Snapshot): Cursor;
  /** The same code for threads that an act makes: see its `entry` in arch/sync.ts. Throws if no act could make it. */
  withEntry(entry: string): CompiledProgram;
}

/**
 * Compiles a program for a core; `params` override the defaults. Throws a WorkloadError that lists every fault.
 */
export function compile(program: Program, timing: CoreTiming, params: Params = {}): CompiledProgram {
  const scope = { ...scopeOf(program), ...params };
  const faults = checkProgram(program, scope);
  if (faults.length > 0) throw new WorkloadError(faults.map((f) => ({ file: program.name, message: f.message })));
  const code = layout(program, scope, new Instructions(timing));
  const drains = drainsOf(program, code);
  const size: Size = { nodes: 0, instances: 0, facts: 0 };
  const threads = threadsOf(program, code);
  const images = new Map<string, CompiledProgram>();
  const withEntry = (entry: string): CompiledProgram => {
    let image = images.get(entry);
    if (image === undefined)
      images.set(entry, (image = started(imageOf(program, code, drains, size, threads, entry), withEntry)));
    return image;
  };
  const image = withEntry(program.entry);
  // What is wrong with another thread is reported here, too.
  for (const entry of threads.keys()) withEntry(entry);
  // A missing engine is reported here, where callers expect faults, rather than at start().
  engineModule();
  return image;
}

const started = (image: Image, withEntry: CompiledProgram['withEntry']): CompiledProgram => ({
  ...image,
  start: (seed) => new Cursor(image, seed),
  resume: (snapshot) => new Cursor(image, snapshot),
  withEntry,
});

/** The code of a thread, and the index of the function that it was made for. */
interface Thread {
  readonly flow: readonly Flow[];
  readonly own: number;
}

/** The program's first thread, by its function's name, and those that acts make, by entryName(). */
function threadsOf(program: Program, code: Layout): Map<string, Thread> {
  const { index } = code;
  const first: Thread = { flow: [{ kind: 'call', func: index.get(program.entry)!, by: -1 }], own: OWN_FUNCTION };
  const threads = new Map([[program.entry, first]]);
  for (const { body } of program.functions)
    for (const node of nodesOf(body)) {
      if (node.kind !== 'sync' || !('target' in node) || threads.has(entryName(node))) continue;
      const flow = childMadeIn(code, index.get(FUNCTIONS[node.op])!)!;
      threads.set(entryName(node), { flow, own: index.get(node.target)! });
    }
  return threads;
}

/** What a child executes that is made in a function or one that it calls. */
function childMadeIn(code: Layout, func: number): readonly Flow[] | undefined {
  const here = code.children.get(func);
  if (here !== undefined) return here;
  for (const item of code.flows[func]!) {
    const below = item.kind === 'call' && item.func >= 0 ? childMadeIn(code, item.func) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}

/** What a thread executes. */
function imageOf(
  program: Program,
  code: Layout,
  drains: readonly Drain[],
  size: Size,
  threads: ReadonlyMap<string, Thread>,
  entry: string,
): Image {
  const thread = threads.get(entry);
  if (thread === undefined) throw new Error(`${program.name} makes no thread "${entry}"`);
  const { flow, own } = thread;
  const tree = new TreeBuilder(code, program, flow, own, size);
  const tables = flatten(tree);
  checkTotals(program, tables);
  return {
    comm: program.name,
    about: program.about,
    entry: address(code.instructions[tables.instId[0]!]!.address),
    dsos: code.dsos,
    ...(drains.length > 0 && { drains }),
    layout: code,
    footprint: footprintOf(code, tables),
    tables,
    acts: tree.acts,
  };
}

const LINE = 64;
/** What a program comes back to within so many cycles, it goes over again and again. */
const REUSE = 1e5;

/**
 * Lines that a program goes over again and again: those of its code, one for each instruction that loads or stores, and
 * what misses the L1D in REUSE cycles.
 */
function footprintOf({ instructions }: Layout, t: Tables): number {
  const [loads, stores] = [COLUMN['L1-dcache-loads'], COLUMN['L1-dcache-stores']];
  const code = new Set<number>();
  const data = new Set<number>();
  const totals = expectedTotals(t);
  const whole = Math.max(totals[CYCLES]!, REUSE);
  const executions = expectedExecutions(t);
  t.instId.forEach((id, q) => {
    if (executions[t.instNode[q]!]! * REUSE < whole) return;
    const { address: from, length } = instructions[id]!;
    for (let line = Math.floor(from / LINE); line * LINE < from + length; line++) code.add(line);
    const at = t.instVector[q]! * NR_EVENTS;
    if (t.vectors[at + loads]! + t.vectors[at + stores]! > 0) data.add(id);
  });
  const through = (totals[COLUMN['L1-dcache-load-misses']]! / whole) * REUSE;
  return code.size + data.size + Math.round(through);
}

/** Address ranges of the functions that hold interrupts back. */
function drainsOf(program: Program, { functions, instructions }: Layout): Drain[] {
  const first = new Map<number, StaticInstruction>();
  const last = new Map<number, StaticInstruction>();
  for (const instruction of instructions) {
    if (!first.has(instruction.func)) first.set(instruction.func, instruction);
    last.set(instruction.func, instruction);
  }
  const index = new Map(functions.map(({ name }, i) => [name, i]));
  return program.functions.flatMap(({ name, drain }) => {
    if (drain === undefined || drain === 0) return [];
    const [begin, end] = [first.get(index.get(name)!)!, last.get(index.get(name)!)!];
    return [{ start: address(begin.address), end: address(end.address + end.length), p: drain }];
  });
}

/** Refuses counts that a double does not hold exactly: they would not add up. */
function checkTotals(program: Program, tables: Tables): void {
  const totals = expectedTotals(tables);
  const column = totals.findIndex((n) => !(n <= MOST_COUNTED));
  if (column >= 0)
    throw tooLarge(
      program,
      `it comes to ${totals[column]!.toExponential(1)} ${EVENT_COLUMNS[column]!}: gperf counts up to 2^53 exactly; loop less`,
    );
}
