/**
 * perf stat's text, CSV and JSON against what perf 6.1 printed for the same counts (fixtures/stat).
 */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseEventList } from '../../../src/perf-events/parse-events.ts';
import { statCsv } from '../../../src/report/stat/csv.ts';
import { statJson } from '../../../src/report/stat/json.ts';
import {
  type Aggregate,
  meanAndError,
  scaled,
  since,
  type StatPart,
  statRows,
  sumOfCpus,
} from '../../../src/report/stat/rows.ts';
import {
  bigNumber,
  intervalHeader,
  intervalStamp,
  rawCounts,
  resultRows,
  startedOn,
  statLines,
  statText,
} from '../../../src/report/stat/text.ts';
import type { StatCount, StatResult, StatRun } from '../../../src/results/stat.ts';
import { nanos } from '../../../src/units.ts';

const Counts = z.tuple([z.number(), z.number(), z.number()]);
const GlobalFixtures = z.array(
  z.object({
    name: z.string(),
    argv: z.array(z.string()),
    events: z.array(z.string()),
    counts: z.array(Counts),
    elapsed: z.number(),
    text: z.string(),
    plain: z.string(),
    csv: z.string(),
    json: z.string(),
  }),
);
const AggregateFixtures = z.array(
  z.object({
    kind: z.enum(['cpu', 'socket', 'die', 'core']),
    events: z.array(z.string()),
    counts: z.array(z.array(Counts)),
    elapsed: z.number(),
    text: z.string(),
    csv: z.string(),
    json: z.string(),
    intervalText: z.string(),
    intervalCsv: z.string(),
    intervalJson: z.string(),
  }),
);
const AGGREGATES: Record<'cpu' | 'socket' | 'die' | 'core', Aggregate[]> = {
  cpu: [0, 1].map((cpu) => ({ kind: 'cpu', cpu })),
  socket: [{ kind: 'socket', id: 'S0', cpus: 2 }],
  die: [{ kind: 'die', id: 'S0-D0', cpus: 2 }],
  core: ['S0-D0-C0', 'S0-D0-C1'].map((id) => ({ kind: 'core', id, cpus: 1 })),
};
const fixture = (name: string): unknown => JSON.parse(readFileSync(`fixtures/stat/${name}.json`, 'utf8'));

const count = ([val, ena, run]: readonly [number, number, number]): StatCount => ({ val, ena, run, supported: true });
const full = (val: number, time = 1e9): StatCount => count([val, time, time]);
const thread = (comm: string, tid: number, val: number): StatPart => ({
  aggregate: { kind: 'thread', comm, tid },
  runs: [[full(val)]],
});
const NOT_SUPPORTED: StatCount = { val: 0, ena: 0, run: 0, supported: false };
const UNREAD: StatCount = { val: 0, ena: 0, run: 0, supported: true, unread: true };
const run = (counts: readonly StatCount[], elapsed: number): StatRun => ({
  counts,
  elapsed: nanos(elapsed),
  user: nanos(900_000_000),
  sys: nanos(1_234_567),
  status: 0,
});
const result = (spec: string, ...runs: StatRun[]): StatResult => ({ evlist: parseEventList([spec], 'stat'), runs });
const command = { kind: 'command', argv: ['./ftest', '300000'] } as const;
/** `perf stat report` knows no user and system time. */
const withoutRusage = (text: string): string => text.replace(/\n\n +[\d.]+ seconds user\n +[\d.]+ seconds sys\n/, '');

