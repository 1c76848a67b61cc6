import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { parseProfileKey, type Profile, totalWeight, NOT_SHOWN } from '../../src/profile/profile.ts';
import { ReportTextParser } from '../../src/profile/report-text.ts';
import { TextError } from '../../src/profile/text-error.ts';

function parse(text: string, label = 'x'): Profile[] {
  const parser = new ReportTextParser('x.txt');
  for (const line of text.split('\n')) parser.feed(line);
  return parser.profiles(label);
}

const rows = ({ weights }: Profile): [dso: string, symbol: string, weight: number][] =>
  [...weights].map(([key, weight]) => {
    const { dso, symbol } = parseProfileKey(key);
    return [dso, symbol, weight];
  });

const HEADED = `# To display the perf.data header info, please use --header/--header-only options.
#
#
# Total Lost Samples: 3
#
# Samples: 5K of event 'cpu-clock'
# Event count (approx.): 1000000
#
# Overhead  Command  Shared Object         Symbol
# ........  .......  ....................  ..........................
#
    60.00%  my prog  twin                  [.] operator new(unsigned)
            |
            ---main
               |          
                --0.53%--asm_common_interrupt

    40.00%  my prog  [kernel.kallsyms]     [k] do_idle


#
# (Tip: whatever)
#
`;

describe('a printed report', () => {
  it('reads the bare tables of a mail: rows, samples, headings', () => {
    const tables = parse(readFileSync('fixtures/compare/rfc.txt', 'utf8'));
    expect(tables.map(({ label, samples, event }) => [label, samples, event])).to.deep.equal([
      ['Test in Guest without optimization', 5198, ''],
      ['Test in Guest with this optimization', 22550, ''],
      ['Test in Host', 20652, ''],
    ]);
    expect(rows(tables[2]!).slice(0, 5)).to.deep.equal([
      ['ftest', 'qux', 37.87],
      ['ftest', 'foo', 15.78],
      ['ftest', 'main', 13.18],
      ['ftest', 'bar', 12.14],
      ['libc-2.17.so', '__random_r', 9.85],
    ]);
    expect(tables.map((table) => table.weights.size)).to.deep.equal([8, 11, 10]);
  });

  it('reads columns by the dotted line, passes call graphs over, and counts lost samples', () => {
    const [profile] = parse(HEADED);
    expect(profile!.event).to.equal('cpu-clock');
    expect([profile!.samples, profile!.samplesAbbreviated, profile!.lost]).to.deep.equal([5000, true, 3]);
    expect(rows(profile!)).to.deep.equal([
      ['twin', 'operator new(unsigned)', 600_000],
      ['[kernel.kallsyms]', 'do_idle', 400_000],
    ]);
  });

  it('takes Self, not Children, and exact counts of samples with -n', () => {
    const [profile] = parse(`# Samples: 12K of event 'cycles'
# Event count (approx.): 1000
#
# Children      Self       Samples  Command  Shared Object  Symbol
# ........  ........  ............  .......  .............  .......
#
   100.00%    25.00%          3000  a        a              [.] main
    75.00%    75.00%          9123  a        a              [.] f
`);
    expect(profile!.samples).to.equal(12_123);
    expect(profile!.samplesAbbreviated).to.equal(undefined);
    expect(rows(profile!)).to.deep.equal([
      ['a', 'main', 250],
      ['a', 'f', 750],
    ]);
  });

  it('splits a group into one profile an event, whose samples nothing tells', () => {
    const profiles = parse(`# Samples: 500  of events 'anon group { cycles, instructions }'
# Event count (approx.): 100
#
#         Overhead  Command  Shared Object  Symbol
# ................  .......  .............  .......
#
    60.00%  30.00%  a        a              [.] f
    40.00%  70.00%  a        a              [.] g
`);
    expect(profiles.map(({ event, samples }) => [event, samples])).to.deep.equal([
      ['cycles', undefined],
      ['instructions', undefined],
    ]);
    expect(rows(profiles[1]!).map(([, , weight]) => weight)).to.deep.equal([30, 70]);
  });

  it('keeps what a limit hid as a row, so that shares stay shares of everything', () => {
    const [profile] = parse('60.00% a a [.] f\n30.00% a a [.] g\n');
    expect(rows(profile!).at(-1)).to.deep.equal(['', NOT_SHOWN, 10]);
    expect(totalWeight(profile!)).to.equal(100);
    expect(profile!.samples).to.equal(undefined);
  });

  it('says where columns cannot be told apart', () => {
    for (const row of [
      '60.00% f',
      // -F overhead,comm,period,symbol and an event with -d: is the number a part of the command's name?
      '# dso: [k]\n    10.00%  ftest         2200000  [k] native_write_msr',
      '    10.00%  ftest         2200000  libc.so  [.] random',
      // -t e -v
      '     3.12%  e 1000       eft.st  e0x1044             B [.] random@plt',
    ])
      expect(() => parse(`\n${row}\n`), row).to.throw(TextError, /^x\.txt:[23]: cannot tell the columns apart/);
  });

  it('takes N/A for no count of samples', () => {
    const [profile] = parse('    62.50%       N/A  ftest  [.] qux\n    37.50%       N/A  ftest  [.] foo\n');
    expect(profile!.samples).to.equal(undefined);
    expect([...profile!.weights.values()]).to.deep.equal([62.5, 37.5]);
  });

  it('does not take callers for the one symbol that was asked for', () => {
    const text = `# symbol: qux
#
# Samples: 17  of event 'cycles'
# Event count (approx.): 200000
#
# Overhead  Command
# ........  .......
#
    79.50%  ftest
    10.00%  ftest
`;
    expect(() => parse(text)).to.throw(
      TextError,
      "shows callers beside what was filtered: print 'perf report --stdio --no-children'",
    );
  });

  it('reads lines of any length in one pass', () => {
    const many = 1 << 18;
    const headed = '# Overhead  Symbol\n# ........  ......\n';
    const lines = [
      `# Samples: 1  of event '${'{ '.repeat(many)}'`,
      `# Samples: 1  of event '${'} '.repeat(many)}'`,
      `# ${'. '.repeat(many)}`,
      `# Overhead${' '.repeat(many)}x`,
      ...[`1${' '.repeat(many)}x`, '1'.repeat(many), `${'1 '.repeat(many)}%`, ' [.]'.repeat(many)].map(
        (x) => `  1.00%  ${x}`,
      ),
      `  1.00%  a  0x1 B [.] ${'f('.repeat(many)}`,
      `  1.00%  a  0x1 B [.] f${'()'.repeat(many)}${' const'.repeat(many)}`,
      `  1.00%  a  0x1 B [.] f(${' [clone '.repeat(many)}]`,
    ];
    for (const line of lines)
      for (const text of [line, `${headed}${line}`])
        try {
          parse(text);
        } catch (error) {
          expect(error).to.be.instanceOf(TextError);
        }
  });

  it('names what else perf printed, and what to print instead', () => {
    const told = (text: string): string => {
      try {
        parse(text);
      } catch (error) {
        if (error instanceof TextError) return error.message;
      }
      return '';
    };
    expect(told("# Event 'cycles'\n#\n# Baseline  Delta Abs  Symbol\n")).to.equal(
      "x.txt:3 is what perf diff printed: print 'perf report --stdio' of each file",
    );
    expect(told(' Percent |\tSource code & Disassembly of x for cycles\n')).to.match(/perf annotate printed/);
    expect(told(" Performance counter stats for 'true':\n")).to.match(/perf stat printed/);
  });
});
