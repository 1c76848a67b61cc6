/**
 * Workload files: YAML -> Program, through the same functions that build one in code.
 *
 * Everything that is wrong is reported at once, each fault with file, line, column, the line itself and the likely word.
 * A faulty item is replaced by a no-op, so that one mistake is not reported as three.
 * One file, and long: reading and complaining go hand in hand.
 * Not modelled: YAML tags and merge keys; anchors and aliases work.
 */
import { basename, dirname, join } from 'node:path';
import type { Document, LineCounter, Node as YamlNode } from 'yaml';
import type { ZodType } from 'zod';
import { branch, call, fault, func, jump, loop, op, ops, program, seq, syscall } from './build.ts';
import { checkProgram } from './check.ts';
import { didYouMean, WorkloadError } from './fault.ts';
import type { WorkloadFault } from './fault.ts';
import { OPS, scopeOf } from './program.ts';
import { readSource, SourceError } from './source.ts';
import type {
  Branch,
  DsoSpec,
  Events,
  FunctionSpec,
  MissRates,
  Node,
  Op,
  Param,
  Program,
  Quantity,
  Site,
  Syscall,
} from './program.ts';

type Shapes = typeof import('./schema.ts').shapes;
type Yaml = typeof import('yaml');

/** A node of some file, for messages. */
interface Place {
  readonly source: Source;
  readonly node: YamlNode | null | undefined;
  /** The plain value of it. */
  readonly value: unknown;
}
interface Source {
  readonly file: string;
  readonly text: string;
  readonly doc: Document;
  readonly lines: LineCounter;
}
/** What a file contributes to a program. */
interface Part {
  readonly about: string;
  readonly entry: string | undefined;
  readonly params: readonly Param[];
  readonly misses: Readonly<Record<string, MissRates>>;
  readonly dsos: readonly DsoSpec[];
  readonly functions: readonly FunctionSpec[];
}

/** Keys of items, as their schemas leave them; which of them are there depends on the item. */
interface ItemShape {
  readonly loop: Quantity;
  readonly branch: Branch['p'];
  readonly call: string;
  readonly jump: string;
  readonly syscall: string;
  readonly args?: Syscall['args'];
  readonly fault: 'read' | 'write';
  readonly cycles?: number;
  readonly mispredict?: number;
  readonly misses?: string | MissRates;
  readonly events?: Events;
  readonly sites?: readonly Site[];
}
/** The keys of a file that are plain values. */
interface FileShape {
  readonly about: string;
  readonly entry?: string;
}

/** Columns of a line that a fault's frame shows. */
const LONG_LINE = 120;
const NO_OP = op('nop');
/** Keys that name the kind of an item. */
const HEADS: readonly string[] = [...OPS, 'loop', 'branch', 'call', 'jump', 'syscall', 'fault', 'seq'];

class Parser {
  readonly faults: WorkloadFault[] = [];
  /** Where the objects of the program came from. */
  private readonly places = new WeakMap<object, Place>();
  private readonly yaml: Yaml;
  /** Absent where the shape of what is read is known to be right. */
  private readonly shapes: Shapes | undefined;
  private readonly includeDir: string;
  private readonly included = new Set<string>();

  constructor(yaml: Yaml, shapes: Shapes | undefined, includeDir: string) {
    this.yaml = yaml;
    this.shapes = shapes;
    this.includeDir = includeDir;
  }

  async program(name: string, file: string, text: string): Promise<Program> {
    const part = await this.file(file, text);
    if (!this.yaml.isMap(this.places.get(part)?.node)) throw new WorkloadError(inOrder(this.faults));
    const made = program({
      name,
      about: part.about,
      entry: part.entry ?? 'main',
      params: part.params,
      misses: part.misses,
      dsos: part.dsos,
      functions: part.functions,
    });
    this.places.set(made, this.places.get(part) as Place);
    const wrong = this.faults.length > 0;
    for (const f of checkProgram(made, scopeOf(made))) {
      const place = this.places.get(f.about);
      // What an included file misses is missing because of the faults that are known already.
      if (!wrong || place?.source.file === file) this.report(place, f.key, f.message);
    }
    if (this.faults.length > 0) throw new WorkloadError(inOrder(this.faults));
    return made;
  }

