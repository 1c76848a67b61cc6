/** The same recording as perf.data, as a printed report and as folded stacks is the same profile. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { openOperand } from '../../src/experiment/operand.ts';
import { PerfDataFormatError } from '../../src/perfdata/errors.ts';
import { defaultCacheDir } from '../../src/perfdata/buildid-cache.ts';
import { type Granularity, parseProfileKey, type Profile, totalWeight } from '../../src/profile/profile.ts';
import { TextError } from '../../src/profile/text-error.ts';
import { fileSymbols } from '../../src/profile/symbolize.ts';
import { readOperand, toTheEnd } from './read-operand.ts';
import { canRecord, run, scratch } from '../perfdata/real-perf.ts';

function read(path: string, by: Granularity = 'symbol'): Profile[] {
  return readOperand(path, { label: path, by, symbols: fileSymbols({ dir: defaultCacheDir() }) });
}

const PROGRAM = `
static volatile unsigned long s;
__attribute__((noinline)) void foo(int n) { for (int i = 0; i < n; i++) s += i; }
__attribute__((noinline)) void bar(int n) { for (int i = 0; i < n; i++) s ^= i; }
int main(void) { for (int i = 0; i < 20000; i++) { foo(1000); bar(2000); } return 0; }
`;

describe('operands', () => {
  const dir = scratch();
  after(() => dir.remove());

  it('turns a table of functions into one of files, if it names files', () => {
    const [host] = read('fixtures/compare/rfc-host.txt', 'dso');
    const files = [...host!.weights].map(([key, weight]) => {
      const { dso, symbol } = parseProfileKey(key);
      return [dso, symbol, Number(weight.toFixed(2))];
    });
    expect(files.slice(0, 2)).to.deep.equal([
      ['ftest', '', 80.56],
      ['libc-2.17.so', '', 19.44],
    ]);
    writeFileSync(
      dir.file('sym.txt'),
      '# Overhead  Symbol\n# ........  ......\n    90.00%  [.] f\n    10.00%  [.] g\n',
    );
    expect(() => read(dir.file('sym.txt'), 'dso')).to.throw(TextError, 'sym.txt names no files');
  });

  describe('of real perf', () => {
    before(function () {
      if (!canRecord) this.skip();
      writeFileSync(dir.file('p.c'), PROGRAM);
      if (run('gcc', ['-O1', '-fno-omit-frame-pointer', '-o', dir.file('p'), dir.file('p.c')]).status !== 0)
        this.skip();
      const events = ['-e', 'cpu-clock:u', '-e', 'task-clock:u', '-F', '2000', '-g'];
      run('perf', ['record', '-q', '-N', ...events, '-o', dir.file('p.data'), dir.file('p')], { cwd: dir.path });
    });

    it('a recording has a profile for each of its events', () => {
      const profiles = read(dir.file('p.data'));
      expect(profiles.map(({ event }) => event)).to.deep.equal(['cpu-clock:u', 'task-clock:u']);
      for (const { samples, weights, sampling } of profiles) {
        expect(samples).to.be.greaterThan(10);
        expect([...weights.keys()].map((key) => parseProfileKey(key).symbol)).to.include.members(['foo', 'bar']);
        expect(sampling!.periods).to.include({ frequency: 2000, first: 500_000 });
        expect(sampling!.sumOfSquares).to.equal(samples! * 500_000 ** 2);
      }
    });

    it('a printed report of it has the same shares', () => {
      writeFileSync(dir.file('p.txt'), run('perf', ['report', '--stdio', '-n', '-i', dir.file('p.data')]).stdout);
      const recorded = read(dir.file('p.data'));
      const printed = read(dir.file('p.txt'));
      expect(printed.map(({ event, samples }) => [event, samples])).to.deep.equal(
        recorded.map(({ event, samples }) => [event, samples]),
      );
      for (const [i, { weights }] of printed.entries())
        for (const [key, weight] of weights)
          expect(weight / totalWeight(printed[i]!), key).to.be.closeTo(
            (recorded[i]!.weights.get(key) ?? 0) / totalWeight(recorded[i]!),
            2e-4,
          );
    });

    it('folded stacks of it have the same shares, by function and by call chain', () => {
      const fields = ['script', '-i', dir.file('p.data'), '-F', 'comm,event,ip,sym'];
      const stacks = run('perf', fields)
        .stdout.split(/\n\n+/)
        .filter((sample) => sample.includes('cpu-clock'))
        .map((sample) => {
          const [head = '', ...frames] = sample.trim().split('\n');
          return [head.trim().split(/\s/)[0], ...frames.map((f) => f.trim().split(/\s+/)[1]).toReversed()].join(';');
        });
      writeFileSync(dir.file('p.folded'), `${stacks.map((stack) => `${stack} 1`).join('\n')}\n`);
      for (const by of ['symbol', 'callchain'] as const) {
        const [folded] = read(dir.file('p.folded'), by);
        const [recorded] = read(dir.file('p.data'), by);
        expect(folded!.samples).to.equal(recorded!.samples);
        const shares = ({ weights }: Profile): Map<string, number> => {
          const sums = new Map<string, number>();
          for (const [key, w] of weights) {
            const { symbol } = parseProfileKey(key);
            sums.set(symbol, (sums.get(symbol) ?? 0) + w);
          }
          return sums;
        };
        const known = shares(recorded!);
        for (const [symbol, n] of shares(folded!))
          if (!symbol.includes('[')) expect(known.get(symbol), symbol).to.equal(n * 500_000);
      }
    });

    it('a truncated one is what could be read, and says where it ends', () => {
      const cut = dir.file('cut.data');
      spawnSync('cp', [dir.file('p.data'), cut]);
      truncateSync(cut, 9000);
      const operand = openOperand(cut, { label: cut, by: 'symbol', symbols: () => undefined });
      try {
        const [profile] = toTheEnd(operand.read());
        expect(profile!.samples).to.be.greaterThan(0);
        expect(operand.fault?.message).to.match(/cut\.data is truncated at offset 0x[0-9a-f]+/);
      } finally {
        operand.close();
      }
    });

    it('a compressed one has the samples that perf counts in it', function () {
      const z = dir.file('z.data');
      const options = ['record', '-q', '-N', '-z', '-e', 'cpu-clock:u', '-F', '2000', '-o', z];
      if (run('perf', [...options, dir.file('p')]).status !== 0) this.skip();
      const samples = run('perf', ['script', '-F', 'ip', '-i', z]).stdout.trim().split('\n').length;
      expect(read(z)[0]!.samples).to.equal(samples);
    });
  });

  it('refuses what is none of these', () => {
    writeFileSync(dir.file('x'), 'hello\nworld\n');
    expect(() => read(dir.file('x'))).to.throw(TextError, /neither a recording/);
    writeFileSync(dir.file('empty'), '');
    expect(() => read(dir.file('empty'))).to.throw(PerfDataFormatError, /zero-sized/);
    writeFileSync(dir.file('f.folded'), 'a;b 1\n');
    expect(() => read(dir.file('f.folded'), 'instruction')).to.throw(TextError, /cannot be compared by instruction/);
    expect(() => read('fixtures/compare/rfc-host.txt', 'callchain')).to.throw(TextError, /a table of functions/);
  });
});
