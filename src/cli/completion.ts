/**
 * Completion of command lines in bash and zsh, by yargs from the same tables: its script asks gperf back, as
 * `gperf --get-yargs-completions WORDS`, for the commands, options and choices that the words may go on with.
 *
 * Not modelled: other shells, and values but those of a short list.
 */
import yargs, { type Options } from 'yargs';
import { given } from '../given.ts';
import { COMMANDS } from './commands.ts';
import type { OptionSpec } from './options/option.ts';

/** Prints the script, or what the last of the words may become. */
export async function complete(argv: readonly string[]): Promise<void> {
  // Its own idea of a working directory, which may be gone, and of what a package.json there says, is not wanted.
  const shell = yargs(argv, '/').scriptName('gperf').help(false).version(false).exitProcess(false);
  for (const { name, summary, table } of COMMANDS) {
    const options = argv.includes(name) ? ((await table?.())?.options ?? []) : [];
    shell.command(name, summary, (command) => command.options(Object.fromEntries(options.flatMap(entries))));
  }
  await shell.completion('completion', false).parseAsync();
}

/** An option as yargs takes it; one without a long name, or that help does not show, completes nothing. */
function entries({ name, kind, help, choices, hidden }: OptionSpec): [string, Options][] {
  if (name.length < 2 || hidden === true) return [];
  const type = kind === 'flag' || kind === 'count' ? 'boolean' : 'string';
  return [[name, given({ type, description: help, choices })]];
}
