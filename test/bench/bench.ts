/**
 * `npm run bench [-- FILE]`: how fast gperf is, as ratios measured in one run, each line in processes of its own; FILE, by
 * default bench.json, gets all figures as JSON.
 *
 * - recordings of ftest at 4 and 50 kHz on bare metal and in guests, and counting it: CPU time of a fresh process in that of
 *   a bare start of node and beside the time on the clock, and of a recording in a process that has made several;
 * - start-ups, in bare starts of node;
 * - a window of four cores (sim/windows.ts): CPU time on each, and against a stop of the engine;
 * - four busy CPUs on two threads against one, in a first run and in threads that are kept: time on the clock, and
 *   processor time of the busiest thread, each with its interval; and fresh processes by size;
 * - the engine alone: CPU time of a stop in the first pass of a fresh process and in later ones, and against the number of
 *   iterations of the program, 10^6 to 5*10^10;
 * - by floor of src/, where a sample of v2 takes longer than one on bare metal, as V8's profiler sees it.
 *
 * Least values of several runs (medians for sizes), because machines are shared: what runs beside it makes clocks late, and
 * CPU time somewhat dearer. No test asserts any. Not measured: disks, terminals, machines with other numbers of cores.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format } from 'node:util';
import type { Shared, Stops, Warm } from './inside.ts';
import { usedOf, writeMeter, type Used } from './meter.ts';
import { ratioOf } from './ratio.ts';

interface SharedRuns {
  readonly first: Shared;
  readonly kept: Shared;
}

const ROUNDS = 3;
const START_UPS = 15;
const INSIDE = new URL('inside.js', import.meta.url).pathname;
const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: { gperf: string } };

const temporary = mkdtempSync(join(tmpdir(), 'gperf-bench-'));
const meter = writeMeter(join(temporary, 'meter.cjs'));
const small = join(temporary, 'small.data');

interface Fresh extends Used {
  readonly wall: number;
}

/** A process of node from start to end. */
function fresh(words: readonly string[]): Fresh {
  const start = performance.now();
  const { output, status, stderr } = spawnSync(process.execPath, ['--require', meter, ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: temporary },
  });
  if (status !== 0) throw new Error(`${words.join(' ')} failed: ${stderr}`);
  return { wall: (performance.now() - start) / 1000, ...usedOf(output[3]!) };
}

/** The least of each figure. */
function least<T extends object>(runs: readonly T[]): T {
  const keys = Object.keys(runs[0]!) as (keyof T)[];
  return Object.fromEntries(keys.map((key) => [key, Math.min(...runs.map((run) => run[key] as number))])) as T;
}

const repeat = <T>(n: number, work: () => T): T[] => Array.from({ length: n }, work);

/** V8 compiles as it does for gperf record (cli/main.ts). */
const FLAG = '--max-inlined-bytecode-size-cumulative=300';

