/** How a web page says it was made: the command, without what does not change its numbers. */
import { designHues } from '../experiment/setup.ts';
import { GPERF_VERSION } from '../experiment/version.ts';
import type { Making } from '../report/html/model.ts';
import { wordsWithout, type Typed } from './args.ts';
import type { CommandContext } from './commands.ts';
import { EXPORT_OPTIONS, MACHINE_VARIABLES, WORKERS_OPTION } from './options/machine.ts';
import { shellWord } from './simulation.ts';

/** The command without options that change no number, with the environment's options spelled out. */
export function pageOptions(command: string, typed: readonly Typed[], { terminal: { env } }: CommandContext): Making {
  const words = ['gperf', command, ...significant(typed)].map(shellWord).join(' ');
  const given = MACHINE_VARIABLES.filter((name) => env[name]).map((name) => `${name}=${shellWord(env[name]!)} `);
  return {
    command: words,
    generator: `gperf ${GPERF_VERSION}`,
    reproduce: [given.join('') + words],
    hues: designHues(),
  };
}

const IDLE = [WORKERS_OPTION, ...EXPORT_OPTIONS].map(({ name }) => name);

/** The words without the number of workers and the export files, which change no number. */
export const significant = (typed: readonly Typed[]): string[] => wordsWithout(typed, IDLE);