  private async file(file: string, text: string): Promise<Part> {
    const lines = new this.yaml.LineCounter();
    const doc = this.yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const source: Source = { file, text, doc, lines };
    for (const e of doc.errors) this.reportAt(source, e.pos[0], e.message);
    if (doc.errors.length > 0) throw new WorkloadError(inOrder(this.faults));
    const top: Place = { source, node: doc.contents, value: this.plain(source) };
    const data = this.shape<FileShape>(this.shapes?.file, top);
    const misses: Record<string, MissRates> = {};
    const dsos: DsoSpec[] = [];
    const params: Param[] = [];
    const functions: FunctionSpec[] = [];
    this.entries(top, 'misses', (name, at) => {
      const value = this.shape<MissRates>(this.shapes?.rates, at);
      misses[name] = this.placed(value ?? {}, at);
    });
    this.entries(top, 'dsos', (name, at) => {
      const value = this.shape<Omit<DsoSpec, 'name'>>(this.shapes?.dso, at);
      if (value) dsos.push(this.placed({ name, ...value }, at));
    });
    this.entries(top, 'params', (name, at) => {
      const value = this.shape<Omit<Param, 'name'>>(this.shapes?.param, at);
      if (value) params.push(this.placed({ name, ...value }, at));
    });
    this.entries(top, 'functions', (name, at) => functions.push(this.func(name, at)));
    let part: Part = { about: data?.about ?? '', entry: data?.entry, params, misses, dsos, functions };
    for (const at of this.listOf(top, 'include')) part = merge(part, await this.include(at));
    this.places.set(part, top);
    return part;
  }

  /** The document as plain values; aliases of aliases of aliases are refused before they fill the memory. */
  private plain(source: Source): unknown {
    try {
      return source.doc.toJS();
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      this.reportAt(source, 0, 'its aliases expand to too many nodes');
      throw new WorkloadError(inOrder(this.faults));
    }
  }

  private async include(at: Place): Promise<Part | undefined> {
    const name = String(at.value);
    const path = /[/\\]|\.ya?ml$/.test(name)
      ? join(dirname(at.source.file), name)
      : join(this.includeDir, `${name}.yaml`);
    if (this.included.has(path)) return undefined;
    this.included.add(path);
    let text: string;
    try {
      text = await readSource(path);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.report(at, undefined, `cannot read the included file ${path}: ${error.message}`);
      return undefined;
    }
    return this.file(path, text);
  }

  private func(name: string, at: Place): FunctionSpec {
    const bodyOnly = this.yaml.isSeq(at.node);
    const value: Partial<FunctionSpec> = bodyOnly ? {} : (this.shape(this.shapes?.functionSpec, at) ?? {});
    const bodyAt = bodyOnly ? at : this.child(at, 'body');
    const fetch = value.fetch ? this.placed(value.fetch, this.child(at, 'fetch')) : undefined;
    const spec = func(name, bodyAt ? this.body(bodyAt) : [], {
      dso: value.dso,
      symbol: value.symbol,
      drain: value.drain,
      fetch,
    });
    return this.placed(spec, at);
  }

  private body(at: Place): Node[] {
    if (!this.yaml.isSeq(at.node)) {
      this.report(at, undefined, `expected a list of instructions, got ${this.describe(at)}`);
      return [NO_OP];
    }
    return at.node.items.map((node, i) => this.item(this.inside(at, node, i)));
  }

  private item(at: Place): Node {
    if (this.yaml.isScalar(at.node)) {
      const name = String(at.node.value);
      if ((OPS as readonly string[]).includes(name)) return this.placed(op(name as Op), at);
      const hint = HEADS.includes(name) ? `: write \`${name}: ...\`` : didYouMean(name, OPS);
      this.report(at, undefined, `"${name}" is not an instruction${hint}`);
      return NO_OP;
    }
    if (!this.yaml.isMap(at.node)) {
      this.report(at, undefined, `expected an instruction, got ${this.describe(at)}`);
      return NO_OP;
    }
    const keys = at.node.items.map((pair) => String((pair.key as { value?: unknown }).value));
    const head = keys.find((k) => HEADS.includes(k));
    if (head === undefined) {
      const near = keys.map((k) => didYouMean(k, HEADS));
      const i = Math.max(
        0,
        near.findIndex((hint) => hint !== ''),
      );
      this.report(at, keys[i], `"${keys[i] ?? ''}" is not an instruction or a kind of item${near[i] ?? ''}`);
      return NO_OP;
    }
    const value = this.shape<ItemShape>(this.shapes?.items[head], at);
    return value ? this.made(head, value, at) : NO_OP;
  }

