/** Which symbol an address belongs to: perf's rules one by one, and perf itself on a real recording. */
import { expect } from 'chai';
import fc from 'fast-check';
import { defaultCacheDir } from '../../src/perfdata/buildid-cache.ts';
import { STB_GLOBAL, STB_LOCAL, STB_WEAK } from '../../src/perfdata/elf-format.ts';
import { openPerfData } from '../../src/perfdata/reader.ts';
import { loadElfSymbols, loadKernelSymbols, type LoadedSymbols } from '../../src/perfdata/symbol-source.ts';
import type { Symbol } from '../../src/perfdata/symbol.ts';
import { kallsymsSymbols, SymbolTable } from '../../src/perfdata/symbols.ts';
import { PERF_RECORD, PERF_RECORD_MISC, type MmapRecord } from '../../src/uapi/perf-event.ts';
import { canRecord, run, scratch } from './real-perf.ts';
import { at, KALLSYMS, KERNEL_TEXT } from './recordings.ts';
import { moveAddress } from '../../src/units.ts';

const sym = (name: string, start: number, size = 0, binding = STB_GLOBAL): Symbol => ({
  name,
  start,
  end: start + size,
  binding,
});
const bestOf = (...symbols: Symbol[]): string | undefined => new SymbolTable([symbols]).lookup(100)?.name;

describe('symbol tables', () => {
  it('choose between symbols at one address as perf does', () => {
    expect(bestOf(sym('a', 100), sym('sized', 100, 8), sym('b', 100))).to.equal('sized');
    expect(bestOf(sym('weak_and_long', 100, 8, STB_WEAK), sym('local', 100, 8, STB_LOCAL))).to.equal('local');
    expect(bestOf(sym('local_and_long', 100, 8, STB_LOCAL), sym('global', 100, 8))).to.equal('global');
    expect(bestOf(sym('__libc_malloc', 100, 8), sym('malloc', 100, 8))).to.equal('malloc');
    expect(bestOf(sym('read', 100, 8), sym('readv64', 100, 8))).to.equal('readv64');
    expect(bestOf(sym('SyS_a', 100, 8), sym('sys_a', 100, 8))).to.equal('sys_a');
    expect(bestOf(sym('same1', 100, 8), sym('same2', 100, 8))).to.equal('same1');
  });

  it('stretch symbols without a size to the next one', () => {
    const table = new SymbolTable([[sym('a', 100), sym('b', 200, 10), sym('z', 5000)]]);
    expect(table.lookup(99)).to.equal(undefined);
    expect(table.lookup(199)?.name).to.equal('a');
    expect(table.lookup(200)?.name).to.equal('b');
    expect(table.lookup(210)).to.equal(undefined);
    expect(table.named('z')).to.include({ start: 5000, end: 8192 + 4096 });
  });

  it('find one of nested symbols where perf would: by the shape of its tree', () => {
    const [outer, inner, later] = [
      ['outer', 100, 100] as const,
      ['inner', 120, 10] as const,
      ['later', 150, 5] as const,
    ];
    const found = (...symbols: (readonly [string, number, number])[]): (string | undefined)[] => {
      const table = new SymbolTable([symbols.map(([name, start, size]) => sym(name, start, size))]);
      return [119, 125, 130, 152, 160, 199].map((a) => table.lookup(a)?.name);
    };
    // Of three nodes the middle one is the root, of two the one that came first.
    expect(found(outer, inner, later)).to.deep.equal(['outer', 'inner', undefined, 'later', undefined, undefined]);
    expect(found(outer, later)).to.deep.equal(['outer', 'outer', 'outer', 'outer', 'outer', 'outer']);
    expect(found(later, outer)).to.deep.equal(['outer', 'outer', 'outer', 'later', undefined, undefined]);
  });

  it('are read one after the other: a symbol that the first has stretched has a size for the second', () => {
    const table = new SymbolTable(
      [[sym('_a', 100), sym('b', 120, 4)], [sym('__a_but_longer', 100, 2)]],
      [sym('a@plt', 100, 9)],
    );
    expect(table.symbols.map(({ name, end }) => [name, end])).to.deep.equal([
      ['_a', 120],
      ['a@plt', 109],
      ['b', 124],
    ]);
  });

  it('agree with a search through the whole list where nothing overlaps', () => {
    const steps = fc.array(fc.record({ gap: fc.nat(5), size: fc.integer({ min: 1, max: 40 }) }));
    fc.assert(
      fc.property(steps, fc.nat(400), (list, address) => {
        let next = 0;
        const all = list.map(({ gap, size }, i) => sym(`s${i}`, (next += gap + size) - size, size));
        const wanted = all.find((s) => s.start <= address && address < s.end)?.name;
        const shuffled = all.toSorted((a, b) => (a.start % 7) - (b.start % 7));
        expect(new SymbolTable([shuffled]).lookup(address)?.name).to.equal(wanted);
      }),
    );
  });

  it('read kallsyms: kernel addresses, modules, the last of doubles', () => {
    const table = kallsymsSymbols(KALLSYMS);
    expect(table.symbols[0]).to.include({ name: '_text', start: KERNEL_TEXT, binding: STB_GLOBAL });
    expect(table.lookup(at('schedule', 0x3f))?.name).to.equal('schedule');
    const text = [
      'ffffffff81000000 T memcpy',
      'ffffffff81000000 T __pi_memcpy',
      'ffffffff81000010 t local',
      'ffffffff81000020 W weak',
      'ffffffff81000030 A absolute',
      'ffffffff81000040 d data',
      'ffffffffc0000000 t init\t[ext4]',
      'not a line',
    ];
    const { symbols } = kallsymsSymbols(text.join('\n'));
    expect(symbols.map((s) => s.name)).to.deep.equal(['__pi_memcpy', 'local', 'weak', 'data', 'init']);
    expect(symbols.map((s) => s.binding)).to.deep.equal([STB_GLOBAL, STB_LOCAL, STB_WEAK, STB_LOCAL, STB_LOCAL]);
    expect(symbols[3]!.end - symbols[3]!.start).to.equal(0x1000 - 0x40 + 0x1000);
    expect(symbols[4]?.module).to.equal('ext4');
  });
});

