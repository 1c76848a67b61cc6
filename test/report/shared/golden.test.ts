/**
 * Text of every command on recordings made by hand, compared with fixtures/report; if real perf is installed, the
 * fixtures are compared with real perf. `npm run update` rewrites them.
 */
import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { KERNEL_KALLSYMS, storeInCache } from '../../../src/perfdata/buildid-cache.ts';
import { openPerfData, type Session } from '../../../src/perfdata/reader.ts';
import { MemorySink } from '../../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../../src/perfdata/writer.ts';
import type { SymbolSource } from '../../../src/profile/dso.ts';
import { fileSymbols } from '../../../src/profile/symbolize.ts';
import { evlistLines } from '../../../src/report/evlist/text.ts';
import { attrSizeOf, headerLines } from '../../../src/report/header/text.ts';
import { reportStdio } from '../../../src/report/report/text.ts';
import { reportStats, reportTasks } from '../../../src/report/report/stats.ts';
import { scriptLines } from '../../../src/report/script/text.ts';
import { expectKept } from '../../kept.ts';
import { perfVersion, run, scratch } from '../../perfdata/real-perf.ts';
import { BUILD_IDS, ENV, FTEST, FTEST_ELF, KALLSYMS, KERNEL_BUILD_ID } from '../../perfdata/recordings.ts';
import { type Judged, MADE_UP } from './made-up.ts';

const fixture = (name: string): string => `fixtures/report/${name}.txt`;
const title = ({ command, args }: Judged): string => ['$ perf', ...perfArgs(command), ...args].join(' ');

function perfArgs(command: Judged['command']): string[] {
  if (command === 'script' || command === 'evlist') return [command];
  if (command === 'report') return ['report', '--stdio'];
  if (command === 'header') return ['report', '--header-only'];
  return ['report', '--stdio', `--${command}`];
}

function lines(session: Session, symbols: SymbolSource, { command, options }: Judged): Iterable<string> {
  if (command === 'report') return reportStdio(session, symbols, options);
  if (command === 'script') return scriptLines(session, symbols, options);
  if (command === 'evlist') return evlistLines(session.evlist, attrSizeOf(session), options);
  if (command === 'header') return headerLines(session, { capturedOn: 'NOW', ...options });
  if (command === 'stats') return reportStats(session, symbols);
  return reportTasks(session, symbols, command === 'mmaps');
}

/**
 * Removes what two runs, or perf and gperf, never share: the tip, the date, and a word that perf adds to the rest of a
 * graph depending on memory it does not clear.
 */
const comparable = (text: string): string =>
  text
    .replaceAll('[...] (inlined)', '[...]')
    .replaceAll(/^# \(Tip: .*$/gm, '# (Tip)')
    .replaceAll(/^# captured on {4}: .*$/gm, '# captured on    : NOW');

describe('reports of recordings made by hand', () => {
  const dir = scratch();
  const cacheDir = dir.file('debug');
  const symbols = fileSymbols({ dir: cacheDir });
  const paths = new Map<string, string>();

  before(() => {
    storeInCache(cacheDir, { path: FTEST.path, buildId: FTEST_ELF.buildId, content: FTEST_ELF.bytes });
    storeInCache(cacheDir, { path: KERNEL_KALLSYMS, buildId: KERNEL_BUILD_ID, content: Buffer.from(KALLSYMS) });
    for (const [name, { evlist, records, stat, pipe }] of Object.entries(MADE_UP)) {
      const path = dir.file(`${name}.data`);
      const sink = new MemorySink(pipe ? 'pipe' : 'file');
      const writer = new PerfDataWriter(sink, evlist, { env: ENV, buildIds: BUILD_IDS, stat: stat ?? false });
      writer.write(records);
      writer.finish();
      writeFileSync(path, sink.bytes);
      paths.set(name, path);
    }
  });
  after(() => dir.remove());

  for (const [name, { judged }] of Object.entries(MADE_UP)) {
    it(`${name}: as in its fixture`, () => {
      const text = judged
        .map((one) => {
          const session = openPerfData(paths.get(name)!);
          const body = [...lines(session, symbols, one)].map((line) => `${line}\n`).join('');
          session.close();
          return `${title(one)}\n${comparable(body)}`;
        })
        .join('');
      expectKept(fixture(name), text);
    });

    it(`${name}: the fixture is what perf prints`, function () {
      if (!perfVersion?.startsWith('6.1')) this.skip();
      const sections = readFileSync(fixture(name), 'utf8').split(/^(?=\$ perf )/m);
      for (const [i, one] of judged.entries()) {
        const args = ['--buildid-dir', cacheDir, ...perfArgs(one.command), ...one.args, '-i', paths.get(name)!];
        expect(`${title(one)}\n${comparable(run('perf', args).stdout)}`).to.equal(sections[i]);
      }
    });
  }
});
