/** What a web page says of its making: the command without what does not change its numbers. */
import { designHues } from '../experiment/setup.ts';
import { GPERF_VERSION } from '../experiment/version.ts';
import type { Making } from '../report/html/model.ts';
import type { CommandContext } from './commands.ts';
import { MACHINE_VARIABLES } from './options/machine.ts';
import { shellWord } from './simulation.ts';

/** The words of `gperf COMMAND`, with the number of workers and the names of exports left out, and the environment put in. */
export function pageOptions(command: readonly string[], argv: readonly string[], context: CommandContext): Making {
  const { env } = context.terminal;
  const typed = ['gperf', ...command, ...significant(argv)].map(shellWord).join(' ');
  const given = MACHINE_VARIABLES.filter((name) => env[name]).map((name) => `${name}=${shellWord(env[name]!)} `);
  return {
    command: typed,
    generator: `gperf ${GPERF_VERSION}`,
    reproduce: [given.join('') + typed],
    hues: designHues(),
  };
}

/** The words without the number of workers and the names of exports, which change no number. */
export function significant(argv: readonly string[]): string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') {
      words.push(...argv.slice(i));
      break;
    }
    // No other option begins with "--w".
    if (!word.startsWith('--export-') && !word.startsWith('--w')) words.push(word);
    else if (!word.includes('=')) i++;
  }
  return words;
}
