/**
 * What `npm run bench` measures inside a process of its own: recordings one after the other, where their time goes, and
 * stops of the engine. Each prints its result as JSON.
 *
 *     node dist/test/bench/inside.js record FREQUENCY DESIGN | profile DESIGN | engine FREQUENCY COLUMNS | sizes | windows |
 *         shared THREADS
 */
import { readFileSync, readdirSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { COLUMN, CYCLES, TRAPS, type EventColumn } from '../../src/arch/events.ts';
import { specRequest } from '../../src/experiment/bench.ts';
import { executable, prepareWorkload, workloadSeed } from '../../src/experiment/executable.ts';
import { helperThreads } from '../../src/experiment/helpers.ts';
import { recordWorkload } from '../../src/experiment/record.ts';
import { runRecord } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { given } from '../../src/given.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { cycles } from '../../src/units.ts';
import { block, branch, func, loop, op, program } from '../../src/workload/build.ts';
import type { CompiledProgram } from '../../src/workload/compile.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { compile } from '../workload/compiled.ts';

const WARM_RUNS = 5;

/** Seconds of a recording when the process has made several: the least of them, on the clock and of all its threads. */
export interface Warm {
  readonly wall: number;
  readonly cpu: number;
  readonly samples: number;
  readonly simulated: number;
}

/** Microseconds of CPU a stop takes in the first pass through a program in a fresh process, and after many. */
export interface Stops {
  readonly first: number;
  readonly warm: number;
}

/** ftest under perf record, again and again. */
async function recorder(freq: number, vpmu: string) {
  const spec = await setUpMachine({ vpmu, sets: [] });
  const workload = prepareWorkload(await loadWorkload('ftest'), spec, {});
  const evlist = recordAttrs(parseEventList(['cpu-cycles'], 'record'), { all_user: true, freq });
  const request = { spec, workload, evlist, cmdline: ['gperf'], cacheDir: undefined };
  return () => recordWorkload({ ...request, sink: openSink('/dev/null') });
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function measureRecordings(freq: number, vpmu: string): Promise<Warm> {
  const record = await recorder(freq, vpmu);
  const runs: Warm[] = [];
  for (let i = 0; i < WARM_RUNS; i++) {
    const [wall, cpu] = [performance.now(), cpuSeconds()];
    const { samples, elapsed } = await record();
    runs.push({ wall: (performance.now() - wall) / 1000, cpu: cpuSeconds() - cpu, samples, simulated: elapsed / 1e9 });
  }
  const least = (of: (run: Warm) => number): number => Math.min(...runs.map(of));
  return { ...runs[0]!, wall: least((run) => run.wall), cpu: least((run) => run.cpu) };
}

/**
 * Microseconds that a sample at 4 kHz spends in each floor's own code; the rest is the garbage collector's and node's.
 */
async function profileRecording(vpmu: string): Promise<Record<string, number>> {
  const record = await recorder(4000, vpmu);
  for (let i = 1; i < WARM_RUNS; i++) await record();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  let samples = 0;
  for (let i = 0; i < WARM_RUNS; i++) samples += (await record()).samples;
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const floors = new Map(
    profile.nodes.map(({ id, callFrame: { url, functionName } }) => [
      id,
      /\/dist\/src\/(\w+)\//.exec(url)?.[1] ?? (functionName === '(garbage collector)' ? 'garbage collector' : 'node'),
    ]),
  );
  const spent: Record<string, number> = {};
  profile.samples!.forEach((id, i) => {
    const floor = floors.get(id)!;
    spent[floor] = (spent[floor] ?? 0) + profile.timeDeltas![i]! / samples;
  });
  return spent;
}

/** Microseconds of CPU a stop takes, `stops` of them `period` cycles apart, in as many executions as that needs. */
function microsPerStop(
  image: CompiledProgram,
  columns: readonly EventColumn[],
  { period, stops, seed }: { period: number; stops: number; seed: string },
): number {
  const limits = new Float64Array(columns.length).fill(Infinity);
  let [done, spent] = [0, 0];
  for (let start = 0; done < stops; start++) {
    // Starting a cursor is not a stop.
    const cursor = image.start(`${seed} ${start}`);
    cursor.arm(columns);
    const before = cpuSeconds();
    for (; done < stops && !cursor.finished; done++) {
      // As interrupts have, a jitter of a few cycles.
      limits[0] = cursor.counts[0]! + period + (done & 7);
      cursor.advance(limits);
    }
    spent += cpuSeconds() - before;
  }
  return (spent * 1e6) / stops;
}

/** Cycles between stops at 4 and 50 kHz, and as many stops as 20 simulated seconds and 2 have. */
const PERIODS = { '4 kHz': [700_000, 5000], '50 kHz': [56_000, 20_000] } as const;
const ENGINE_ROUNDS = 15;
/** What a cursor follows where perf record samples cycles, and more: as many columns as an argument says. */
const FOLLOWED: readonly EventColumn[] = [
  CYCLES,
  TRAPS,
  COLUMN.instructions,
  COLUMN.branches,
  COLUMN['branch-misses'],
  COLUMN['LLC-references'],
  COLUMN['LLC-misses'],
  COLUMN['near-calls'],
  COLUMN['uops-retired'],
];

async function measureEngine(frequency: keyof typeof PERIODS, columns: number): Promise<Stops> {
  const image = compile(await loadWorkload('ftest'));
  const [period, stops] = PERIODS[frequency];
  const round = (seed: string): number => microsPerStop(image, FOLLOWED.slice(0, columns), { period, stops, seed });
  const first = round('first');
  const warm = Array.from({ length: ENGINE_ROUNDS }, (_, i) => round(`round ${i}`));
  return { first, warm: Math.min(...warm) };
}

/** Iterations of the loops whose stops are compared; stops per turn, turns per size, and how many V8 has for compiling. */
const SIZES = [1e6, 1e7, 1e8, 1e9, 5e10];
const STOPS = 1000;
const SIZE_ROUNDS = 60;
const WARM_UP_ROUNDS = 20;

/**
 * Microseconds a stop costs in loops of SIZES iterations, at one period for all: medians, since the sizes take turns in one
 * process, so that they share V8's code and the machine's mood.
 */
function measureSizes(): { iterations: number; micros: number }[] {
  const body = [
    block({ op: 'load' }, { op: 'alu' }),
    branch(0.25, [op('alu')], [], { mispredict: 0.02 }),
    branch(0.5, [op('store')], [op('alu')], { mispredict: 0.01 }),
  ];
  const images = SIZES.map((n) =>
    compile(program({ name: 'stops', about: 'cost of a stop', functions: [func('main', [loop(n, body)])] })),
  );
  const rounds = Array.from({ length: SIZE_ROUNDS }, (_, round) =>
    images.map((image) =>
      microsPerStop(image, [CYCLES, TRAPS], { period: 550_000, stops: STOPS, seed: `bench ${round}` }),
    ),
  ).slice(WARM_UP_ROUNDS);
  return SIZES.map((iterations, i) => ({ iterations, micros: median(rounds.map((round) => round[i]!)) }));
}

/** Cores, how long each is busy, and the shorter windows. */
const WINDOWS = { cores: 4, seconds: 0.5, longest: 100e-6 } as const;

/**
 * Microseconds of CPU that a window takes on each of four cores whose threads compute and are sampled at 4 kHz: what a
 * recording in windows of 100 us takes longer than one in windows as long as they may be, by the number of windows.
 */
async function measureWindows(): Promise<number> {
  const { cores, seconds, longest } = WINDOWS;
  const spec = await setUpMachine({ vpmu: 'host', sets: [`host.cores=${cores}`, 'host.fresh=on'] });
  const words = [String(cores - 1), String(seconds)];
  const workload = prepareWorkload(await loadWorkload('ftest-threads', words), spec, {});
  const evlist = recordAttrs(parseEventList(['cpu-cycles'], 'record'), { all_user: true, freq: 4000 });
  const job = { evlist, executable: executable(workload, workloadSeed(spec, 0)) };
  const sink = { opened: () => undefined, write: () => 0 };
  const took = async (span: number): Promise<{ readonly cpu: number; readonly simulated: number }> => {
    const before = cpuSeconds();
    const { simulated } = await runRecord(spec, job, sink, {
      longest: cycles(Math.round(span * spec.values['core.clock'])),
    });
    return { cpu: cpuSeconds() - before, simulated };
  };
  const pairs: { readonly cpu: number; readonly simulated: number }[] = [];
  for (let i = 0; i < WARM_RUNS; i++) {
    const [long, short] = [await took(Infinity), await took(longest)];
    pairs.push({ cpu: short.cpu - long.cpu, simulated: short.simulated });
  }
  const windows = pairs[0]!.simulated / 1e9 / longest;
  return (median(pairs.map(({ cpu }) => cpu)) * 1e6) / windows / cores;
}

/** Busy CPUs, on one of which main waits, too, and for how many seconds each. */
const BUSY = { cpus: 4, seconds: 20 } as const;

/** Seconds on the clock of a recording of several CPUs, and of processor time of the busiest thread. */
export interface Shared {
  readonly wall: number;
  readonly busiest: number;
}

/** Seconds of processor time that each thread of this process has used; Linux tells. */
const threadSeconds = (): Map<string, number> =>
  new Map(
    readdirSync('/proc/self/task').map((tid) => {
      const [nanoseconds] = readFileSync(`/proc/self/task/${tid}/schedstat`, 'utf8').split(' ');
      return [tid, Number(nanoseconds) / 1e9];
    }),
  );

/** Recordings of busy CPUs on so many threads, one after the other on the same ones: the first, and the least of each. */
async function measureShared(threads: number): Promise<{ readonly first: Shared; readonly kept: Shared }> {
  const spec = await setUpMachine({ vpmu: 'host', sets: [`host.cores=${BUSY.cpus}`, 'host.fresh=on'] });
  const words = [String(BUSY.cpus), String(BUSY.seconds)];
  const workload = prepareWorkload(await loadWorkload('ftest-threads', words), spec, {});
  const evlist = recordAttrs(parseEventList(['cpu-cycles'], 'record'), { all_user: true, freq: 4000 });
  const job = { evlist };
  const command = { spec: specRequest(spec), program: workload.program, command: 'record', job } as const;
  const helpers = await helperThreads(command, spec, threads);
  const sink = { opened: () => undefined, write: () => 0 };
  const runs: Shared[] = [];
  for (let run = 0; run < WARM_RUNS; run++) {
    const [wall, before] = [performance.now(), threadSeconds()];
    const started = executable(workload, workloadSeed(spec, run));
    await runRecord(spec, { ...job, executable: started }, sink, given({ run, help: helpers?.start }));
    const used = [...threadSeconds()].map(([tid, seconds]) => seconds - (before.get(tid) ?? 0));
    runs.push({ wall: (performance.now() - wall) / 1000, busiest: Math.max(...used) });
  }
  await helpers?.close();
  const least = (of: keyof Shared): number => Math.min(...runs.map((run) => run[of]));
  return { first: runs[0]!, kept: { wall: least('wall'), busiest: least('busiest') } };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const [what, argument = '', second = 'host'] = process.argv.slice(2);
const MEASURES: Readonly<Record<string, () => unknown>> = {
  record: () => measureRecordings(Number(argument), second),
  profile: () => profileRecording(argument),
  engine: () => measureEngine(argument as keyof typeof PERIODS, Number(second)),
  sizes: measureSizes,
  windows: measureWindows,
  shared: () => measureShared(Number(argument)),
};
console.log(JSON.stringify(await MEASURES[what!]!()));
