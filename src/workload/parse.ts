/**
 * Workload files: YAML -> Program, through the same functions that build one in code.
 *
 * All faults are reported at once, each with file, line, column, the line itself and the likely word. A faulty item is
 * replaced by a no-op, so that one mistake is not reported several times.
 *
 * In order: the reader of one file, from YAML through the schemas to nodes; then the texts of faults, includes, and
 * parseText().
 *
 * Not modelled: YAML tags, merge keys, differences of YAML 1.1. Anchors and aliases work.
 */
import { basename, dirname, join } from 'node:path';
import type { Document, LineCounter, Pair, YAMLMap, Node as YamlNode } from 'yaml';
import type { ZodType } from 'zod';
import { act, branch, call, child, fault, func, jump, loop, op, ops, program, seq, syscall } from './build.ts';
import { checkProgram } from './check.ts';
import { byPlace, didYouMean, WorkloadError, type WorkloadFault } from './fault.ts';
import { MOST_INCLUDED, MOST_INSTRUCTIONS, MOST_NESTED, MOST_TOLD } from './limits.ts';
import {
  type Branch,
  type DsoSpec,
  type Events,
  type FunctionSpec,
  type MissRates,
  type Node,
  type ObjectSpec,
  type Op,
  OPS,
  type Param,
  type Program,
  type Quantity,
  scopeOf,
  type Site,
  type Syscall,
  WORDS,
} from './program.ts';
import { MOST_BYTES, readSource, SourceError } from './source.ts';
import { declared, SYNC_ITEMS, type SyncShape, WORD_ITEMS } from './sync-items.ts';

type Shapes = typeof import('./schema.ts').shapes;
type Yaml = typeof import('yaml');

/** A node of some file, for messages. */
interface Place {
  readonly source: Source;
  readonly node: YamlNode | null | undefined;
  /** Its plain value. */
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
  readonly objects: readonly ObjectSpec[];
  readonly dsos: readonly DsoSpec[];
  readonly functions: readonly FunctionSpec[];
}

/** All keys of items, as their schemas leave them; each item has some of these. */
interface ItemShape extends SyncShape {
  readonly loop: Quantity;
  readonly branch: Branch['p'];
  readonly call: string;
  readonly weak?: boolean;
  readonly jump: string;
  readonly syscall: string;
  readonly args?: Syscall['args'];
  readonly fault: 'read' | 'write';
  readonly act: string;
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

const TOO_DEEP = 'lists and mappings are nested too deeply';
/** Columns of the line shown with a fault. */
const LONG_LINE = 120;
/** Characters of a quoted word. */
const LONG_WORD = 60;
const NO_OP = op('nop');
/** Keys that name the kind of an item. */
const HEADS: readonly string[] = [
  ...OPS,
  'loop',
  'branch',
  'call',
  'jump',
  'syscall',
  'fault',
  'seq',
  'act',
  'child',
  ...SYNC_ITEMS.keys(),
];

/** A fault whose line is not cut out yet: only reported faults need that. */
interface Found {
  readonly source: Source | undefined;
  readonly offset: number;
  readonly end: number | undefined;
  readonly about: WorkloadFault;
}
/** An issue that zod has with a value. */
interface Issue {
  readonly code: string;
  readonly message: string;
  readonly path: readonly PropertyKey[];
  readonly input?: unknown;
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly Issue[])[];
}

class Parser {
  readonly #found = new Map<string, Found>();
  /** Pairs of mappings by key, built at the first look-up. */
  readonly #pairs = new WeakMap<object, ReadonlyMap<string, Pair>>();
  /** Bodies being read, outermost first. */
  readonly #open = new Set<object>();
  #instructions = 0;
  #characters = 0;
  /** Where the objects of the program came from. */
  readonly #places = new WeakMap<object, Place>();
  readonly #yaml: Yaml;
  /** Absent for files whose shape is known to be right. */
  readonly #shapes: Shapes | undefined;
  readonly #includeDir: string;
  readonly #included = new Set<string>();

  constructor(yaml: Yaml, shapes: Shapes | undefined, includeDir: string) {
    this.#yaml = yaml;
    this.#shapes = shapes;
    this.#includeDir = includeDir;
  }

