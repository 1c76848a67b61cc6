/**
 * `npm run bench`: how fast gperf is, as ratios measured in one run, each in processes of its own.
 *
 * - simulated seconds per wall second of `gperf record` on ftest at 4 kHz and at 50 kHz, with microseconds per sample;
 * - the same at 4 kHz in a guest under each vPMU design, and by floor of src/, where a sample of v2 takes longer than
 * one on bare metal, as V8's profiler sees it;
 * - cost of a stop against the number of iterations of the program, 10^6 to 5*10^10;
 * - peak memory of the recordings;
 * - `gperf --version` against a bare start of node.
 *
 * Minima of several runs (medians for stops, whose sizes take turns), because machines are shared. No test asserts
 * any.
 */
import { spawnSync } from 'node:child_process';
import { Session } from 'node:inspector/promises';

const MAIN = new URL('../../src/cli/main.js', import.meta.url).pathname;
const SELF = new URL(import.meta.url).pathname;
const ROUNDS = 3;
const WARM_RUNS = 5;
/** Stops per turn, turns per size, and how many of them are left to V8 for compiling. */
const STOPS = 1000;
const STOP_ROUNDS = 60;
const WARM_UP_ROUNDS = 20;
const SIZES = [1e6, 1e7, 1e8, 1e9, 5e10];
const PERIOD = 550_000;

interface Measured {
  /** Seconds of a process's first recording, during which V8 compiles, and of the fastest. */
  readonly cold: number;
  readonly warm: number;
  readonly samples: number;
  readonly simulated: number;
  readonly rss: number;
}

/** ftest under perf record, again and again. */
async function recorder(freq: number, vpmu: string) {
  const { recordWorkload } = await import('../../src/experiment/record.ts');
  const { prepareWorkload } = await import('../../src/experiment/executable.ts');
  const { setUpMachine } = await import('../../src/experiment/setup.ts');
  const { openSink } = await import('../../src/perfdata/sink.ts');
  const { recordAttrs } = await import('../../src/perf-events/evsel-config.ts');
  const { parseEventList } = await import('../../src/perf-events/parse-events.ts');
  const { loadWorkload } = await import('../../src/workload/registry.ts');
  const spec = await setUpMachine({ vpmu, sets: [] });
  const workload = prepareWorkload(await loadWorkload('ftest'), spec, {});
  const evlist = recordAttrs(parseEventList(['cpu-cycles'], 'record'), { all_user: true, freq });
  const request = { spec, workload, evlist, cmdline: ['gperf'], cacheDir: undefined };
  return () => recordWorkload({ ...request, sink: openSink('/dev/null') });
}