describe('perf stat', () => {
  for (const f of GlobalFixtures.parse(fixture('global'))) {
    it(`prints ${f.name}`, () => {
      const evlist = parseEventList(f.events, 'stat');
      const counted: StatResult = { evlist, runs: [run(f.counts.map(count), f.elapsed)] };
      const rows = resultRows(counted);
      expect(withoutRusage(statText(counted, { target: command, bigNum: true }))).to.equal(f.text);
      expect(withoutRusage(statText(counted, { target: command }))).to.equal(f.plain);
      expect(statCsv(rows, ';', { runs: 1 })).to.equal(f.csv);
      expect(statJson(rows, { runs: 1 })).to.equal(f.json);
    });
  }

  for (const f of AggregateFixtures.parse(fixture('aggregates'))) {
    it(`prints counts by ${f.kind}`, () => {
      const byCpu = [0, 1].map((cpu) => f.counts.map((c) => count(c[cpu]!)));
      const sums = f.counts.map((_, i) => sumOfCpus(byCpu.map((c) => c[i]!)));
      const aggregates: Aggregate[] = AGGREGATES[f.kind];
      const parts: StatPart[] = aggregates.map((aggregate, i) => ({
        aggregate,
        runs: [aggregates.length === 1 ? sums : byCpu[i]!],
      }));
      const evlist = parseEventList(f.events, 'stat');
      const counted: StatResult = { evlist, runs: [run(sums, f.elapsed)] };
      const rows = resultRows(counted, { parts });
      const target = { kind: 'command', argv: ['x'] } as const;
      expect(withoutRusage(statText(counted, { target, bigNum: true, parts }))).to.equal(f.text);
      expect(statCsv(rows, ',', { runs: 1 })).to.equal(f.csv);
      expect(statJson(rows, { runs: 1 })).to.equal(f.json);

      const two = parts.map(({ aggregate, runs }) => ({
        aggregate: aggregate!,
        runs: runs.map((counts) => counts.slice(1, 3)),
      }));
      const interval = statRows(evlist.slice(1, 3), two, 1e9);
      const stamp = intervalStamp(f.elapsed);
      const text = intervalHeader(aggregates[0]) + statLines(interval, { bigNum: true }, 1, `${stamp} `);
      expect(text).to.equal(f.intervalText);
      expect(statCsv(interval, ',', { runs: 1, stamp })).to.equal(f.intervalCsv);
      expect(statJson(interval, { runs: 1, stamp })).to.equal(f.intervalJson);
    });
  }

  it('ends with user and system time after a command, and not after others', () => {
    const counted = result('cycles', run([full(1)], 1_000_000_000));
    expect(statText(counted, { target: command })).to.match(
      /\n {7}1\.000000000 seconds time elapsed\n\n {7}0\.900000000 seconds user\n {7}0\.001234567 seconds sys\n\n\n$/,
    );
    expect(statText(counted, { target: { kind: 'system' } })).to.match(/^\n.*'system wide':[^]*elapsed\n\n$/);
    expect(statText(counted, { target: { kind: 'cpus', list: '0,1' } })).to.contain("for 'CPU(s) 0,1':");
    expect(statText(counted, { target: { kind: 'pid', list: '7' } })).to.contain("for process id '7':");
    expect(statText(counted, { target: { kind: 'tid', list: '8' } })).to.contain("for thread id '8':");
  });

  it('prints the mean and its error of repetitions', () => {
    const runs = [100, 110, 120].map((v, i) => run([full(v), full(7), NOT_SUPPORTED], 1_000_000 + i * 10_000));
    const repeated = result('cycles,faults,instructions', ...runs);
    const text = statText(repeated, { target: command });
    expect(text).to.contain("for './ftest 300000' (3 runs):\n");
    expect(text).to.contain(`               110      cycles${' '.repeat(61)}  ( +-  5.25% )\n`);
    expect(text).to.contain(`                 7      faults${' '.repeat(61)}\n`);
    expect(text).to.contain(`   <not supported>      instructions${' '.repeat(48)}\n`);
    expect(text).to.match(/\n\n {8}0\.00101000 \+- 0\.00000577 seconds time elapsed {2}\( \+- {2}0\.57% \)\n\n$/);
    const rows = resultRows(repeated);
    expect(statCsv(rows, ',', { runs: 3 }).split('\n')[0]).to.equal('110,,cycles,5.25%,1000000000,100.00,,');
    expect(statJson(rows, { runs: 3 })).to.contain('"event" : "cycles", "variance" : 5.25, "event-runtime"');
  });

  it('lists the repetitions with --table', () => {
    const runs = [2_128_000, 1_138_000, 1_161_000].map((ns) => run([], ns));
    expect(statText({ evlist: [], runs }, { target: command, table: true, nullRun: true })).to.equal(
      [
        '',
        " Performance counter stats for './ftest 300000' (3 runs):",
        '',
        '          # Table of individual measurements:',
        '          0.002128 (+0.000652) #######',
        '          0.001138 (-0.000338) ######',
        '          0.001161 (-0.000315) ######',
        '',
        '          # Final result:',
        '          0.001476 +- 0.000326 seconds time elapsed  ( +- 22.11% )',
        '',
        '',
      ].join('\n'),
    );
  });

  it('says so if repetitions are identical', () => {
    const counted = result('cycles', run([full(1)], 1_000_000_000), run([full(1)], 1_000_000_000));
    expect(statText(counted, { target: command })).to.contain(' 1.000000000 +- 0.000000000 seconds time elapsed\n');
  });

  it('leaves no room for events in a null run', () => {
    const nothing: StatResult = { evlist: [], runs: [run([], 1_406_267)] };
    expect(statText(nothing, { target: command, nullRun: true })).to.match(
      /300000':\n\n {7}0\.001406267 seconds time elapsed\n/,
    );
    const asked = result('cs', run([full(3)], 1_406_267));
    expect(statText(asked, { target: command, nullRun: true })).to.match(/ cs *\n {7}0\.001406267 seconds/);
  });

  it("gives perf's advice when a watchdog holds a counter", () => {
    const counted = result('cycles,faults', run([count([0, 5, 0]), full(1)], 5));
    expect(statText(counted, { target: command, nmiWatchdog: true })).to.match(
      /\n\n\n\nSome events weren't counted\. Try disabling the NMI watchdog:\n\techo 0 > \/proc\/sys\/kernel\/nmi_watchdog\n\tperf stat \.\.\.\n\techo 1 > [^\n]*\n$/,
    );
    expect(statText(counted, { target: command })).not.to.contain('watchdog');
    const refused = result('cycles', run([NOT_SUPPORTED], 5));
    expect(statText(refused, { target: command, nmiWatchdog: true })).not.to.contain('watchdog');
  });

  it("gives perf's advice on a group of several kinds of events", () => {
    const advice = /\n\n\nThe events in group usually have to be from the same PMU. Try reorganizing the group.\n$/;
    const text = (events: string, ...counts: readonly StatCount[]): string =>
      statText(result(events, run(counts, 5)), { target: command });
    expect(text('{cycles,r1a8}', UNREAD, NOT_SUPPORTED)).to.match(advice);
    expect(text('{faults,cycles,r1a8}', UNREAD, NOT_SUPPORTED, NOT_SUPPORTED)).to.match(advice);
    expect(text('{faults,cycles},r1a8', UNREAD, NOT_SUPPORTED, full(5))).to.match(advice);
    expect(text('{faults,cycles}', UNREAD, NOT_SUPPORTED)).to.not.match(advice);
    expect(text('{cycles,r1a8}', full(1), full(2))).to.not.match(advice);
    expect(text('cycles,r1a8', UNREAD, full(2))).to.not.match(advice);
  });

  it('prints metrics only, under their names', () => {
    const counted = result(
      'task-clock,cycles,instructions,branches,branch-misses',
      run(
        [1e9, 2e9, 3e9, 4e8, 3e6].map((v) => full(v)),
        1e9,
      ),
    );
    const rows = resultRows(counted);
    expect(statLines(rows, { metricOnly: true }, 1)).to.equal(
      '                 GHz       insn per cycle branch-misses of all branches \n' +
        '               2.000                1.50                          0.75% \n',
    );
    expect(statCsv(rows, ',', { runs: 1, metricOnly: true })).to.equal(
      'GHz,insn per cycle,branch-misses of all branches,\n2.000,1.50,0.75,\n',
    );
    expect(statJson(rows, { runs: 1, metricOnly: true })).to.equal(
      '{"GHz" : "2.000", "insn per cycle" : "1.50", "branch-misses of all branches" : "0.75"}\n',
    );
    expect(intervalHeader(undefined, true)).to.equal('#           time \n');
    expect(intervalHeader({ kind: 'core', id: 'S0-D0-C0', cpus: 1 }, true)).to.equal(
      '#           time core            cpus \n',
    );
  });

  it('sorts threads by what they counted', () => {
    const evlist = parseEventList(['cycles'], 'stat');
    const rows = statRows(evlist, [thread('a', 1, 5), thread('ftest', 17024, 65094888)], 1e9);
    expect(statLines(rows, {}, 1)).to.equal(
      `           ftest-17024              65094888      cycles${' '.repeat(61)}\n` +
        `               a-1                         5      cycles${' '.repeat(61)}\n`,
    );
    expect(statCsv(rows, ',', { runs: 1 })).to.contain('ftest-17024,65094888,,cycles,');
    expect(statJson(rows, { runs: 1 })).to.match(/^\{"thread" : "ftest-17024", "counter-value" : "65094888\.000000"/);
  });

  it('prints raw counts on request', () => {
    const counted = result('cycles', run([count([100, 10, 5])], 1e9));
    expect(resultRows(counted).map((row) => row.value)).to.deep.equal([200]);
    expect(resultRows(counted, { scale: false }).map((row) => row.value)).to.deep.equal([100]);
    expect(statText(counted, { target: command, scale: false })).to.match(/ {15}100 {6}cycles .*\(50\.00%\)\n/);
    expect(rawCounts(counted.evlist, counted.runs[0]!.counts)).to.equal('cycles: 100 10 5\n');
  });

  it('paints bad ratios on request', () => {
    const counted = result('branches,branch-misses', run([full(100), full(30)], 1e9));
    expect(statText(counted, { target: command, color: true })).to.contain(
      ' # \u001B[31m  30.00%\u001B[0m of all branches',
    );
  });

  it('scales, subtracts and averages as perf does', () => {
    expect(scaled(count([10, 3, 1]))).to.equal(30);
    expect(scaled(count([10, 7, 3]))).to.equal(23);
    expect(since(undefined, [full(5)])).to.deep.equal([full(5)]);
    expect(since([count([5, 10, 9])], [count([8, 20, 19])])).to.deep.equal([count([3, 10, 10])]);
    expect(meanAndError([2, 4, 4, 4, 5, 5, 7, 9]).mean).to.equal(5);
    expect(meanAndError([2, 4, 4, 4, 5, 5, 7, 9]).error).to.be.closeTo(Math.sqrt(32 / 7 / 8), 1e-15);
    expect(bigNumber(1234567.005, 2)).to.equal('1,234,567.00');
    expect(startedOn('Sun Nov 22 14:44:15 2026')).to.equal('# started on Sun Nov 22 14:44:15 2026\n\n');
  });
});
