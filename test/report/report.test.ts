import { expect } from 'chai';
import { reportStdio } from '../../src/report/report.ts';
import type { ReportOptions } from '../../src/report/report-options.ts';
import { at, CHAINS, evsel, recording, type Shot, shots, symbols } from './synthetic.ts';

const report = (list: readonly Shot[], options: ReportOptions = {}, sample_type?: number): string[] => [
  ...reportStdio(recording([evsel('cycles', 0, {}, sample_type)], shots(list)), symbols, options),
];

const FLAT_SHOTS: readonly Shot[] = [
  ...Array.from({ length: 20 }, () => ({ ip: at.ftest(0x1310) })),
  ...Array.from({ length: 5 }, () => ({ ip: at.kernel(0x110) })),
  { ip: at.ftest(0x1110) },
  { ip: at.ftest(0x1210) },
  { ip: at.ftest(0x1020) },
  { ip: at.libc(0x2101) },
  { ip: at.libc(0x2f00) },
  { ip: 0x123 },
  { ip: at.kernel(0x2f0), tid: 101 },
];

describe('perf report --stdio', () => {
  it('prints one line a symbol, ties by name, halves rounded to even', () => {
    expect(report(FLAT_SHOTS)).to.deep.equal([
      '# To display the perf.data header info, please use --header/--header-only options.',
      '#',
      '#',
      '# Total Lost Samples: 0',
      '#',
      "# Samples: 32  of event 'cycles'",
      '# Event count (approx.): 32000',
      '#',
      '# Overhead  Command  Shared Object      Symbol                ',
      '# ........  .......  .................  ......................',
      '#',
      '    62.50%  ftest    ftest              [.] qux',
      '    15.62%  ftest    [kernel.kallsyms]  [k] do_syscall_64',
      '     3.12%  :101     [kernel.kallsyms]  [k] schedule',
      '     3.12%  ftest    ftest              [.] bar',
      '     3.12%  ftest    ftest              [.] foo',
      '     3.12%  ftest    ftest              [.] main',
      '     3.12%  ftest    libc-2.27.so       [.] random',
      '     3.12%  ftest    libc-2.27.so       [.] 0x0000000000002f00',
      '     3.12%  ftest    [unknown]          [.] 0x0000000000000123',
      '',
      '',
      '#',
      '# (Tip: Compare a recording with the exact truth: gperf compare perf.data --truth)',
      '#',
    ]);
  });

  it('prints only lines under -q, and counts under -n', () => {
    const shown = report(FLAT_SHOTS, { quiet: true, showNrSamples: true, showTotalPeriod: true, sort: 'dso' });
    expect(shown).to.deep.equal([
      '    71.88%            23         23000  ftest            ',
      '    18.75%             6          6000  [kernel.kallsyms]',
      '     6.25%             2          2000  libc-2.27.so     ',
      '     3.12%             1          1000  [unknown]        ',
      '',
      '',
    ]);
  });

  it('draws who called whom', () => {
    const shown = report(
      [
        { ip: at.ftest(0x1310), chain: [at.ftest(0x1310), at.ftest(0x1110), at.ftest(0x1020)], period: 3000 },
        { ip: at.ftest(0x1310), chain: [at.ftest(0x1310), at.ftest(0x1210), at.ftest(0x1020)] },
      ],
      { quiet: true, children: false },
      CHAINS,
    );
    expect(shown).to.deep.equal([
      '   100.00%  ftest    ftest          [.] qux',
      '            |',
      '            ---qux',
      '               |          ',
      '               |--75.00%--foo',
      '               |          main',
      '               |          ',
      '                --25.00%--bar',
      '                          main',
      '',
      '',
      '',
    ]);
  });

  it('names a key it does not know', () => {
    expect(() => report(FLAT_SHOTS, { sort: 'bogus' })).to.throw("Unknown --sort key: `bogus'");
  });
});
