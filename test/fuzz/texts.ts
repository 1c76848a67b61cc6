/**
 * Damaged texts against compare's readers: node dist/test/fuzz/texts.js [N] [seed].
 *
 * Each is a printed report or folded stacks with characters, numbers, columns or lines replaced, cut out, doubled,
 * swapped or joined. It is read as an operand and compared with the whole text in this process: an error must be one
 * of those that have a sentence, shares must be shares, and neither time nor memory may run away. The same number and
 * seed make the same text.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOperand } from '../experiment/read-operand.ts';
import { PerfDataFormatError, PerfDataIoError } from '../../src/perfdata/errors.ts';
import { compareProfiles } from '../../src/profile/compare.ts';
import { type Granularity, type Profile, totalWeight } from '../../src/profile/profile.ts';
import { TextError } from '../../src/profile/text-error.ts';
import { compareLines } from '../../src/report/compare/text.ts';
import { stream } from '../../src/sim/rng.ts';
import { damagedText, runAsScript, within } from './harness.ts';

const folder = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.txt') && !name.includes('script'))
    .map((name) => readFileSync(join(dir, name), 'utf8'));

const FOLDED = `ftest;main;qux 412
ftest;main;foo;[k] do_syscall_64_[k] 31
ftest;main;operator new[](unsigned long) 7
java-1234/1;Lcom/example/Main::run;caf\u00E9 99
swapper;[unknown] 1
`;
const TEXTS = [...folder('fixtures/report'), ...folder('fixtures/compare'), FOLDED, FOLDED, FOLDED];
const BY: readonly Granularity[] = ['symbol', 'dso', 'callchain'];

const HOSTILE = [
  '0',
  '-1',
  '1e999',
  'inf%',
  '100.01%',
  '99999999999999999999.99%',
  '9'.repeat(400),
  '# Samples: ',
  '# Samples: 7K of event',
  "# Samples: 1  of event 'x'",
  '# Event count (approx.): ',
  '# Overhead',
  '# ........  .....',
  '[.] ',
  '[k]',
  ';',
  ';;',
  ' ',
  '\t',
  '\r',
  '\0',
  '\u001B[31m',
  '\u{1F600}',
  '  |  ',
  '--12.00%--',
  '('.repeat(3000),
  '['.repeat(3000),
  ' '.repeat(3000),
  '#',
  '...',
  '__proto__',
  'constructor',
];

const symbols = (): undefined => undefined;

const read = (path: string, by: Granularity): Profile[] => readOperand(path, { label: 'x', by, symbols, stacks: true });

function misread(path: string, whole: string): string | undefined {
  for (const by of BY) {
    try {
      const [first] = read(path, by);
      if (first === undefined) return `${by}: no profile and no reason`;
      const weight = totalWeight(first);
      if (!(weight > 0 && weight < Infinity)) return `${by}: a weight of ${weight}`;
      const [against] = read(whole, by);
      const lines = [...compareLines(compareProfiles([[first], [against!]]))].join('\n');
      const nonsense = /\bNaN\b|undefined|\[object/.exec(lines);
      if (nonsense) return `${by}: prints ${nonsense[0]}\n${lines}`;
    } catch (error) {
      if (error instanceof TextError || error instanceof PerfDataFormatError || error instanceof PerfDataIoError)
        continue;
      return `${by}: ${error instanceof Error ? error.stack : String(error)}`;
    }
  }
  return undefined;
}

/** Tries texts number `from` to `to` of a seed; yields what is wrong with each, or undefined. */
export function* tried(seed: string, from: number, to: number): Generator<string | undefined> {
  const dir = mkdtempSync(join(tmpdir(), 'gperf-fuzz-'));
  const [path, whole] = [join(dir, 'x.txt'), join(dir, 'whole.txt')];
  try {
    for (let n = from; n < to; n++) {
      const text = TEXTS[n % TEXTS.length]!;
      writeFileSync(path, damagedText(text, stream(seed, `text ${n}`), { hostile: HOSTILE, others: TEXTS }));
      writeFileSync(whole, text);
      const wrong = within(() => misread(path, whole));
      yield wrong === undefined ? undefined : `text ${n} of seed ${seed}: ${wrong}`;
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

await runAsScript(import.meta.url, tried, 20_000);
