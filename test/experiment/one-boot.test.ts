/** Bare metal with several cores: threads run on all of them, and perf counts and samples every one. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { executable, prepareWorkload, workloadSeed } from '../../src/experiment/executable.ts';
import { specRequest } from '../../src/experiment/bench.ts';
import { helperThreads } from '../../src/experiment/helpers.ts';
import { runRecord, runStat } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { trueCounts } from '../../src/experiment/truth.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { PERF_RECORD } from '../../src/uapi/perf-event.ts';
import { cycles } from '../../src/units.ts';
import { fork, func, join, loop, op, program as makeProgram, spawn, wait } from '../../src/workload/build.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { link } from '../workload/compiled.ts';

const US = 2800;
const WORKLOADS = [
  ['ftest-threads', '4', '0.02'],
  ['pingpong', '200'],
  ['lockbound', '3', '300'],
  ['server', '4', '60'],
] as const;

async function prepare([name, ...args]: readonly [string, ...string[]], sets: readonly string[] = FOUR) {
  const spec = await setUpMachine({ vpmu: 'host', seed: 'threads', sets: ['host.fresh=on', ...sets] });
  const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
  return { spec, workload, executable: executable(workload, workloadSeed(spec, 0)) };
}

/** CPUs on four cores; and on two, with two hardware threads each. */
const FOUR = ['host.cores=4'];
const HYPERTHREADS = ['host.cores=4', 'host.cpus=4'];

interface How {
  readonly sets?: readonly string[];
  readonly longest?: number;
  readonly systemWide?: boolean;
  readonly events?: string;
  readonly freq?: number;
  /** -m */
  readonly pages?: number;
  /** Threads of Node. */
  readonly threads?: number;
}

/** Samples user cycles at 4 kHz, if nothing else is said: all records, and the length of the run. */
async function record(
  words: readonly [string, ...string[]],
  {
    sets = FOUR,
    longest = Infinity,
    systemWide = false,
    events = 'cycles:u',
    freq = 4000,
    pages,
    threads = 1,
  }: How = {},
) {
  const { spec, workload, executable: program } = await prepare(words, sets);
  const records: PerfRecord[] = [];
  const sink = {
    opened: () => undefined,
    write: (batch: readonly PerfRecord[]): number => {
      records.push(...batch);
      return 0;
    },
  };
  const evlist = recordAttrs(parseEventList([events], 'record'), { freq, target: systemWide ? 'cpu' : 'fork' });
  const job = { evlist, systemWide, ...(pages !== undefined && { mmapPages: pages }) };
  const request = { spec: specRequest(spec), program: workload.program, command: 'record', job } as const;
  const helpers = await helperThreads(request, spec, threads);
  const options = { longest: cycles(longest), help: helpers?.start };
  let outcome: Awaited<ReturnType<typeof runRecord>>;
  try {
    outcome = await runRecord(spec, { ...job, executable: program }, sink, options);
  } finally {
    await helpers?.close();
  }
  const { ledger, kernelLog, pmis, contextSwitches } = outcome;
  const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
  const hash = createHash('sha256').update(JSON.stringify(records, plain)).digest('hex');
  return { records, hash, ledger, kernelLog, pmis, contextSwitches };
}

const NOWHERE = { opened: () => undefined, write: () => 0 };