describe('symbols of a real recording', function () {
  const dir = scratch();
  after(() => dir.remove());

  it('are those that perf script prints', function () {
    if (!canRecord) this.skip();
    const path = dir.file('perf.data');
    run('perf', [
      'record',
      '-q',
      '-F',
      '20000',
      '-e',
      'cpu-clock',
      '-o',
      path,
      '--',
      'sh',
      '-c',
      'ls -l /usr/bin >/dev/null',
    ]);
    const { stdout } = run('perf', ['script', '-F', 'ip,sym', '-i', path]);
    const perf = stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().replace(/^\S+ /, ''));

    const session = openPerfData(path);
    const places = { dir: defaultCacheDir() };
    const ids = new Map(session.buildIds.map((b) => [b.filename, b.buildId]));
    const loaded = new Map<string, LoadedSymbols | undefined>();
    const load = (name: string): LoadedSymbols | undefined => {
      if (!loaded.has(name)) loaded.set(name, loadElfSymbols(name, ids.get(name), places));
      return loaded.get(name);
    };
    const kernel = loadKernelSymbols(ids.get('[kernel.kallsyms]'), places);
    const maps: MmapRecord[] = [];
    const ours: string[] = [];
    for (const { record: r } of session.records()) {
      if (r.type === PERF_RECORD.MMAP2) maps.push(r);
      if (r.type !== PERF_RECORD.SAMPLE) continue;
      const map = maps.findLast((m) => m.pid === r.pid && r.ip >= m.addr && r.ip < moveAddress(m.addr, m.len));
      const symbol =
        r.misc === PERF_RECORD_MISC.KERNEL
          ? kernel?.find(Number(r.ip))
          : map && load(map.filename)?.find(Number(moveAddress(r.ip, map.pgoff, map.addr)));
      ours.push(symbol?.name ?? '[unknown]');
    }
    session.close();
    expect(ours).to.have.length(perf.length);
    // A forked child's inherited maps are the machine model's business, not ours.
    const known = perf.map((name, i) => [name, ours[i]]).filter(([, name]) => name !== '[unknown]');
    expect(known.length).to.be.greaterThan(perf.length / 2);
    expect(known.filter(([a, b]) => a !== b)).to.deep.equal([]);
  });
});
