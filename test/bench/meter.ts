/**
 * The CPU time of a whole process: a script that node loads first tells it on descriptor 3 when the process ends.
 * Not measured: time waited for, and what a process does after its last line of JavaScript.
 */
import { writeFileSync } from 'node:fs';

const METER = `const { isMainThread } = require('node:worker_threads');
if (isMainThread) process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  const { maxRSS } = process.resourceUsage();
  require('node:fs').writeSync(3, JSON.stringify({ cpu: (user + system) / 1e6, peak: maxRSS / 1024 }));
});
`;

/** What a process has used: seconds of user and system time of all its threads, and megabytes of memory at the most. */
export interface Used {
  readonly cpu: number;
  readonly peak: number;
}

/** Writes the script to a file; `--require FILE` meters a process whose descriptor 3 is a pipe. */
export function writeMeter(file: string): string {
  writeFileSync(file, METER);
  return file;
}

/** What came through descriptor 3. */
export const usedOf = (text: string): Used => JSON.parse(text) as Used;
