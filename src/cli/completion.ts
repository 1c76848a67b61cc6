/**
 * Completion of command lines in bash and zsh, by yargs from the same tables. Its script calls gperf back, as
 * `gperf --get-yargs-completions WORDS`, for the commands, options and choices that may follow.
 *
 * Not modelled: other shells; values, except those from a short list.
 */
import yargs, { type Options } from 'yargs';
import { given } from '../given.ts';
import { COMMANDS } from './commands.ts';
import type { OptionSpec } from './options/option.ts';

/** Prints the script, or the completions of the last word. */
export async function complete(argv: readonly string[]): Promise<void> {
  // '/' instead of the working directory, which may be gone and may hold a package.json that yargs would heed.
  const shell = yargs(argv, '/').scriptName('gperf').help(false).version(false).exitProcess(false);
  for (const { name, summary, table } of COMMANDS) {
    const options = argv.includes(name) ? ((await table?.())?.options ?? []) : [];
    shell.command(name, summary, (command) => command.options(Object.fromEntries(options.flatMap(entries))));
  }
  await shell.completion('completion', false).parseAsync();
}

/** An option in yargs's form; one without a long name, or not shown in help, completes nothing. */
function entries({ name, kind, help, choices, hidden }: OptionSpec): [string, Options][] {
  if (name.length < 2 || hidden === true) return [];
  const type = kind === 'flag' || kind === 'count' ? 'boolean' : 'string';
  return [[name, given({ type, description: help, choices })]];
}
