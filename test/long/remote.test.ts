/** perf on several CPUs: events and buffers of other CPUs, through the tool's own system calls. */
import { expect } from 'chai';
import { COLUMN } from '../../src/arch/events.ts';
import { FN } from '../../src/kernel/symbols.ts';
import { OrderedEvents } from '../../src/perfdata/sorter.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../../src/perf-events/tool-record.ts';
import { perfStat, type StatOutcome } from '../../src/tool/perf-stat.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { PERF_COUNT_HW, PERF_RECORD, PERF_TYPE, type SampleRecord } from '../../src/uapi/perf-event.ts';
import { cycles } from '../../src/units.ts';
import { Threads, repeat, syscall, work } from '../kernel/scripts.ts';
import { recordAll } from '../machine/recorded.ts';
import { Smp, US } from '../machine/smp.ts';

const sleep = (ns: number) => syscall('nanosleep', { ns });
const MS = 1000 * US;
/** Instructions of a system call, the first thing that a late thread executes. */
const BEFORE_SLEEP = 200;

/** How many records would reach a reader of the file after a later one, if it sorts as perf does. */
function unordered(records: readonly PerfRecord[]): number {
  const queue = new OrderedEvents();
  for (const one of records) {
    if (one.type === PERF_RECORD_USER.FINISHED_ROUND) queue.round();
    else if ('time' in one && Number(one.time) > 0) queue.push(one.time, 0);
  }
  return queue.unordered;
}

const samples = (records: readonly PerfRecord[]): SampleRecord[] =>
  records.filter((r): r is SampleRecord => r.type === PERF_RECORD.SAMPLE);

describe('machine/remote', () => {
  it('perf record -a samples every CPU, each into a buffer of its own', () => {
    const { records, outcome } = recordAll(Infinity);
    for (const cpu of [0, 1, 2])
      expect(samples(records).filter((s) => s.cpu === cpu).length, `CPU ${cpu}`).to.be.greaterThan(20);
    expect(outcome.lost).to.equal(0);
    expect(unordered(records)).to.equal(0);
  });

  it('is the same for any longest window', () => {
    const wide = recordAll(Infinity);
    for (const longest of [3 * US, 20 * US, 250 * US])
      expect(recordAll(longest).records, `${longest / US} µs`).to.deep.equal(wide.records);
  });

  it('no record is out of order when buffers of a page overflow at 50 kHz', () => {
    const { records, outcome } = recordAll(Infinity, 50_000, 1);
    expect(outcome.waking).to.be.greaterThan(20);
    expect(unordered(records)).to.equal(0);
    expect(recordAll(20 * US, 50_000, 1).records).to.deep.equal(records);
  });

  it('asks each other CPU by an IPI, once for each event and operation, and waits for the answer', () => {
    const { smp } = recordAll(Infinity);
    const calls = smp.cpus.map(({ core }) => core.passes[FN.flush_smp_call_function_queue]!);
    // Three events, with the one for side-band records: installed, switched on and off, removed.
    expect(calls).to.deep.equal([0, 12, 12]);
    expect(smp.cpus[0]!.core.passes[FN.native_send_call_func_single_ipi]).to.equal(24);
  });

  it('perf stat -a counts on each CPU what its threads execute', () => {
    const smp = new Smp(3);
    // They begin when the counters are on, and end before they go off.
    const late = (script: ReturnType<typeof repeat>) => [sleep(8_000_000)].concat(script);
    const [one, two, three] = smp.place([
      { cpu: 1, script: late(repeat(50, work(100 * US), sleep(10_000))) },
      { cpu: 2, script: late(repeat(30, work(70 * US))) },
      { cpu: 2, script: late(repeat(20, work(90 * US), sleep(1000))) },
    ]);
    const executable = new Threads({ main: repeat(40, work(1000 * US)) });
    let outcome: StatOutcome | undefined;
    const evlist = statAttrs(parseEventList(['instructions:u', 'cpu-clock'], 'stat'), { target: 'cpu' });
    const job = { evlist, executable, systemWide: true };
    const tool = new ToolTask(smp.cpus[0]!.host, (self) => perfStat(self, job, (done) => (outcome = done)));
    smp.group.run(cycles(400 * MS), () => tool.status !== undefined);
    const { cpus, counts, elapsed } = outcome!.run;
    const [own, first, second] = cpus!.map((cpu) => cpu.counts[0]!.val);
    const since = (program: Threads | undefined): number => program!.total(COLUMN.instructions) - BEFORE_SLEEP;
    expect(first).to.equal(since(one));
    expect(second).to.equal(since(two) + since(three));
    // CPU 0 also has the tool.
    expect(own).to.be.greaterThan(executable.total(COLUMN.instructions));
    expect(counts[0]!.val).to.equal(own! + first! + second!);
    for (const cpu of cpus!) expect(cpu.counts[1]!.val / elapsed).to.be.closeTo(1, 0.01);
  });

  it("an event that follows another CPU's task counts and samples there, for whoever opened it", () => {
    const run = (longest: number): unknown[] => {
      const smp = new Smp(2, longest);
      const [program] = smp.place([
        { cpu: 1, script: [sleep(3_000_000), ...repeat(50, work(100 * US), sleep(10_000))] },
      ]);
      const [task] = smp.tasks;
      const seen: unknown[] = [];
      const attr = { type: PERF_TYPE.HARDWARE, config: PERF_COUNT_HW.INSTRUCTIONS, sample_type: 7, read_format: 3 };
      const counting = { ...attr, sample_period: 0, exclude_kernel: true, disabled: true };
      const sampling = { ...attr, sample_period: 400_000, disabled: true };
      const tool = new ToolTask(smp.cpus[0]!.host, function* ({ perf, kernel }) {
        const counter = yield* perf.perf_event_open(counting, { task, cpu: -1, group_leader: undefined });
        const sampler = yield* perf.perf_event_open(sampling, { task, cpu: 1, group_leader: undefined });
        if (typeof counter === 'number' || typeof sampler === 'number') throw new Error('refused');
        const rb = yield* perf.mmap(sampler, 64);
        for (const event of [counter, sampler]) yield* perf.enable(event);
        for (let i = 0; i < 5; i++) {
          kernel.nanosleep(2_000_000);
          yield;
          seen.push(yield* perf.read(counter), yield* perf.drain([rb]));
        }
        seen.push((yield* perf.read(counter)).val - program!.total(COLUMN.instructions) + BEFORE_SLEEP);
        for (const event of [counter, sampler]) yield* perf.close(event);
        return 0;
      });
      smp.group.run(cycles(40 * MS), () => tool.status !== undefined);
      expect(tool.status).to.equal(0);
      return seen;
    };
    const seen = run(Infinity);
    expect(seen.at(-1)).to.equal(0);
    const { records } = seen[5] as { records: SampleRecord[] };
    expect(new Set(records.map(({ cpu }) => cpu))).to.deep.equal(new Set([1]));
    expect(run(20 * US)).to.deep.equal(seen);
  });
});