/** One recording in this process, measured from inside. */
async function measureRecording(freq: number, vpmu: string): Promise<Measured> {
  const record = await recorder(freq, vpmu);
  const walls: number[] = [];
  let last: Awaited<ReturnType<typeof record>> | undefined;
  let rss = 0;
  for (let i = 0; i < WARM_RUNS; i++) {
    const start = performance.now();
    last = await record();
    walls.push((performance.now() - start) / 1000);
    // The first recording shows the peak memory needed; what later ones keep is the garbage collector's choice.
    if (i === 0) rss = process.resourceUsage().maxRSS / 1024;
  }
  const { samples, elapsed } = last!;
  return { cold: walls[0]!, warm: Math.min(...walls), samples, simulated: elapsed / 1e9, rss };
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

/**
 * Microseconds a stop costs in loops of SIZES iterations, at one period for all. The sizes take turns in one process, so
 * that they share V8's code and the machine's mood; starting a cursor is not a stop and is not timed.
 */
async function measureStops(): Promise<number[]> {
  const { block, branch, func, loop, op, program } = await import('../../src/workload/build.ts');
  const { compile } = await import('../workload/compiled.ts');
  const { CYCLES, TRAPS } = await import('../../src/arch/events.ts');
  const body = [
    block({ op: 'load' }, { op: 'alu' }),
    branch(0.25, [op('alu')], [], { mispredict: 0.02 }),
    branch(0.5, [op('store')], [op('alu')], { mispredict: 0.01 }),
  ];
  const images = SIZES.map((n) =>
    compile(program({ name: 'stops', about: 'cost of a stop', functions: [func('main', [loop(n, body)])] })),
  );
  const limits = new Float64Array([0, Infinity]);
  const timed = (image: (typeof images)[number], round: number): number => {
    let [done, wall] = [0, 0];
    for (let seed = 0; done < STOPS; seed++) {
      const cursor = image.start(`bench ${round} ${seed}`);
      cursor.arm([CYCLES, TRAPS]);
      const start = performance.now();
      for (; done < STOPS && !cursor.finished; done++) {
        limits[0] = cursor.counts[0]! + PERIOD;
        cursor.advance(limits);
      }
      wall += performance.now() - start;
    }
    return (wall * 1000) / done;
  };
  const rounds = repeat(STOP_ROUNDS, (round) => images.map((image) => timed(image, round))).slice(WARM_UP_ROUNDS);
  return SIZES.map((_, i) => median(rounds.map((round) => round[i]!)));
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

function child(...args: string[]): unknown {
  const { stdout, status, stderr } = spawnSync(process.execPath, ['--no-use-osr', SELF, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`bench ${args.join(' ')} failed: ${stderr}`);
  return JSON.parse(stdout);
}

function wallOf(command: readonly string[]): number {
  const start = performance.now();
  spawnSync(process.execPath, command, { stdio: 'ignore' });
  return performance.now() - start;
}

const repeat = <T>(n: number, work: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => work(i));

function main(): void {
  for (const [freq, vpmu] of [
    [4000, 'host'],
    [50_000, 'host'],
    [4000, 'v2'],
    [4000, 'legacy'],
    [4000, 'none'],
  ] as const) {
    const runs = repeat(ROUNDS, () => child('record', String(freq), vpmu) as Measured);
    const least = (of: (m: Measured) => number): number => Math.min(...runs.map(of));
    const { samples, simulated } = runs[0]!;
    const [cold, warm] = [least((m) => m.cold), least((m) => m.warm)];
    console.log(
      `record ftest --vpmu ${vpmu} -F ${freq}: ${(simulated / warm).toFixed(1)} simulated seconds per second ` +
        `(${(simulated / cold).toFixed(1)} in a fresh process), ${((warm * 1e6) / samples).toFixed(1)} us/sample ` +
        `(${samples} samples), peak memory ${least((m) => m.rss).toFixed(0)} MB`,
    );
  }
  const [bare, guest] = ['host', 'v2'].map((vpmu) => child('profile', vpmu) as Record<string, number>);
  const dearer = Object.keys({ ...bare, ...guest })
    .map((floor) => [floor, (guest![floor] ?? 0) - (bare![floor] ?? 0)] as const)
    .toSorted(([, a], [, b]) => b - a)
    .map(([floor, us]) => `${floor} ${us < 0 ? '' : '+'}${us.toFixed(1)}`);
  console.log(`a sample under v2 beside one on bare metal, us by floor: ${dearer.join(', ')}`);
  const costs = child('stops') as number[];
  SIZES.forEach((n, i) => {
    const ratio = (costs[i]! / costs[2]!).toFixed(2);
    console.log(
      `a stop in a loop of ${n.toExponential(0)} iterations: ${ratio} of one in 1e+8 (${costs[i]!.toFixed(2)} us)`,
    );
  });
  const pairs = repeat(15, () => ({ bare: wallOf(['-e', '']), version: wallOf([MAIN, '--version']) }));
  const ratio = Math.min(...pairs.map((p) => p.version)) / Math.min(...pairs.map((p) => p.bare));
  console.log(`gperf --version: ${ratio.toFixed(2)} bare node starts`);
}

const [what, argument, vpmu = 'host'] = process.argv.slice(2);
if (what === 'record') console.log(JSON.stringify(await measureRecording(Number(argument), vpmu)));
else if (what === 'profile') console.log(JSON.stringify(await profileRecording(argument!)));
else if (what === 'stops') console.log(JSON.stringify(await measureStops()));
else main();
