/**
 * perf's option grammar (tools/lib/subcmd/parse-options.c, as perf 6.1 behaves), in front of yargs, which reads only what
 * this makes of a command line: one "--name=value" for each option that was given.
 *
 * - letters cluster (-ad), values attach (-Fmax, -x,) or follow; the rest of a cluster is the value of a letter that takes one
 * - long names may be cut to any prefix that is unique; an exact name wins; --no-NAME undoes, and so does --NAME for an
 *   option called no-NAME
 * - the last of several scalars wins; lists and counts add up; whole numbers are decimal, with a sign where that makes sense
 * - options end at -- or, for commands that take a workload, at the first word that is none; a lone - is a word
 */
import { HelpRequest, UsageError } from './errors.ts';
import { commandHelp, optionUsage } from './help.ts';
import type { CommandTable, OptionSpec, Refused } from './options/option.ts';
import { nearest } from '../nearest.ts';

/** What was given: canonical tokens for yargs, and the words that are no options. */
export interface Lexed {
  readonly tokens: readonly string[];
  readonly rest: readonly string[];
}

type State = { kind: 'scalar'; value: string } | { kind: 'list'; values: string[] } | { kind: 'count'; n: number };

type Known = OptionSpec | Refused;
interface Match {
  readonly option: Known;
  readonly negated: boolean;
}

class Lexer {
  private readonly table: CommandTable;
  private readonly argv: readonly string[];
  private readonly known: readonly Known[];
  private readonly state = new Map<string, State>();
  private readonly words: string[] = [];
  private at = 0;

  constructor(table: CommandTable, argv: readonly string[]) {
    this.table = table;
    this.argv = argv;
    this.known = [...table.options, ...(table.refused ?? [])];
  }

  run(): Lexed {
    while (this.at < this.argv.length) {
      const arg = this.argv[this.at]!;
      if (!arg.startsWith('-') || arg === '-') {
        if (this.table.stopAtNonOption) break;
        this.words.push(arg);
        this.at++;
        continue;
      }
      this.at++;
      if (arg === '--') break;
      if (arg.startsWith('--')) this.long(arg.slice(2));
      else this.cluster(arg.slice(1));
    }
    return { tokens: this.tokens(), rest: [...this.words, ...this.argv.slice(this.at)] };
  }

  private tokens(): string[] {
    return [...this.state].flatMap(([name, s]) => {
      if (s.kind === 'scalar') return [`--${name}=${s.value}`];
      if (s.kind === 'list') return s.values.map((value) => `--${name}=${value}`);
      return Array.from({ length: s.n }, () => `--${name}`);
    });
  }

  private cluster(letters: string): void {
    for (let i = 0; i < letters.length; i++) {
      const letter = letters[i]!;
      const option = this.known.find((o) => o.short === letter);
      if (option === undefined) {
        if (letter === 'h') throw new HelpRequest(commandHelp(this.table, this.argv.slice(this.at)), 129);
        throw new UsageError(`  Error: unknown switch \`${letter}'`, commandHelp(this.table));
      }
      const rest = letters.slice(i + 1);
      if (!takesValue(option)) {
        this.set({ option, negated: false }, undefined, `switch \`${letter}'`);
        continue;
      }
      this.set({ option, negated: false }, rest === '' ? undefined : rest, `switch \`${letter}'`);
      return;
    }
  }

  private long(text: string): void {
    const equals = text.indexOf('=');
    const name = equals === -1 ? text : text.slice(0, equals);
    if (name === 'help') throw new HelpRequest(commandHelp(this.table), 0);
    const match = this.find(name, text);
    const attached = equals === -1 ? undefined : text.slice(equals + 1);
    const what = `option \`${match.negated ? 'no-' : ''}${match.option.name}'`;
    if (attached !== undefined && (match.negated || !takesValue(match.option))) {
      throw this.fault(`${what} takes no value`, match.option);
    }
    this.set(match, attached, what);
  }