  async program(name: string, file: string, text: string): Promise<Program> {
    const part = await this.#file(file, text);
    if (!this.#yaml.isMap(this.#places.get(part)?.node)) throw this.#error();
    const made = program({
      name,
      about: part.about,
      entry: part.entry ?? 'main',
      params: part.params,
      misses: part.misses,
      objects: part.objects,
      dsos: part.dsos,
      functions: part.functions,
    });
    this.#places.set(made, this.#places.get(part) as Place);
    const wrong = this.#found.size > 0;
    for (const f of checkProgram(made, scopeOf(made))) {
      const place = this.#places.get(f.about);
      // A fault in an included file may only follow from those already found here.
      if (!wrong || place?.source.file === file) this.#report(place, f.key, f.message);
    }
    if (this.#found.size > 0) throw this.#error();
    return made;
  }

  /** A program that was built in code, with the files that it includes. */
  async linked({ include = [], ...own }: Program, from: string): Promise<Program> {
    let part: Part = { ...own, entry: own.entry === 'main' ? undefined : own.entry };
    for (const name of include) part = merge(part, await this.#includeFile(name, from, undefined));
    if (this.#found.size > 0) throw this.#error();
    return { ...own, ...part, entry: part.entry ?? 'main' };
  }

  /** The error with all faults, in order of their places; those to be reported get their lines. */
  #error(): WorkloadError {
    const found = [...this.#found.values()].toSorted((a, b) => byPlace(a.about, b.about));
    return new WorkloadError(
      found.map((one, i) => {
        const { file, line, column, message } = one.about;
        if (one.source === undefined || i >= MOST_TOLD) return one.about;
        return { file, line: line!, column: column!, message, frame: frame(one.source, one) };
      }),
    );
  }

  async #file(file: string, text: string): Promise<Part> {
    const lines = new this.#yaml.LineCounter();
    const doc = this.#document(file, text, lines);
    const source: Source = { file, text, doc, lines };
    for (const { pos, message } of [...doc.errors, ...doc.warnings])
      this.#reportAt(source, pos[0], message.startsWith('Maximum call stack') ? TOO_DEEP : message);
    this.#checkKeys(source);
    if (this.#found.size > 0 && (doc.errors.length > 0 || doc.warnings.length > 0)) throw this.#error();
    const top: Place = { source, node: doc.contents, value: this.#plain(source) };
    const data = this.#shape<FileShape>(this.#shapes?.file, top);
    const misses: [string, MissRates][] = [];
    const objects: ObjectSpec[] = [];
    const dsos: DsoSpec[] = [];
    const params: Param[] = [];
    const functions: FunctionSpec[] = [];
    this.#entries(top, 'misses', (name, at) => {
      const value = this.#shape<MissRates>(this.#shapes?.rates, at);
      misses.push([name, this.#placed(value ?? {}, at)]);
    });
    this.#entries(top, 'objects', (name, at) => {
      const made = declared(name, at.value);
      if (typeof made === 'string') this.#report(at, undefined, made);
      else objects.push(this.#placed(made, at));
    });
    this.#entries(top, 'dsos', (name, at) => {
      const value = this.#shape<Omit<DsoSpec, 'name'>>(this.#shapes?.dso, at);
      if (value) dsos.push(this.#placed({ name, ...value }, at));
    });
    this.#entries(top, 'params', (name, at) => {
      const value = this.#shape<Omit<Param, 'name'>>(this.#shapes?.param, at);
      if (value) params.push(this.#placed({ name, ...value }, at));
    });
    this.#entries(top, 'functions', (name, at) => functions.push(this.#func(name, at)));
    let part: Part = {
      about: data?.about ?? '',
      entry: data?.entry,
      params,
      misses: Object.fromEntries(misses),
      objects,
      dsos,
      functions,
    };
    for (const at of this.#listOf(top, 'include')) part = merge(part, await this.#include(at));
    this.#places.set(part, top);
    return part;
  }

  /** YAML to a tree. The library's check for duplicate keys takes quadratic time; checkKeys() replaces it. */
  #document(file: string, text: string, lineCounter: LineCounter): Document {
    try {
      return this.#yaml.parseDocument(text, {
        lineCounter,
        prettyErrors: false,
        uniqueKeys: false,
        schema: 'core',
        merge: false,
        resolveKnownTags: false,
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new WorkloadError([{ file, line: 1, column: 1, message: TOO_DEEP }]);
    }
  }

  /** Keys must be words, without duplicates. */
  #checkKeys(source: Source): void {
    const before = this.#found.size;
    this.#yaml.visit(source.doc, {
      Map: (_, map) => {
        const seen = new Set<string>();
        for (const { key } of map.items) {
          if (!this.#yaml.isScalar(key)) {
            this.#reportAt(source, offsetOf(key) ?? map.range?.[0] ?? 0, 'a key must be a word');
            continue;
          }
          const name = keyText(key);
          if (seen.has(name)) this.#reportAt(source, key.range?.[0] ?? 0, 'Map keys must be unique');
          seen.add(name);
        }
      },
    });
    if (this.#found.size > before) throw this.#error();
  }

