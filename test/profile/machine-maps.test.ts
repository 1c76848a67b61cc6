import { expect } from 'chai';
import fc from 'fast-check';
import { Dsos, moduleName, shortName } from '../../src/profile/dso.ts';
import { HIST_FILTER, MachineMaps } from '../../src/profile/machine-maps.ts';
import { mapIp, Maps } from '../../src/profile/maps.ts';
import { address, nanos } from '../../src/units.ts';
import { type MmapRecord, PERF_CONTEXT, PERF_RECORD, PERF_RECORD_MISC } from '../../src/uapi/perf-event.ts';

const { KERNEL, USER, GUEST_USER, COMM_EXEC } = PERF_RECORD_MISC;
const task = (pid: number, tid = pid) => ({ pid, tid, time: nanos(1) });
const mmap = (pid: number, addr: number, filename: string, more: Partial<MmapRecord> = {}): MmapRecord => ({
  ...task(pid),
  type: PERF_RECORD.MMAP2,
  misc: USER,
  addr: address(addr),
  len: 0x1000,
  pgoff: address(0x4000),
  filename,
  prot: 5,
  flags: 2,
  ...more,
});
const comm = (pid: number, name: string, misc = 0) =>
  ({ ...task(pid), type: PERF_RECORD.COMM, misc, comm: name }) as const;
const fork = (pid: number, tid: number, ppid: number, misc = 0) =>
  ({ ...task(pid, tid), type: PERF_RECORD.FORK, misc, ppid, ptid: ppid }) as const;
const machine = (): MachineMaps => new MachineMaps(() => undefined);
const place = (m: MachineMaps, pid: number, ip: number, tid = pid): string | undefined =>
  m.locate(m.thread(pid, tid), USER, address(ip)).map?.dso.name;

const chain = (...callchain: number[]) => ({
  ...task(1),
  type: PERF_RECORD.SAMPLE,
  misc: USER,
  ip: address(0),
  period: 1,
  callchain: callchain.map(address),
});

describe('Maps', () => {
  it('a new mapping cuts what it covers, like an array of pages', () => {
    const dsos = new Dsos();
    const mapping = fc.record({ start: fc.nat(40), len: fc.integer({ min: 1, max: 20 }), name: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(mapping), (list) => {
        const maps = new Maps();
        const pages: (string | undefined)[] = [];
        for (const [i, { start, len, name }] of list.entries()) {
          const dso = dsos.find(String(name));
          maps.insert({ start, end: start + len, pgoff: 1000 * i, dso, identity: false, prot: 5 });
          for (let page = start; page < start + len; page++) pages[page] = `${name}:${1000 * i + page - start}`;
        }
        for (let page = 0; page < 65; page++) {
          const map = maps.find(page);
          expect(map && `${map.dso.name}:${mapIp(map, page)}`).to.equal(pages[page]);
        }
      }),
    );
  });
});

