/**
 * Parser of perf's event syntax: "cycles:u", "{branches,branch-misses}:S", "r1a8", "cpu/event=0x3c,umask=0x0,name=x/u"
 * and lists of those. The evsels keep the names as typed.
 *
 * The rules are those observed on perf 6.1 (perf-list(1), perf-record(1) and runs), with their oddities: an event's own
 * modifiers reset exclude_guest unless u or p is among them; the name of a cache event without terms loses its
 * modifiers. Blanks may stand between any two tokens, and are part of the name as typed. The caret of a parser error is
 * where perf's lexer puts it, at the token before. Where perf is lax by accident ("{cycles" without its brace), this
 * parser is strict. Not modelled, and refused by name: tracepoints, breakpoints, probes, PMUs other than cpu and
 * software, and config terms for AUX data, branch stacks and user-stack unwinding.
 */
import { CPU_ALIASES, CPU_FORMAT, EVENT_WORDS, isToolEvent, lookupEvent } from './event-names.ts';
import { applyModifiers, IS_MODIFIER, MODIFIER_LETTERS } from './event-modifiers.ts';
import { EventSyntaxError } from './event-syntax-error.ts';
import { nearest } from '../nearest.ts';
import { PERF_COUNT_SW, PERF_TYPE, type PerfEventAttr } from '../uapi/perf-event.ts';
import type { EventDraft, EventTerms, ParsedEvent } from './parsed-event.ts';

/** The command whose rules apply: stat has no sampling terms. */
export type EventUser = 'stat' | 'record';

export interface ParseEventsOptions {
  /** False: the kernel found no PMU in the processor, so there is no `cpu' PMU. */
  readonly cpuPmu?: boolean;
  /** Events that the `cpu' PMU has on this machine only, with their configs (sysfs' events/). */
  readonly cpuEvents?: Readonly<Record<string, number>>;
}

const ONCE = 'A modifier may stand once, p up to three times.';
const BLANK = ' \t';
const words = (text: string): readonly string[] => text.split(' ');
const STAT_TERMS = words('config config1 config2 name period percore metric-id');
const RECORD_TERMS = words(
  'config config1 config2 name period freq branch_type time call-graph stack-size no-inherit inherit max-stack nr ' +
    'no-overwrite overwrite driver-config percore aux-output aux-sample-size metric-id',
);
/** Terms that perf knows but that have no effect on anything in gperf. */
const UNMODELLED_TERMS = words(
  'branch_type stack-size nr overwrite driver-config aux-output aux-sample-size percore metric-id',
);

/** KEY or KEY=VALUE between an event's slashes, with positions. */
interface Term {
  readonly start: number;
  readonly key: string;
  readonly value: string | undefined;
  readonly valueAt: number;
}

class EventParser {
  readonly #spec: string;
  readonly #user: EventUser;
  readonly #pmus: readonly string[];
  readonly #cpuEvents: Readonly<Record<string, number>>;
  /** Those of them that have no name elsewhere. */
  readonly #own: Readonly<Record<string, number>>;
  readonly #events: EventDraft[] = [];
  /** Events whose own modifiers include G or H. */
  readonly #explicitGH = new Set<EventDraft>();
  #at = 0;
  /** Starts of the last token and the one before it, by perf's lexer: its carets point there. */
  #token = { start: 1, before: 1 };

  constructor(spec: string, user: EventUser, { cpuPmu = true, cpuEvents = {} }: ParseEventsOptions) {
    this.#spec = spec;
    this.#user = user;
    this.#pmus = cpuPmu ? ['cpu', 'software'] : ['software'];
    this.#cpuEvents = { ...CPU_ALIASES, ...cpuEvents };
    this.#own = cpuEvents;
  }

  parse(): EventDraft[] {
    do this.#item();
    while (this.#take(','));
    if (this.#at < this.#spec.length) throw this.#unexpected();
    return this.#events;
  }

  /** An unexpected token: perf points at the token before it; for an unexpected end, at the last token but one. */
  #unexpected(hint?: string): EventSyntaxError {
    const { start, before } = this.#token;
    return this.#error(this.#at < this.#spec.length ? start : before, 'parser error', hint);
  }

  /** A token begins here; perf's lexer reads the first token of an event twice. */
  #mark(first = false): void {
    this.#token = { start: this.#at, before: first ? this.#at : this.#token.start };
  }