  /** The document as plain values; aliases that would multiply beyond bounds are refused. */
  #plain(source: Source): unknown {
    try {
      return source.doc.toJS();
    } catch (error) {
      if (!(error instanceof ReferenceError || error instanceof RangeError)) throw error;
      this.#reportAt(source, 0, 'its aliases expand to too many nodes, or to themselves');
      throw this.#error();
    }
  }

  #include(at: Place): Promise<Part | undefined> {
    return this.#includeFile(String(at.value), dirname(at.source.file), at);
  }

  async #includeFile(name: string, from: string, at: Place | undefined): Promise<Part | undefined> {
    const path = /[/\\]|\.ya?ml$/.test(name) ? join(from, name) : join(this.#includeDir, `${name}.yaml`);
    if (this.#included.has(path)) return undefined;
    this.#included.add(path);
    if (this.#included.size > MOST_INCLUDED) {
      this.#report(at, undefined, `more than ${MOST_INCLUDED} files are included`);
      return undefined;
    }
    let text: string;
    try {
      text = readSource(path);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#report(at, undefined, `cannot read the included file ${path}: ${error.message}`);
      return undefined;
    }
    this.#characters += text.length;
    if (this.#characters > MOST_BYTES) {
      this.#report(at, undefined, `what is included has more than ${MOST_BYTES} characters altogether`);
      return undefined;
    }
    return this.#file(path, text);
  }

  #func(name: string, at: Place): FunctionSpec {
    const bodyOnly = this.#yaml.isSeq(at.node);
    const value: Partial<FunctionSpec> = bodyOnly ? {} : (this.#shape(this.#shapes?.functionSpec, at) ?? {});
    const bodyAt = bodyOnly ? at : this.#child(at, 'body');
    const fetch = value.fetch ? this.#placed(value.fetch, this.#child(at, 'fetch')) : undefined;
    const spec = func(name, bodyAt ? this.#body(bodyAt) : [], {
      dso: value.dso,
      symbol: value.symbol,
      drain: value.drain,
      fetch,
    });
    return this.#placed(spec, at);
  }

  #body(at: Place): Node[] {
    if (!this.#yaml.isSeq(at.node)) {
      this.#report(at, undefined, `expected a list of instructions, got ${this.#describe(at)}`);
      return [NO_OP];
    }
    const { node: list } = at;
    if (this.#open.has(list) || this.#open.size >= MOST_NESTED) {
      const why = this.#open.has(list) ? 'it contains itself' : `more than ${MOST_NESTED} items within each other`;
      this.#report(at, undefined, why);
      return [NO_OP];
    }
    this.#open.add(list);
    const items = list.items.map((node, i) => this.#item(this.#inside(at, node, i)));
    this.#open.delete(list);
    return items;
  }

  /** Whether `more` instructions would be too many; reported once. */
  #tooMany(at: Place, more: number): boolean {
    const before = this.#instructions;
    this.#instructions += more;
    if (this.#instructions <= MOST_INSTRUCTIONS) return false;
    if (before <= MOST_INSTRUCTIONS)
      this.#report(at, undefined, `the program has more than ${MOST_INSTRUCTIONS} instructions; a loop repeats them`);
    return true;
  }

  #item(at: Place): Node {
    if (this.#tooMany(at, 1)) return NO_OP;
    if (this.#yaml.isScalar(at.node)) {
      const name = String(at.node.value);
      if ((OPS as readonly string[]).includes(name)) return this.#placed(op(name as Op), at);
      const word = WORD_ITEMS.get(name);
      if (word !== undefined) return this.#placed(word(), at);
      const hint = (): string =>
        HEADS.includes(name) ? `: write \`${name}: ...\`` : didYouMean(name, [...OPS, ...WORDS]);
      this.#report(at, undefined, `"${shortened(name)}" is not an instruction`, hint);
      return NO_OP;
    }
    if (!this.#yaml.isMap(at.node)) {
      this.#report(at, undefined, `expected an instruction, got ${this.#describe(at)}`);
      return NO_OP;
    }
    const keys = at.node.items.map(({ key }) => keyText(key));
    const head = keys.find((k) => HEADS.includes(k));
    if (head === undefined) {
      const near = this.#full ? [] : keys.slice(0, MOST_TOLD).map((k) => didYouMean(k, HEADS));
      const i = Math.max(
        0,
        near.findIndex((hint) => hint !== ''),
      );
      this.#report(
        at,
        keys[i],
        `"${shortened(keys[i] ?? '')}" is not an instruction or a kind of item${near[i] ?? ''}`,
      );
      return NO_OP;
    }
    const value = this.#shape<ItemShape>(this.#shapes?.items[head], at);
    return value ? this.#made(head, value, at) : NO_OP;
  }

  /** The node for an item of valid shape. */
  #made(head: string, value: ItemShape, at: Place): Node {
    const { cycles, mispredict } = value;
    const options = {
      ...(cycles === undefined ? {} : { cycles }),
      ...(mispredict === undefined ? {} : { mispredict }),
    };
    const inner = (key: string): Node[] => {
      const bodyAt = this.#child(at, key);
      return bodyAt ? this.#body(bodyAt) : [];
    };
    switch (head) {
      case 'loop':
        return this.#placed(loop(value.loop, inner('body'), options), at);
      case 'branch':
        return this.#placed(branch(value.branch, inner('then'), inner('else'), options), at);
      case 'call':
        return this.#placed(call(value.call, { ...(value.weak === true && { weak: true }), ...options }), at);
      case 'jump':
        return this.#placed(jump(value.jump, options), at);
      case 'syscall': {
        const args = this.#placed(value.args ?? {}, this.#child(at, 'args') ?? at);
        return this.#placed(syscall(value.syscall, args, options), at);
      }
      case 'fault':
        return this.#placed(fault(value.fault, options), at);
      case 'seq':
        return this.#placed(seq(...inner('seq')), at);
      case 'act':
        return this.#placed(act(value.act, options), at);
      case 'child':
        return this.#placed(child(...inner('child')), at);
      default: {
        const sync = SYNC_ITEMS.get(head);
        if (sync !== undefined) return this.#placed(sync(value), at);
        const { misses, events, sites } = value;
        if (typeof misses === 'object') this.#placed(misses, this.#child(at, 'misses'));
        if (events) this.#placed(events, this.#child(at, 'events'));
        sites?.forEach((site, i) => {
          const sitesAt = this.#child(at, 'sites');
          const siteAt = sitesAt && this.#child(sitesAt, i);
          this.#placed(site, siteAt);
          this.#placed(site.events, siteAt && this.#child(siteAt, 'events'));
        });
        const given = Object.entries({ misses, events, sites }).filter(([, v]) => v !== undefined);
        const times = (value as unknown as Record<string, number>)[head]!;
        if (this.#tooMany(at, times - 1)) return NO_OP;
        const made = ops(times, head as Op, { ...options, ...Object.fromEntries(given) });
        for (const i of made.instructions) this.#placed(i, at);
        return made;
      }
    }
  }

  #placed<T extends object>(made: T, at: Place | undefined): T {
    if (at) this.#places.set(made, at);
    return made;
  }

  /** Checks a node against a schema: its plain value if it is valid; else reports the faults. */
  // oxlint-disable-next-line no-unnecessary-type-parameters -- the schema says that the value is a T
  #shape<T>(schema: ZodType | undefined, at: Place): T | undefined {
    const { value } = at;
    if (!schema) return value as T;
    const result = schema.safeParse(value);
    if (result.success) return value as T;
    const known = Object.keys((schema as { shape?: object }).shape ?? {});
    let fatal = false;
    for (const issue of flattened(result.error.issues, value)) {
      const path = issue.path as (string | number)[];
      const place = path.reduce<Place | undefined>((p, key) => p && this.#child(p, key), at);
      const key = path.at(-1);
      if (issue.code === 'unrecognized_keys') {
        const inner = path.length === 0 ? known : keysAt(schema, path);
        for (const k of issue.keys ?? []) {
          this.#report(place, k, `unknown key "${shortened(k)}"`, () => didYouMean(k, inner));
          // The rest may be valid, and this key must not be reported twice.
          delete (place?.value as Record<string, unknown> | undefined)?.[k];
        }
        continue;
      }
      fatal = true;
      if (
        place === undefined ||
        (issue.code === 'invalid_type' && issue.input === undefined && this.#isMissing(at, issue.path))
      )
        this.#report(at, undefined, `${String(key)} is missing`);
      else
        this.#report(
          place,
          undefined,
          `${path.length === 0 ? '' : `${String(key)}: `}${this.#complaint(issue, place)}`,
        );
    }
    return fatal || typeof value !== 'object' ? undefined : (value as T);
  }

  #isMissing(at: Place, path: readonly PropertyKey[]): boolean {
    let place: Place | undefined = at;
    for (const key of path) place = place && this.#child(place, key as string | number);
    return place === undefined;
  }

  #complaint(issue: { code: string; message: string }, place: Place): string {
    const detail = issue as { expected?: string; minimum?: number; maximum?: number; values?: readonly unknown[] };
    const got = this.#describe(place);
    if (issue.code === 'too_big' && typeof place.value === 'string')
      return `a text of ${place.value.length} characters is longer than ${detail.maximum}`;
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

  #describe(at: Place): string {
    const value = at.value;
    if (value === null || value === undefined) return 'nothing';
    if (Array.isArray(value)) return 'a list';
    if (typeof value === 'object') return 'a mapping';
    // JSON has no form for .inf and .nan.
    return typeof value === 'number' ? String(value) : shortened(JSON.stringify(value));
  }

  /** A node inside another, under a key. */
  #inside(at: Place, node: unknown, key: string | number): Place {
    const inner = node as YamlNode | null;
    return {
      source: at.source,
      node: this.#yaml.isAlias(inner) ? inner.resolve(at.source.doc) : inner,
      value: own(at.value, key),
    };
  }

  #child(at: Place, key: string | number): Place | undefined {
    const { node } = at;
    if (this.#yaml.isSeq(node)) return key in node.items ? this.#inside(at, node.items[Number(key)], key) : undefined;
    const pair = this.#yaml.isMap(node) ? this.#pairsOf(node).get(String(key)) : undefined;
    return pair === undefined ? undefined : this.#inside(at, pair.value, key);
  }

  #pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
    let pairs = this.#pairs.get(map);
    if (pairs === undefined) {
      pairs = new Map(map.items.map((pair) => [keyText(pair.key), pair]));
      this.#pairs.set(map, pairs);
    }
    return pairs;
  }

  /** Values of a mapping under a key of the file, in order. */
  #entries(at: Place, key: string, each: (name: string, at: Place) => void): void {
    const map = this.#child(at, key);
    if (!map || !this.#yaml.isMap(map.node)) return;
    for (const pair of map.node.items) {
      const name = keyText(pair.key);
      each(name, this.#inside(map, pair.value, name));
    }
  }

  /** A list under a key; a single value is a list of one. */
  #listOf(at: Place, key: string): Place[] {
    const found = this.#child(at, key);
    if (!found) return [];
    if (!this.#yaml.isSeq(found.node)) return [found];
    return found.node.items.map((node, i) => this.#inside(found, node, i));
  }

  /** There are more faults than will be reported. */
  get #full(): boolean {
    return this.#found.size > FULL;
  }

  /** Reports a fault at a node, or at a key of it. `hint` is called only if the fault may be reported. */
  #report(at: Place | undefined, key: string | undefined, message: string, hint?: () => string): void {
    const told = hint === undefined || this.#full ? message : message + hint();
    if (!at) {
      this.#keep({ source: undefined, offset: 0, end: undefined, about: { file: 'workload', message: told } });
      return;
    }
    const map = at.node;
    const pair = key !== undefined && this.#yaml.isMap(map) ? this.#pairsOf(map).get(key) : undefined;
    const node = (pair?.key ?? at.node) as YamlNode | null | undefined;
    this.#reportAt(at.source, node?.range?.[0] ?? 0, told, node?.range?.[1]);
  }

  #reportAt(source: Source, offset: number, message: string, end?: number): void {
    const { line, col } = source.lines.linePos(offset);
    this.#keep({ source, offset, end, about: { file: source.file, line, column: col, message } });
  }

  #keep(found: Found): void {
    const { file, line, column, message } = found.about;
    const key = `${file}:${line}:${column}: ${message}`;
    if (!this.#found.has(key)) this.#found.set(key, found);
  }
}

