/**
 * Recordings from our writer, judged by real perf: all of perf's readers accept them without a word on standard error,
 * and find the events, symbols, callchains and machine that were put in.
 */
import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { storeInCache, KERNEL_KALLSYMS } from '../../src/perfdata/buildid-cache.ts';
import { PerfDataFormatError } from '../../src/perfdata/errors.ts';
import { openPerfData } from '../../src/perfdata/reader.ts';
import { MemorySink, openSink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter, type WriterOptions } from '../../src/perfdata/writer.ts';
import { nanos } from '../../src/units.ts';
import type { Evsel } from '../../src/perf-events/evsel.ts';
import { PERF_COUNT_HW, PERF_COUNT_SW, PERF_RECORD, PERF_RECORD_MISC, PERF_TYPE } from '../../src/uapi/perf-event.ts';
import { checkPerfData } from './check-perf-data.ts';
import { perfVersion, run, scratch } from './real-perf.ts';
import {
  at,
  BUILD_IDS,
  callchain,
  ENV,
  epilogue,
  event,
  execComm,
  FTEST,
  FTEST_ELF,
  ftestMmap,
  KALLSYMS,
  KERNEL_BUILD_ID,
  kernelMmap,
  ms,
  PID,
  prologue,
  S,
  samples,
  statEvent,
} from './recordings.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../../src/perf-events/tool-record.ts';

const OPTIONS: WriterOptions = { env: ENV, buildIds: BUILD_IDS, spec: 'machine: broadwell-ep\n' };
const N = 100;

/** Rows of perf report, blanks collapsed. */
const rows = (text: string): string[] =>
  text.split('\n').flatMap((line) => (/^\s+\d.*%/.test(line) ? [line.trim().replaceAll(/\s+/g, ' ')] : []));