  /** The node of an item whose shape is right. */
  private made(head: string, value: ItemShape, at: Place): Node {
    const { cycles, mispredict } = value;
    const options = {
      ...(cycles === undefined ? {} : { cycles }),
      ...(mispredict === undefined ? {} : { mispredict }),
    };
    const inner = (key: string): Node[] => {
      const bodyAt = this.child(at, key);
      return bodyAt ? this.body(bodyAt) : [];
    };
    switch (head) {
      case 'loop':
        return this.placed(loop(value.loop, inner('body'), options), at);
      case 'branch':
        return this.placed(branch(value.branch, inner('then'), inner('else'), options), at);
      case 'call':
        return this.placed(call(value.call, options), at);
      case 'jump':
        return this.placed(jump(value.jump, options), at);
      case 'syscall': {
        const args = this.placed(value.args ?? {}, this.child(at, 'args') ?? at);
        return this.placed(syscall(value.syscall, args, options), at);
      }
      case 'fault':
        return this.placed(fault(value.fault, options), at);
      case 'seq':
        return this.placed(seq(...inner('seq')), at);
      default: {
        const { misses, events, sites } = value;
        if (typeof misses === 'object') this.placed(misses, this.child(at, 'misses'));
        if (events) this.placed(events, this.child(at, 'events'));
        sites?.forEach((site, i) => {
          const sitesAt = this.child(at, 'sites');
          const siteAt = sitesAt && this.child(sitesAt, i);
          this.placed(site, siteAt);
          this.placed(site.events, siteAt && this.child(siteAt, 'events'));
        });
        const given = Object.entries({ misses, events, sites }).filter(([, v]) => v !== undefined);
        const times = (value as unknown as Record<string, number>)[head]!;
        const made = ops(times, head as Op, { ...options, ...Object.fromEntries(given) });
        for (const i of made.instructions) this.placed(i, at);
        return made;
      }
    }
  }

  private placed<T extends object>(made: T, at: Place | undefined): T {
    if (at) this.places.set(made, at);
    return made;
  }

  /** Checks a node against a schema; its plain value if it holds, else reports why not. */
  // oxlint-disable-next-line no-unnecessary-type-parameters -- the schema says that the value is a T
  private shape<T>(schema: ZodType | undefined, at: Place): T | undefined {
    const { value } = at;
    if (!schema) return value as T;
    const result = schema.safeParse(value);
    if (result.success) return value as T;
    const known = Object.keys((schema as { shape?: object }).shape ?? {});
    let fatal = false;
    for (const issue of result.error.issues) {
      const place = issue.path.reduce<Place | undefined>((p, key) => p && this.child(p, key as string | number), at);
      const key = issue.path.at(-1);
      if (issue.code === 'unrecognized_keys') {
        const inner = issue.path.length === 0 ? known : keysAt(schema, issue.path as (string | number)[]);
        for (const k of issue.keys) {
          this.report(place, k, `unknown key "${k}"${didYouMean(k, inner)}`);
          // What is left may be right; it is not to be complained about twice.
          delete (place?.value as Record<string, unknown> | undefined)?.[k];
        }
        continue;
      }
      fatal = true;
      if (
        place === undefined ||
        (issue.code === 'invalid_type' && issue.input === undefined && this.isMissing(at, issue.path))
      )
        this.report(at, undefined, `${String(key)} is missing`);
      else
        this.report(
          place,
          undefined,
          `${issue.path.length === 0 ? '' : `${String(key)}: `}${this.complaint(issue, place)}`,
        );
    }
    return fatal || typeof value !== 'object' ? undefined : (value as T);
  }

  private isMissing(at: Place, path: readonly PropertyKey[]): boolean {
    let place: Place | undefined = at;
    for (const key of path) place = place && this.child(place, key as string | number);
    return place === undefined;
  }

  private complaint(issue: { code: string; message: string }, place: Place): string {
    const detail = issue as { expected?: string; minimum?: number; maximum?: number; values?: readonly unknown[] };
    const got = this.describe(place);
    switch (issue.code) {
      case 'invalid_type':
        return `expected ${detail.expected === 'object' || detail.expected === 'record' ? 'a mapping' : `a ${detail.expected}`}, got ${got}`;
      case 'too_small':
        return `${got} is less than ${detail.minimum}`;
      case 'too_big':
        return `${got} is more than ${detail.maximum}`;
      case 'invalid_value': {
        const words = (detail.values ?? []).map(String);
        return `expected ${words.join(' or ')}, got ${got}${didYouMean(String(place.value), words)}`;
      }
      case 'invalid_union':
        return `${got} does not fit here`;
      default:
        return issue.message;
    }
  }

  private describe(at: Place): string {
    const value = at.value;
    if (value === null || value === undefined) return 'nothing';
    if (Array.isArray(value)) return 'a list';
    if (typeof value === 'object') return 'a mapping';
    return JSON.stringify(value);
  }

  /** A node in another, under a key of its. */
  private inside(at: Place, node: unknown, key: string | number): Place {
    const inner = node as YamlNode | null;
    return {
      source: at.source,
      node: this.yaml.isAlias(inner) ? inner.resolve(at.source.doc) : inner,
      value: (at.value as Readonly<Record<string, unknown>> | null)?.[key],
    };
  }

