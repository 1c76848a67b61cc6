/**
 * Threads under every design: whoever counts, each thread executes the same, and perf counts all of it. Real perf reads
 * the recordings.
 */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { COLUMN, eventVector } from '../../src/arch/events.ts';
import { perfEnv } from '../../src/experiment/env.ts';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { ProgramError, runRecord, runStat } from '../../src/experiment/run.ts';
import { sampleRun } from '../../src/experiment/sample.ts';
import { setUpMachine, type MachineSpec } from '../../src/experiment/setup.ts';
import { specText } from '../../src/experiment/spec-text.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { trueCounts } from '../../src/experiment/truth.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { openPerfData } from '../../src/perfdata/reader.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import { Lineage } from '../../src/profile/lineage.ts';
import { parseProfileKey } from '../../src/profile/profile.ts';
import { reportStdio } from '../../src/report/report/text.ts';
import { PERF_RECORD, type ReadRecord, type TaskRecord } from '../../src/uapi/perf-event.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { Threads, act, join, lock, repeat, spawn, syscall, unlock, work } from '../kernel/scripts.ts';
import { ELSEWHERE, WITH_COUNTERS, setsFor } from '../kvm/guest.ts';
import { perfVersion, run, scratch } from '../perfdata/real-perf.ts';

const M = 2.8e6;
const pipe = (op: 'read' | 'write', name: string) =>
  act({ op, object: { kind: 'pipe', name, capacity: 4096 }, bytes: 1 });
const PROGRAMS = {
  'threads that wait for a mutex': {
    main: [...repeat(4, spawn('worker')), join],
    worker: repeat(8, lock(), work(M), unlock(), work(M)),
  },
  'two threads that pass a byte to and fro': {
    main: [spawn('echo'), ...repeat(300, work(1000), pipe('write', 'there'), pipe('read', 'back')), join],
    echo: repeat(300, pipe('read', 'there'), work(3000), pipe('write', 'back')),
  },
  'a family of threads and processes': {
    main: [...repeat(3, spawn('worker')), act({ op: 'fork', entry: 'child' }), work(5 * M), join, act({ op: 'wait' })],
    worker: repeat(4, lock(), work(M), unlock(), syscall('nanosleep', { ns: 1e6 }), work(2 * M)),
    child: [spawn('worker'), work(7 * M), join],
  },
} as const;

/** Threads of two processes, of different lengths. */
const FAMILY = `
about: a process with a thread, which forks one with two
include: [glibc, pthread]
functions:
  main: [{ spawn: one }, { fork: other }, { loop: 100000, body: [{ alu: 20 }] }, join, wait]
  one: [{ loop: 50000, body: [{ alu: 20 }] }]
  other: [{ spawn: one }, { spawn: two }, { loop: 20000, body: [{ alu: 20 }] }, join]
  two: [{ loop: 80000, body: [{ alu: 20 }] }]
`;

const PLACES = [
  ...['host', ...WITH_COUNTERS.map(({ name }) => name)].map((vpmu) => ({ vpmu, machine: 'broadwell-ep' })),
  ...ELSEWHERE.map(({ design, machine }) => ({ vpmu: design.name, machine: machine.name })),
];
const sets = ['guest.fresh=on', 'host.fresh=on'];

/** perf record of a program into a file. */
async function record(spec: MachineSpec, executable: Threads, events: string, file: string, systemWide = false) {
  const evlist = recordAttrs(parseEventList([events], 'record'), {
    freq: 4000,
    callgraph: true,
    inherit_stat: true,
    ...(systemWide && { target: 'cpu', switch_events: true }),
  });
  let writer: PerfDataWriter;
  const outcome = await runRecord(
    spec,
    { evlist, executable, systemWide },
    {
      opened: (opened) => {
        writer = new PerfDataWriter(openSink(file), opened, { env: perfEnv(spec, ['perf']), spec: specText(spec) });
      },
      write: (records) => {
        const before = writer.size;
        writer.write(records);
        return writer.size - before;
      },
    },
  );
  writer!.finish();
  return outcome;
}

/** The table of gperf report -T. */
function countsByThread(file: string): string[] {
  const session = openPerfData(file);
  try {
    const options = { quiet: true, callGraph: 'none', threads: true, sort: 'pid' };
    const lines = [...reportStdio(session, () => undefined, options)];
    return lines.slice(lines.findIndex((line) => line.startsWith('#')));
  } finally {
    session.close();
  }
}

const countOf = ({ read }: ReadRecord): number => Number(read.values[0]!.value);
const add = (a: number, b: number): number => a + b;