/** After so many faults, no more suggestions are looked up: only the first in the file are reported. */
const FULL = 50 * MOST_TOLD;

/** A key as it is in the mapping's plain value. */
function keyText(key: unknown): string {
  const { value } = (key ?? {}) as { value?: string | number | boolean | null };
  return String(value ?? '');
}

const offsetOf = (node: unknown): number | undefined => (node as YamlNode | null)?.range?.[0];

/** An object's own property, not an inherited one. */
const own = (value: unknown, key: string | number): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;

/** A word of the file, shortened for messages. */
const shortened = (word: string): string => (word.length > LONG_WORD ? `${word.slice(0, LONG_WORD)}...` : word);

/** For a union, only the issues with the alternative that the mapping was meant to be. */
function flattened(issues: readonly Issue[], value: unknown): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors === undefined) return [issue];
    let at = value;
    for (const key of issue.path) at = own(at, key as string | number);
    if (typeof at !== 'object' || at === null || Array.isArray(at)) return [issue];
    const meant = issue.errors.filter(
      (errors) => !errors.some((e) => e.code === 'invalid_type' && e.path.length === 0),
    );
    if (meant.length !== 1) return [issue];
    const inner: Issue[] = [];
    for (const { path, ...rest } of meant[0]!) inner.push({ ...rest, path: [...issue.path, ...path] });
    return flattened(inner, value);
  });
}

