/** Events and buffers that follow threads over several CPUs: perf -p, -t and --per-thread. */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import type { ExecutionCursor } from '../../src/arch/cpu.ts';
import { COLUMN, eventVector } from '../../src/arch/events.ts';
import { specRequest } from '../../src/experiment/bench.ts';
import { helperThreads } from '../../src/experiment/helpers.ts';
import { runRecord, runStat } from '../../src/experiment/run.ts';
import { System } from '../../src/kernel/system.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { NoSuchProcess, type Targets } from '../../src/tool/targets.ts';
import { PERF_RECORD, type SampleRecord } from '../../src/uapi/perf-event.ts';
import { cycles } from '../../src/units.ts';
import { PLACES, guestOf, programOf } from './guest-run.ts';
import { exactness, recordThreads } from './thread-counts.ts';

const US = 2800;
const MS = 1e6;
const V2 = PLACES.find(({ vpmu }) => vpmu === 'v2')!;
const ALL: Targets = { attach: { kind: 'pid', ids: [1001] }, perThread: true, started: MS };
/** More threads than vCPUs: they move. */
const CROWD = ['ftest-threads', '7', '0.03'] as const;

interface How {
  readonly longest?: number;
  readonly threads?: number;
  readonly targets?: Targets;
}

async function record(place: (typeof PLACES)[number], { longest = Infinity, threads = 1, targets = ALL }: How = {}) {
  const spec = await guestOf(place, 4);
  const { workload, program } = await programOf(spec, CROWD);
  const evlist = recordAttrs(parseEventList(['cycles:u'], 'record'), {
    freq: 25_000,
    target: targets.attach?.kind ?? 'fork',
    per_thread: targets.perThread === true,
    sample_time: true,
  });
  // The smallest buffers, so that some records find no room.
  const job = { evlist, mmapPages: 1, ...targets };
  const command = { spec: specRequest(spec), program: workload.program, command: 'record', job } as const;
  const helpers = threads === 1 ? undefined : await helperThreads(command, spec, threads);
  const records: PerfRecord[] = [];
  const sink = {
    opened: () => undefined,
    write: (batch: readonly PerfRecord[]): number => {
      records.push(...batch);
      return 0;
    },
  };
  try {
    const options = { longest: cycles(longest * US), help: helpers?.start };
    const { lost, ledger } = await runRecord(spec, { ...job, executable: program }, sink, options);
    const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
    const hash = createHash('sha256')
      .update(JSON.stringify([records, ledger], plain))
      .digest('hex');
    return { hash, lost, samples: records.filter((one): one is SampleRecord => one.type === PERF_RECORD.SAMPLE) };
  } finally {
    await helpers?.close();
  }
}

