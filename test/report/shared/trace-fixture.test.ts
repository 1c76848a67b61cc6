/**
 * A recording of 25 tracepoints by perf 6.1 (fixtures/perfdata/tracepoints.data): gperf's text equals what perf
 * printed, and what it prints here if installed.
 */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { openPerfData } from '../../../src/perfdata/reader.ts';
import { evlistLines } from '../../../src/report/evlist/text.ts';
import { attrSizeOf } from '../../../src/report/header/text.ts';
import { reportStdio } from '../../../src/report/report/text.ts';
import { scriptLines } from '../../../src/report/script/text.ts';
import { canRecord, perfVersion, run, scratch } from '../../perfdata/real-perf.ts';

const RECORDING = 'fixtures/perfdata/tracepoints.data';
const withoutTip = (text: string): string => text.replaceAll(/^# \(Tip: .*$/gm, '# (Tip)');
const joined = (lines: Iterable<string>): string => [...lines].map((line) => `${line}\n`).join('');

function texts(path: string): { readonly script: string; readonly report: string; readonly sorted: string } {
  const session = openPerfData(path);
  const none = (): undefined => undefined;
  const script = joined(scriptLines(session, none, {}));
  const report = withoutTip(joined(reportStdio(session, none, {})));
  const sorted = withoutTip(joined(reportStdio(session, none, { sort: 'comm,trace', showNrSamples: true })));
  session.close();
  return { script, report, sorted };
}
const perfTexts = (path: string): ReturnType<typeof texts> => ({
  script: run('perf', ['script', '-i', path]).stdout,
  report: withoutTip(run('perf', ['report', '--stdio', '-i', path]).stdout),
  sorted: withoutTip(run('perf', ['report', '--stdio', '-n', '-s', 'comm,trace', '-i', path]).stdout),
});

describe('recordings of tracepoints', () => {
  it('are listed with the tip of perf evlist', () => {
    const session = openPerfData(RECORDING);
    const lines = [...evlistLines(session.evlist, attrSizeOf(session), {})];
    session.close();
    expect(lines.slice(0, -1)).to.deep.equal(session.evlist.map(({ name }) => name));
    expect(lines.at(-1)).to.equal("# Tip: use 'perf evlist --trace-fields' to show fields for tracepoint events");
    if (perfVersion === '6.1') expect(run('perf', ['evlist', '-i', RECORDING]).stdout).to.equal(joined(lines));
  });

  const kept = (name: string): string => readFileSync(`fixtures/report/tracepoints-${name}.txt`, 'utf8');

  it('the fixture is printed as perf printed it', () => {
    const { script, report } = texts(RECORDING);
    expect(script).to.equal(kept('script'));
    expect(report).to.equal(kept('report'));
    const events = new Set([...script.matchAll(/ ([a-z_]+:[a-z0-9_]+): /g)].map(([, name]) => name));
    expect(events.size).to.be.at.least(20);
  });

  it('perf still prints the fixture so', function () {
    if (perfVersion !== '6.1') this.skip();
    const { script, report, sorted } = perfTexts(RECORDING);
    expect({ script, report }).to.deep.equal({ script: kept('script'), report: kept('report') });
    expect(texts(RECORDING).sorted).to.equal(sorted);
  });

  it('those of this machine are printed as perf prints them', function () {
    if (perfVersion !== '6.1' || !canRecord) this.skip();
    const dir = scratch();
    const events = 'sched:*,irq:*,task:*,signal:*,raw_syscalls:*';
    const path = dir.file('live.data');
    const record = ['record', '-q', '-B', '-N', '--no-bpf-event', '-o', path];
    const work = ['sh', '-c', 'ls / | sort >/dev/null; kill -0 $$'];
    if (run('perf', [...record, ...events.split(',').flatMap((event) => ['-e', event]), ...work]).status !== 0)
      this.skip();
    const [own, real] = [texts(path), perfTexts(path)];
    dir.remove();
    expect(own.report).to.equal(real.report);
    expect(own.sorted).to.equal(real.sorted);
    // Without the kernel's symbols: which addresses have names is another matter.
    const unnamed = (text: string): string =>
      text.replaceAll(/=(?:0x[0-9a-f]{8,}|[a-zA-Z_][\w.]*(?:\+0x[0-9a-f]+)?)(?= |$)/gm, '=F');
    expect(unnamed(own.script)).to.equal(unnamed(real.script));
  });
});
