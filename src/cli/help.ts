/**
 * Help texts in perf's layout: usage lines, then options with their help in column 26, sorted by letter and then by
 * name. perf options that gperf refuses are named in a paragraph of their own, so that nobody has to try them.
 */
import type { CommandTable, OptionSpec, Refused } from './options/option.ts';

const HELP_COLUMN = 26;
const LINE = 80;

/** "-e, --event <event>" */
function signature(option: OptionSpec): string {
  const long = option.name.length > 1 ? `--${option.name}` : undefined;
  const names =
    option.short === undefined ? `    ${long ?? ''}` : [`-${option.short}`, long].filter(Boolean).join(', ');
  if (option.arg === undefined) return names;
  return `${names} <${option.arg}>`;
}

function optionText(option: OptionSpec): string {
  const head = `    ${signature(option)}`;
  const gap = head.length <= HELP_COLUMN - 2 ? ' '.repeat(HELP_COLUMN - head.length) : `\n${' '.repeat(HELP_COLUMN)}`;
  const variable = option.env === undefined ? '' : ` (${option.env})`;
  return `${head}${gap}${option.help}${variable}\n`;
}

/** Short options by letter (lower case first), then long ones by name. */
const sortKey = ({ short, name }: OptionSpec | Refused): string =>
  short === undefined ? `1${name}` : `0${short.toLowerCase()}${short === short.toLowerCase() ? 0 : 1}`;
const inOrder = <T extends OptionSpec | Refused>(options: readonly T[]): T[] =>
  options.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));

function wrap(words: readonly string[], indent: string): string {
  let out = '';
  let line = indent;
  for (const word of words) {
    if (line.length + word.length > LINE) {
      out += `${line.trimEnd()}\n`;
      line = indent;
    }
    line += `${word} `;
  }
  return `${out}${line.trimEnd()}\n`;
}

/** The " Usage:" lines. */
function usageLines({ name, usage }: CommandTable): string {
  return usage.map((line, i) => `${i === 0 ? ' Usage:' : '    or:'} gperf ${name} ${line}`.trimEnd()).join('\n') + '\n';
}

/** Usage lines and the given options, as perf prints them below an error about those options. */
export function optionUsage(table: CommandTable, ...names: readonly string[]): string {
  const options = names
    .map((name) => table.options.find((option) => option.name === name))
    .filter((o) => o !== undefined);
  return `${usageLines(table)}\n${options.map(optionText).join('')}`;
}

/** The whole help of a command; with `words`, only the options whose name or help contains one of them. */
export function commandHelp(table: CommandTable, words: readonly string[] = []): string {
  const named = ({ name, short }: OptionSpec | Refused): boolean =>
    words.length === 0 || words.some((w) => short === w || name.includes(w));
  const told = ({ help }: OptionSpec): boolean => words.some((w) => help.toLowerCase().includes(w.toLowerCase()));
  const shown = table.options.filter((option) => option.hidden !== true && (named(option) || told(option)));
  const perfs = inOrder(shown.filter((option) => option.own !== true));
  const own = shown.filter((option) => option.own === true);
  const refusals = inOrder((table.refused ?? []).filter(named));
  let out = `\n${usageLines(table)}\n${perfs.map(optionText).join('')}`;
  if (own.length > 0) out += `\n gperf's own:\n${own.map(optionText).join('')}`;
  if (refusals.length > 0) {
    const names = refusals.map((o) => (o.short === undefined ? `--${o.name}` : `-${o.short}/--${o.name}`));
    out += `\n Of perf ${table.name}, but not modelled:\n${wrap(names, '    ')}`;
  }
  if (table.epilogue !== undefined && words.length === 0) out += `\n${table.epilogue}\n`;
  return `${out}\n`;
}
