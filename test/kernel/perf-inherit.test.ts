/** Events of threads and processes that a program makes: copies, sums, records, and contexts that change hands. */
import { expect } from 'chai';
import { COLUMN, CYCLES, eventVector } from '../../src/arch/events.ts';
import { FN } from '../../src/kernel/symbols.ts';
import { PERF_EVENT_STATE, type PerfEvent } from '../../src/kernel/perf-event.ts';
import { hasEnded, type Task } from '../../src/kernel/task.ts';
import {
  PERF_RECORD,
  type KernelRecord,
  type PerfEventAttr,
  type ReadRecord,
  type SampleRecord,
  type TaskRecord,
} from '../../src/uapi/perf-event.ts';
import { Bench, MS } from './machine.ts';
import { Threads, act, join, lock, repeat, spawn, syscall, unlock, work } from './scripts.ts';

const M = 2.8e6;
const pingpong = (rounds: number) => {
  const pass = (op: 'read' | 'write', name: string) =>
    act({ op, object: { kind: 'pipe', name, capacity: 4096 }, bytes: 1 });
  return {
    main: [spawn('echo'), ...repeat(rounds, work(1000), pass('write', 'there'), pass('read', 'back')), join],
    echo: repeat(rounds, pass('read', 'there'), work(3000), pass('write', 'back')),
  };
};
const FAMILY = {
  main: [...repeat(3, spawn('worker')), act({ op: 'fork', entry: 'process' }), work(5 * M), join, act({ op: 'wait' })],
  worker: repeat(4, lock(), work(M), unlock(), syscall('nanosleep', { ns: 1e6 }), work(2 * M)),
  process: [spawn('worker'), work(7 * M), join],
};

/** A program with events on its first thread, from before exec. */
class Watched {
  readonly bench = new Bench();
  readonly program: Threads;
  readonly first: Task;
  readonly events: readonly PerfEvent[];

  constructor(scripts: ConstructorParameters<typeof Threads>[0], events: string, attr: Partial<PerfEventAttr> = {}) {
    this.program = new Threads(scripts);
    this.first = this.bench.exec(this.program);
    this.events = this.bench.open(events, this.first, { attr: { inherit: true, ...attr } });
  }

  pass(ms: number): this {
    this.bench.pass(ms * MS);
    return this;
  }

  get values(): number[] {
    return this.events.map((event) => this.bench.sys.read(event).val);
  }

  get truth(): number[] {
    return [this.program.total(COLUMN.instructions), this.program.total(COLUMN.branches)];
  }
}

/** Records of one event on this CPU, drained at the end. */
function recorded(scripts: ConstructorParameters<typeof Threads>[0], attr: Partial<PerfEventAttr>, ms: number) {
  const wanted = { sample_period: 100_000, sample_type: 7, mmap: true, comm: true, task: true, sample_id_all: true };
  const run = new Watched(scripts, 'cycles:u', { ...wanted, ...attr });
  const rb = run.bench.sys.mmap(run.events[0]!, 1024);
  run.pass(ms);
  return { run, records: rb.drain().records };
}
const ascending = (a: number | bigint, b: number | bigint): number => Number(a) - Number(b);
/** pid, tid, ppid and ptid of FORK or EXIT records. */
const lives = (records: readonly KernelRecord[], type: TaskRecord['type']): number[][] =>
  records.filter((r): r is TaskRecord => r.type === type).map(({ pid, tid, ppid, ptid }) => [pid, tid, ppid, ptid]);

