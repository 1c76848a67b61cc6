/**
 * A command line as typed values: the lexer's tokens read by a strict yargs that knows the same table.
 *
 * Values come, in this order of strength, from the last use of an option, its environment variable, nothing.
 */
import yargs from 'yargs';
import { EXIT, UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import { lex } from './lexer.ts';
import type { CommandTable, OptionSpec, OptionValues } from './options/option.ts';

export interface ParsedArgs<O extends readonly OptionSpec[]> {
  readonly options: OptionValues<O>;
  /** The workload and its arguments, files, topics. */
  readonly rest: readonly string[];
}

/** Everything perf's lexer has settled already is switched off. */
const LITERAL = {
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'duplicate-arguments-array': true,
  'greedy-arrays': false,
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'short-option-groups': false,
};

/** yargs takes quotes off values that begin and end with them; what begins with a mark keeps its own. */
const MARK = '=';
const unmarked = (value: unknown): unknown => (typeof value === 'string' ? value.slice(MARK.length) : value);

const YARGS_TYPE = {
  flag: 'boolean',
  count: 'count',
  text: 'string',
  integer: 'string',
  unsigned: 'string',
  // An array option of yargs loses empty values; repeated strings become arrays by themselves.
  list: 'string',
} as const;

/** Values of environment variables, as tokens in front of the given ones. */
function fromEnvironment(table: CommandTable, tokens: readonly string[], env: NodeJS.ProcessEnv): string[] {
  return table.options.flatMap((option) => {
    const text = option.env === undefined ? undefined : env[option.env]?.trim();
    if (text === undefined || text === '') return [];
    if (option.kind === 'list') return text.split(/\s+/).map((value) => `--${option.name}=${value}`);
    const given = tokens.some((token) => token.startsWith(`--${option.name}=`));
    if (given) return [];
    try {
      return lex({ ...table, stopAtNonOption: false }, [`--${option.name}=${text}`]).tokens;
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`${error.message} (from ${option.env!})`, error.usage);
      throw error;
    }
  });
}

/**
 * Parses the words after the command.
 * @throws UsageError, HelpRequest
 */
export function parseArgs<const O extends readonly OptionSpec[]>(
  table: CommandTable<O>,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ParsedArgs<O> {
  const { tokens, rest } = lex(table, argv);
  const { options } = table;
  const valued = new Set<string>(options.filter((o) => o.kind !== 'flag' && o.kind !== 'count').map((o) => o.name));
  const marked = [...fromEnvironment(table, tokens, env), ...tokens].map((token) => {
    const [, name, value] = /^--([^=]+)=(.*)$/s.exec(token) ?? [];
    return name !== undefined && valued.has(name) ? `--${name}=${MARK}${value ?? ''}` : token;
  });
  // Its own idea of a working directory, which may be gone, and of what a package.json there says, is not wanted.
  const parser = yargs(marked, '/')
    .parserConfiguration(LITERAL)
    .options(Object.fromEntries(options.map((o) => [o.name, { type: YARGS_TYPE[o.kind] }])))
    .strict()
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail((message: string, error: Error | undefined) => {
      throw error ?? new UsageError(message, optionUsage(table));
    });
  const values = new Map(Object.entries(parser.parseSync()));
  for (const { name, conflicts } of options) {
    const other = conflicts?.find((c) => values.get(c) !== undefined);
    if (other !== undefined && values.get(name) !== undefined) {
      throw new UsageError(`cannot use both --${name} and --${other}\n`, optionUsage(table, name, other), EXIT.INVALID);
    }
  }
  const typed = options.map(({ name, kind }) => [name, valueOf(kind, values.get(name))] as const);
  // The table's type says what valueOf gives for each name; no checker can see through fromEntries.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { options: Object.fromEntries(typed) as OptionValues<O>, rest };
}

/**
 * The same for commands like stat, whose first word may be one of `subcommands`: options count before and behind it.
 * @throws UsageError, HelpRequest
 */
export function parseSubcommand<const O extends readonly OptionSpec[], const W extends string>(
  table: CommandTable<O>,
  subcommands: readonly W[],
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ParsedArgs<O> & { readonly subcommand?: W } {
  const { rest } = lex(table, argv);
  const before = argv.slice(0, argv.length - rest.length);
  const subcommand = before.at(-1) === '--' ? undefined : subcommands.find((word) => word === rest[0]);
  if (subcommand === undefined) return parseArgs(table, argv, env);
  return { ...parseArgs(table, [...before, ...rest.slice(1)], env), subcommand };
}

function valueOf(kind: OptionSpec['kind'], value: unknown): unknown {
  if (kind === 'flag') return value;
  if (kind === 'count') return value ?? 0;
  if (kind === 'list') return value === undefined ? [] : [value].flat().map(unmarked);
  const text = unmarked(value);
  return kind === 'text' || text === undefined ? text : Number(text);
}
