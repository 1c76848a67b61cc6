#!/usr/bin/env node
/**
 * gperf COMMAND [options] ...: finds the command and runs it. Nothing heavy is imported here: --version must be quick.
 */
import { GPERF_VERSION } from '../experiment/version.ts';
import { strerror } from '../strerror.ts';
import { nearest } from '../nearest.ts';
import { type CommandContext, COMMANDS, UNMODELLED_COMMANDS } from './commands.ts';
import { EXIT, HelpRequest, reportError, UsageError } from './errors.ts';

const USAGE = '\n Usage: gperf [--version] [--help] [OPTIONS] COMMAND [ARGS]\n';

function overview(): string {
  const rows = COMMANDS.map(({ name, summary }) => `   ${name.padEnd(15)} ${summary}\n`);
  return (
    `\n usage: gperf [--version] [--help] [OPTIONS] COMMAND [ARGS]\n\n Commands of gperf, a perf over a simulated machine:\n` +
    `${rows.join('')}\n See 'gperf help COMMAND' for more information on a specific command.\n\n`
  );
}

/** The shell's request for completions. */
const COMPLETIONS = '--get-yargs-completions';

const write = (text: string, code: number = EXIT.OK): number => {
  process.stdout.write(text);
  return code;
};

/** Text of `gperf help COMMAND`; with `words`, only the options that match them. */
async function help(name: string, words: readonly string[] = []): Promise<string> {
  const command = COMMANDS.find((c) => c.name === name);
  if (command === undefined) throw notACommand(name);
  if (command.table === undefined) return overview();
  const { commandHelp } = await import('./help.ts');
  return commandHelp(await command.table(), words);
}

function notACommand(name: string): UsageError {
  if (UNMODELLED_COMMANDS.includes(name)) return new UsageError(`gperf does not model 'perf ${name}'.`);
  const close = nearest(
    name,
    COMMANDS.map((command) => command.name),
  );
  const hint = close === undefined ? '' : `\n\nDid you mean this?\n\t${close}`;
  return new UsageError(`gperf: '${name}' is not a gperf-command. See 'gperf --help'.${hint}`, '', EXIT.BARE);
}

interface GlobalOptions {
  buildIdDir?: string;
}

/** Reads options before the command word; returns how many words they took, or the command they amount to. */
function globalOptions(argv: readonly string[], into: GlobalOptions): { next: number; command?: string } {
  let at = 0;
  for (; argv[at]?.startsWith('-'); at++) {
    const option = argv[at]!;
    if (option === '--version' || option === '-v') return { next: at + 1, command: 'version' };
    if (option === '--help' || option === '-h') return { next: at + 1, command: 'help' };
    // There is no pager to turn off.
    if (option === '--no-pager') continue;
    if (option === '-p' || option === '--paginate')
      throw new UsageError('  Error: gperf does not model a pager (-p, --paginate).');
    if (option === '--list-cmds' || option === COMPLETIONS) return { next: at + 1, command: option };
    if (option === '--buildid-dir') {
      const dir = argv[++at];
      if (dir === undefined) throw new UsageError('No directory given for --buildid-dir.', USAGE);
      into.buildIdDir = dir;
    } else if (option.startsWith('--buildid-dir=')) into.buildIdDir = option.slice('--buildid-dir='.length);
    else throw new UsageError(`Unknown option: ${option}`, USAGE);
  }
  return { next: at };
}

async function main(argv: readonly string[]): Promise<number> {
  const options: GlobalOptions = {};
  const { next, command } = globalOptions(argv, options);
  const name = command ?? argv[next];
  const args = argv.slice(command === undefined ? next + 1 : next);
  if (name === undefined) return write(overview(), EXIT.BARE);
  if (name === 'version') return write(`gperf version ${GPERF_VERSION}\n`);
  if (name === '--list-cmds') return write(`${COMMANDS.map((c) => c.name).join(' ')} \n`);
  if (name === 'completion' || name === COMPLETIONS) {
    await (await import('./completion.ts')).complete(argv);
    return EXIT.OK;
  }
  if (name === 'help') return write(args[0] === undefined ? overview() : await help(args[0]));
  const known = COMMANDS.find((c) => c.name === name);
  if (known === undefined) throw notACommand(name);
  // Help about a command does not need the command itself.
  if (args[0] === '--help') return write(await help(name));
  if (args[0] === '-h') throw new HelpRequest(await help(name, args.slice(1)), EXIT.USAGE);
  if (known.readsOnly !== true) {
    setFlags();
    const { modulesIn, runApart } = await import('./apart.ts');
    const modules = modulesIn(args);
    if (modules.length > 0) return runApart(name, args, modules, options.buildIdDir);
  }
  const { stdout, stderr, env } = process;
  const context: CommandContext = { terminal: { stdout, stderr, env }, ...options };
  const { runBuiltin } = await import('./builtins.ts');
  return runBuiltin(name, args, context);
}

/** Modules of Node's that every simulation loads. */
const OF_NODE = ['crypto', 'perf_hooks', 'url'] as const;

/**
 * A handler of the simulated kernel is a chain of calls that take time, and V8 would compile each of them into every caller:
 * at its default of 920, that costs a short run more than a sixth of its CPU time and gains a long one nothing.
 */
const FLAGS = '--max-inlined-bytecode-size-cumulative=300';

/**
 * Sets V8's flags before the code is loaded, as code from a cache must have been compiled with the same ones. Node's own modules come
 * from such a cache without them, so those that a simulation needs are loaded first.
 */
function setFlags(): void {
  for (const name of OF_NODE) process.getBuiltinModule(name);
  process.getBuiltinModule('v8').setFlagsFromString(FLAGS);
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // `gperf script | head`: the reader has seen enough.
    if (error.code === 'EPIPE') process.exit();
    if (stream === process.stdout) process.stderr.write(`failed to write standard output: ${strerror(error)}\n`);
    process.exit(EXIT.INPUT);
  });
}
main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => (process.exitCode = reportError(error, process, process.env)),
);