describe('writer, judged by real perf', function () {
  const dir = scratch();
  const cache = dir.file('debug');

  function record(name: string, evlist: readonly Evsel[], records: readonly PerfRecord[], options = OPTIONS): string {
    const path = dir.file(name);
    const writer = new PerfDataWriter(openSink(path), evlist, options);
    writer.write(records);
    writer.finish();
    return path;
  }
  const perf = (...args: string[]): string => {
    const { stdout, stderr } = run('perf', ['--buildid-dir', cache, ...args]);
    expect(stderr).to.equal('');
    return stdout;
  };
  before(function () {
    if (!perfVersion) this.skip();
    const elf = storeInCache(cache, { path: FTEST.path, buildId: FTEST_ELF.buildId, content: FTEST_ELF.bytes });
    const kernel = { path: KERNEL_KALLSYMS, buildId: KERNEL_BUILD_ID, content: Buffer.from(KALLSYMS) };
    expect(elf.ok && storeInCache(cache, kernel).ok).to.equal(true);
  });
  after(() => dir.remove());

  const PLAIN = S.IP | S.TID | S.TIME | S.PERIOD;

  it('one event', () => {
    const path = record('one', [event('cpu-cycles', 0, PLAIN)], [...prologue(), ...samples(N), ...epilogue()]);
    expect(checkPerfData(path, cache)).to.equal('ok');
    expect(rows(perf('report', '--stdio', '-i', path))).to.deep.equal([
      '40.00% ftest ftest [.] qux',
      '20.00% ftest ftest [.] bar',
      '20.00% ftest ftest [.] foo',
      '10.00% ftest [kernel.kallsyms] [k] native_write_msr',
      '10.00% ftest ftest [.] main',
    ]);
    const script = perf('script', '--ns', '-i', path).split('\n');
    expect(script).to.have.length(N + 1);
    expect(script[0]?.trim().replaceAll(/\s+/g, ' ')).to.equal(
      `ftest ${PID} 1.000001000: 550000 cpu-cycles: ${at('qux').toString(16)} qux+0x4 (/opt/guest/ftest)`,
    );
    const annotate = perf('annotate', '--stdio', '-i', path, 'qux');
    expect(annotate).to.match(/Percent.*Disassembly of ftest for cpu-cycles \(40 samples/);
    expect(annotate).to.match(/\d+\.\d+ :\s+1084:\s+add\s+\$0x1,%rax/);
  });

  it('the header block', () => {
    const path = record('header', [event('cycles:u', 0, PLAIN)], [...prologue(), ...samples(N), ...epilogue()]);
    const header = perf('report', '--header-only', '-I', '-i', path);
    for (const line of [
      '# hostname : guest',
      '# os release : 5.0.0',
      '# perf version : 6.1',
      '# arch : x86_64',
      '# nrcpus online : 2',
      '# nrcpus avail : 2',
      '# cpudesc : Intel(R) Xeon(R) CPU E5-2699 v4 @ 2.20GHz',
      '# cpuid : GenuineIntel,6,79,1',
      '# total memory : 4039500 kB',
      '# cmdline : /usr/bin/gperf record --seed a "b" ./ftest ',
      '# sibling sockets : 0-1',
      '# CPU 1: Core ID 1, Die ID 0, Socket ID 0',
      '# pmu mappings: cpu = 4, software = 1',
      '# time of first sample : 1.000001',
      '# time of last sample : 1.024751',
    ])
      expect(header).to.include(`${line}\n`);
    expect(header).to.match(
      /# event : name = cycles:u, , id = \{ 100 \}, size = 128, \{ sample_period, sample_freq \} = 4000/,
    );
    expect(header).to.match(/missing features: TRACING_DATA NUMA_TOPOLOGY BRANCH_STACK GROUP_DESC/);
  });

  it('callchains', () => {
    const chains = samples(N, (_, sample) => ({ callchain: callchain(sample) }));
    const path = record('g', [event('cycles', 0, PLAIN | S.CALLCHAIN)], [...prologue(), ...chains, ...epilogue()]);
    expect(checkPerfData(path, cache)).to.equal('ok');
    const folded = perf('report', '--stdio', '--no-children', '-g', 'folded', '-i', path);
    expect(folded).to.include('40.00% qux;foo;main');
    expect(folded).to.include('10.00% native_write_msr;do_syscall_64;foo;main');
  });

  it('two events, told apart by IDENTIFIER', () => {
    const evlist = ['cpu-cycles', 'instructions'].map((name, i) => event(name, i, PLAIN | S.IDENTIFIER | S.CPU));
    const both = samples(N, (i) => ({ id: 100 + (i % 2), cpu: i % 2 }));
    const path = record('two', evlist, [...prologue({ id: 100 }), ...both, ...epilogue()]);
    expect(checkPerfData(path, cache)).to.equal('ok');
    const report = perf('report', '--stdio', '-i', path);
    expect(report)
      .to.include("# Samples: 50  of event 'cpu-cycles'")
      .and.include("# Samples: 50  of event 'instructions'");
    expect(perf('script', '-F', 'event,cpu', '-i', path).split('\n')[1]?.trim()).to.match(/^\[001\]\s+instructions:$/);
  });

  it('a group with a name, one without, and READ values', () => {
    const attr = { read_format: 1 | 2 | 4 | 8 };
    const WITH_ID = PLAIN | S.IDENTIFIER;
    const evlist = [
      event('cycles', 0, WITH_ID | S.READ, attr, { leader: 0, groupName: 'pair' }),
      event('instructions', 1, WITH_ID | S.READ, attr, { leader: 0 }),
      event('cycles', 2, WITH_ID, attr, { leader: 2, groupName: '' }),
      event('instructions', 3, WITH_ID, attr, { leader: 2 }),
    ];
    const read = { time_enabled: 10, time_running: 5, values: [100, 101].map((id) => ({ id, value: id * 7 })) };
    const group = samples(N, (i) => ({ id: 100 + (i % 4), ...(i % 4 < 2 && { read }) }));
    const path = record('group', evlist, [...prologue({ id: 100 }), ...group, ...epilogue()]);
    expect(checkPerfData(path, cache)).to.equal('ok');
    expect(perf('report', '--header-only', '-i', path)).to.include(
      '# group: pair{cycles,instructions}\n# group: {cycles,instructions}\n',
    );
    expect(perf('report', '--stdio', '-i', path)).to.include("of events 'anon group { cycles, instructions }'");
    const session = openPerfData(path);
    expect(session.evlist.map((e) => [e.leader, e.groupName])).to.deep.equal([
      [0, 'pair'],
      [0, undefined],
      [2, ''],
      [2, undefined],
    ]);
    session.close();
  });

  it('branch stacks', () => {
    const entry = { mispred: false, predicted: true, in_tx: false, abort: false, branch_type: 4 };
    const lbr = samples(N, () => ({
      branch_stack: {
        entries: [
          { ...entry, from: at('foo', 9), to: at('qux', 0), cycles: 12 },
          { ...entry, from: at('main', 13), to: at('foo', 0), cycles: 3, mispred: true, predicted: false },
        ],
      },
    })).filter((s) => s.misc === 2);
    const evlist = [
      event('cycles:u', 0, PLAIN | S.BRANCH_STACK, {
        branch_sample_type: 9 | (1 << 16),
        exclude_kernel: true,
        exclude_hv: true,
      }),
    ];
    const path = record('lbr', evlist, [...prologue(), ...lbr, ...epilogue()]);
    expect(checkPerfData(path, cache)).to.equal('ok');
    expect(perf('script', '-F', 'brstacksym', '-i', path).split('\n')[0]?.trim()).to.match(
      /^foo\+0x9\/qux\+0x0\/P\/-\/-\/12\S*\s+main\+0xd\/foo\+0x0\/M\/-\/-\/3/,
    );
  });

  it('THROTTLE, LOST, LOST_SAMPLES, SWITCH, FORK', () => {
    const task = { pid: PID, tid: PID, cpu: 0, id: 100, misc: 0 };
    const records: PerfRecord[] = [
      { ...task, type: PERF_RECORD.THROTTLE, time: ms(1), stream_id: 100 },
      { ...task, type: PERF_RECORD.UNTHROTTLE, time: ms(4), stream_id: 100 },
      { ...task, type: PERF_RECORD.FORK, time: ms(5), pid: 4300, tid: 4300, ppid: PID, ptid: PID },
      { ...task, type: PERF_RECORD.SWITCH, time: ms(6), misc: 1 << 13 },
      { ...task, type: PERF_RECORD.SWITCH_CPU_WIDE, time: ms(7), next_prev_pid: 1, next_prev_tid: 1 },
      { ...task, type: PERF_RECORD.LOST_SAMPLES, time: ms(8), lost: 2 },
    ];
    const path = record('side', [event('cycles', 0, PLAIN)], [...prologue(), ...records, ...samples(N), ...epilogue()]);
    expect(checkPerfData(path, cache)).to.equal('ok');
    const stats = perf('report', '--stats', '-i', path);
    for (const name of ['THROTTLE', 'UNTHROTTLE', 'FORK', 'SWITCH', 'SWITCH_CPU_WIDE', 'LOST_SAMPLES'])
      expect(stats).to.match(new RegExp(`\\b${name} events:\\s+1\\b`));
    const fork = perf('script', '--show-task-events', '-i', path)
      .split('\n')
      .find((line) => line.includes('FORK'));
    expect(fork).to.include('PERF_RECORD_FORK(4300:4300):(4242:4242)');
  });

  it('a pipe has room for the ids of 8174 CPUs, and says so where there are more', () => {
    const open = (cpus: number): PerfDataWriter => {
      const everywhere = { ...event('cycles', 0, S.IP), ids: Array.from({ length: cpus }, (_, cpu) => cpu) };
      return new PerfDataWriter(new MemorySink('pipe'), [everywhere], { env: {} });
    };
    open(8174);
    expect(() => open(8175)).to.throw(
      PerfDataFormatError,
      'cannot write cycles to a pipe: it is open on 8175 CPUs, and the record that describes it has room for 8174; record into a file (-o)',
    );
  });

  it('a pipe, and MMAP2 with build-ids', () => {
    const evlist = [event('my cycles', 0, PLAIN | S.ID, { build_id: true }), event('instructions', 1, PLAIN | S.ID)];
    const mmap = { ...ftestMmap({ id: 100 }), misc: 2 | PERF_RECORD_MISC.MMAP_BUILD_ID, buildId: FTEST_ELF.buildId };
    const sink = new MemorySink('pipe');
    const writer = new PerfDataWriter(sink, evlist, OPTIONS);
    writer.write([
      kernelMmap,
      execComm({ id: 100 }),
      mmap,
      ...samples(N, (i) => ({ id: i < N / 2 ? 100 : 101 })),
      ...epilogue(),
    ]);
    expect(writer.finish()).to.deep.equal({ dataEnd: 0, samples: N });
    const { stdout, stderr } = run('perf', ['--buildid-dir', cache, 'report', '--header', '--stdio', '-i', '-'], {
      input: sink.bytes,
    });
    expect(stderr).to.equal('');
    expect(rows(stdout)).to.have.length(10).and.include('40.00% ftest ftest [.] qux');
    expect(stdout).to.include("of event 'my cycles'").and.include('# hostname : guest');
  });

  it('a stat recording', () => {
    const evlist = [
      statEvent('task-clock', 0, PERF_TYPE.SOFTWARE, PERF_COUNT_SW.TASK_CLOCK),
      statEvent('cycles', 1, PERF_TYPE.HARDWARE, PERF_COUNT_HW.CPU_CYCLES),
      statEvent('branches', 2, PERF_TYPE.HARDWARE, PERF_COUNT_HW.BRANCH_INSTRUCTIONS),
    ];
    const ENA = 1_304_567_890;
    const count = (id: number, val: number, onCounter = ENA): PerfRecord => {
      return { type: PERF_RECORD_USER.STAT, id, cpu: -1, thread: 0, val, ena: ENA, run: onCounter };
    };
    const path = record(
      'stat',
      evlist,
      [
        { type: PERF_RECORD_USER.EVENT_UPDATE, id: 1, update: { kind: 'unit', unit: 'msec' } },
        { type: PERF_RECORD_USER.EVENT_UPDATE, id: 1, update: { kind: 'scale', scale: 1e-6 } },
        { type: PERF_RECORD_USER.THREAD_MAP, threads: [{ pid: PID, comm: 'ftest' }] },
        { type: PERF_RECORD_USER.CPU_MAP, cpus: [-1] },
        { type: PERF_RECORD_USER.STAT_CONFIG, aggr_mode: 1, interval: 0, scale: 1 },
        count(1, ENA),
        count(2, 2_862_345_678),
        count(3, 812_345_678, ENA / 2),
        { type: PERF_RECORD_USER.STAT_ROUND, round: 1, time: nanos(1_312_345_678) },
      ],
      { ...OPTIONS, stat: true },
    );
    const { stderr } = run('perf', ['stat', 'report', '-i', path]);
    expect(stderr.replaceAll(/ +/g, ' '))
      .to.include(" Performance counter stats for '/usr/bin/gperf record")
      .and.include(' 1304.57 msec task-clock # 0.994 CPUs utilized')
      .and.include(' 2862345678 cycles # 2.194 GHz')
      .and.include(' 1624691356 branches # 1.245 G/sec')
      .and.include('(50.00%)')
      .and.include('1.312345678 seconds time elapsed');
  });

  it('stores only the build-ids of files that were hit', () => {
    const other = { pid: -1, misc: 2, buildId: 'ab'.repeat(20), filename: '/lib/never.so' };
    const path = record('hits', [event('cycles', 0, PLAIN)], [...prologue(), ...samples(N), ...epilogue()], {
      ...OPTIONS,
      buildIds: [...BUILD_IDS, other],
    });
    expect(perf('buildid-list', '-i', path).trim().split('\n')).to.have.members([
      `${KERNEL_BUILD_ID} [kernel.kallsyms]`,
      `${FTEST_ELF.buildId} ${FTEST.path}`,
    ]);
  });

  it('carries the spec where perf passes over it, and foreign features', () => {
    const path = record('spec', [event('cycles', 0, PLAIN)], [...prologue(), ...samples(1)], {
      ...OPTIONS,
      features: new Map([[23, Buffer.from('0010000000000000', 'hex')]]),
    });
    const session = openPerfData(path);
    expect(session.spec).to.equal('machine: broadwell-ep\n');
    expect(session.env).to.deep.equal(ENV);
    expect(session.features.get(23)).to.deep.equal(new Uint8Array(Buffer.from('0010000000000000', 'hex')));
    expect(session.sampleTime).to.deep.equal({ first: 1_000_001_000, last: 1_000_001_000 });
    session.close();
  });

  it('the least that perf takes: 440 bytes and no features', () => {
    const sink = new MemorySink();
    const st = PLAIN;
    const evsel = {
      ...event('cycles:u', 0, st, { exclude_kernel: true, exclude_hv: true, exclude_guest: false }),
      ids: [],
    };
    const writer = new PerfDataWriter(sink, [evsel], { env: {} });
    writer.write([execComm(), { ...ftestMmap(), filename: '/bin/f' }, ...samples(1)]);
    const { dataEnd } = writer.finish();
    const bytes = Buffer.from(sink.bytes.subarray(0, dataEnd));
    bytes.fill(0, 72, 104);
    const path = dir.file('min');
    writeFileSync(path, bytes);
    expect(run('perf', ['report', '--stdio', '-i', path]).stdout).to.include("of event 'cycles:u'");
    const session = openPerfData(path);
    expect([...session.records()].map(({ record: r }) => r.type)).to.deep.equal([3, 10, 9]);
    expect(session.evlist[0]?.name).to.equal('cycles:u');
    session.close();
  });

  it('equal input, equal bytes, however it is cut into pieces', () => {
    const all = [...prologue(), ...samples(5000), ...epilogue()];
    const write = (piece: number): Buffer => {
      const sink = new MemorySink();
      const writer = new PerfDataWriter(sink, [event('cycles', 0, PLAIN)], OPTIONS);
      for (let i = 0; i < all.length; i += piece) writer.write(all.slice(i, i + piece));
      expect(writer.finish().samples).to.equal(5000);
      return sink.bytes;
    };
    expect(write(1).equals(write(777))).to.equal(true);
    expect(write(1).equals(write(all.length))).to.equal(true);
    expect(readFileSync(record('same', [event('cycles', 0, PLAIN)], all)).equals(write(100))).to.equal(true);
  });
});
