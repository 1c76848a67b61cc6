/** perf record as a task: what it opens, what it writes in which order, and that losses are reported. */
import { expect } from 'chai';
import type { KernelConfig } from '../../src/kernel/config.ts';
import { KERNEL_TEXT } from '../../src/kernel/symbols.ts';
import { recordAttrs, recordDefaultEvents, type RecordAttrOptions } from '../../src/perf-events/evsel-config.ts';
import type { Evsel } from '../../src/perf-events/evsel.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../../src/perf-events/tool-record.ts';
import { OpenError, perfRecord, type RecordJob, type RecordOutcome } from '../../src/tool/perf-record.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { PERF_RECORD, type SampleRecord } from '../../src/uapi/perf-event.ts';
import { fault, func, loop, ops, program, syscall, type Node, type Program } from '../../src/workload/build.ts';
import { Bench, MS, executableOf } from '../kernel/machine.ts';

const code = (...body: readonly Node[]): Program =>
  program({ name: 'code', about: 'a test', functions: [func('main', body)] });
/** Some 4 ms a million rounds at a quarter of a cycle an instruction. */
const busy = (rounds: number): Node => loop(rounds, [ops(40, 'alu')]);

interface Recorded {
  readonly bench: Bench;
  readonly evlist: readonly Evsel[];
  /** One entry per write of the tool. */
  readonly batches: readonly (readonly PerfRecord[])[];
  readonly records: readonly PerfRecord[];
  readonly outcome: RecordOutcome;
}

interface Options extends RecordAttrOptions {
  readonly config?: Partial<KernelConfig>;
  readonly mmapPages?: number;
  /** Called once, after so many ns. */
  readonly after?: { readonly ns: number; readonly act: (bench: Bench, tool: ToolTask) => void };
}

/** Records a program with events given by name, or with those of a plain perf record. */
function record(what: Program, events: string | undefined, options: Options = {}): Recorded {
  const { config, mmapPages, after, ...o } = options;
  const bench = new Bench(config);
  const parsed = events === undefined ? recordDefaultEvents() : parseEventList([events], 'record');
  const job: RecordJob = {
    evlist: recordAttrs(parsed, o),
    executable: executableOf(what),
    ...(mmapPages === undefined ? {} : { mmapPages }),
  };
  let evlist: readonly Evsel[] = [];
  const batches: (readonly PerfRecord[])[] = [];
  let outcome: RecordOutcome | undefined;
  const sink = {
    opened: (opened: readonly Evsel[]) => (evlist = opened),
    write: (records: readonly PerfRecord[]) => {
      batches.push(records);
      return 40 * records.length;
    },
  };
  const tool: ToolTask = new ToolTask(bench.kernel, (t) => perfRecord(t, job, sink, (result) => (outcome = result)));
  if (after !== undefined) {
    bench.pass(after.ns);
    after.act(bench, tool);
  }
  for (let i = 0; i < 1000 && tool.status === undefined; i++) bench.pass(10 * MS);
  return { bench, evlist, batches, records: batches.flat(), outcome: outcome! };
}

const TYPES = { ...PERF_RECORD, ...PERF_RECORD_USER };
const typesOf = (records: readonly PerfRecord[]): string[] => {
  const name = new Map<number, string>(Object.entries(TYPES).map(([key, value]) => [value, key]));
  return records.map((r) => name.get(r.type)!);
};
const samplesOf = (records: readonly PerfRecord[]): SampleRecord[] =>
  records.filter((r): r is SampleRecord => r.type === PERF_RECORD.SAMPLE);
const ofType = (records: readonly PerfRecord[], type: keyof typeof TYPES): PerfRecord[] =>
  records.filter((r) => r.type === TYPES[type]);