  /** parse_long_opt(): an exact name, or the only option that the text abbreviates. */
  private find(name: string, typed: string): Match {
    const abbreviated: Match[] = [];
    for (const option of this.known) {
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
    if (first === undefined) throw this.unknown(typed, name);
    const distinct = new Set(abbreviated.map((m) => m.option));
    if (distinct.size === 1 && others.every((m) => m.negated === first.negated)) return first;
    const last = abbreviated.slice(-2).map((m) => `--${m.negated ? 'no-' : ''}${m.option.name}`);
    const text = ` Error: Ambiguous option: ${name} (could be ${last.join(' or ')})`;
    throw new UsageError(text, commandHelp(this.table));
  }

  private unknown(typed: string, name: string): UsageError {
    const names = this.table.options.map((o) => o.name).filter((n) => n.length > 1);
    const close = nearest(name, names);
    const hint = close === undefined ? '' : `\n  Did you mean \`--${close}'?`;
    return new UsageError(`  Error: unknown option \`${typed}'${hint}`, commandHelp(this.table));
  }

  private fault(message: string, option: Known): UsageError {
    return new UsageError(` Error: ${message}`, optionUsage(this.table, option.name));
  }

  private set({ option, negated }: Match, attached: string | undefined, what: string): void {
    if ('unmodelled' in option) {
      // What gperf cannot do is off: to switch it off asks for nothing else.
      if (negated) return;
      const name = option.short === undefined ? `--${option.name}` : `-${option.short}, --${option.name}`;
      throw new UsageError(`  Error: gperf does not model ${option.unmodelled} (${name}).`);
    }
    if (negated) {
      if (option.negatable === false || option.kind === 'list') throw this.fault(`${what} isn't available`, option);
      if (option.kind === 'flag') this.state.set(option.name, { kind: 'scalar', value: 'false' });
      else this.state.delete(option.name);
      return;
    }
    if (option.kind === 'flag') this.state.set(option.name, { kind: 'scalar', value: 'true' });
    else if (option.kind === 'count') {
      const before = this.state.get(option.name);
      this.state.set(option.name, { kind: 'count', n: (before?.kind === 'count' ? before.n : 0) + 1 });
    } else this.setValue(option, attached, what);
  }

  private setValue(option: OptionSpec, attached: string | undefined, what: string): void {
    const value = attached ?? this.following(option, what);
    if (option.kind === 'integer' && !/^[-+]?\d+$/.test(value))
      throw this.fault(`${what} expects a numerical value`, option);
    if (option.kind === 'unsigned' && !/^\+?\d+$/.test(value)) {
      const signed = /^-\d+$/.test(value) ? 'an unsigned' : 'a';
      throw this.fault(`${what} expects ${signed} numerical value`, option);
    }
    const whole = option.kind === 'integer' || option.kind === 'unsigned';
    if (whole && !Number.isSafeInteger(Number(value)))
      throw this.fault(`${what} takes no number as large as ${value}`, option);
    if (option.choices !== undefined && !option.choices.includes(value)) {
      const close = nearest(value, option.choices);
      const hint = close === undefined ? '' : `; did you mean \`${close}'?`;
      throw this.fault(`${what} takes ${option.choices.join(', ')}, not \`${value}'${hint}`, option);
    }
    if (option.kind !== 'list') this.state.set(option.name, { kind: 'scalar', value });
    else {
      const before = this.state.get(option.name);
      this.state.set(option.name, { kind: 'list', values: [...(before?.kind === 'list' ? before.values : []), value] });
    }
  }

  private following(option: OptionSpec, what: string): string {
    if (option.optional !== undefined) return option.optional;
    const next = this.argv[this.at];
    if (option.lastDefault !== undefined && (next === undefined || next.startsWith('-'))) return option.lastDefault;
    if (next === undefined) throw this.fault(`${what} requires a value`, option);
    this.at++;
    return next;
  }
}

/** Refused options count as taking one: their error comes before it is looked for. */
const takesValue = (option: Known): boolean =>
  'unmodelled' in option || (option.kind !== 'flag' && option.kind !== 'count');

/**
 * Reads the options of a command.
 * @throws UsageError with perf's message and usage; HelpRequest for -h and --help
 */
export const lex = (table: CommandTable, argv: readonly string[]): Lexed => new Lexer(table, argv).run();
