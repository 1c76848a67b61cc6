/**
 * The built command line as a process, beside real perf, in a directory of its own and with no environment but a
 * test's.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** ms from an opened output until a simulation is well under way. */
const UNDER_WAY = 1000;

export const MAIN = resolve('dist/bundle/cli/main.js');

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code, or the signal that ended it. */
  readonly status: number | string | null;
}

export interface Place {
  /** Working directory of all commands. */
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  file(name: string): string;
  read(name: string): Buffer;
  write(name: string, content: string | Uint8Array): string;
  /** Runs gperf; words are separated by blanks unless given as a list. */
  gperf(words: string | readonly string[], options?: RunOptions): Promise<Ended>;
  /** Runs any program in the same place. */
  run(program: string, words: readonly string[], options?: RunOptions): Promise<Ended>;
  remove(): void;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Signals to send, one shortly after the other, once a file with a matching name has appeared in the directory. */
  readonly signals?: { readonly once: RegExp; readonly send: readonly NodeJS.Signals[] };
  /** Keeps the raw bytes of standard output, as latin1. */
  readonly binary?: boolean;
}

/** A new directory with a HOME in it. */
export function place(): Place {
  const path = mkdtempSync(join(tmpdir(), 'gperf-e2e-'));
  const home = join(path, 'home');
  mkdirSync(home);
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, LC_ALL: 'C', PERF_CONFIG: '/dev/null', PAGER: 'cat' };
  const file = (name: string): string => join(path, name);
  const run = async (program: string, words: readonly string[], options: RunOptions = {}): Promise<Ended> =>
    new Promise((settle, fail) => {
      const given = Object.entries({ ...env, ...options.env }).filter(([, value]) => value !== undefined);
      const child = spawn(program, words, {
        cwd: options.cwd ?? path,
        env: Object.fromEntries(given),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const encoding = options.binary === true ? 'latin1' : 'utf8';
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding(encoding).on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', fail);
      child.on('close', (code, signal) => settle({ stdout, stderr, status: code ?? signal }));
      if (options.signals === undefined) return;
      const { once, send } = options.signals;
      const look = setInterval(() => {
        if (!readdirSync(path).some((name) => once.test(name))) return;
        clearInterval(look);
        for (const [i, signal] of send.entries()) setTimeout(() => child.kill(signal), UNDER_WAY + 5 * i);
      }, 20);
      child.on('close', () => clearInterval(look));
    });
  return {
    path,
    env,
    file,
    read: (name) => readFileSync(file(name)),
    write: (name, content) => {
      writeFileSync(file(name), content);
      return file(name);
    },
    run,
    gperf: async (words, options) =>
      run(process.execPath, [MAIN, ...(typeof words === 'string' ? words.split(' ') : words)], options),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** A copy of the shipped ftest with a fraction of the iterations: the same functions and shares in less time. */
export const shortFtest = (iterations: number): string =>
  readFileSync('workloads/ftest.yaml', 'utf8').replace('- loop: 110000000', `- loop: ${iterations}`);

/** Runs jobs two at a time, as small machines have two processors; results keep their order. */
export async function pairwise<T, R>(items: readonly T[], job: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await job(items[i] as T);
  };
  await Promise.all([work(), work()]);
  return results;
}