/** The keys that the schema of an inner mapping knows. */
function keysAt(schema: ZodType, path: readonly (string | number)[]): string[] {
  interface Known {
    readonly shape?: Readonly<Record<string, Known>>;
    readonly element?: Known;
    readonly options?: readonly Known[];
    readonly unwrap?: () => Known;
  }
  /** Unwraps optional parts, and picks a union's alternative for mappings. */
  const plain = (part: Known | undefined): Known | undefined => {
    if (part === undefined || part.shape !== undefined || part.element !== undefined) return part;
    if (part.options !== undefined) return part.options.map(plain).find((option) => option?.shape !== undefined);
    return part.unwrap === undefined ? part : plain(part.unwrap());
  };
  let at = plain(schema as unknown as Known);
  for (const key of path) at = plain(at?.element ?? at?.shape?.[key]);
  return Object.keys(at?.shape ?? {});
}

/** The line of a fault, with carets under the place. */
function frame({ text }: Source, { offset, end, about: { line = 1, column = 1 } }: Found): string {
  const start = offset - (column - 1);
  const newline = text.indexOf('\n', start);
  const from = Math.max(0, column - 1 - LONG_LINE / 2);
  const whole = (newline < 0 ? text.length : newline) - start;
  const first = Math.max(0, Math.min(from, whole - LONG_LINE));
  const content = text.slice(start + first, start + Math.min(whole, first + LONG_LINE));
  const before = column - 1 - first;
  const width = Math.max(1, Math.min((end ?? offset + 1) - offset, content.length - before));
  const gutter = String(line);
  return `${gutter} | ${content}\n${' '.repeat(gutter.length)} | ${' '.repeat(before)}${'^'.repeat(width)}`;
}

