/**
 * Damaged workload and machine files: node dist/test/fuzz/workloads.js [N] [seed].
 *
 * Each is a shipped workload or a machine file with bytes, words, numbers or lines replaced, cut out, doubled or
 * swapped. It is parsed, checked and compiled in this process, and run a little if it is still a program: an error
 * must be one of those that say where the file is wrong, and neither time nor memory may run away. The same number and
 * seed make the same text.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { executable } from '../../src/experiment/executable.ts';
import { LiveLock, ProgramError, runStat } from '../../src/experiment/run.ts';
import { SetUpError, setUpMachine } from '../../src/experiment/setup.ts';
import { SPEC_KEYS, printValue, type SpecKey } from '../../src/machine/keys.ts';
import { MACHINES, machineSpec } from '../../src/machine/spec.ts';
import { stream } from '../../src/sim/rng.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { compile } from '../workload/compiled.ts';
import { WorkloadError } from '../../src/workload/fault.ts';
import { parseText } from '../../src/workload/parse.ts';
import type { Program } from '../../src/workload/program.ts';
import { damagedText, runAsScript, withinAsync } from './harness.ts';

/** Of this many programs that compile, one is run for this many breaths. */
const RUN_EVERY = 25;
const BREATHS = 3;

const INCLUDE = 'workloads/include';
const read = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(dir, name), 'utf8'));

const SMALL = `about: everything
params: { times: { default: 20, about: how often } }
misses: { hot: { l1: 0.01, l2: 0.1 } }
dsos: { libx: { path: '/usr/lib64/libx-\${libc}.so', base: 0x7ffff7a00000 } }
functions:
  main:
    fetch: { l1: 0.1, stlb: 0.01 }
    drain: 0.5
    body:
      - { load: 3, misses: hot, cycles: 0.75 }
      - loop: \${times * 2}
        mispredict: 0.5
        body:
          - { store: 1, misses: { tlb: 0.001 } }
          - branch: 0.25
            then: [alu, { call: f }]
            else: &cold [{ fault: write }]
          - branch: { every: 7 }
            then: *cold
      - { nop: 2, events: { LLC-misses: 1 }, sites: [{ p: 0.5, events: { cycles: 2.5 } }] }
      - seq: [lea, { syscall: clock_nanosleep, args: { ns: 1000 } }]
  f: { dso: libx, symbol: __f, body: [{ syscall: brk, cycles: 30 }, { jump: g }] }
  g: [{ sqrt: 1 }]
`;
const THREADS = `about: every item about threads
include: pthread
params: { n: { default: 3, about: how many } }
objects: { m: mutex, b: { barrier: '\${n}' }, s: semaphore, t: { semaphore: 2 }, q: pipe, r: { pipe: 16 } }
functions:
  main:
    - { spawn: worker, times: '\${n}' }
    - fork: other
    - { write: q, bytes: 10 }
    - join
    - wait
  worker: [{ lock: m }, alu, { unlock: m }, { wait: b }, { post: s }, { take: t }, { sleep: 1000 }, exit]
  other: [{ read: q, bytes: 10 }, { spawn: third }, { read: r }, join]
  third: [{ loop: 2, body: [{ write: r }] }]
`;
/** A library of its own for threads, and a program that uses it. */
const LIBRARY = `${readFileSync(join(INCLUDE, 'pthread.yaml'), 'utf8')}
  main: [{ spawn: worker, times: 2 }, { post: s }, join]
  worker: [{ lock: m }, { unlock: m }, { take: s }, { post: s }, { wait: b }]
objects: { m: mutex, s: semaphore, b: { barrier: 2 } }
`;
const WORKLOADS = [...read('workloads'), SMALL, SMALL, SMALL, THREADS, THREADS, LIBRARY, LIBRARY];
const MACHINE_FILES = MACHINES.map(({ name, values }) => {
  const lines = (Object.keys(SPEC_KEYS) as SpecKey[]).map((key) => `${key}: ${printValue(values[key])}\n`);
  return `machine: ${name}\nhost:\n  hz: 250\n${lines.filter((line) => !line.startsWith('host.hz')).join('')}`;
});

