/**
 * Real perf as the judge: `perf stat report` prints a recording of gperf's, and gperf must print the same counts the
 * same way. perf runs in the C locale, so without separators; a recording has no user and system time.
 */
import { expect } from 'chai';
import { machineSpec } from '../../../src/machine/spec.ts';
import { readStatFile, writeStatFile } from '../../../src/experiment/stat.ts';
import { openSink } from '../../../src/perfdata/sink.ts';
import { partsOf } from '../../../src/report/stat/aggregate.ts';
import { statCsv } from '../../../src/report/stat/csv.ts';
import { statJson } from '../../../src/report/stat/json.ts';
import { resultRows, statText } from '../../../src/report/stat/text.ts';
import { statAttrs } from '../../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../../src/perf-events/parse-events.ts';
import { nanos } from '../../../src/units.ts';
import { perfVersion, run, scratch } from '../../perfdata/real-perf.ts';
import type { StatCount, StatResult } from '../../../src/results/stat.ts';

const WORDS = (
  'task-clock cycles cycles:u instructions instructions:u branches branch-misses cache-references cache-misses ' +
  'stalled-cycles-frontend stalled-cycles-backend L1-dcache-loads L1-dcache-load-misses LLC-load-misses r1a8 cs faults'
).split(' ');

/** Numbers of a linear congruential generator, 0 to 1: the same in every run. */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** A result with odd counts: multiplexed, never scheduled, zero. */
function oddResult(seed: number): StatResult {
  const draw = draws(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(draw() * list.length) % list.length]!;
  const evlist = parseEventList([Array.from({ length: 7 }, () => pick(WORDS)).join(',')], 'stat');
  const counts: StatCount[] = evlist.map(() => {
    const ena = Math.floor(draw() * 3e9) + 1;
    const share = pick([1, 1, 0, draw()]);
    const on = Math.floor(ena * share);
    return { val: on === 0 ? 0 : Math.floor(2 ** (draw() * 40)), ena, run: on, supported: true };
  });
  const elapsed = nanos(Math.floor(draw() * 4e9) + 1);
  return { evlist, runs: [{ counts, elapsed, user: nanos(0), sys: nanos(0), status: 0 }] };
}

describe('perf stat, judged by perf', function () {
  const dir = scratch();
  before(function () {
    if (perfVersion !== '6.1') this.skip();
  });
  after(() => dir.remove());

  for (let seed = 1; seed <= 6; seed++) {
    it(`prints odd counts ${seed} as perf does`, () => {
      const result = oddResult(seed);
      const { counts, elapsed } = result.runs[0]!;
      const argv = ['gperf', 'stat', './ftest'];
      const sink = openSink(dir.file(`${seed}.data`));
      const reading = { time: elapsed, counts, final: true };
      writeStatFile(sink, machineSpec('broadwell-ep', 'host', 'judge', []), argv, result.evlist, 1, 0, [reading]);
      const perf = (...options: string[]): string =>
        run('perf', ['stat', ...options, 'report', '-i', dir.file(`${seed}.data`)]).stderr;
      const rows = resultRows(result);
      const own = statText(result, { target: { kind: 'command', argv } });
      expect(own.replace(/\n\n *0\.000000000 seconds user\n *0\.000000000 seconds sys\n/, '')).to.equal(perf());
      expect(statCsv(rows, ',', { runs: 1 })).to.equal(perf('-x,'));
      expect(statJson(rows, { runs: 1 })).to.equal(perf('-j'));
    });
  }

  // The judge has two CPUs, and has no names for others.
  for (const mode of [undefined, 'cpu', 'core', 'die', 'socket', 'node'] as const)
    it(`prints counts of CPUs ${mode === undefined ? 'in one sum' : `by ${mode}`} as perf does`, () => {
      const [{ evlist, runs }, other] = [oddResult(11), oddResult(11)];
      const { elapsed, counts } = runs[0]!;
      const more = other.runs[0]!.counts.map(({ val, ena, run: on, supported }) => {
        const twice = on === 0 ? 0 : 2 * val + 1;
        return { val: twice, ena, run: on, supported };
      });
      const cpus = [counts, more].map((one, cpu) => ({ cpu, counts: one }));
      const file = dir.file(`${mode}.data`);
      const argv = ['gperf', 'stat', '-a', 'true'];
      const spec = machineSpec('broadwell-ep', 'host', 'judge', []);
      writeStatFile(openSink(file), spec, argv, evlist, 1, 0, [{ time: elapsed, counts, cpus, final: true }], mode);
      const perf = (...options: string[]): string => run('perf', ['stat', ...options, 'report', '-i', file]).stderr;
      const read = readStatFile(file);
      expect(read.mode).to.equal(mode);
      const parts = mode === undefined ? undefined : partsOf(mode, [read.result.runs[0]!.cpus!], read.placeOf);
      expect(statText(read.result, { target: { kind: 'recording', argv }, parts })).to.equal(perf());
      expect(statCsv(resultRows(read.result, { parts }), ',', { runs: 1 })).to.equal(perf('-x,'));
      expect(statJson(resultRows(read.result, { parts }), { runs: 1 })).to.equal(perf('-j'));
    });

  it('prints a run that counted nothing as perf does, and of a group that was not read what a file can say of it', () => {
    const argv = ['gperf', 'stat', '-n', 'true'];
    const spec = machineSpec('broadwell-ep', 'host', 'judge', []);
    const written = (name: string, { evlist, runs }: StatResult): string => {
      const file = dir.file(name);
      const { counts, elapsed } = runs[0]!;
      writeStatFile(openSink(file), spec, argv, evlist, 1, 0, [{ time: elapsed, counts, final: true }]);
      const real = run('perf', ['stat', 'report', '-i', file]).stderr;
      const { result } = readStatFile(file);
      expect(statText(result, { target: { kind: 'recording', argv } })).to.equal(real);
      return real;
    };
    const none = { elapsed: nanos(20_936_189), user: nanos(0), sys: nanos(0), status: 0 };
    expect(written('none.data', { evlist: [], runs: [{ counts: [], ...none }] })).to.equal(
      "\n Performance counter stats for 'gperf stat -n true':\n\n\n       0.020936189 seconds time elapsed\n\n",
    );
    const unread = { val: 0, ena: 0, run: 0, supported: true, unread: true };
    const counts = [unread, { ...unread, supported: false }, { val: 7, ena: 9, run: 9, supported: true }];
    const evlist = statAttrs(parseEventList(['{faults,cycles},cs'], 'stat'));
    expect(written('group.data', { evlist, runs: [{ counts, ...none }] })).to.match(
      /not supported.*faults.*\n.*cycles/,
    );
  });
});
