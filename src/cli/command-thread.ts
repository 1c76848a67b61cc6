/**
 * The thread on which a command runs that runs somebody else's code (apart.ts): signals come as messages, and so goes what the
 * main thread must know to clean up.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { showOwnPulse, thrownBy } from '../experiment/patience.ts';
import { given } from '../given.ts';
import { tellTemporaries } from '../perfdata/temporary.ts';
import type { ApartTold, CommandApart } from './apart.ts';
import { loadBuiltin } from './builtins.ts';
import { InputError, reportError } from './errors.ts';
import type { Signal } from './signals.ts';

const { name, args, modules, buildIdDir, terminals, pulse } = workerData as CommandApart;
const port = parentPort!;
const tell = (told: ApartTold): void => port.postMessage(told);
const { stdout, stderr, env } = process;

showOwnPulse(pulse);
tellTemporaries((path, exists) => tell({ path, exists }));
port.on('message', (signal: Signal) => tell({ signal, heard: process.emit(signal, signal) }));
Object.assign(stdout, terminals.stdout);
Object.assign(stderr, terminals.stderr);

async function run(): Promise<number> {
  const context = { terminal: { stdout, stderr, env }, ...given({ buildIdDir }) };
  try {
    return await (await loadBuiltin(name)).run(args, context);
  } catch (error) {
    return reportError(error instanceof Error ? error : new InputError(thrownBy(modules, error)), process, env);
  }
}

const flushed = async (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((done) => stream.write('', () => done()));

async function toEnd(): Promise<void> {
  const code = await run();
  await flushed(stdout);
  await flushed(stderr);
  tell({ code });
}

void toEnd();