describe('Machine', () => {
  it('names: a thread never heard of, the idle task, files, modules, JIT code', () => {
    const m = machine();
    expect(m.thread(7, 9).comm).to.equal(':9');
    expect(m.thread(0, 0).comm).to.equal('swapper');
    expect(shortName('/usr/lib/libc.so.6')).to.equal('libc.so.6');
    expect(shortName('/tmp/perf-12.map')).to.equal('[JIT] tid 12');
    expect(moduleName('/lib/modules/5.0/kernel/virtio-net.ko.xz')).to.equal('[virtio_net]');
  });

  it('threads share a process’s mappings, a fork copies them, exec keeps the task', () => {
    const m = machine();
    m.process(comm(1, 'sh'));
    m.process(mmap(1, 0x10000, '/bin/sh'));
    m.process(fork(1, 2, 1));
    m.process(fork(3, 3, 1));
    m.process(mmap(1, 0x20000, '/lib/a.so'));
    expect(place(m, 1, 0x20000, 2)).to.equal('/lib/a.so');
    expect(place(m, 3, 0x10000)).to.equal('/bin/sh');
    expect(place(m, 3, 0x20000)).to.equal(undefined);
    m.process(comm(3, 'ftest', COMM_EXEC));
    m.process(mmap(3, 0x10000, '/bin/ftest'));
    expect(place(m, 3, 0x10000)).to.equal('/bin/ftest');
    expect([m.thread(3, 3).comm, m.thread(1, 1).comm]).to.deep.equal(['ftest', 'sh']);
  });

  it('a fork that perf made up about running tasks copies no mappings', () => {
    const m = machine();
    m.process(mmap(1, 0x10000, '/bin/sh'));
    m.process(fork(2, 2, 1, COMM_EXEC));
    expect(place(m, 2, 0x10000)).to.equal(undefined);
  });

  it('addresses: in a file by offset, in the kernel and in anonymous memory as they are', () => {
    const m = machine();
    m.process(mmap(1, 0x10000, '/bin/sh'));
    m.process(mmap(1, 0x30000, '//anon'));
    const kernel = mmap(-1, -0x7f000000, '[kernel.kallsyms]_text', { misc: KERNEL, type: PERF_RECORD.MMAP });
    m.process(kernel);
    const thread = m.thread(1, 1);
    expect(m.locate(thread, USER, address(0x10234)).addr).to.equal(0x4234);
    expect(m.locate(thread, USER, address(0x30234))).to.include({ addr: 0x30234, level: '.' });
    expect(m.locate(thread, USER, address(0x30234)).map?.dso.shortName).to.equal('[JIT] tid 1');
    expect(m.locate(thread, KERNEL, address(-0x7efffff0))).to.include({ addr: -0x7efffff0, level: 'k' });
  });

  it('a guest’s code is counted and hidden', () => {
    const m = machine();
    m.process(mmap(1, 0x10000, '/bin/ftest', { misc: GUEST_USER }));
    const { level, filtered, map } = m.locate(m.thread(1, 1), GUEST_USER, address(0x10000));
    expect({ level, filtered, map }).to.deep.equal({ level: 'H', filtered: HIST_FILTER.GUEST, map: undefined });
  });

  it('call chains: the marker before a frame says whose it is, from either end; an unknown one spoils all', () => {
    const m = machine();
    const sample = chain(PERF_CONTEXT.KERNEL, -0x7f000000, PERF_CONTEXT.USER, 0x100, 0x200);
    const shown = (order: 'callee' | 'caller', max?: number) =>
      m.resolveChain(sample, order, max).map(({ ip, kernel }) => [Number(ip), kernel]);
    expect(shown('callee')).to.deep.equal([
      [-0x7f000000, true],
      [0x100, false],
      [0x200, false],
    ]);
    expect(shown('caller', 2)).to.deep.equal([
      [0x200, false],
      [0x100, false],
    ]);
    expect(m.resolveChain(chain(PERF_CONTEXT.USER, 0x100, -999, 0x200), 'callee')).to.deep.equal([]);
  });
});

describe('functions that the kernel makes at run time', () => {
  const ksymbol = (addr: bigint, length: number, name: string, flags = 0) => {
    const payload = Buffer.alloc(16 + 32);
    payload.writeBigUInt64LE(BigInt.asUintN(64, addr));
    payload.writeUInt32LE(length, 8);
    payload.writeUInt16LE(1, 12);
    payload.writeUInt16LE(flags, 14);
    payload.write(name, 16);
    return { ...task(0), type: PERF_RECORD.KSYMBOL, misc: 0, payload };
  };
  const PROGRAM = -0x3f000000;
  const nameAt = (m: MachineMaps, ip: number): readonly (string | undefined)[] => {
    const { map, sym, level } = m.locate(m.thread(0, 0), KERNEL, address(ip));
    return [sym?.name, map?.dso.name, level];
  };

  it('have names while they are there, a bpf program for one', () => {
    const m = machine();
    m.process(
      mmap(-1, -0x7f000000, '[kernel.kallsyms]_text', { misc: KERNEL, len: 0x7effffff, pgoff: address(-0x7f000000) }),
    );
    expect(nameAt(m, PROGRAM + 4)).to.deep.equal([undefined, '[kernel.kallsyms]', 'k']);
    m.process(ksymbol(BigInt(PROGRAM), 0x40, 'bpf_prog_6deef7357e7b4530'));
    const name = 'bpf_prog_6deef7357e7b4530';
    expect(nameAt(m, PROGRAM + 4)).to.deep.equal([name, name, 'k']);
    expect(nameAt(m, PROGRAM + 0x40)[1]).to.equal('[kernel.kallsyms]');
    expect(nameAt(m, PROGRAM - 1)[1]).to.equal('[kernel.kallsyms]');
    m.process(ksymbol(BigInt(PROGRAM), 0x40, 'bpf_prog_6deef7357e7b4530', 1));
    expect(nameAt(m, PROGRAM + 4)[0]).to.equal(undefined);
  });

  it('that are cut short or empty are none', () => {
    const m = machine();
    m.process({ ...ksymbol(BigInt(PROGRAM), 0x40, 'x'), payload: new Uint8Array(15) });
    m.process(ksymbol(BigInt(PROGRAM), 0, 'x'));
    m.process(ksymbol(BigInt(PROGRAM), 0x40, 'never there', 1));
    expect([...m.kernelMaps]).to.deep.equal([]);
  });
});