function inside(...args: string[]): unknown {
  const { stdout, status, stderr } = spawnSync(process.execPath, [FLAG, INSIDE, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} failed: ${stderr}`);
  return JSON.parse(stdout);
}

const RUNS = [
  [4000, 'host'],
  [4000, 'v2'],
  [4000, 'legacy'],
  [4000, 'none'],
  [50_000, 'host'],
  [50_000, 'v2'],
  [50_000, 'legacy'],
] as const;
const EVENTS = 'branches,cpu-cycles,L1-icache-load-misses,branch-load-misses,branch-loads,dTLB-load-misses';
const STARTS: Readonly<Record<string, readonly string[]>> = {
  '--version': ['--version'],
  '-h': ['-h'],
  'report of a small file': ['report', '--stdio', '-i', small],
  'record true': ['record', '--vpmu', 'host', '-o', '/dev/null', 'true'],
  'stat true': ['stat', '--vpmu', 'host', 'true'],
};

/** How often the engine alone is stopped, and how many columns it follows: two where cycles are sampled. */
const STOPPED = [
  ['4 kHz', 2],
  ['4 kHz', 9],
  ['50 kHz', 2],
] as const;

/** Seconds of work on each of four CPUs, in fresh processes. */
const FRESH_SIZES = [5, 10, 20];
const threadsJob = (seconds: number, workers: number): string[] => [
  bin.gperf,
  ...'record --vpmu host --vcpus 4 -F 4000 -e cpu-cycles --all-user -o /dev/null --workers'.split(' '),
  ...[workers, 'ftest-threads', 4, seconds].map(String),
];

const say = (...words: unknown[]): void => console.log(format(...words));
const ratio = (a: number, b: number): string => (a / b).toFixed(2);

/** Bare starts of node take turns with each command, so that both see the same machine. */
function measureStarts() {
  const bare: Fresh[] = [];
  const starts = Object.entries(STARTS).map(([name, args]) => {
    const pairs = repeat(START_UPS, () => {
      bare.push(fresh(['-e', '']));
      return fresh([bin.gperf, ...args]);
    });
    return Object.assign({ name }, least(pairs));
  });
  return { bare: least(bare), starts };
}

function measureRuns(bare: Fresh) {
  return RUNS.map(([freq, vpmu]) => {
    const words = ['record', '--vpmu', vpmu, '-F', String(freq), '-e', 'cpu-cycles', '--all-user', '-o', '/dev/null'];
    const cold = least(repeat(ROUNDS, () => fresh([bin.gperf, ...words, './workloads/ftest'])));
    const warm = least(repeat(ROUNDS, () => inside('record', String(freq), vpmu) as Warm));
    say(
      'record ftest, %s, %d kHz: a fresh process %s bare starts (%s s CPU, %s s on the clock, %d MB), later runs %s of it,',
      vpmu.padEnd(6),
      freq / 1000,
      ratio(cold.cpu, bare.cpu),
      cold.cpu.toFixed(2),
      cold.wall.toFixed(2),
      Math.round(cold.peak),
      ratio(warm.cpu, cold.cpu),
    );
    say(
      '    %s and %s simulated seconds per CPU second, %s us a sample (%d samples)',
      ratio(warm.simulated, cold.cpu),
      ratio(warm.simulated, warm.cpu),
      ((warm.cpu * 1e6) / warm.samples).toFixed(1),
      warm.samples,
    );
    return { freq, vpmu, cold, warm };
  });
}

function main(file: string): void {
  fresh([bin.gperf, 'record', '--vpmu', 'host', '-c', '10000', '-o', small, 'true']);
  const { bare, starts } = measureStarts();
  say('node -e "": %s s CPU, %s s on the clock', bare.cpu.toFixed(3), bare.wall.toFixed(3));
  for (const { name, cpu, wall } of starts)
    say('%s: %s bare starts of CPU, %s on the clock', name, ratio(cpu, bare.cpu), ratio(wall, bare.wall));
  const runs = measureRuns(bare);
  const stat = least(
    repeat(ROUNDS, () => fresh([bin.gperf, 'stat', '--vpmu', 'host', '-e', EVENTS, './workloads/ftest'])),
  );
  say(
    'stat ftest, 6 events: a fresh process %s bare starts (%s s CPU, %s s on the clock), %s of record',
    ratio(stat.cpu, bare.cpu),
    stat.cpu.toFixed(2),
    stat.wall.toFixed(2),
    ratio(stat.cpu, runs[0]!.cold.cpu),
  );
  const engine = STOPPED.map(([frequency, columns]) => {
    const stops = least(repeat(ROUNDS, () => inside('engine', frequency, String(columns)) as Stops));
    say(
      'a stop of the engine in ftest at %s, %d columns: %s us CPU in later passes, %s times that in the first',
      frequency,
      columns,
      stops.warm.toFixed(2),
      ratio(stops.first, stops.warm),
    );
    return Object.assign({ frequency, columns }, stops);
  });
  const window = Math.min(...repeat(ROUNDS, () => inside('windows') as number));
  say(
    'a window of four cores: %s us CPU on each, %s stops of the engine at 4 kHz',
    window.toFixed(2),
    ratio(window, engine[0]!.warm),
  );
  const shared = repeat(ROUNDS, () => [1, 2].map((threads) => inside('shared', String(threads)) as SharedRuns));
  for (const which of ['first', 'kept'] as const) {
    const fasterBy = (of: keyof Shared): string => {
      const [alone, two] = [0, 1].map((side) => shared.map((round) => round[side]![which][of]));
      const [times, low, high] = ratioOf(alone!, two!).map((x) => x.toFixed(2));
      return `${times} (95 % ${low} to ${high}; ${Math.min(...two!).toFixed(2)} s)`;
    };
    say(
      'four busy CPUs on two threads, %s: %s times as fast as on one on the clock, %s by the busiest thread',
      which === 'first' ? 'a first run' : 'kept threads',
      fasterBy('wall'),
      fasterBy('busiest'),
    );
  }
  for (const seconds of FRESH_SIZES) {
    const rounds = repeat(ROUNDS, () => [1, 2].map((workers) => fresh(threadsJob(seconds, workers)).wall));
    const [one, two] = [0, 1].map((side) => rounds.map((round) => round[side]!));
    const [times, low, high] = ratioOf(one!, two!).map((x) => x.toFixed(2));
    say(
      'a fresh process with %d s of work on four CPUs: %s times as fast with two threads (95 %% %s to %s; %s s)',
      4 * seconds,
      times,
      low,
      high,
      Math.min(...two!).toFixed(2),
    );
  }
  const sizes = inside('sizes') as { iterations: number; micros: number }[];
  const middle = sizes.find(({ iterations }) => iterations === 1e8)!.micros;
  for (const { iterations, micros } of sizes)
    say(
      'a stop in a loop of %s iterations: %s of one in 1e+8 (%s us)',
      iterations.toExponential(0),
      ratio(micros, middle),
      micros.toFixed(2),
    );
  const [host, v2] = ['host', 'v2'].map((vpmu) => inside('profile', vpmu) as Record<string, number>);
  const floors = Object.keys({ ...host, ...v2 })
    .map((floor) => ({ floor, micros: (v2![floor] ?? 0) - (host![floor] ?? 0) }))
    .toSorted((a, b) => b.micros - a.micros);
  const dearer = floors.map(({ floor, micros }) => `${floor} ${micros < 0 ? '' : '+'}${micros.toFixed(1)}`);
  say('a sample under v2 beside one on bare metal, us by floor: %s', dearer.join(', '));
  const made = { node: process.version, bare, starts, runs, stat, engine, window, shared, sizes, floors };
  writeFileSync(file, `${JSON.stringify(made, null, 2)}\n`);
}

try {
  main(process.argv[2] ?? 'bench.json');
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