  /** Blanks and tabs, which may stand between any two tokens. */
  #blanks(first = false): boolean {
    if (!BLANK.includes(this.#spec[this.#at] ?? 'x')) return false;
    this.#mark(first);
    while (BLANK.includes(this.#spec[this.#at] ?? 'x')) this.#at++;
    return true;
  }

  #error(index: number, reason = 'parser error', hint?: string): EventSyntaxError {
    return new EventSyntaxError(this.#spec, index, reason, { hint });
  }

  #take(char: string): boolean {
    if (this.#spec[this.#at] !== char) return false;
    this.#mark();
    this.#at++;
    return true;
  }

  /** Characters up to the first of `stops`. */
  #until(stops: string): string {
    const start = this.#at;
    while (this.#at < this.#spec.length && !stops.includes(this.#spec[this.#at]!)) this.#at++;
    return this.#spec.slice(start, this.#at);
  }

  #item(): void {
    const group = /^[ \t]*([A-Za-z_][\w.-]*)?\{/.exec(this.#spec.slice(this.#at));
    if (group === null) {
      this.#event();
      return;
    }
    this.#at += group[0].length - 1;
    this.#mark(true);
    this.#at++;
    const leader = this.#events.length;
    do this.#event();
    while (this.#take(','));
    if (this.#at === this.#spec.length) throw this.#error(this.#at, 'parser error', 'The group lacks its }.');
    if (!this.#take('}')) throw this.#unexpected();
    const members = this.#events.slice(leader);
    for (const e of members) e.leader = leader;
    if (members.length > 1) members[0]!.groupName = group[1] ?? '';
    this.#blanks();
    if (this.#take(':')) {
      this.#blanks();
      const index = this.#at;
      const modifiers = this.#modifierText();
      for (const e of members) this.#apply(e, modifiers, index, true);
    }
    for (const e of members.slice(1)) {
      delete e.attr.pinned;
      delete e.attr.exclusive;
    }
  }

  #event(): void {
    const start = this.#at;
    const indented = this.#blanks(true);
    const base = this.#at;
    const name = this.#until(',{}:/ \t');
    if (name === '') throw this.#unexpected('An event is missing here.');
    this.#token = { start: base, before: indented ? start : base };
    this.#blanks();
    const slash = this.#spec[this.#at] === '/';
    const draft = this.#symbol(name, base, slash);
    const isCache = draft.attr.type === PERF_TYPE.HW_CACHE;
    if (this.#take('/')) {
      if (isToolEvent(name) && this.#spec[this.#at] !== '/') throw this.#unexpected();
      this.#terms(draft, name);
      this.#blanks();
    } else if (this.#take(':')) this.#blanks();
    const index = this.#at;
    const modifiers = this.#modifierText();
    this.#apply(draft, modifiers, index, false);
    // As in perf, names keep their blanks, but those of cache events are the bare words.
    if (draft.name === '') draft.name = isCache ? name : this.#spec.slice(start, this.#at);
    draft.leader = this.#events.length;
    this.#events.push(draft);
  }

  /** The event for a bare name; if terms follow, it may be a PMU's name instead. */
  #symbol(name: string, base: number, slash: boolean): EventDraft {
    const found = lookupEvent(name);
    const next = this.#spec[this.#at];
    if (found.kind === 'event') {
      const { type, config } = found;
      if (!Number.isSafeInteger(config)) throw this.#error(base, 'gperf holds event codes below 2^53');
      return this.#draft(type, config, isToolEvent(name) ? 'ns' : '');
    }
    if (Object.hasOwn(this.#own, name)) return this.#draft(PERF_TYPE.RAW, this.#own[name]!);
    if (slash && this.#pmus.includes(name)) {
      return this.#draft(name === 'cpu' ? PERF_TYPE.RAW : PERF_TYPE.SOFTWARE, 0);
    }
    if (slash) {
      // perf reports this after reading the terms, and points at the beginning of the list.
      this.#take('/');
      this.#terms(this.#draft(PERF_TYPE.RAW, 0), undefined);
      const known = name === 'cpu' ? undefined : `The PMUs of the machine: ${this.#pmus.join(', ')}.`;
      throw this.#error(0, `Cannot find PMU \`${name}'. Missing kernel support?`, known);
    }
    if (found.kind === 'partial') throw this.#error(base + found.end, 'parser error', suggestion(name));
    if (found.kind === 'impossible')
      throw this.#error(base, 'parser error', `${name.split('-').slice(0, -1).join('-')} has no such operation.`);
    if (name === 'mem') throw this.#error(base, 'gperf does not model breakpoints');
    if (/^(probe|sdt)_/.test(name) || name.startsWith('%')) throw this.#error(base, 'gperf does not model probes');
    if (/\.(c|o)$/.test(name)) throw this.#error(base, 'gperf does not model BPF programs');
    if (next === ':') {
      const after = /^:([\w*?-]*)/.exec(this.#spec.slice(this.#at))![1]!;
      const tracepoint = after.length > 2 && !IS_MODIFIER.test(after);
      if (tracepoint && suggestion(name) === undefined) throw this.#error(base, 'gperf does not model tracepoints');
    }
    throw this.#error(next === ':' ? this.#at : base, 'parser error', suggestion(name));
  }

  #draft(type: number, config: number, unit = ''): EventDraft {
    const clock =
      type === PERF_TYPE.SOFTWARE && (config === PERF_COUNT_SW.CPU_CLOCK || config === PERF_COUNT_SW.TASK_CLOCK);
    const attr: PerfEventAttr = { type, config, sample_period: 0, sample_type: 0, read_format: 0, exclude_guest: true };
    const flags = { precise_max: false, sample_read: false, weak_group: false };
    const scaled = clock ? { unit: 'msec', scale: 1e-6 } : { unit, scale: 1 };
    return { name: '', attr, leader: 0, ...scaled, ids: [], ...flags, terms: {} };
  }

  /** Modifier letters and following blanks, up to the end of the event or group. */
  #modifierText(): string {
    const start = this.#at;
    const text = this.#until(',{}:/ \t');
    if (!IS_MODIFIER.test(text)) {
      this.#at = start;
      throw this.#unexpected(`The modifiers are: ${MODIFIER_LETTERS.split('').join(' ')}.`);
    }
    if (text !== '') this.#token = { start, before: this.#token.start };
    this.#blanks();
    if (this.#at < this.#spec.length && !',}'.includes(this.#spec[this.#at]!)) throw this.#unexpected();
    return text;
  }

  #apply(draft: EventDraft, text: string, index: number, inGroup: boolean): void {
    if (text === '') return;
    const twice = /([^p]).*\1|p.*p.*p.*p/.test(text);
    if (twice) throw this.#error(index, 'Bad modifier', ONCE);
    applyModifiers(draft, text, inGroup, this.#explicitGH.has(draft));
    if (/[GH]/.test(text)) this.#explicitGH.add(draft);
    if ((draft.attr.precise_ip ?? 0) > 3) throw this.#error(index, 'Bad modifier', ONCE);
  }

  /** Terms up to the closing slash; not checked if the PMU does not exist. */
  #terms(draft: EventDraft, pmu: string | undefined): void {
    if (this.#take('/')) return;
    const terms: Term[] = [];
    do terms.push(this.#term());
    while (this.#take(','));
    if (!this.#take('/'))
      throw this.#unexpected(this.#at < this.#spec.length ? undefined : 'The terms lack their closing /.');
    if (pmu !== undefined) for (const term of terms) this.#applyTerm(draft, pmu, term);
  }

  #term(): Term {
    this.#blanks();
    const start = this.#at;
    const key = this.#until(',/= \t');
    if (key === '') throw this.#unexpected('A term is missing here.');
    this.#token = { start, before: this.#token.start };
    this.#blanks();
    let value: string | undefined;
    let valueAt = this.#at;
    if (this.#take('=')) {
      this.#blanks();
      valueAt = this.#at;
      if (this.#take("'")) {
        value = this.#until("'");
        if (!this.#take("'")) throw this.#error(valueAt, 'parser error', 'The quote is not closed.');
      } else value = this.#until(',/ \t');
      if (value === '' || value.startsWith('-')) {
        this.#at = valueAt;
        throw this.#unexpected();
      }
      this.#token = { start: valueAt, before: this.#token.start };
      this.#blanks();
    }
    return { start, key, value, valueAt };
  }

  #applyTerm(draft: EventDraft, pmu: string, { start, key, value, valueAt }: Term): void {
    const number = (max = Number.MAX_SAFE_INTEGER): number => {
      if (value === undefined) return 1;
      if (!/^(0x[\da-f]+|\d+)$/i.test(value)) throw this.#error(valueAt, 'expected numeric value');
      if (Number(value) > max) throw this.#error(valueAt, `value too big for format, maximum is ${max}`);
      return Number(value);
    };
    const isPmu = pmu === 'cpu' || pmu === 'software';
    if (pmu === 'cpu') {
      const format = CPU_FORMAT[key];
      const alias = Object.hasOwn(this.#cpuEvents, key) ? this.#cpuEvents[key] : undefined;
      const raw = /^r([\da-f]{1,13})$/i.exec(key);
      if (format !== undefined) {
        const field = 2 ** format[1] - 1;
        const cleared = Number(BigInt(draft.attr.config) & ~(BigInt(field) << BigInt(format[0])));
        draft.attr.config = cleared + number(field) * 2 ** format[0];
        return;
      }
      if (value === undefined && (alias !== undefined || raw !== null)) {
        draft.attr.config = alias ?? Number.parseInt(raw![1]!, 16);
        return;
      }
    }
    const valid = this.#user === 'record' ? RECORD_TERMS : STAT_TERMS;
    const known = valid.includes(key);
    if (!known && RECORD_TERMS.includes(key)) throw this.#error(start, `'${key}' is not usable in 'gperf stat'`);
    if (!known) {
      const validTerms = pmu === 'cpu' ? [...Object.keys(CPU_FORMAT), ...valid] : valid;
      const aliases = pmu === 'cpu' ? Object.keys(this.#cpuEvents) : [];
      const close = nearest(key, [...validTerms, ...aliases]);
      throw new EventSyntaxError(this.#spec, start, isPmu ? `unknown term '${key}' for pmu '${pmu}'` : 'unknown term', {
        validTerms,
        hint: close === undefined ? undefined : `Did you mean '${close}'?`,
      });
    }
    if (UNMODELLED_TERMS.includes(key)) throw this.#error(start, `gperf does not model the term '${key}'`);
    const set = (term: EventTerms): void => {
      draft.terms = { ...draft.terms, ...term };
    };
    if (key === 'name') {
      if (value === undefined) throw this.#error(start);
      draft.name = value;
    } else if (key === 'config' || key === 'config1' || key === 'config2') draft.attr[key] = number();
    else if (key === 'period') set({ period: number() });
    else if (key === 'freq') set({ freq: number() });
    else if (key === 'max-stack') set({ max_stack: number() });
    else if (key === 'time') set({ time: number() !== 0 });
    else if (key === 'inherit' || key === 'no-inherit') set({ inherit: key === 'inherit' });
    else if (key === 'call-graph') {
      if (value !== 'fp' && value !== 'no')
        throw this.#error(valueAt, `gperf does not model call-graph=${value ?? ''}`);
      set({ callgraph: value === 'fp' });
    }
  }
}

function suggestion(name: string): string | undefined {
  const close = nearest(name, EVENT_WORDS);
  return close === undefined ? undefined : `Did you mean '${close}'?`;
}

/**
 * Parses the argument of one -e option.
 * @param first index of the first evsel in the final list, for the leaders
 * @throws EventSyntaxError
 */
export function parseEvents(spec: string, user: EventUser, first = 0, options: ParseEventsOptions = {}): ParsedEvent[] {
  const list = new EventParser(spec, user, options).parse();
  for (const event of list) event.leader += first;
  return list;
}

/** Parses several -e options into one list. */
export function parseEventList(
  specs: readonly string[],
  user: EventUser,
  options: ParseEventsOptions = {},
): ParsedEvent[] {
  const list: ParsedEvent[] = [];
  for (const spec of specs) list.push(...parseEvents(spec, user, list.length, options));
  return list;
}

/** -g/--group of stat and --group of record: the whole list under its first event. */
export function groupAll(list: readonly ParsedEvent[]): ParsedEvent[] {
  const grouped: EventDraft[] = [];
  for (const event of list) {
    const member: EventDraft = { ...event, leader: 0 };
    delete member.groupName;
    grouped.push(member);
  }
  if (grouped.length > 1) grouped[0]!.groupName = '';
  return grouped;
}
