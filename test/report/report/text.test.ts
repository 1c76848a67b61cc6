import { expect } from 'chai';
import type { Recording } from '../../../src/profile/session.ts';
import { reportStdio } from '../../../src/report/report/text.ts';
import { ReportError, type ReportOptions } from '../../../src/report/report/options.ts';
import { ignoredFields } from '../../../src/report/script/fields.ts';
import { scriptLines } from '../../../src/report/script/text.ts';
import type { Evsel } from '../../../src/perf-events/evsel.ts';
import { PERF_COUNT_SW, PERF_TYPE } from '../../../src/uapi/perf-event.ts';
import { perfVersion, run } from '../../perfdata/real-perf.ts';
import { event, prologue, S, samples } from '../../perfdata/recordings.ts';
import type { PerfRecord } from '../../../src/perf-events/tool-record.ts';

const FLAT = event('cycles', 0, S.IP | S.TID | S.TIME | S.PERIOD);

const recording = (evsel: Evsel, records: Iterable<PerfRecord>): Recording => ({
  path: 'a.data',
  evlist: [evsel],
  env: {},
  buildIds: [],
  *records() {
    for (const record of records) yield { record, evsel };
  },
});
const CHAINS = event('cycles', 0, S.IP | S.TID | S.TIME | S.PERIOD | S.CALLCHAIN);
const report = (options: ReportOptions, evsel = FLAT, records: readonly PerfRecord[] = samples(10)): string[] => [
  ...reportStdio(recording(evsel, [...prologue(), ...records]), () => undefined, options),
];

describe('perf report', () => {
  it('shows addresses where there are no symbols', () => {
    expect(report({ quiet: true, sort: 'dso,sym' }).slice(0, 2)).to.deep.equal([
      '    20.00%  ftest              [.] 0x0000000000001088',
      '    10.00%  [kernel.kallsyms]  [k] 0xffffffff81000044',
    ]);
  });

  const refused: readonly (readonly [ReportOptions, string])[] = [
    [{ sort: 'bogus' }, "Unknown --sort key: `bogus'"],
    [{ fields: 'overhead,nonsense' }, "Unknown --fields key: `nonsense'"],
    [{ sort: 'srcline' }, 'gperf does not model the --sort key "srcline".'],
    [{ sort: 'mispredict' }, 'gperf does not model the --sort key "mispredict": no branch stacks, no memory samples.'],
    [{ sort: 'parent' }, "Selected --sort parent, but no callchain data. Did you call 'perf record' without -g?"],
    [{ callGraph: '' }, 'Selected -g or --branch-history.'],
    [{ callGraph: 'address' }, 'gperf does not model --call-graph address: chains are compared by function.'],
    [{ callGraph: 'sideways' }, 'Unknown --call-graph option value: sideways'],
  ];
  for (const [options, message] of refused)
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => report(options)).to.throw(ReportError, message);
    });

  it('refuses a regular expression that is none', () => {
    expect(() => report({ parent: '(' }, CHAINS)).to.throw(ReportError, 'Invalid regex: (');
  });

  it('says that a recording has no samples', () => {
    expect(() => report({}, FLAT, [])).to.throw(ReportError, 'The a.data data has no samples!');
  });

  it('reports what could be read of a damaged recording, then throws', () => {
    const damaged = function* (): Generator<PerfRecord> {
      yield* prologue();
      yield* samples(10);
      throw new Error('truncated');
    };
    const lines = reportStdio(recording(FLAT, damaged()), () => undefined, { sort: 'comm', quiet: true });
    expect(lines.next().value).to.equal('   100.00%  ftest  ');
    expect(() => [...lines]).to.throw('truncated');
  });

  it('abbreviates keys as perf does', () => {
    expect(report({ sort: 'co,ds', quiet: true })).to.deep.equal(report({ sort: 'comm,dso', quiet: true }));
  });
});

const script = (fields: string): string[] => [
  ...scriptLines(recording(FLAT, [...prologue(), ...samples(1)]), () => undefined, { fields }),
];

describe('perf script', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['bogus', 'Invalid field requested.'],
    ['comm,cpu', "Samples for 'cycles' event do not have CPU attribute set. Cannot print 'cpu' field."],
    ['ip,symoff', 'Display of offsets requested but symbol is notselected.'],
    ['comm,+time', 'Cannot mix +-field with overridden fields'],
    ['brstack', 'gperf does not model the field "brstack" of perf script.'],
    ['xy:comm', 'Invalid event type in field string.'],
  ];
  for (const [fields, message] of refused)
    it(`refuses -F ${fields}`, () => {
      expect(() => script(fields)).to.throw(ReportError, message);
    });

  it('tells of processes where the header that names the events was lost', () => {
    const lines = scriptLines({ ...recording(FLAT, prologue()), evlist: [] }, () => undefined, {
      showMmapEvents: true,
      showTaskEvents: true,
    });
    expect([...lines][0]).to.match(/^ +\S+ +\d+ PERF_RECORD_/);
  });

  it('says of a field that other events lack what perf says, once for each type of perf', () => {
    expect(ignoredFields('comm,ip')).to.deep.equal([]);
    expect(ignoredFields('trace:trace')).to.deep.equal([]);
    const said = ignoredFields('comm,trace,ip');
    expect(said).to.have.length(7);
    expect(said.slice(1, 4)).to.deep.equal([
      "'trace' not valid for software events. Ignoring.",
      "'trace' not valid for hardware-cache events. Ignoring.",
      "'trace' not valid for unknown events. Ignoring.",
    ]);
    if (perfVersion !== '6.1') return;
    const { stderr } = run('perf', ['script', '-F', 'comm,trace,ip', '-i', '/dev/null']);
    expect(stderr.split('\n').slice(0, 7)).to.deep.equal(said);
  });

  it('prints all fields of events that only follow tasks: perf does not ask whether they have them', () => {
    const dummy = event('dummy', 0, S.IP | S.TID | S.TIME | S.PERIOD, {
      type: PERF_TYPE.SOFTWARE,
      config: PERF_COUNT_SW.DUMMY,
    });
    const lines = [...scriptLines(recording(dummy, prologue()), () => undefined, { showMmapEvents: true })];
    expect(lines[0]).to.match(/^ +swapper +0 \[-01\] +\d+\.\d+: PERF_RECORD_MMAP -1\/0: /);
  });

  it('prints while it reads, and keeps nothing', () => {
    let read = 0;
    const endless = function* (): Generator<PerfRecord> {
      yield* prologue();
      for (;;) {
        read++;
        yield* samples(1);
      }
    };
    let printed = 0;
    for (const line of scriptLines(recording(FLAT, endless()), () => undefined, {})) {
      expect(line).to.match(/^ {11}ftest {2}4242/);
      if (++printed === 100) break;
    }
    expect(read).to.equal(100);
  });
});