describe('tool/perf-record', () => {
  describe('opening', () => {
    it('makes one event per CPU, event by event, and maps one buffer per CPU', () => {
      const { evlist } = record(code(busy(10)), 'cycles,branches', { config: { nrCpus: 4 } });
      const [first] = evlist[0]!.ids;
      expect(evlist.map((e) => e.ids.map((id) => Number(id) - Number(first!)))).to.deep.equal([
        [0, 1, 2, 3],
        [4, 5, 6, 7],
      ]);
    });

    it('steps down from the precision of a plain record to what there is', () => {
      const { evlist, outcome } = record(code(busy(10)), undefined);
      expect(evlist[0]!.attr.precise_ip).to.equal(0);
      expect(evlist[0]!.name).to.equal('cycles');
      expect(outcome.status).to.equal(0);
    });

    it('does not when the user asked for one', () => {
      expect(() => record(code(busy(10)), 'cycles:pp')).to.throw(
        OpenError,
        'cycles:pp: perf_event_open failed with errno 95',
      );
    });

    it('leaves the kernel out where a paranoid one refuses it', () => {
      const { evlist, records } = record(code(busy(100_000)), 'cycles', { config: { perf_event_paranoid: 2 } });
      expect([evlist[0]!.name, evlist[0]!.attr.exclude_kernel]).to.deep.equal(['cycles:u', true]);
      expect(samplesOf(records).length).to.be.greaterThan(5);
      expect(() => record(code(busy(10)), 'cycles:k', { config: { perf_event_paranoid: 2 } })).to.throw(
        OpenError,
        'errno 13',
      );
    });

    it('refuses a group that does not fit, and breaks it up if it is weak', () => {
      const five = '{branches,branch-misses,cache-misses,cache-references,r412e}';
      expect(() => record(code(busy(10)), five)).to.throw(OpenError, 'r412e: perf_event_open failed with errno 22');
      const { evlist, records } = record(code(busy(1_000_000)), `page-faults,${five}:W`);
      expect(evlist.map((e) => [e.leader, e.groupName])).to.deep.equal([0, 1, 2, 3, 4, 5].map((i) => [i, undefined]));
      const branches = samplesOf(records).filter((r) => r.id === evlist[1]!.ids[0]);
      expect(branches.length).to.be.greaterThan(3);
      const fits = record(code(busy(10)), '{cycles,branches}:W').evlist;
      expect(fits.map((e) => e.leader)).to.deep.equal([0, 0]);
    });

    it('refuses a group that lacks a member, weak or not', () => {
      for (const group of ['{task-clock,LLC-stores}', '{task-clock,LLC-stores}:W', '{LLC-stores,cycles}'])
        expect(() => record(code(busy(10)), group), group).to.throw(OpenError, 'LLC-stores');
    });

    it('refuses counts in samples of a workload with its threads, which kernels before 6.13 cannot tell apart', () => {
      const reads = 'cycles:uS';
      expect(() => record(code(busy(10)), reads)).to.throw(
        OpenError,
        'cycles:uS: perf_event_open failed with errno 22',
      );
      for (const [inherit, release] of [
        [false, '5.0.0'],
        [true, '6.13.0'],
      ] as const) {
        const options = { inherit, period: 100_003, config: { release } };
        const { records } = record(code(busy(1_000_000)), reads, options);
        const counts = samplesOf(records).map(({ read }) => Number(read!.values[0]!.value));
        expect(counts.length).to.be.greaterThan(100);
        expect(counts.at(-1)).to.be.closeTo(11_000_000, 100_003);
      }
    });

    it('refuses more samples a second than the kernel allows', () => {
      const limit = { perf_event_max_sample_rate: 1000 };
      expect(() => record(code(busy(10)), 'cycles', { config: limit, freq: 1001 })).to.throw(OpenError, 'errno 22');
      expect(() => record(code(busy(10)), 'cycles', { config: limit, freq: 1000 })).to.not.throw();
    });
  });

  describe('what it writes', () => {
    it('begins as real perf does', () => {
      const { batches } = record(code(busy(10)), 'cpu-clock', { config: { nrCpus: 2 } });
      expect(typesOf(batches[0]!)).to.deep.equal([
        'ID_INDEX',
        'MMAP',
        'EVENT_UPDATE',
        'EVENT_UPDATE',
        'THREAD_MAP',
        'CPU_MAP',
        'COMM',
        'FINISHED_INIT',
      ]);
      const [kernel] = ofType(batches[0]!, 'MMAP');
      expect(kernel).to.include({ pid: -1, addr: KERNEL_TEXT, filename: '[kernel.kallsyms]_text' });
    });

    it('does not map a kernel that no event counts', () => {
      const { batches } = record(code(busy(10)), 'cycles:u');
      expect(typesOf(batches[0]!)).to.deep.equal(['ID_INDEX', 'THREAD_MAP', 'CPU_MAP', 'COMM', 'FINISHED_INIT']);
    });

    it('then the exec, the maps, samples, and the exit after the last of them', () => {
      const { records } = record(code(busy(1_000_000)), 'cycles', { freq: 20_000 });
      const types = typesOf(records).filter((t) => t !== 'FINISHED_ROUND');
      const run = types.slice(types.indexOf('FINISHED_INIT') + 1);
      const [comm, map] = [run.indexOf('COMM'), run.indexOf('MMAP2')];
      expect(comm).to.be.lessThan(map);
      expect(run.slice(map + 1, -1).every((t) => t === 'SAMPLE')).to.equal(true);
      expect(run.at(-1)).to.equal('EXIT');
    });

    it('closes each pass that found something with FINISHED_ROUND', () => {
      const { batches } = record(code(busy(8_000_000)), 'cycles', { mmapPages: 2, freq: 50_000 });
      expect(batches.length).to.be.greaterThan(5);
      for (const batch of batches.slice(1)) {
        expect(typesOf(batch).at(-1)).to.equal('FINISHED_ROUND');
        expect(ofType(batch, 'FINISHED_ROUND')).to.have.length(1);
        expect(batch.length).to.be.greaterThan(1);
      }
    });

    it('is woken once per half buffer, and once by the end', () => {
      const { outcome, records } = record(code(busy(3_000_000)), 'cycles:u', { mmapPages: 4, freq: 20_000 });
      // Default samples of one event are 40 bytes, the side-band is a few hundred.
      const bytes = 40 * outcome.samples;
      expect(samplesOf(records)).to.have.length(outcome.samples);
      expect(outcome.waking).to.be.within(Math.floor(bytes / 8192) + 1, Math.floor((bytes + 700) / 8192) + 1);
    });

    it('says what each sample is worth: periods add up to the count', () => {
      const { records, bench } = record(code(busy(3_000_000)), 'cycles:u', { period: 100_003 });
      const samples = samplesOf(records);
      const cycles = 3_000_000 * 11;
      expect(samples.length).to.be.within(cycles / 100_003 - 40, cycles / 100_003 + 40);
      expect(bench.kernel.nmis).to.equal(samples.length);
      expect(new Set(samples.map((s) => s.period))).to.deep.equal(new Set([100_003]));
    });

    it('carries the counts of a group read as one', () => {
      const { records, evlist } = record(code(busy(1_000_000)), '{cycles:u,instructions:u}:S');
      const samples = samplesOf(records);
      expect(samples.length).to.be.greaterThan(10);
      const reads = samples.map((s) => s.read!.values);
      for (const values of reads) expect(values.map((v) => v.id)).to.deep.equal(evlist.map((e) => e.ids[0]));
      reads
        .slice(1)
        .forEach((values, i) =>
          values.forEach((v, k) => expect(Number(v.value)).to.be.greaterThan(Number(reads[i]![k]!.value))),
        );
      const [cycles, instructions] = reads.at(-1)!.map((v) => v.value);
      expect(Number(instructions!) / Number(cycles!)).to.be.within(3, 4);
    });
  });

  describe('small buffers', () => {
    it('lose samples while the tool waits for the CPU, and say how many', () => {
      const config = { perf_event_max_sample_rate: 1_000_000, perf_cpu_time_max_percent: 0 };
      const { outcome, records, bench } = record(code(busy(10_000_000)), 'cycles:u', {
        config,
        mmapPages: 1,
        period: 40_000,
      });
      const said = ofType(records, 'LOST').map((r) => ('lost' in r ? Number(r.lost) : 0));
      expect(said.length).to.be.greaterThan(0);
      expect(outcome.lost).to.equal(said.reduce((a, b) => a + b));
      // Each NMI made a sample or lost one; the last losses had no later record to report them.
      const unsaid = bench.kernel.nmis - outcome.samples - outcome.lost;
      expect(unsaid).to.be.within(0, 1000);
      expect(outcome.lost).to.be.greaterThan(200);
    });

    it('lose nothing at the default size', () => {
      const { outcome } = record(code(busy(3_000_000)), 'cycles:u', { period: 4_000 });
      expect(outcome.lost).to.equal(0);
    });
  });

  describe('throttling', () => {
    it('writes THROTTLE before the sample that was one too many, UNTHROTTLE at the tick', () => {
      const config = { perf_event_max_sample_rate: 1000, perf_cpu_time_max_percent: 0 };
      const { records, outcome } = record(code(busy(6_000_000)), 'cycles:u', { config, period: 100_000 });
      const run = records.filter((r) => ['SAMPLE', 'THROTTLE', 'UNTHROTTLE'].includes(typesOf([r])[0]!));
      const types = typesOf(run);
      const throttles = types.flatMap((t, i) => (t === 'THROTTLE' ? [i] : []));
      expect(throttles.length).to.be.greaterThan(5).and.to.equal(outcome.throttled);
      const tick = 4 * MS;
      for (const i of throttles) {
        expect(types[i + 1]).to.equal('SAMPLE');
        const [throttle, sample, next] = [run[i], run[i + 1], run[i + 2]] as SampleRecord[];
        expect(Number(sample!.time) - Number(throttle!.time)).to.be.within(0, 2000);
        if (next === undefined) continue;
        expect(types[i + 2]).to.equal('UNTHROTTLE');
        expect(Number(next.time) % tick, 'soon after a tick').to.be.lessThan(10_000);
      }
      // Four a tick: the fourth is throttled.
      const between = throttles
        .slice(1)
        .map((i, k) => types.slice(throttles[k], i).filter((t) => t === 'SAMPLE').length);
      expect(new Set(between)).to.deep.equal(new Set([4]));
    });
  });

  describe('workloads', () => {
    it('that sleep are not sampled meanwhile', () => {
      const nap = syscall('nanosleep', { ns: 50 * MS });
      const { records, outcome } = record(code(busy(1_000_000), nap, busy(1_000_000)), 'cycles:u');
      const times = samplesOf(records).map((s) => Number(s.time));
      const gaps = times.slice(1).map((t, i) => t - times[i]!);
      expect(gaps.filter((g) => g > 40 * MS)).to.have.length(1);
      expect(outcome.elapsed).to.be.within(56 * MS, 62 * MS);
    });

    it('that fault and call the kernel are sampled there, too', () => {
      const { records } = record(code(loop(20_000, [fault('write'), syscall('read'), ops(100, 'alu')])), 'cycles');
      const kernel = samplesOf(records).filter((s) => s.misc === 1);
      expect(kernel.length / samplesOf(records).length).to.be.greaterThan(0.8);
      expect(kernel.every((s) => s.ip < 0)).to.equal(true);
    });

    it('ended by a signal leave what was gathered', () => {
      const { outcome, records } = record(code(busy(1e9)), 'cycles:u', {
        after: { ns: 100 * MS, act: ({ kernel }, tool) => kernel.kill(kernel.system.descendants(tool.task)[0]!, 2) },
      });
      expect(outcome.status).to.equal(130);
      expect(outcome.samples).to.be.within(370, 410);
      expect(typesOf(records.filter((r) => r.type !== PERF_RECORD_USER.FINISHED_ROUND)).at(-1)).to.equal('EXIT');
      expect(outcome.elapsed).to.be.within(90 * MS, 100 * MS);
    });

    it('that end at once make a recording', () => {
      const { outcome, records } = record(code(ops(1, 'alu')), 'cycles:u');
      expect(outcome).to.include({ status: 0, lost: 0 });
      expect(typesOf(records).filter((t) => t === 'EXIT')).to.have.length(1);
    });
  });

  it('call chains of the kernel show each function once, innermost first', () => {
    const { records } = record(code(loop(20_000, [syscall('read'), ops(100, 'alu')])), 'cycles', { callgraph: true });
    const chains = samplesOf(records).flatMap((s) => (s.misc === 1 ? [s.callchain!] : []));
    expect(chains.length).to.be.greaterThan(20);
    for (const chain of chains) {
      expect(chain[0], 'PERF_CONTEXT_KERNEL').to.equal(-128);
      const pages = chain.slice(1, chain.indexOf(chain.find((a) => a === -512) ?? chain[0]!, 1)).map(Number);
      expect(new Set(pages).size).to.equal(pages.length);
    }
  });
});
