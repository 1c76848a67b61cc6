/** Runs a command by its name. Its module, builtin-NAME.ts, is loaded only then. */
import type { CommandContext } from './commands.ts';
import { reportError } from './errors.ts';

/** What builtin-NAME.ts exports: takes the words after the command, returns the exit code. */
export interface Builtin {
  run(argv: readonly string[], context: CommandContext): Promise<number>;
}

const BUILTINS: Readonly<Record<string, () => Promise<Builtin>>> = {
  bench: async () => import('./builtin-bench.ts'),
  check: async () => import('./builtin-check.ts'),
  compare: async () => import('./builtin-compare.ts'),
  diff: async () => import('./builtin-diff.ts'),
  evlist: async () => import('./builtin-evlist.ts'),
  explain: async () => import('./builtin-explain.ts'),
  list: async () => import('./builtin-list.ts'),
  record: async () => import('./builtin-record.ts'),
  report: async () => import('./builtin-report.ts'),
  reproduce: async () => import('./builtin-reproduce.ts'),
  script: async () => import('./builtin-script.ts'),
  stat: async () => import('./builtin-stat.ts'),
  truth: async () => import('./builtin-truth.ts'),
};

/** Loads the module of a command. */
export async function loadBuiltin(name: string): Promise<Builtin> {
  const builtin = BUILTINS[name];
  if (builtin === undefined) throw new Error(`there is no builtin-${name}.ts`);
  return builtin();
}

/** Runs a command; what goes wrong is reported. Returns the exit code. */
export async function runBuiltin(name: string, argv: readonly string[], context: CommandContext): Promise<number> {
  try {
    return await (await loadBuiltin(name)).run(argv, context);
  } catch (error) {
    return reportError(error, process, process.env);
  }
}
