/**
 * perf's option grammar (tools/lib/subcmd/parse-options.c, as perf 6.1 behaves): turns the words of a command line
 * into typed values, guided only by the command's table.
 *
 * - letters cluster (-ad), values attach (-Fmax, -x,) or follow; in a cluster, a letter that takes a value
 *   gets the rest
 * - long names may be cut to any unique prefix; an exact name wins; --no-NAME undoes, and so does --NAME for an
 *   option called no-NAME
 * - the last of several scalars wins; lists and counts add up; whole numbers are decimal, signed where that
 *   makes sense
 * - options end at --, or, for commands that take a workload, at the first word that is not one; a lone - is a word
 * - an absent option takes the value of its environment variable, if it has one
 */
import { EXIT, HelpRequest, UsageError } from './errors.ts';
import { commandHelp, optionUsage } from './help.ts';
import type { CommandTable, OptionSpec, OptionValues, Refused } from './options/option.ts';
import { nearest } from '../nearest.ts';

export interface ParsedArgs<O extends readonly OptionSpec[]> {
  readonly options: OptionValues<O>;
  /** The workload and its arguments, files, topics. */
  readonly rest: readonly string[];
  /** Everything that was typed, in order. */
  readonly typed: readonly Typed[];
}

/** Words that belong together, and the options they give: one option and its value, a cluster of letters, or none. */
export interface Typed {
  readonly options: readonly string[];
  readonly words: readonly string[];
}

/** Whether an option was typed. */
export const isTyped = (typed: readonly Typed[], name: string): boolean =>
  typed.some(({ options }) => options.includes(name));

/** The words without those that give one of these options. */
export const wordsWithout = (typed: readonly Typed[], names: readonly string[]): string[] =>
  typed.filter(({ options }) => !options.some((name) => names.includes(name))).flatMap(({ words }) => words);

/**
 * Parses the words after the command.
 * @throws UsageError with perf's message and usage; HelpRequest for -h and --help
 */
