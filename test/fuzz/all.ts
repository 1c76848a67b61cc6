/**
 * All fuzzers, two at a time: npm run fuzz [-- N].
 *
 * N recordings, and a share of that of everything else. Each fuzzer is a process of its own; when it ends, its last
 * line is printed, or all its lines if it found something.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** How many of a kind per million recordings; the slowest first, so that both lanes end together. */
const PER_MILLION: readonly (readonly [fuzzer: string, share: number])[] = [
  ['recordings', 1_000_000],
  ['workloads', 200_000],
  ['texts', 200_000],
  ['elves', 200_000],
  ['command-lines', 20_000],
];
const USUAL = 30_000;
const AT_A_TIME = 2;

/** Runs a fuzzer to its end; whether it found nothing. */
function ran(fuzzer: string, count: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const args = [join(import.meta.dirname, `${fuzzer}.js`), String(count)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.on('error', reject);
    child.on('close', (code) => {
      const lines = said.trimEnd().split('\n');
      const shown = code === 0 ? lines.slice(-1) : lines;
      process.stdout.write(shown.map((line) => `${fuzzer}: ${line}\n`).join(''));
      resolve(code === 0);
    });
  });
}

const total = Number(process.argv[2] ?? USUAL);
if (!(total >= 1)) throw new RangeError(`not a number of recordings: ${process.argv[2]}`);
const waiting = [...PER_MILLION];
let allWell = true;
const runner = async (): Promise<void> => {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const [fuzzer, share] = next;
    if (!(await ran(fuzzer, Math.ceil((share * total) / 1e6)))) allWell = false;
  }
};
await Promise.all(Array.from({ length: AT_A_TIME }, runner));
if (!allWell) process.exitCode = 1;
