/** Real perf as the judge: what is installed, a scratch directory, and its commands run on our files. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

/** Runs a command; standard input is empty. */
export function run(command: string, args: readonly string[], options: { cwd?: string; input?: Buffer } = {}): Outcome {
  const { stdout, stderr, status } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C', PERF_CONFIG: '/dev/null', PAGER: 'cat' },
    ...options,
  });
  return { stdout: stdout ?? '', stderr: stderr ?? '', status };
}

/** "6.1", or undefined where perf is not installed. */
export const perfVersion = /version (\d+\.\d+)/.exec(run('perf', ['--version']).stdout)?.[1];

/** Whether this machine lets perf record a software clock. */
export const canRecord = ((): boolean => {
  if (!perfVersion) return false;
  return run('perf', ['record', '-q', '-e', 'cpu-clock:u', '-o', '/dev/null', 'true']).status === 0;
})();

/** A directory for the files of one suite, removed afterwards. */
export function scratch(): { readonly path: string; readonly file: (name: string) => string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'gperf-test-'));
  return { path, file: (name) => join(path, name), remove: () => rmSync(path, { recursive: true, force: true }) };
}