/** A file merged with one that it includes; its own definitions come first. */
function merge(part: Part, other: Part | undefined): Part {
  if (!other) return part;
  const names = new Set(part.dsos.map(({ name }) => name));
  return {
    about: part.about,
    entry: part.entry ?? other.entry,
    params: [...part.params, ...other.params],
    misses: { ...other.misses, ...part.misses },
    objects: [...part.objects, ...other.objects.filter(({ name }) => part.objects.every((o) => o.name !== name))],
    dsos: [...part.dsos, ...other.dsos.filter((d) => !names.has(d.name))],
    functions: [...part.functions, ...other.functions],
  };
}

/** Default directory for includes without a path. */
export interface ParseOptions {
  readonly includeDir: string;
  /** The file's shape is known to be right, as for built-in workloads, so the schemas need not be loaded. */
  readonly trusted?: boolean;
}

/** Parses a workload file. Throws a WorkloadError that lists every fault. */
export async function parseText(file: string, text: string, options: ParseOptions): Promise<Program> {
  const [yaml, schema] = await Promise.all([import('yaml'), options.trusted ? undefined : import('./schema.ts')]);
  const name = basename(file).replace(/\.ya?ml$/, '');
  return new Parser(yaml, schema?.shapes, options.includeDir).program(name, file, text);
}

/**
 * Adds to a program that was built in code the files that it includes; paths are relative to a directory. Throws a
 * WorkloadError that lists every fault.
 */
export async function linked(built: Program, from: string, { includeDir }: ParseOptions): Promise<Program> {
  if (built.include === undefined) return built;
  const [yaml, schema] = await Promise.all([import('yaml'), import('./schema.ts')]);
  return new Parser(yaml, schema.shapes, includeDir).linked(built, from);
}
