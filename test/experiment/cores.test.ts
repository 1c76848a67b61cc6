/** A host with several cores: guests that are on different ones share its perf, and nothing else. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { executable, prepareWorkload, workloadSeed } from '../../src/experiment/executable.ts';
import { specRequest } from '../../src/experiment/bench.ts';
import { helperThreads, quickest } from '../../src/experiment/helpers.ts';
import { PoolError } from '../../src/experiment/pool.ts';
import { runRecord, type RunOptions } from '../../src/experiment/run.ts';
import { SetUpError, setUpMachine } from '../../src/experiment/setup.ts';
import { given } from '../../src/given.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { cycles } from '../../src/units.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { threadClock } from '../../src/cli/thread-clock.ts';
import { setsFor } from '../kvm/guest.ts';

const FRESH = ['guest.fresh=on', 'host.fresh=on'];
const NEIGHBOUR = ['host.cores=2', 'host.guests=1', 'host.guests_perf=on'];

interface How {
  readonly sets?: readonly string[];
  readonly longest?: number;
  readonly seconds?: number;
  readonly systemWide?: boolean;
  /** Threads of Node. */
  readonly threads?: number;
  /** What goes wrong in the other threads. */
  readonly fault?: string;
  readonly options?: RunOptions;
}

/** Records with a frequency of 4 kHz: all records as one hash, and what else is known. */
async function record(vpmu: string, how: How) {
  const { sets = [], longest = Infinity, seconds = 0.05, systemWide = false, threads = 1, options = {} } = how;
  const machine = vpmu === 'mediated' ? { machine: 'icelake-sp' } : {};
  const seed = how.fault ?? 'cores';
  const spec = await setUpMachine({ vpmu, seed, sets: [...setsFor(vpmu), ...sets], ...machine });
  const workload = prepareWorkload(await loadWorkload('sqrtloop', [String(seconds)]), spec, {});
  const evlist = recordAttrs(parseEventList(['cycles:u'], 'record'), { freq: 4000 });
  const { program } = workload;
  const request = { spec: specRequest(spec), program, command: 'record', job: { evlist, systemWide } } as const;
  const file = how.fault === undefined ? undefined : new URL('faulty-worker.js', import.meta.url);
  const helpers = await helperThreads(request, spec, threads, given({ file, clock: threadClock }));
  const job = { evlist, systemWide, executable: executable(workload, workloadSeed(spec, 0)) };
  const hash = createHash('sha256');
  const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
  const sink = {
    opened: () => undefined,
    write: (records: unknown) => {
      hash.update(JSON.stringify(records, plain));
      return 0;
    },
  };
  try {
    const outcome = await runRecord(spec, job, sink, { longest: cycles(longest), help: helpers?.start, ...options });
    return { records: hash.digest('hex'), ...outcome };
  } finally {
    await helpers?.close();
  }
}