describe('kernel/perf-inherit', () => {
  it('an inherited event counts for the one it came from, while its threads live and after', () => {
    const run = new Watched(FAMILY, 'instructions:u,branches:u');
    for (let ms = 0; ms < 60; ms += 7) expect(run.pass(7).values).to.deep.equal(run.truth);
    expect(hasEnded(run.first)).to.equal(true);
    expect(run.events.map(({ child_list }) => child_list.size)).to.deep.equal([0, 0]);
    expect(run.values).to.deep.equal(run.truth);
    const { ena, run: running } = run.bench.sys.read(run.events[0]!);
    expect(running).to.equal(ena);
    expect(ena / MS).to.be.within(4 * 12 + 5 + 7, 4 * 12 + 5 + 7 + 1);
  });

  it('without attr.inherit only the first thread counts', () => {
    const run = new Watched(FAMILY, 'instructions:u', { inherit: false }).pass(100);
    const [first] = [...run.program.started.values()];
    expect(run.values).to.deep.equal([first!.totals(eventVector())[COLUMN.instructions]]);
  });

  it('groups are inherited as groups, and take turns in every thread', () => {
    const run = new Watched(FAMILY, 'task-clock');
    const attr = { inherit: true };
    const group = 'branches:u,instructions:u,branch-misses:u';
    const groups = [0, 1].map(() => run.bench.open(group, run.first, { attr, group: true }));
    run.pass(4);
    for (const [leader, ...members] of groups)
      for (const copy of leader!.child_list)
        expect(copy.sibling_list.map(({ parent }) => parent)).to.deep.equal(members);
    run.pass(100);
    for (const [branches, instructions] of groups) {
      const { val, ena, run: running } = run.bench.sys.read(branches!);
      expect(running / ena).to.be.within(0.2, 0.9);
      expect(run.bench.sys.read(instructions!)).to.deep.equal({ val: 2 * val, ena, run: running });
      expect((val * ena) / running / run.truth[1]!).to.be.within(0.85, 1.15);
    }
  });

  it('switching one on and off, and closing it, reaches every copy', () => {
    const run = new Watched({ main: [spawn('worker'), join], worker: [work(1e12)] }, 'instructions:u');
    const [event] = run.events;
    run.pass(10);
    const [copy] = [...event!.child_list];
    run.bench.sys.disable(event!);
    expect(copy!.state).to.equal(PERF_EVENT_STATE.OFF);
    const off = run.values;
    expect(run.pass(10).values).to.deep.equal(off);
    run.bench.sys.enable(event!);
    expect(run.pass(10).values[0]).to.be.greaterThan(off[0]!);
    run.bench.sys.close(event!);
    expect(copy!.state).to.equal(PERF_EVENT_STATE.DEAD);
    expect(run.bench.kernel.cpu_hw_events.n_events).to.equal(0);
  });

  it('a copy of an event with a frequency begins with the present period', () => {
    const attr = { sample_period: 4000, freq: true };
    const run = new Watched({ main: [work(50 * M), spawn('worker'), join], worker: [work(1e12)] }, 'cycles:u', attr);
    run.pass(52);
    const [event] = run.events;
    const [copy] = [...event!.child_list];
    expect(event!.hw.sample_period).to.be.within(0.9 * 7e5, 1.1 * 7e5);
    expect(copy!.hw.sample_period).to.be.within(0.8 * event!.hw.sample_period, 1.2 * event!.hw.sample_period);
  });

  describe('records', () => {
    it('tell of every thread and process: who made it, and its end', () => {
      const { records } = recorded(FAMILY, { sample_period: 0 }, 100);
      expect(lives(records, PERF_RECORD.FORK)).to.deep.equal([
        [1000, 1001, 1000, 1000],
        [1000, 1002, 1000, 1000],
        [1000, 1003, 1000, 1000],
        [1004, 1004, 1000, 1000],
        [1004, 1005, 1004, 1004],
      ]);
      const byTid = (a: readonly number[], b: readonly number[]): number => a[1]! - b[1]!;
      expect(lives(records, PERF_RECORD.EXIT).toSorted(byTid)).to.deep.equal([
        [1000, 1000, 1, 1],
        [1000, 1001, 1, 1],
        [1000, 1002, 1, 1],
        [1000, 1003, 1, 1],
        [1004, 1004, 1000, 1000],
        [1004, 1005, 1000, 1000],
      ]);
      expect(records.flatMap((r) => (r.type === PERF_RECORD.COMM ? [[r.tid, r.comm]] : []))).to.deep.equal([
        [1000, 'threads'],
      ]);
    });

    it('carry the id that was opened, the thread that runs, and one period each', () => {
      const { run, records } = recorded(FAMILY, {}, 100);
      const samples = records.filter((r): r is SampleRecord => r.type === PERF_RECORD.SAMPLE);
      expect(new Set(samples.map(({ id }) => id))).to.deep.equal(new Set([run.events[0]!.id]));
      expect(new Set(samples.map(({ pid, tid }) => `${pid}/${tid}`))).to.deep.equal(
        new Set(['1000/1000', '1000/1001', '1000/1002', '1000/1003', '1004/1004', '1004/1005']),
      );
      const cyclesOf = (path: string): number => run.program.started.get(path)!.totals(eventVector())[CYCLES]!;
      const ofTid = (tid: number): number => 100_000 * samples.filter((s) => s.tid === tid).length;
      expect(ofTid(1004) / cyclesOf('/clone=3')).to.be.within(0.97, 1.03);
      expect((100_000 * samples.length) / run.program.total(CYCLES)).to.be.within(0.99, 1.01);
    });

    it('say what each thread has counted, if asked to, although contexts changed hands', () => {
      for (const scripts of [FAMILY, pingpong(50)]) {
        const attr = { inherit_stat: true, read_format: 7, sample_period: 1e9 };
        const { run, records } = recorded(scripts, attr, 100);
        const reads = records.filter((r): r is ReadRecord => r.type === PERF_RECORD.READ);
        const cyclesOf = [...run.program.started.values()].map((cursor) => cursor.totals(eventVector())[CYCLES]!);
        // Whoever has the context that was opened when it ends says nothing: its count stays with the event.
        const counted = [...reads.map(({ read }) => read.values[0]!.value), run.events[0]!.count];
        expect(counted.toSorted(ascending)).to.deep.equal(cyclesOf.toSorted(ascending));
        expect(new Set(reads.map(({ tid }) => tid)).size).to.equal(cyclesOf.length - 1);
        for (const { read, id } of reads) {
          expect(read.time_enabled).to.equal(read.time_running);
          expect([id, read.values[0]!.id]).to.deep.equal([run.events[0]!.id, run.events[0]!.id]);
        }
      }
    });

    it('of all threads go into one buffer until its event is closed', () => {
      const { records, run } = recorded(pingpong(50), {}, 20);
      expect(lives(records, PERF_RECORD.EXIT)).to.have.length(2);
      expect(run.events[0]!.rb!.lostTotal).to.equal(0);
    });
  });

  describe('contexts', () => {
    const wrmsrs = (attr: Partial<PerfEventAttr>, events = 'instructions:u,branches:u'): number => {
      const run = new Watched(pingpong(500), events, attr);
      const { passes } = run.bench.core;
      run.pass(0.2);
      const before = passes[FN.native_write_msr]!;
      run.pass(100);
      expect(hasEnded(run.first)).to.equal(true);
      return passes[FN.native_write_msr]! - before;
    };

    it('of clones change hands without an access to the PMU', () => {
      const inherited = wrmsrs({});
      const own = wrmsrs({ inherit: false });
      expect(own).to.be.greaterThan(500 * 4);
      // What remains is the interrupts, the end of a thread, and the idle CPU.
      expect(inherited).to.be.lessThan(100);
    });

    it('do not if an event was not inherited, and the counts are right all the same', () => {
      const run = new Watched(pingpong(500), 'instructions:u,branches:u');
      run.bench.open('cycles:u', run.first);
      const { passes } = run.bench.core;
      const before = passes[FN.native_write_msr]!;
      run.pass(100);
      expect(passes[FN.native_write_msr]! - before).to.be.greaterThan(500 * 4);
      expect(run.values).to.deep.equal(run.truth);
    });

    it('no longer do once an event is opened on one of the threads', () => {
      const run = new Watched(pingpong(2000), 'instructions:u,branches:u').pass(1);
      const { passes } = run.bench.core;
      const count = (): number => {
        const before = [passes[FN.native_write_msr]!, run.bench.kernel.switches] as const;
        run.pass(1);
        return (passes[FN.native_write_msr]! - before[0]) / (run.bench.kernel.switches - before[1]);
      };
      expect(count()).to.be.lessThan(0.2);
      run.bench.open('cycles:u', run.first);
      expect(count()).to.be.greaterThan(2);
      run.pass(100);
      expect(run.values).to.deep.equal(run.truth);
    });
  });
});
