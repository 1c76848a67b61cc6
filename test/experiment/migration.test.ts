/** More threads than cores: the scheduler moves them, and perf counts and samples each wherever it is. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { executable, prepareWorkload, workloadSeed } from '../../src/experiment/executable.ts';
import { runRecord, runStat } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { trueCounts } from '../../src/experiment/truth.ts';
import type { ExecutionCursor } from '../../src/arch/cpu.ts';
import { COLUMN, eventVector } from '../../src/arch/events.ts';
import { System } from '../../src/kernel/system.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { PERF_RECORD } from '../../src/uapi/perf-event.ts';
import { cycles } from '../../src/units.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

const US = 2800;
const CROWDED = [
  [4, ['ftest-threads', '10', '0.01']],
  [4, ['server', '9', '30']],
  [3, ['lockbound', '7', '60']],
] as const;
type Words = readonly [string, ...string[]];

async function prepare([name, ...args]: Words, cores: number) {
  const spec = await setUpMachine({ vpmu: 'host', seed: 'crowd', sets: ['host.fresh=on', `host.cores=${cores}`] });
  const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
  return { spec, workload, program: executable(workload, workloadSeed(spec, 0)) };
}

/** Everything that a recording with a frequency of 4 kHz has, and the ledger, as one hash. */
async function record(words: Words, cores: number, { longest = Infinity, systemWide = false } = {}): Promise<string> {
  const { spec, program } = await prepare(words, cores);
  const records: PerfRecord[] = [];
  const sink = {
    opened: () => undefined,
    write: (batch: readonly PerfRecord[]): number => {
      records.push(...batch);
      return 0;
    },
  };
  const events = parseEventList(['cycles:u', 'cpu-migrations'], 'record');
  const evlist = recordAttrs(events, { freq: 4000, target: systemWide ? 'cpu' : 'fork' });
  const options = { longest: cycles(longest) };
  const { ledger } = await runRecord(spec, { evlist, executable: program, systemWide }, sink, options);
  const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
  return createHash('sha256')
    .update(JSON.stringify([records, ledger], plain))
    .digest('hex');
}

describe('threads that move between cores', () => {
  for (const [cores, words] of CROWDED) {
    it(`${words.join(' ')} on ${cores} cores: perf stat counts all of each, and how often they have moved`, async () => {
      const { spec, workload, program } = await prepare(words, cores);
      const evlist = statAttrs(parseEventList(['instructions:u,branches:u', 'cpu-migrations'], 'stat'));
      const { run } = await runStat(spec, { evlist, executable: program });
      const [instructions, branches, migrations] = run.counts.map(({ val }) => val);
      expect([instructions, branches]).to.deep.equal(trueCounts(spec, workload, evlist.slice(0, 2)));
      expect(migrations).to.be.greaterThan(0);
    });

    it(`${words.join(' ')} on ${cores} cores: the same for any longest window`, async () => {
      const whole = await record(words, cores);
      for (const us of [3, 20, 250]) expect(await record(words, cores, { longest: us * US })).to.equal(whole);
    });

    it(`${words.join(' ')} on ${cores} cores: the same if they move as snapshots`, async () => {
      const whole = await record(words, cores);
      const isNear = Object.getOwnPropertyDescriptor(System.prototype, 'isNear')!;
      System.prototype.isNear = () => false;
      try {
        expect(await record(words, cores)).to.equal(whole);
      } finally {
        Object.defineProperty(System.prototype, 'isNear', isNear);
      }
    });
  }

  it('each thread has counted what it has executed, to the unit', async () => {
    const { spec, program } = await prepare(['ftest-threads', '20', '0.01'], 4);
    const executed: number[] = [];
    const counted = {
      ...program,
      ended: (cursor: ExecutionCursor): void => {
        executed.push(cursor.totals(eventVector())[COLUMN.instructions]!);
        program.ended?.(cursor);
      },
    };
    const reads = new Map<number, number>();
    const sink = {
      opened: () => undefined,
      write: (batch: readonly PerfRecord[]): number => {
        for (const one of batch)
          if (one.type === PERF_RECORD.READ)
            reads.set(one.tid, (reads.get(one.tid) ?? 0) + Number(one.read.values[0]!.value));
        return 0;
      },
    };
    const events = parseEventList(['instructions:u'], 'record');
    const evlist = recordAttrs(events, { freq: 1000, inherit_stat: true });
    await runRecord(spec, { evlist, executable: counted }, sink);
    expect(executed).to.have.length(21);
    // Only inherited events tell what they have counted, and the events that perf has opened are one thread's at its end.
    expect(reads.size).to.be.within(20, 21);
    expect(executed).to.include.members([...reads.values()]);
  });

  it('-a is the same for any longest window', async () => {
    const [cores, words] = CROWDED[0];
    const whole = await record(words, cores, { systemWide: true });
    for (const us of [3, 250])
      expect(await record(words, cores, { longest: us * US, systemWide: true })).to.equal(whole);
  });
});
