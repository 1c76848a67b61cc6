/** Programs linked in every way that is installed: gperf names what perf names, byte for byte. */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { canRecord, run, scratch } from './real-perf.ts';

const SOURCE = `
volatile long sink;
static __attribute__((noinline)) void local(long n) { for (long i = 0; i < n; i++) sink += i; }
__attribute__((noinline)) void global_(long n) { for (long i = 0; i < n; i++) sink ^= i; }
void alias_of_global(long n) __attribute__((alias("global_")));
__asm__(".text\\n.globl nosize\\nnosize: mov $200000,%ecx\\nlabel: dec %ecx\\n jnz label\\n ret\\n");
void nosize(void);
int main(void) { for (int i = 0; i < 40; i++) { local(200000); global_(200000); nosize(); } return 0; }
`;
const STYLES: readonly (readonly string[])[] = [
  ['-static'],
  ['-no-pie'],
  ['-s', '-rdynamic'],
  ['-Wl,-z,separate-code'],
  ['-static', '-fuse-ld=gold'],
  ['-fuse-ld=gold'],
  ['-fuse-ld=lld'],
  ['-fuse-ld=mold'],
];

describe('programs as linkers make them', () => {
  const dir = scratch();
  before(() => writeFileSync(dir.file('p.c'), SOURCE));
  after(() => dir.remove());

  for (const style of STYLES)
    it(`have perf's names: ${style.join(' ')}`, function () {
      const [program, data] = [dir.file('program'), dir.file('perf.data')];
      const built = canRecord && run('gcc', ['-O1', ...style, '-o', program, dir.file('p.c')]).status === 0;
      if (!built) this.skip();
      run('perf', ['record', '-q', '-N', '-e', 'cpu-clock:u', '-F', '2000', '-o', data, program]);
      const args = ['script', '-F', 'ip,sym,symoff,dso', '-i', data];
      const perf = run('perf', args).stdout;
      expect(perf).to.match(/label|global|nosize/);
      expect(run(process.execPath, ['dist/bundle/cli/main.js', ...args]).stdout).to.equal(perf);
    });
});