/** perf record -s of a program: the READ records of each thread, which must add up to what it has executed. */
async function expectTruthOfEach(
  spec: MachineSpec,
  scripts: ConstructorParameters<typeof Threads>[0],
  what: string,
): Promise<readonly (readonly ReadRecord[])[]> {
  const executable = new Threads(scripts);
  const evlist = recordAttrs(parseEventList(['instructions:u'], 'record'), { inherit_stat: true, period: 1e9 });
  const records: PerfRecord[] = [];
  const write = (batch: readonly PerfRecord[]): number => (records.push(...batch), 0);
  await runRecord(spec, { evlist, executable }, { opened: () => undefined, write });
  const lineage = new Lineage();
  const births = records.filter((one): one is TaskRecord => one.type === PERF_RECORD.FORK);
  for (const one of births.toSorted((a, b) => Number(a.time) - Number(b.time))) lineage.add(one);
  const reads = records.filter((r): r is ReadRecord => r.type === PERF_RECORD.READ);
  const byThread = new Map<number, ReadRecord[]>();
  for (const one of reads) byThread.set(one.tid, [...(byThread.get(one.tid) ?? []), one]);
  // One thread has the events that were opened when it ends, and says nothing.
  expect(byThread.size, what).to.equal(executable.started.size - 1);
  const totals = eventVector();
  for (const [tid, parts] of byThread) {
    const numbers = [...lineage.nameOf(tid).matchAll(/\d+/g)].map(([n]) => `/clone=${Number(n) - 1}`);
    const exact = executable.started.get(numbers.join(''))!.totals(totals)[COLUMN.instructions];
    expect(parts.map(countOf).reduce(add), `${what}: ${lineage.nameOf(tid)}`).to.equal(exact);
  }
  return [...byThread.values()];
}