describe('several cores', () => {
  it('are simulated on several threads if that pays', async () => {
    const threads = async (cores: number, processors: number, ...words: string[]): Promise<number> => {
      const vpmu = words[0] === 'v2' ? words.shift()! : 'host';
      const [name, ...args] = words as [string, ...string[]];
      const spec = await setUpMachine({ vpmu, sets: [`host.cores=${cores}`] });
      return quickest(spec, prepareWorkload(await loadWorkload(name, args), spec, {}), processors);
    };
    expect(await threads(4, 1, 'ftest-threads', '4', '20')).to.equal(1);
    expect(await threads(4, 2, 'ftest-threads', '4', '20')).to.equal(2);
    expect(await threads(4, 2, 'ftest-threads', '4', '5')).to.equal(1);
    expect(await threads(4, 2, 'v2', 'ftest-threads', '4', '20')).to.equal(1);
    expect(await threads(4, 8, 'ftest-threads', '4', '5')).to.equal(4);
    expect(await threads(4, 8, 'ftest-threads', '4', '1')).to.equal(1);
    expect(await threads(1, 8, 'ftest-threads', '4', '20')).to.equal(1);
    expect(await threads(4, 8, 'pingpong', '1000000000')).to.equal(1);
  });

  for (const vpmu of ['legacy', 'v2', 'reuse-lazy', 'mediated'])
    it(`${vpmu}: one without work changes nothing`, async () => {
      const sets = ['core.refill=0', 'core.cold=off'];
      expect(await record(vpmu, { sets: [...sets, 'host.cores=2'] })).to.deep.equal(await record(vpmu, { sets }));
    });

  for (const vpmu of ['host', 'legacy', 'v2', 'reuse-lazy', 'mediated']) {
    it(`${vpmu}: the windows in which they run show in nothing`, async () => {
      const sets = [...FRESH, ...NEIGHBOUR, 'host.guests=2', 'guest.background=2000'];
      const whole = await record(vpmu, { sets });
      for (const us of vpmu === 'legacy' ? [3, 20, 250] : [20])
        expect(await record(vpmu, { sets, longest: us * 2800 }), `${us} us`).to.deep.equal(whole);
    });
  }

  for (const vpmu of ['host', 'legacy', 'v2'])
    it(`${vpmu}: so do the threads that simulate them`, async () => {
      const sets = [...NEIGHBOUR, 'host.cores=3', 'host.guests=3', 'guest.background=2000'];
      const one = await record(vpmu, { sets });
      for (const threads of vpmu === 'legacy' ? [2, 3] : [2])
        expect(await record(vpmu, { sets, threads }), `${threads} threads`).to.deep.equal(one);
    });

  describe('a thread that', () => {
    const failing = async (vpmu: string, fault: string, options: RunOptions = {}): Promise<unknown> => {
      const sets = vpmu === 'host' ? ['host.cores=2'] : NEIGHBOUR;
      const how = { sets: [...FRESH, ...sets], threads: 2, fault, seconds: 20, options };
      return record(vpmu, how).catch((error: unknown) => error);
    };
    const faults = [
      ['throws', Error, 'no reason'],
      ['exits', PoolError, 'a worker thread failed: '],
      ['fills-memory', PoolError, 'ran out of memory'],
      ['leaks-memory', PoolError, 'ran out of memory'],
      ['loops', PoolError, 'does not come back'],
    ] as const;
    for (const vpmu of ['v2', 'host'])
      for (const [fault, kind, sentence] of faults)
        it(`${vpmu}: ${fault} ends the run with its reason`, async () => {
          const error = await failing(vpmu, fault);
          expect(error).to.be.instanceOf(kind);
          expect((error as Error).message).to.include(sentence);
        });

    it('never comes back can be given up, and is ended', async () => {
      const error = await failing('v2', 'sleeps', { breathe: async () => false });
      expect(error).to.be.instanceOf(PoolError);
      expect((error as Error).message).to.include('sleeps and does not come back');
    });
  });

  it('legacy guests that record at once spare each other some first and last events of the host, and queue for the others', async () => {
    const alone = await record('legacy', { seconds: 1 });
    const beside = await record('legacy', { sets: NEIGHBOUR, seconds: 1 });
    const of = ({ ledger }: typeof alone, account: string): number =>
      ledger.rows.find((row) => row.account === account)?.ns ?? 0;
    expect(alone.samples).to.be.lessThan(1500);
    expect(beside.samples / alone.samples).to.be.within(0.8, 1);
    expect(of(beside, 'host perf') / of(alone, 'host perf')).to.be.within(0.6, 0.9);
    expect(of(alone, 'pmc_reserve_mutex')).to.equal(0);
    expect(of(beside, 'pmc_reserve_mutex') / of(beside, 'host perf')).to.be.within(0.02, 0.3);
  });

  it('guests on different cores do not wait for each other', async () => {
    const [alone, same, other] = await Promise.all(
      [[], ['host.guests=1'], ['host.guests=1', 'host.cores=2']].map((sets) => record('v2', { sets, seconds: 0.2 })),
    );
    expect(other!.records).to.equal(alone!.records);
    expect(same!.simulated / alone!.simulated).to.be.within(1.7, 2.2);
  });

  it('-a on a host with guests is refused, which would see the first CPU only', async () => {
    let refused: unknown;
    await record('host', { sets: NEIGHBOUR, systemWide: true }).catch((error: unknown) => (refused = error));
    expect(refused).to.be.instanceOf(SetUpError);
  });
});
