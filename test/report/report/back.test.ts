/**
 * gperf report's output for a recording, read back, has distance zero from the recording, whatever options were given;
 * or it is refused with a hint on what to print instead.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { readOperand } from '../../experiment/read-operand.ts';
import { storeInCache, KERNEL_KALLSYMS } from '../../../src/perfdata/buildid-cache.ts';
import { encodeBytes } from '../../../src/perfdata/octets.ts';
import { openPerfData } from '../../../src/perfdata/reader.ts';
import { MemorySink } from '../../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../../src/perfdata/writer.ts';
import { inCommonTerms } from '../../../src/profile/common-terms.ts';
import { compareProfiles } from '../../../src/profile/compare.ts';
import { MatchError, matchEvents } from '../../../src/profile/events.ts';
import { parseProfileKey, type Profile, NOT_SHOWN } from '../../../src/profile/profile.ts';
import { ReportTextParser } from '../../../src/profile/report-text.ts';
import { TextError } from '../../../src/profile/text-error.ts';
import { fileSymbols } from '../../../src/profile/symbolize.ts';
import { ReportError, type ReportOptions } from '../../../src/report/report/options.ts';
import { reportStdio } from '../../../src/report/report/text.ts';
import { scratch } from '../../perfdata/real-perf.ts';
import { BUILD_IDS, ENV, FTEST, FTEST_ELF, KALLSYMS, KERNEL_BUILD_ID } from '../../perfdata/recordings.ts';
import { MADE_UP } from '../shared/made-up.ts';

const seldom = <T>(values: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: values });
const some = <T>(values: readonly T[]) => seldom(fc.constantFrom(...values));
const flag = some([true]);
const keys = (separate: readonly string[]) =>
  fc.shuffledSubarray([...separate], { minLength: 1 }).map((list) => list.join(','));

/** Any options of perf report that change what is printed, or where. */
const OPTIONS = fc
  .record({
    sort: seldom(keys(['comm', 'dso', 'symbol', 'pid', 'cpu'])),
    fields: seldom(keys(['overhead', 'sample', 'period', 'comm', 'dso', 'symbol', 'overhead_children'])),
    showNrSamples: flag,
    showTotalPeriod: flag,
    showCpuUtilization: flag,
    verbose: flag,
    quiet: some([true]),
    fieldSeparator: some([',', ';', '|', ':', '\t', ' ', 'e', '::']),
    percentLimit: some([0, 1, 5, 20]),
    callGraph: some(['none', 'flat,0', 'folded,0', 'fractal,0.5,callee', 'graph,0.5,caller,count']),
    children: some([true, false]),
    group: some([true, false]),
    hierarchy: some([true]),
    comms: some([['ftest'], ['ftest', 'nobody'], ['nobody']]),
    dsos: some([['ftest'], ['[kernel.kallsyms]'], ['ftest', '[unknown]']]),
    symbols: some([['qux'], ['qux', 'main'], ['nothing']]),
  })
  .map(
    (options) =>
      Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ReportOptions,
  );

describe('a report read back', () => {
  const dir = scratch();
  const symbols = fileSymbols({ dir: dir.file('debug') });
  const names: string[] = [];

  before(() => {
    storeInCache(dir.file('debug'), { path: FTEST.path, buildId: FTEST_ELF.buildId, content: FTEST_ELF.bytes });
    storeInCache(dir.file('debug'), {
      path: KERNEL_KALLSYMS,
      buildId: KERNEL_BUILD_ID,
      content: Buffer.from(KALLSYMS),
    });
    for (const [name, { evlist, records, stat, pipe }] of Object.entries(MADE_UP)) {
      if (stat || pipe) continue;
      const sink = new MemorySink('file');
      const writer = new PerfDataWriter(sink, evlist, { env: ENV, buildIds: BUILD_IDS });
      writer.write(records);
      writer.finish();
      writeFileSync(dir.file(name), sink.bytes);
      names.push(name);
    }
  });
  after(() => dir.remove());

  const recorded = (name: string): Profile[] => readOperand(dir.file(name), { label: name, by: 'symbol', symbols });
  const printed = (name: string, options: ReportOptions): string[] | undefined => {
    const session = openPerfData(dir.file(name));
    try {
      return [...reportStdio(session, symbols, options)];
    } catch (error) {
      if (error instanceof ReportError) return undefined;
      throw error;
    } finally {
      session.close();
    }
  };

  it('is no distance from its recording, or says what to print instead', () => {
    let [compared, refused] = [0, 0];
    fc.assert(
      fc.property(fc.nat(), OPTIONS, (which, options) => {
        const name = names[which % names.length]!;
        const lines = printed(name, options);
        if (lines === undefined) return;
        const parser = new ReportTextParser('x.txt');
        let sets: Profile[][];
        try {
          for (const line of lines) parser.feed(encodeBytes(line).toString('latin1'));
          if (!parser.found) return;
          sets = matchEvents([recorded(name), parser.profiles('x.txt')]).map((set) => inCommonTerms(set, 'symbol'));
        } catch (error) {
          // Lines between rows without a heading are taken for what names the next table.
          if (error instanceof MatchError && options.quiet) return;
          if (!(error instanceof TextError)) throw error;
          expect(error.message).to.match(/^x\.txt.*(print 'perf report --stdio|keep perf report's heading)/s);
          refused++;
          return;
        }
        for (const set of sets) {
          // Whoever reads both refuses a table of files beside one of functions.
          const functions = [...set[1]!.weights.keys()].map((key) => parseProfileKey(key).symbol);
          if (functions.every((symbol) => symbol === '' || symbol === NOT_SHOWN)) continue;
          const [pair] = compareProfiles(set.map((profile) => [profile])).pairs;
          expect(pair!.comparison.tvd.value, lines.join('\n')).to.be.lessThan(0.003);
          compared++;
        }
      }),
      { numRuns: 300, seed: 11 },
    );
    expect(compared).to.be.greaterThan(50);
    expect(refused).to.be.greaterThan(20);
  });
});