describe('threads', () => {
  for (const { vpmu, machine } of PLACES)
    it(`${vpmu} on ${machine}: every instruction and branch of every thread is counted once`, async () => {
      const spec = await setUpMachine({ machine, vpmu, seed: 'threads', sets: [...sets, ...setsFor(vpmu)] });
      for (const [what, scripts] of Object.entries(PROGRAMS)) {
        const executable = new Threads(scripts);
        const evlist = statAttrs(parseEventList(['instructions:u,branches:u'], 'stat'));
        const { run: counted, ledger } = await runStat(spec, { evlist, executable });
        const truth = [executable.total(COLUMN.instructions), executable.total(COLUMN.branches)];
        expect(
          counted.counts.map(({ val }) => val),
          what,
        ).to.deep.equal(truth);
        expect(ledger.rows.find(({ account }) => account === 'workload')!.cycles * 2, what).to.equal(truth[0]);
      }
    });

  for (const { vpmu, machine } of PLACES)
    it(`${vpmu} on ${machine}: those of the workloads that come with gperf retire their truth`, async () => {
      const spec = await setUpMachine({ machine, vpmu, seed: 'threads', sets: [...sets, ...setsFor(vpmu)] });
      const names = ['host', 'v2'].includes(vpmu) ? ['pingpong', 'lockbound', 'server'] : ['lockbound'];
      for (const name of names) {
        const workload = prepareWorkload(await loadWorkload(name), spec, {});
        const evlist = statAttrs(parseEventList(['instructions:u,branches:u'], 'stat'));
        const { runs } = await countWorkload({ spec, workload, evlist, repeat: 1 });
        expect(
          runs[0]!.counts.map(({ val }) => val),
          name,
        ).to.deep.equal(trueCounts(spec, workload, evlist));
      }
    });

  for (const { vpmu, machine } of PLACES)
    it(`${vpmu} on ${machine}: what each thread is said to have counted is what it executed`, async () => {
      const spec = await setUpMachine({ machine, vpmu, seed: 'threads', sets: [...sets, ...setsFor(vpmu)] });
      for (const [what, scripts] of Object.entries(PROGRAMS)) await expectTruthOfEach(spec, scripts, what);
    });

  for (const vpmu of ['legacy', 'v2'])
    for (const vcpus of [2, 4])
      it(`${vpmu}: so it is on ${vcpus} vCPUs, each of which has an event of its own for each thread`, async () => {
        const spec = await setUpMachine({ vpmu, vcpus, seed: 'threads', sets: [...sets, ...setsFor(vpmu)] });
        const counting: number[] = [];
        for (const [what, scripts] of Object.entries(PROGRAMS)) {
          for (const reads of await expectTruthOfEach(spec, scripts, what)) {
            expect(new Set(reads.map(({ id }) => id)).size, what).to.equal(vcpus);
            expect(reads, what).to.have.length(vcpus);
            counting.push(reads.filter((one) => countOf(one) > 0).length);
          }
        }
        // Threads that have moved are counted in parts.
        expect(Math.max(...counting)).to.be.greaterThan(1);
      });

  it('of a program that cannot go on end the run, whatever waits outside', async () => {
    const spec = await setUpMachine({ vpmu: 'v2', seed: 'threads', sets: ['guest.background=100'] });
    const executable = new Threads({ main: [lock(), spawn('worker'), join], worker: [lock()] });
    const evlist = statAttrs(parseEventList(['cycles'], 'stat'));
    const interval = { ns: 1e7, report: (): void => undefined };
    const error = await runStat(spec, { evlist, executable, interval }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(ProgramError);
    expect((error as Error).message).to.match(
      /^deadlock: main \(tid \d+\) waits for worker \(tid \d+\) to end; worker /,
    );
  });

  it('have the same names in a recording and in the truth, and about the same shares', async () => {
    const at = scratch();
    try {
      writeFileSync(at.file('family.yaml'), FAMILY);
      for (const by of ['thread', 'process'] as const) {
        const evlist = recordAttrs(parseEventList(['instructions:u'], 'record'), { period: 30_000 });
        const spec = { machine: 'broadwell-ep', vpmu: 'v2', seed: 'threads', sets };
        const request = { spec, words: [at.file('family.yaml')], evlist, by, run: 0, truth: true };
        const { profiles, truth } = await sampleRun(request);
        const [sampled, exact] = [profiles[0]!.weights, truth[0]!.weights];
        const names = [...exact.keys()].map((key) => parseProfileKey(key).symbol).toSorted();
        const all = ['clone 1', 'clone 2', 'clone 2.1', 'clone 2.2', 'main'];
        expect(names).to.deep.equal(by === 'thread' ? all : ['clone 2', 'main']);
        for (const [key, weight] of exact)
          expect(sampled.get(key) ?? 0, parseProfileKey(key).symbol).to.be.within(weight - 60_000, weight + 60_000);
      }
    } finally {
      at.remove();
    }
  });

  if (perfVersion)
    for (const { vpmu, machine } of PLACES)
      it(`${vpmu} on ${machine}: real perf reads what they recorded without a warning`, async () => {
        const at = scratch();
        try {
          const spec = await setUpMachine({ machine, vpmu, seed: 'threads', sets: [...sets, ...setsFor(vpmu)] });
          const file = at.file('perf.data');
          const executable = new Threads(PROGRAMS['a family of threads and processes']);
          const outcome = await record(spec, executable, 'cycles', file);
          expect(outcome.samples).to.be.greaterThan(100);
          const perf = (...args: readonly string[]): string => {
            const { stdout, stderr, status } = run('perf', [...args, '-i', file]);
            expect([status, stderr.replaceAll(/^.*kernel.*\n/gm, '')], args.join(' ')).to.deep.equal([0, '']);
            return stdout;
          };
          const pid = outcome.pid;
          // perf calls it pid, and shows each thread.
          const tids = perf('report', '--stdio', '-q', '-g', 'none', '-F', 'sample,pid');
          const named = [...tids.matchAll(/^\s*(\d+)\s+(\d+):(\S+)/gm)].map(([, n, tid, comm]) => ({
            n: Number(n),
            tid: Number(tid),
            comm,
          }));
          expect(new Set(named.map(({ comm }) => comm)), tids).to.deep.equal(new Set(['threads']));
          expect(named.map(({ tid }) => tid - pid).toSorted((a, b) => a - b)).to.deep.equal([0, 1, 2, 3, 4, 5]);
          expect(named.reduce((sum, { n }) => sum + n, 0)).to.equal(outcome.samples);
          const table = perf('report', '--stdio', '-q', '-g', 'none', '-T', '--sort', 'pid').split('#')[1]!;
          expect(`#${table}`).to.equal(`${[...countsByThread(file)].join('\n')}\n`);
          const script = perf('script', '--show-task-events', '-F', 'comm,pid,tid,time,event');
          const lives = [...script.matchAll(/PERF_RECORD_(FORK|EXIT)\((\d+):(\d+)\):\((\d+):(\d+)\)/g)];
          expect(
            lives.filter(([, what]) => what === 'FORK').map((l) => l.slice(2).map((n) => Number(n) - pid)),
          ).to.deep.equal([
            [0, 1, 0, 0],
            [0, 2, 0, 0],
            [0, 3, 0, 0],
            [4, 4, 0, 0],
            [4, 5, 4, 4],
          ]);
          expect(lives.filter(([, what]) => what === 'EXIT')).to.have.length(6);
        } finally {
          at.remove();
        }
      });

  if (perfVersion)
    for (const vpmu of ['host', 'v2'])
      it(`${vpmu}: real perf reads what a CPU recorded of them: every birth, switch and end`, async () => {
        const at = scratch();
        try {
          const spec = await setUpMachine({ vpmu, seed: 'threads', sets: [...sets, ...setsFor(vpmu), 'host.cpus=2'] });
          const file = at.file('perf.data');
          const { pid } = await record(
            spec,
            new Threads(PROGRAMS['a family of threads and processes']),
            'cycles',
            file,
            true,
          );
          const args = [
            'script',
            '-i',
            file,
            '--show-task-events',
            '--show-switch-events',
            '-F',
            'comm,pid,tid,time,event',
          ];
          const { stdout, stderr, status } = run('perf', args);
          expect([status, stderr.replaceAll(/^.*kernel.*\n/gm, '')]).to.deep.equal([0, '']);
          const count = (what: RegExp): number => [...stdout.matchAll(what)].length;
          expect(count(new RegExp(`PERF_RECORD_FORK\\(${pid}:\\d+\\):\\(${pid}:${pid}\\)`, 'g'))).to.equal(3);
          expect(count(/PERF_RECORD_EXIT/g)).to.equal(6);
          const [ins, outs] = [count(/SWITCH_CPU_WIDE IN/g), count(/SWITCH_CPU_WIDE OUT/g)];
          expect(outs).to.be.greaterThan(20);
          expect(Math.abs(ins - outs)).to.be.at.most(1);
        } finally {
          at.remove();
        }
      });
});
