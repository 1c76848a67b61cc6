/** One line about a recording, as real perf sees it. */
import { readFileSync, rmSync } from 'node:fs';
import { run } from './real-perf.ts';

/** perf's remark on every file without side-band times, real perf stat's own ones included. */
const HARMLESS = /^(\[ perf data convert: .*\]|\s*)$/;

/**
 * Runs perf's readers over a recording: "ok", or which of them complained and its first words. A complaint is a failing exit
 * status or anything on standard error. `cache` is a build-id cache directory.
 */
export function checkPerfData(path: string, cache?: string): string {
  const json = `${path}.json`;
  const debug = cache === undefined ? [] : ['--buildid-dir', cache];
  const commands: readonly (readonly string[])[] = [
    ['report', '--stdio', '-i', path],
    ['report', '--header-only', '-I', '-i', path],
    ['report', '--stats', '-i', path],
    ['script', '-i', path],
    ['script', '-D', '-i', path],
    ['evlist', '-v', '-i', path],
    ['buildid-list', '-i', path],
    ['data', 'convert', '--force', '--to-json', json, '-i', path],
  ];
  for (const command of commands) {
    const { stderr, status } = run('perf', [...debug, ...command]);
    const complaint = stderr.split('\n').find((line) => !HARMLESS.test(line));
    if (status !== 0 || complaint !== undefined) return `perf ${command.join(' ')}: ${complaint ?? `status ${status}`}`;
  }
  try {
    JSON.parse(readFileSync(json, 'utf8'));
  } catch (error) {
    return `perf data convert: ${String(error)}`;
  }
  rmSync(json);
  return 'ok';
}
