/**
 * Runs a command that runs somebody else's code, a design or a workload from a module, on a thread of its own. Whatever that
 * code does, the main thread hears signals, can end it, and cleans up: code that loops, sleeps, fills the memory, throws what
 * is no error, rejects promises that nobody handles, exits, or leaves timers behind.
 *
 * A signal goes to the command, which ends as it always does. If its code does not let it, or it does not listen, it is ended.
 * Not modelled: a module that takes more memory at once than V8 can end a thread for: it ends the process.
 */
import { existsSync, unlinkSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Patience, Rest, lostBy, thrownBy } from '../experiment/patience.ts';
import { printableText } from '../report/shared/printable.ts';
import { EXIT, InputError, foreignPlace, reportError } from './errors.ts';
import { exitCodeOf, hearSignals, type Signal } from './signals.ts';
import type { Output } from './term.ts';
import { threadClock } from './thread-clock.ts';

/** ms between two looks at the thread, and until one that is to end is no longer waited for. */
const LOOK = 100;
const LONGEST_END = 2000;

/** What the thread is given. */
export interface CommandApart {
  readonly name: string;
  readonly args: readonly string[];
  /** The modules that it runs, for messages. */
  readonly modules: string;
  readonly buildIdDir: string | undefined;
  readonly terminals: Readonly<Record<'stdout' | 'stderr', Pick<Output, 'isTTY'> & { readonly columns?: number }>>;
  readonly pulse: SharedArrayBuffer;
}

/** What it tells: the exit code; whether it listened to a signal; a temporary file that exists now, or does not any more. */
export type ApartTold =
  | { readonly code: number }
  | { readonly signal: Signal; readonly heard: boolean }
  | { readonly path: string; readonly exists: boolean };

/** Words of a command line that name modules, whose code would run. A word too many costs a thread. */
export const modulesIn = (args: readonly string[]): string[] => [
  ...new Set(args.flatMap((word) => word.split(/[=,:]/)).filter((word) => word.includes('/') && isModule(word))),
];

/** A path may lack its ending. */
const isModule = (path: string): boolean =>
  /\.m?[jt]s$/.test(path) || (!existsSync(path) && ['.mjs', '.js'].some((ending) => existsSync(path + ending)));

/** How it came to its end: by itself, by a signal that it does not listen to, by an error, or for a reason. */
type Ending =
  | { readonly code: number }
  | { readonly signal: Signal }
  | { readonly error: unknown }
  | { readonly why: string };

/** Runs a command, blames the modules `found` in it for what goes wrong, and returns its exit code. */
export async function runApart(
  name: string,
  args: readonly string[],
  found: readonly string[],
  buildIdDir: string | undefined,
): Promise<number> {
  const { stdout, stderr } = process;
  const terminals = { stdout: { isTTY: stdout.isTTY }, stderr: { isTTY: stderr.isTTY, columns: stderr.columns } };
  const patience = new Patience(threadClock);
  const modules = found.join(' or ');
  const worker = started({ name, args, modules, buildIdDir, terminals, pulse: patience.pulse });
  const temporaries = new Set<string>();
  const cleanUp = (): void => temporaries.forEach(removed);
  process.once('exit', cleanUp);
  /** The first signal, and for how long nothing happens while one is not heard. */
  let signal: Signal | undefined;
  let rest: Rest | undefined;
  let look: NodeJS.Timeout | undefined;
  const deafen = hearSignals((which) => {
    signal ??= which;
    rest ??= new Rest(threadClock);
    patience.ask();
    worker.postMessage(which, []);
  });
  const ending = await new Promise<Ending>((end) => {
    worker.on('message', (told: ApartTold) => {
      if ('code' in told) end(told);
      else if ('path' in told) temporaries[told.exists ? 'add' : 'delete'](told.path);
      else if (told.heard) {
        rest = undefined;
        patience.answered();
      } else end({ signal: told.signal });
    });
    worker.on('error', (error: unknown) => end({ error: blaming(modules, error) }));
    worker.on('exit', (code) => end({ why: `${modules} ended the run: process.exit(${code})` }));
    look = setInterval(() => {
      const loss = patience.loss ?? (rest?.isLasting === true ? 'asleep' : undefined);
      if (loss !== undefined) end({ why: lostBy(modules, loss) });
    }, LOOK);
  });
  clearInterval(look);
  if ('why' in ending) stderr.write(`${printableText(ending.why)}\n`);
  const told = 'error' in ending ? reportError(ending.error, process, process.env) : EXIT.INPUT;
  if (!(await hasEnded(worker))) {
    // It is inside a system call; the process ends with it.
    cleanUp();
    deafen();
    process.kill(process.pid, signal ?? 'SIGKILL');
  }
  deafen();
  if ('code' in ending) return ending.code;
  return signal === undefined ? told : exitCodeOf(signal);
}

function started(workerData: CommandApart): Worker {
  try {
    return new Worker(new URL('./command-thread.js', import.meta.url), { workerData });
  } catch (error) {
    if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_WORKER_INIT_FAILED') throw error;
    throw new InputError(`the system refused a thread for ${workerData.modules} (${error.message})`);
  }
}

/** Ends a thread; false if that takes too long. */
async function hasEnded(worker: Worker): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), LONGEST_END)));
  const ended = await Promise.race([worker.terminate().then(() => true), late]);
  clearTimeout(timer);
  return ended;
}

function removed(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone.
  }
}

/** An error that nothing in the thread has caught: gperf's own code handles its errors. */
function blaming(modules: string, error: unknown): unknown {
  if (!(error instanceof Error)) return new InputError(thrownBy(modules, error));
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return new InputError(lostBy(modules, 'memory'));
  if (foreignPlace(error) !== undefined) return error;
  const [, reason] = /reason "(.*)"\.$/s.exec(error.message) ?? [];
  return new InputError(
    reason === undefined
      ? `${modules}: ${error.message}`
      : `${modules} rejected a promise that nothing handles, with ${reason}, which is no Error`,
  );
}