export function parseArgs<const O extends readonly OptionSpec[]>(
  table: CommandTable<O>,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ParsedArgs<O> {
  return parseSubcommand(table, [], argv, env);
}

/**
 * The same for commands like stat, whose first word may be one of `subcommands`: options count before and after it.
 * @throws UsageError, HelpRequest
 */
export function parseSubcommand<const O extends readonly OptionSpec[], const W extends string>(
  table: CommandTable<O>,
  subcommands: readonly W[],
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ParsedArgs<O> & { readonly subcommand: W | undefined } {
  const parser = new Parser(table, argv);
  const { rest, typed, subcommand } = parser.words(subcommands);
  const values = parser.values(env);
  // The table's type says what kind of value each name has; no checker can follow that through a map.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { options: Object.fromEntries(values) as OptionValues<O>, rest, typed, subcommand };
}

type Value = boolean | number | string | readonly string[] | undefined;

type Known = OptionSpec | Refused;
interface Match {
  readonly option: Known;
  readonly negated: boolean;
}

class Parser {
  readonly #table: CommandTable;
  readonly #argv: readonly string[];
  readonly #known: readonly Known[];
  readonly #given = new Map<string, Value>();
  #at = 0;
  /** Options given by the words being read. */
  #named: string[] = [];

  constructor(table: CommandTable, argv: readonly string[]) {
    this.#table = table;
    this.#argv = argv;
    this.#known = [...table.options, ...(table.refused ?? [])];
  }

  /** Reads all words; values() returns their values. */
  words<W extends string>(subcommands: readonly W[]): { rest: string[]; typed: Typed[]; subcommand: W | undefined } {
    const argv = this.#argv;
    const typed: Typed[] = [];
    const rest: string[] = [];
    let subcommand: W | undefined;
    for (let ended = false; !ended && this.#at < argv.length;) {
      const from = this.#at;
      const arg = argv[this.#at++]!;
      this.#named = [];
      if (arg === '--') ended = true;
      else if (arg.startsWith('--')) this.#long(arg.slice(2));
      else if (arg.startsWith('-') && arg !== '-') this.#cluster(arg.slice(1));
      else {
        const first = rest.length === 0 && subcommand === undefined;
        subcommand ??= first ? subcommands.find((word) => word === arg) : undefined;
        if (!first || subcommand === undefined) {
          rest.push(arg);
          ended = this.#table.stopAtNonOption;
        }
      }
      typed.push({ options: this.#named, words: argv.slice(from, this.#at) });
    }
    const behind = argv.slice(this.#at);
    typed.push({ options: [], words: behind });
    return { rest: [...rest, ...behind], typed, subcommand };
  }

  /** The value of every option of the table, from the environment if it was not typed. */
  values(env: NodeJS.ProcessEnv): [name: string, value: Value][] {
    const { options } = this.#table;
    for (const option of options) {
      const { name, kind } = option;
      const text = option.env === undefined ? undefined : env[option.env]?.trim();
      if (text === undefined || text === '') continue;
      if (kind === 'list') this.#given.set(name, [...text.split(/\s+/), ...this.#list(name)]);
      else if (!this.#given.has(name)) this.#setValue(option, text, `option \`${name}' (from ${option.env!})`);
    }
    for (const { name, conflicts } of options) {
      const other = conflicts?.find((c) => this.#given.has(c));
      if (other !== undefined && this.#given.has(name)) {
        const usage = optionUsage(this.#table, name, other);
        throw new UsageError(`cannot use both --${name} and --${other}\n`, usage, EXIT.INVALID);
      }
    }
    return options.map(({ name, kind }) => [name, this.#given.get(name) ?? ABSENT[kind]]);
  }

  #cluster(letters: string): void {
    for (let i = 0; i < letters.length; i++) {
      const letter = letters[i]!;
      const option = this.#known.find((o) => o.short === letter);
      if (option === undefined) {
        if (letter === 'h') throw new HelpRequest(commandHelp(this.#table, this.#argv.slice(this.#at)), 129);
        throw new UsageError(`  Error: unknown switch \`${letter}'`, commandHelp(this.#table));
      }
      const rest = letters.slice(i + 1);
      const attached = takesValue(option) && rest !== '' ? rest : undefined;
      this.#set({ option, negated: false }, attached, `switch \`${letter}'`);
      if (takesValue(option)) return;
    }
  }

  #long(text: string): void {
    const equals = text.indexOf('=');
    const name = equals === -1 ? text : text.slice(0, equals);
    if (name === 'help') throw new HelpRequest(commandHelp(this.#table), 0);
    const match = this.#find(name, text);
    const attached = equals === -1 ? undefined : text.slice(equals + 1);
    const what = `option \`${match.negated ? 'no-' : ''}${match.option.name}'`;
    if (attached !== undefined && (match.negated || !takesValue(match.option))) {
      throw this.#fault(`${what} takes no value`, match.option);
    }
    this.#set(match, attached, what);
  }

  /** parse_long_opt(): an exact name, or the only option that the text abbreviates. */
  #find(name: string, typed: string): Match {
    const abbreviated: Match[] = [];
    for (const option of this.#known) {
      if ('alias' in option && option.alias === name) return { option, negated: false };
      if (option.name.length < 2) continue;
      const spellings = [
        { option, negated: false, as: option.name },
        { option, negated: true, as: `no-${option.name}` },
        ...(option.name.startsWith('no-') ? [{ option, negated: true, as: option.name.slice(3) }] : []),
      ];
      for (const match of spellings) {
        if (match.as === name) return match;
        if (match.as.startsWith(name)) abbreviated.push(match);
      }
    }
    const [first, ...others] = abbreviated;
    if (first === undefined) throw this.#unknown(typed, name);
    const distinct = new Set(abbreviated.map((m) => m.option));
    if (distinct.size === 1 && others.every((m) => m.negated === first.negated)) return first;
    const last = abbreviated.slice(-2).map((m) => `--${m.negated ? 'no-' : ''}${m.option.name}`);
    const text = ` Error: Ambiguous option: ${name} (could be ${last.join(' or ')})`;
    throw new UsageError(text, commandHelp(this.#table));
  }

  #unknown(typed: string, name: string): UsageError {
    const names = this.#table.options.map((o) => o.name).filter((n) => n.length > 1);
    const close = nearest(name, names);
    const hint = close === undefined ? '' : `\n  Did you mean \`--${close}'?`;
    return new UsageError(`  Error: unknown option \`${typed}'${hint}`, commandHelp(this.#table));
  }

  #fault(message: string, option: Known): UsageError {
    return new UsageError(` Error: ${message}`, optionUsage(this.#table, option.name));
  }

  #set({ option, negated }: Match, attached: string | undefined, what: string): void {
    const { name } = option;
    if ('unmodelled' in option) {
      // gperf cannot do it, so it is off already: switching it off is allowed.
      if (negated) return;
      const shown = option.short === undefined ? `--${name}` : `-${option.short}, --${name}`;
      throw new UsageError(`  Error: gperf does not model ${option.unmodelled} (${shown}).`);
    }
    if (negated && option.kind === 'list') throw this.#fault(`${what} isn't available`, option);
    this.#named.push(name);
    if (option.kind === 'flag') this.#given.set(name, !negated);
    else if (negated) this.#given.delete(name);
    else if (option.kind === 'count') this.#given.set(name, Number(this.#given.get(name) ?? 0) + 1);
    else this.#setValue(option, attached ?? this.#following(option, what), what);
  }

  #setValue(option: OptionSpec, value: string, what: string): void {
    const { name, kind, choices } = option;
    if (kind === 'integer' && !/^[-+]?\d+$/.test(value)) throw this.#fault(`${what} expects a numerical value`, option);
    if (kind === 'unsigned' && !/^\+?\d+$/.test(value)) {
      const signed = /^-\d+$/.test(value) ? 'an unsigned' : 'a';
      throw this.#fault(`${what} expects ${signed} numerical value`, option);
    }
    const whole = kind === 'integer' || kind === 'unsigned';
    if (whole && !Number.isSafeInteger(Number(value)))
      throw this.#fault(`${what} takes no number as large as ${value}`, option);
    if (choices !== undefined && !choices.includes(value)) {
      const close = nearest(value, choices);
      const hint = close === undefined ? '' : `; did you mean \`${close}'?`;
      throw this.#fault(`${what} takes ${choices.join(', ')}, not \`${value}'${hint}`, option);
    }
    if (kind === 'list') this.#given.set(name, [...this.#list(name), value]);
    else this.#given.set(name, whole ? Number(value) : value);
  }

  #list(name: string): readonly string[] {
    const given = this.#given.get(name);
    return Array.isArray(given) ? given : [];
  }

  #following(option: OptionSpec, what: string): string {
    const next = this.#argv[this.#at];
    if (option.lastDefault !== undefined && (next === undefined || next.startsWith('-'))) return option.lastDefault;
    if (next === undefined) throw this.#fault(`${what} requires a value`, option);
    this.#at++;
    return next;
  }
}

/** The value of an option that was not given. */
const ABSENT: Readonly<Record<OptionSpec['kind'], Value>> = {
  flag: undefined,
  count: 0,
  text: undefined,
  integer: undefined,
  unsigned: undefined,
  list: [],
};

/** Refused options count as taking a value, so that their own error comes before one about the missing value. */
const takesValue = (option: Known): boolean =>
  'unmodelled' in option || (option.kind !== 'flag' && option.kind !== 'count');