describe('events that follow threads over several CPUs', () => {
  for (const place of PLACES.filter(({ vpmu }) => ['legacy', 'v2', 'mediated'].includes(vpmu))) {
    it(`${place.vpmu}: a buffer goes with its thread, and windows show in nothing`, async () => {
      const whole = await record(place);
      const tids = new Set(whole.samples.map(({ tid }) => tid));
      expect([...tids].toSorted((a, b) => a - b)).to.deep.equal(Array.from({ length: 8 }, (_, i) => 1001 + i));
      for (const tid of tids) {
        const own = whole.samples.filter((one) => one.tid === tid);
        // Each has one event, and a buffer of its own, which is in order whichever CPUs have written to it.
        expect(new Set(own.map(({ id }) => id)).size).to.equal(1);
        const times = own.map(({ time }) => Number(time));
        expect(times).to.deep.equal(times.toSorted((a, b) => a - b));
      }
      const moved = [...tids].filter(
        (t) => new Set(whole.samples.filter((s) => s.tid === t).map((s) => s.cpu)).size > 1,
      );
      expect(moved.length).to.be.greaterThan(0);
      for (const longest of [20, 250]) expect((await record(place, { longest })).hash).to.equal(whole.hash);
    });

    it(`${place.vpmu}: so do threads that simulate the cores, and snapshots`, async () => {
      const one = await record(place);
      expect((await record(place, { threads: 2 })).hash).to.equal(one.hash);
      expect((await record(place, { threads: 3, longest: 50 })).hash).to.equal(one.hash);
      const isNear = Object.getOwnPropertyDescriptor(System.prototype, 'isNear')!;
      System.prototype.isNear = () => false;
      try {
        expect((await record(place)).hash).to.equal(one.hash);
      } finally {
        Object.defineProperty(System.prototype, 'isNear', isNear);
      }
    });
  }

  it('records find no room where the reader is late, and are told of', async () => {
    const { lost } = await record(V2);
    expect(lost).to.be.greaterThan(0);
  });

  it('-p without --per-thread: each thread has an event on each CPU, which write into the buffers of these', async () => {
    const targets = { ...ALL, perThread: false };
    const { hash, samples } = await record(V2, { targets });
    expect(new Set(samples.map(({ tid }) => tid)).size).to.equal(8);
    expect(new Set(samples.map(({ id }) => id)).size).to.be.greaterThan(8);
    expect((await record(V2, { targets, longest: 20 })).hash).to.equal(hash);
    expect((await record(V2, { targets, threads: 2 })).hash).to.equal(hash);
  });

  it('stat: what each thread counts is what it executes from when its event is on', async () => {
    const spec = await guestOf(V2, 4);
    const { program } = await programOf(spec, CROWD);
    const executed: number[] = [];
    const counted = {
      ...program,
      ended: (cursor: ExecutionCursor): void => {
        executed.push(cursor.totals(eventVector())[COLUMN.instructions]!);
        program.ended?.(cursor);
      },
    };
    const evlist = statAttrs(parseEventList(['instructions:u,task-clock'], 'stat'), { target: 'pid' });
    const { run } = await runStat(spec, { evlist, executable: counted, ...ALL });
    const { threads = [], counts } = run;
    expect(threads.map(({ tid, comm }) => [tid, comm])).to.deep.equal(
      Array.from({ length: 8 }, (_, i) => [1001 + i, 'ftest-threads']),
    );
    const sum = threads.reduce((all, one) => all + one.counts[0]!.val, 0);
    expect(counts[0]!.val).to.equal(sum);
    // Of 7 times 30 ms on four vCPUs, those were over that the first millisecond had, and some while events were opened.
    const missed = executed.reduce((all, n) => all + n, 0) - sum;
    const perMs = executed[1]! / 30;
    expect(missed / perMs).to.be.within(4, 80);
  });

  it('what is not there cannot be watched', async () => {
    const spec = await guestOf(V2, 2);
    const { program } = await programOf(spec, CROWD);
    const evlist = statAttrs(parseEventList(['instructions:u'], 'stat'), { target: 'tid' });
    const targets: Targets = { ...ALL, attach: { kind: 'tid', ids: [1002, 2000] } };
    const failed = await runStat(spec, { evlist, executable: program, ...targets }).catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(NoSuchProcess);
    expect((failed as NoSuchProcess).id).to.equal(2000);
    expect((failed as NoSuchProcess).living[1]).to.deep.equal({ id: 1001, comm: 'ftest-threads' });
  });
});

describe('counts of each of 64 threads', () => {
  // All designs and sizes: test/long/thread-counts.test.ts.
  const words = ['ftest-threads', '64', '0.01'] as const;
  for (const place of PLACES.filter(({ vpmu }) => ['legacy', 'v2', 'mediated'].includes(vpmu)))
    it(`${place.vpmu}: are what it retires, on four vCPUs that float over two cores`, async () => {
      const spec = await guestOf(place, 4, 2, ['host.sched=floating']);
      expect(exactness(await recordThreads(spec, words))).to.deep.equal({ exact: 64, off: [] });
      const sampling = await recordThreads(spec, words, 4000);
      const { off } = exactness(sampling);
      // What an event that is throttled misses, and nothing else.
      expect([...sampling.throttled]).to.include.members([...off]);
      expect(off.length > 0).to.equal(place.vpmu === 'legacy');
    });
});
