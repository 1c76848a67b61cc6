/** CPUs of one boot that several threads of Node simulate: the same in every respect, whoever has which. */
import { expect } from 'chai';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { perfRecord } from '../../src/tool/perf-record.ts';
import { perfStat, type StatOutcome } from '../../src/tool/perf-stat.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { Threads, act, join, lock, repeat, spawn, syscall, unlock, work } from '../kernel/scripts.ts';
import { US } from './smp.ts';
import { shared } from './workers.ts';

const MS = 1000 * US;
const CPUS = 4;
const sleep = (ns: number) => syscall('nanosleep', { ns });
const fork = (entry: string) => act({ op: 'fork', entry });
const wait = act({ op: 'wait' });
const semaphore = (op: 'post' | 'take', name: string) => act({ op, object: { kind: 'semaphore', name, value: 0 } });
const pipe = (op: 'read' | 'write', bytes: number) =>
  act({ op, object: { kind: 'pipe', name: 'p', capacity: 4096 }, bytes });
type Scripts = ConstructorParameters<typeof Threads>[0];

/** What every CPU did, by whoever simulated it. */
const seenBy = ({ machines }: Pick<ReturnType<typeof shared>, 'machines'>, workers: number): unknown[] =>
  Array.from({ length: CPUS }, (_, cpu) => machines[cpu % workers]!.seenOf((one) => one === cpu));

function stat(scripts: Scripts, workers: number, longest = Infinity, interval = 0) {
  const evlist = statAttrs(parseEventList(['instructions:u', 'branches:u', 'task-clock'], 'stat'));
  const readings: unknown[] = [];
  const { machines, made } = shared(
    workers,
    { cpus: CPUS, longest },
    (smp) => {
      const { host } = smp.cpus[0]!;
      const executable = new Threads(scripts);
      host.system.executables.set(executable.program.path, executable);
      const run: { tool?: ToolTask; outcome?: StatOutcome } = {};
      const report = (time: number, read: unknown): void => void readings.push([time, read]);
      const job = { evlist, executable, ...(interval > 0 && { interval: { ns: interval, report } }) };
      run.tool = new ToolTask(host, (self) => perfStat(self, job, (done) => (run.outcome = done)));
      return run;
    },
    ({ tool }) => tool!.status !== undefined,
    400,
  );
  const { tool, outcome } = made[0]!;
  return { status: tool!.status, outcome: outcome?.run, readings, seen: seenBy({ machines }, workers) };
}

function record(scripts: Scripts, workers: number, longest = Infinity, systemWide = false, freq = 4000) {
  const evlist = recordAttrs(parseEventList(['cycles', 'instructions:u'], 'record'), {
    freq,
    target: systemWide ? 'cpu' : 'fork',
  });
  const records: PerfRecord[] = [];
  const { machines, made } = shared(
    workers,
    { cpus: CPUS, longest },
    (smp) => {
      const { host } = smp.cpus[0]!;
      const executable = new Threads(scripts);
      host.system.executables.set(executable.program.path, executable);
      const sink = {
        opened: () => undefined,
        write: (batch: readonly PerfRecord[]): number => {
          records.push(...batch);
          return 100 * batch.length;
        },
      };
      return new ToolTask(host, (self) =>
        perfRecord(self, { evlist, executable, systemWide, mmapPages: 2 }, sink, () => undefined),
      );
    },
    (tool) => tool.status !== undefined,
    400,
  );
  return { status: made[0]!.status, records, seen: seenBy({ machines }, workers) };
}

const worker = repeat(4, work(MS), lock(), work(20_000), unlock());
const PROGRAMS: Readonly<Record<string, Scripts>> = {
  'threads that compute': { main: [...repeat(5, spawn('worker')), work(MS), join], worker: [work(6 * MS)] },
  'threads that lock': { main: [...repeat(3, spawn('worker')), work(MS), join], worker },
  'threads that pass words on': {
    main: [
      spawn('pong'),
      spawn('reader'),
      ...repeat(40, work(3000), semaphore('post', 'a'), semaphore('take', 'b'), pipe('write', 1000)),
      join,
    ],
    pong: repeat(40, semaphore('take', 'a'), work(3000), semaphore('post', 'b')),
    reader: repeat(40, pipe('read', 1000)),
  },
  processes: {
    main: [...repeat(3, fork('child')), work(MS), wait],
    child: [spawn('leaf'), work(100_000), sleep(300_000), join],
    leaf: [work(MS), sleep(100_000), work(MS)],
  },
  'a process that ends its threads': { main: [...repeat(3, spawn('long')), work(3 * MS)], long: [work(60 * MS)] },
};

describe('CPUs on several threads', () => {
  for (const [what, scripts] of Object.entries(PROGRAMS))
    it(`${what}: perf stat`, () => {
      const one = stat(scripts, 1);
      expect(one.status).to.be.a('number');
      for (const workers of [2, 3, 4]) expect(stat(scripts, workers), `${workers}`).to.deep.equal(one);
      expect(stat(scripts, 2, 20 * US)).to.deep.equal(one);
    });

  for (const [what, scripts] of Object.entries(PROGRAMS))
    for (const systemWide of [false, true])
      it(`${what}: perf record${systemWide ? ' -a' : ''}`, () => {
        const one = record(scripts, 1, Infinity, systemWide);
        expect(one.status).to.be.a('number');
        expect(one.records.length).to.be.greaterThan(50);
        for (const workers of [2, 3])
          expect(record(scripts, workers, Infinity, systemWide), `${workers}`).to.deep.equal(one);
        expect(record(scripts, 2, 20 * US, systemWide)).to.deep.equal(one);
      });

  it('perf stat -I', () => {
    const scripts = PROGRAMS['processes']!;
    const one = stat(scripts, 1, Infinity, 500_000);
    expect(one.readings.length).to.be.greaterThan(4);
    for (const workers of [2, 3]) expect(stat(scripts, workers, Infinity, 500_000)).to.deep.equal(one);
  });
});