const HOSTILE = [
  '0',
  '-1',
  '1e999',
  '.nan',
  '.inf',
  '1.5',
  '4294967297',
  '1e15',
  '9007199254740993',
  '0x7fffffffffffffff',
  '1e-9',

  'null',
  '~',
  'true',
  "''",
  '"\\0"',
  '[]',
  '{}',
  '[[[[',
  '{{',
  '*cold',
  '&cold',
  '*x',
  '<<',
  '!!binary',
  '!t',
  '? ',
  '- ',

  '__proto__',
  'constructor',
  'toString',
  '${',
  '${times',
  '${1/0}',
  '${hz*hz*hz*hz}',
  '${((((1))))}',
  '|',
  '>-',
  '#',
  '%YAML 1.1',

  'glibc',
  '../../etc/passwd',
  '/dev/zero',
  'main',
  'f',
  'g',
  'exit_group',
  'loop',
  'branch',
  'seq',
  'call',
  'jump',
  'then',
  'pthread',
  'spawn',
  'fork',
  'lock',
  'act',
  'child',
  'start',
  'exit',
  'worker',
  'pthread_create',
  'times: 32768',
  'barrier',

  'alu: 1000000',
  'cycles: 1e25',
  '\t',
  '\r',
  '\u{1F600}',
  '\u0007',
  '   ',
  ':',
  ',',
];

const HOST = machineSpec('broadwell-ep', 'host', 'fuzz', ['host.cpus=2']);

/** Parses, compiles and, if `run`, executes. What is wrong with gperf, if anything is. */
async function tryWorkload(text: string, run: boolean): Promise<string | undefined> {
  let program: Program;
  try {
    program = await parseText('fuzz.yaml', text, { includeDir: INCLUDE });
  } catch (error) {
    if (!(error instanceof WorkloadError)) throw error;
    if (error.faults.length === 0) return 'refused without a reason';
    const nowhere = error.faults.find(({ line, column }) => !(Number(line) >= 1 && Number(column) >= 1));
    return nowhere === undefined ? undefined : `without a place: ${nowhere.message}`;
  }
  try {
    const image = compile(program);
    if (!run) return undefined;
    let breaths = 0;
    const job = {
      evlist: statAttrs(parseEventList(['cycles,instructions:u'], 'stat')),
      executable: executable({ program, image }, 'fuzz'),
    };
    await runStat(HOST, job, { breathe: () => Promise.resolve(++breaths < BREATHS) });
  } catch (error) {
    if (!(error instanceof WorkloadError || error instanceof LiveLock || error instanceof ProgramError)) throw error;
  }
  return undefined;
}

async function tryMachine(text: string, path: string): Promise<string | undefined> {
  writeFileSync(path, text);
  try {
    await setUpMachine({ machine: path, vpmu: 'host', sets: [] });
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    if (!/:\d+:\d+: ./.test(error.message) && !error.message.startsWith('--'))
      return `without a place: ${error.message}`;
  }
  return undefined;
}

/** Tries files number `from` to `to`; for each undefined, or what was wrong. */
export async function* tried(seed: string, from: number, to: number): AsyncGenerator<string | undefined> {
  const dir = mkdtempSync(join(tmpdir(), 'gperf-fuzz-'));
  try {
    for (let i = from; i < to; i++) {
      const rng = stream(seed, `file=${i}`);
      const sources = i % 5 === 4 ? MACHINE_FILES : WORKLOADS;
      const whole = sources[Math.floor(rng.uniform() * sources.length)]!;
      const text = damagedText(whole, rng, { hostile: HOSTILE, others: sources });
      const wrong = await withinAsync(async () => {
        try {
          return await (sources === WORKLOADS
            ? tryWorkload(text, i % RUN_EVERY === 0)
            : tryMachine(text, join(dir, 'machine.yaml')));
        } catch (error) {
          return error instanceof Error ? (error.stack ?? error.message) : String(error);
        }
      });
      yield wrong === undefined ? undefined : `file ${i} of seed '${seed}': ${wrong}\n${text}`;
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
}

await runAsScript(import.meta.url, tried, 20_000);
