/** Maps by JIT compilers, read as perf reads them. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { perfMapSymbols } from '../../src/perfdata/perf-map.ts';
import { loadElfSymbols } from '../../src/perfdata/symbol-source.ts';
import { canRecord, run, scratch } from './real-perf.ts';

const GPERF = new URL('../../bundle/cli/main.js', import.meta.url).pathname;
const listed = (text: string | Buffer): unknown[] =>
  perfMapSymbols(Buffer.from(text)).symbols.map(({ name, start, end }) => [name, start, end - start]);

describe('maps of JIT compilers', () => {
  const dir = scratch();
  const maps: string[] = [];
  after(() => {
    dir.remove();
    for (const map of maps) rmSync(map, { force: true });
  });

  it('are lines of start, size and name, whatever else is in the file', () => {
    expect(
      listed('7f00 20 LazyCompile:~main /x/a b.js:1\n  0x7e00 10 g\u00e9n\n\nzz\n10 20 \n10 20 a\n'),
    ).to.deep.equal([
      ['g\u00e9n', 0x7e00, 16],
      ['LazyCompile:~main /x/a b.js:1', 0x7f00, 32],
    ]);
    // The last character is taken for the end of the line.
    expect(listed('100 8 function')).to.deep.equal([['functio', 256, 8]]);
    expect(listed(Buffer.from('100 8 a\xffbcd\0ef\n', 'latin1'))).to.deep.equal([['a\udcffbcd', 256, 8]]);
    // A size beyond the last address holds nothing.
    expect(perfMapSymbols(Buffer.from('100 ffffffffffffffff huge\n')).lookup(0x110)).to.equal(undefined);
    expect(listed('')).to.deep.equal([]);
  });

  it('are not waited for where the path is a FIFO', () => {
    const path = `/tmp/perf-${process.pid}.map`;
    maps.push(path);
    rmSync(path, { force: true });
    execFileSync('mkfifo', [path]);
    expect(loadElfSymbols(path, undefined, {})).to.equal(undefined);
    rmSync(path);
    writeFileSync(path, '100 8 function\n');
    const symbols = loadElfSymbols(path, undefined, { symfs: dir.path });
    expect([symbols?.find(0x104)?.name, symbols?.origin]).to.deep.equal(['function', 'j']);
  });

  it('name what was made at run time as real perf names it', function () {
    if (!canRecord) this.skip();
    writeFileSync(dir.file('p.c'), PROGRAM);
    if (run('gcc', ['-O1', '-o', dir.file('p'), dir.file('p.c')]).status !== 0) this.skip();
    const data = dir.file('jit.data');
    const { stdout } = run('perf', ['record', '-q', '-e', 'cpu-clock:u', '-o', data, dir.file('p')]);
    const map = `/tmp/perf-${stdout.trim()}.map`;
    maps.push(map);
    const odd =
      '# odd\n10000000000 1000 around\n0x10000000000 4 in ner\n10000000000 0 empty\n10000000005 2 b\n10000000007 9 last';
    for (const text of ['10000000000 7 first\n10000000007 8 second one\n', odd, '']) {
      writeFileSync(map, text);
      for (const args of [
        ['script', '-F', 'comm,ip,sym,symoff,dso'],
        ['report', '--stdio', '-q', '-s', 'dso,sym'],
      ]) {
        const real = run('perf', [...args, '-i', data]).stdout;
        expect(real).to.match(text === odd ? /around|ner/ : text === '' ? /perf-|JIT/ : /second one/);
        expect(run(process.execPath, [GPERF, ...args, '-i', data]).stdout).to.equal(real);
      }
    }
  });
});

/** Runs "mov $2e8, %ecx; 1: dec %ecx; nop...; jnz 1b; ret", which is in no file, and says its PID. */
const PROGRAM = `
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static const unsigned char code[] = {0xb9, 0x00, 0xc2, 0xeb, 0x0b, 0xff, 0xc9, 0x90, 0x90, 0x90, 0x90, 0x75, 0xf8, 0xc3};
int main(void) {
  void *at = mmap((void *)0x10000000000, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memcpy(at, code, sizeof code);
  ((void (*)(void))at)();
  return printf("%d\\n", getpid()) < 0;
}
`;