describe('one boot on several cores', () => {
  for (const sets of [FOUR, HYPERTHREADS])
    for (const words of WORKLOADS) {
      const of = `${words[0]}, ${sets.join(' ')}`;
      it(`${of}: perf stat counts all threads`, async () => {
        const { spec, workload, executable: program } = await prepare(words, sets);
        const evlist = statAttrs(parseEventList(['instructions:u,branches:u'], 'stat'));
        const { run } = await runStat(spec, { evlist, executable: program });
        expect(run.counts.map(({ val }) => val)).to.deep.equal(trueCounts(spec, workload, evlist));
      });

      it(`${of}: is the same for any longest window`, async () => {
        const unlimited = await record(words, { sets });
        for (const us of sets === FOUR ? [3, 20, 250] : [3, 250, 20_000]) {
          const { hash, ledger } = await record(words, { sets, longest: us * US });
          expect([hash, ledger]).to.deep.equal([unlimited.hash, unlimited.ledger]);
        }
      });
    }

  for (const [what, make, waitFor] of [
    ['threads', spawn, join],
    ['processes', fork, wait],
  ] as const)
    it(`who waits for ${what} that have all ended acts for each of them at once, and keeps its promises`, async () => {
      const rounds = loop(60, [make('child', 3), loop(150_000, [op('load')]), waitFor(), loop(10_000, [op('load')])]);
      const waits = makeProgram({
        name: 'waits',
        about: 'a test',
        include: ['glibc', 'pthread', 'process'],
        functions: [func('main', [rounds]), func('child', [op('load')])],
      });
      const spec = await setUpMachine({ vpmu: 'host', seed: 'waits', sets: ['host.fresh=on', ...FOUR] });
      const workload = prepareWorkload(await link(waits), spec, {});
      // The tool empties small buffers all the time, beside main.
      const evlist = recordAttrs(parseEventList(['cycles'], 'record'), { freq: 50_000 });
      const ran = async (longest: number): Promise<unknown> => {
        const job = { evlist, executable: executable(workload, workloadSeed(spec, 0)), mmapPages: 1 };
        const { ledger, samples } = await runRecord(spec, job, NOWHERE, { longest: cycles(longest) });
        expect(samples).to.be.greaterThan(1000);
        return ledger;
      };
      expect(await ran(250 * US)).to.deep.equal(await ran(Infinity));
    });

  it('two threads of a core take longer than two cores, for the same work', async () => {
    const events = parseEventList(['instructions:u,cycles:u'], 'stat');
    const counted = async (sets: readonly string[]): Promise<readonly number[]> => {
      const { spec, executable: program } = await prepare(['ftest-threads', '3', '0.02'], sets);
      const { run } = await runStat(spec, { evlist: statAttrs(events), executable: program });
      return run.counts.map(({ val }) => val);
    };
    const [[instructions, cyclesAlone], [sameInstructions, cyclesTogether]] = [
      await counted(FOUR),
      await counted(HYPERTHREADS),
    ];
    expect(sameInstructions).to.equal(instructions);
    // Of three threads, two share a core, and take 2 / core.smt_throughput as many cycles each; messages take a while.
    expect(cyclesTogether! / cyclesAlone!).to.be.closeTo(1 + (2 / 3) * (2 / 1.3 - 1), 0.002);
    expect(await counted([...HYPERTHREADS, 'host.threads_per_core=1'])).to.deep.equal([instructions, cyclesAlone]);
  });

  for (const words of WORKLOADS)
    for (const sets of [FOUR, HYPERTHREADS])
      it(`${words[0]}, ${sets.join(' ')}: is the same on any number of threads`, async () => {
        const one = await record(words, { sets });
        for (const threads of sets === FOUR ? [2, 3] : [2])
          expect(await record(words, { sets, threads, longest: threads === 3 ? 20 * US : Infinity })).to.deep.equal(
            one,
          );
      });

  it('-a sees every core, whatever the longest window', async () => {
    const words = ['ftest-threads', '4', '0.02'] as const;
    const { spec, workload, executable: program } = await prepare(words);
    const evlist = statAttrs(parseEventList(['instructions:u,branches:u'], 'stat'), { target: 'cpu' });
    const { run } = await runStat(spec, { evlist, executable: program, systemWide: true });
    // The perf tool executes a little, too.
    for (const [i, truth] of trueCounts(spec, workload, evlist).entries())
      expect(run.counts[i]!.val).to.be.within(truth!, truth! * 1.01);
    const unlimited = await record(words, { systemWide: true });
    const samples = unlimited.records.filter((one) => one.type === PERF_RECORD.SAMPLE);
    expect(samples.map(({ cpu }) => cpu)).to.include.members([1, 2, 3]);
    for (const us of [3, 250])
      expect((await record(words, { systemWide: true, longest: us * US })).hash).to.equal(unlimited.hash);
  });

  for (const events of ['cycles:u', 'cycles,ref-cycles:u', 'instructions:u,page-faults', 'cpu-clock'])
    it(`${events} into buffers of a page at 20 kHz: is the same for any longest window`, async () => {
      const words = ['ftest-threads', '4', '0.005'] as const;
      const how = { events, freq: 20_000, pages: 1 };
      const unlimited = await record(words, how);
      for (const us of [3, 40])
        expect((await record(words, { ...how, longest: us * US })).hash).to.equal(unlimited.hash);
    });

  it('threads run at once: they are sampled, and through earlier than on one core', async () => {
    const [four, one] = [
      await record(['ftest-threads', '4', '0.02']),
      await record(['ftest-threads', '4', '0.02'], { sets: ['host.cores=1'] }),
    ];
    const samples = four.records.filter(({ type }) => type === PERF_RECORD.SAMPLE);
    expect(samples.length).to.be.greaterThan(100);
    const last = ({ records }: typeof four): number =>
      Math.max(...records.map((each) => ('time' in each ? Number(each.time) : 0)));
    expect(last(one) - last(four)).to.be.greaterThan(20e6);
  });
});