  private child(at: Place, key: string | number): Place | undefined {
    const found = this.yaml.isCollection(at.node) ? at.node.get(key, true) : undefined;
    return found === undefined ? undefined : this.inside(at, found, key);
  }

  /** Values of a mapping under a key of the file, in order. */
  private entries(at: Place, key: string, each: (name: string, at: Place) => void): void {
    const map = this.child(at, key);
    if (!map || !this.yaml.isMap(map.node)) return;
    for (const pair of map.node.items) {
      const name = String((pair.key as { value?: unknown }).value);
      each(name, this.inside(map, pair.value, name));
    }
  }

  /** A list under a key, or the one value that stands for a list of one. */
  private listOf(at: Place, key: string): Place[] {
    const found = this.child(at, key);
    if (!found) return [];
    if (!this.yaml.isSeq(found.node)) return [found];
    return found.node.items.map((node, i) => this.inside(found, node, i));
  }

  /** Reports a fault at a node, or at a key of it. */
  private report(at: Place | undefined, key: string | undefined, message: string): void {
    if (!at) {
      this.faults.push({ file: 'workload', message });
      return;
    }
    const map = at.node;
    const pair =
      key !== undefined && this.yaml.isMap(map)
        ? map.items.find((p) => (p.key as { value?: unknown }).value === key)
        : undefined;
    const node = (pair?.key ?? at.node) as YamlNode | null | undefined;
    this.reportAt(at.source, node?.range?.[0] ?? 0, message, node?.range?.[1]);
  }

  private reportAt(source: Source, offset: number, message: string, end?: number): void {
    const { line, col } = source.lines.linePos(offset);
    const duplicate = this.faults.some(
      (f) => f.file === source.file && f.line === line && f.column === col && f.message === message,
    );
    if (!duplicate)
      this.faults.push({
        file: source.file,
        line,
        column: col,
        message,
        frame: frame(source.text, line, col, end, offset),
      });
  }
}

/** The keys that the schema of an inner mapping knows. */
function keysAt(schema: ZodType, path: readonly (string | number)[]): string[] {
  let at: unknown = schema;
  for (const key of path) {
    at = (at as { shape?: Record<string, unknown> }).shape?.[key] ?? (at as { element?: unknown }).element;
    while ((at as { unwrap?: () => unknown } | undefined)?.unwrap && !(at as { shape?: object }).shape)
      at = (at as { unwrap: () => unknown }).unwrap();
  }
  return Object.keys((at as { shape?: object } | undefined)?.shape ?? {});
}

/** The line of a fault, with carets under what is meant. */
function frame(text: string, line: number, column: number, end: number | undefined, offset: number): string {
  const whole = text.split('\n')[line - 1] ?? '';
  const from = Math.max(0, Math.min(column - 1 - LONG_LINE / 2, whole.length - LONG_LINE));
  const content = whole.slice(from, from + LONG_LINE);
  const before = column - 1 - from;
  const width = Math.max(1, Math.min((end ?? offset + 1) - offset, content.length - before));
  const gutter = String(line);
  return `${gutter} | ${content}\n${' '.repeat(gutter.length)} | ${' '.repeat(before)}${'^'.repeat(width)}`;
}

const inOrder = (faults: readonly WorkloadFault[]): WorkloadFault[] =>
  faults.toSorted(
    (a, b) => a.file.localeCompare(b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );

/** A file with what it includes: its own come first. */
function merge(own: Part, other: Part | undefined): Part {
  if (!other) return own;
  return {
    about: own.about,
    entry: own.entry ?? other.entry,
    params: [...own.params, ...other.params],
    misses: { ...other.misses, ...own.misses },
    dsos: [...own.dsos, ...other.dsos.filter((d) => !own.dsos.some((mine) => mine.name === d.name))],
    functions: [...own.functions, ...other.functions],
  };
}

/** Where included files without a path are looked for, unless told. */
export interface ParseOptions {
  readonly includeDir: string;
  /** The file is known to have the right shape, as the built-in ones are: what would check it need not be loaded. */
  readonly trusted?: boolean;
}

/** Parses a workload file. Throws a WorkloadError that lists every fault. */
export async function parseText(file: string, text: string, options: ParseOptions): Promise<Program> {
  const [yaml, schema] = await Promise.all([import('yaml'), options.trusted ? undefined : import('./schema.ts')]);
  const name = basename(file).replace(/\.ya?ml$/, '');
  return new Parser(yaml, schema?.shapes, options.includeDir).program(name, file, text);
}
