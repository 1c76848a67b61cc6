import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { MachineMaps } from '../../src/profile/machine-maps.ts';
import { fileSymbols } from '../../src/profile/symbolize.ts';
import { PERF_RECORD_MISC } from '../../src/uapi/perf-event.ts';
import { address, addressFromU64 } from '../../src/units.ts';
import { scratch } from '../perfdata/real-perf.ts';
import { KALLSYMS, KERNEL_TEXT, kernelMmap } from '../perfdata/recordings.ts';

const KERNEL_ID = { pid: -1, misc: PERF_RECORD_MISC.KERNEL, filename: '[kernel.kallsyms]' };

describe('fileSymbols', () => {
  const dir = scratch();
  const kallsyms = dir.file('kallsyms');
  after(() => dir.remove());

  it('finds a kernel that has moved since by the reference symbol', () => {
    writeFileSync(kallsyms, KALLSYMS);
    for (const shift of [0, 0x200000]) {
      const machine = new MachineMaps(fileSymbols({ kallsyms }));
      const start = address(KERNEL_TEXT + shift);
      machine.process({ ...kernelMmap, addr: start, pgoff: start });
      const at = machine.locate(machine.thread(0, 0), PERF_RECORD_MISC.KERNEL, address(start + 0xc4));
      expect({ name: at.sym?.name, offset: Number(at.addr) - (at.sym?.start ?? 0) }).to.deep.equal({
        name: 'schedule',
        offset: 4,
      });
    }
  });

  it('names nothing of a kernel that it does not know', () => {
    for (const machine of [
      new MachineMaps(fileSymbols({}), [{ ...KERNEL_ID, buildId: '01'.repeat(20) }]),
      new MachineMaps(fileSymbols({ symfs: dir.path })),
      new MachineMaps(fileSymbols({ simulated: true })),
    ]) {
      machine.process(kernelMmap);
      const at = machine.locate(machine.thread(0, 0), PERF_RECORD_MISC.KERNEL, address(KERNEL_TEXT + 4));
      expect(at.sym).to.equal(undefined);
      expect(at.map?.dso.name).to.equal('[kernel.kallsyms]');
    }
  });

  it('takes the running kernel for one that has no build-id, and says so', function () {
    const text = readFileSync('/proc/kallsyms', 'utf8');
    const [, start] = /^([0-9a-f]+) T _text$/m.exec(text) ?? [];
    // Only the privileged see addresses.
    if (start === undefined || /^0+$/.test(start)) this.skip();
    let taken = 0;
    const machine = new MachineMaps(fileSymbols({}, () => taken++));
    const begin = BigInt(`0x${start}`);
    machine.process({ ...kernelMmap, addr: addressFromU64(begin), len: 0x4000_0000, pgoff: addressFromU64(begin) });
    const named = [...text.matchAll(/^([0-9a-f]+) [Tt] schedule$/gm)];
    const at = addressFromU64(BigInt(`0x${named[0]![1]!}`) + 1n);
    expect(machine.locate(machine.thread(0, 0), PERF_RECORD_MISC.KERNEL, at).sym?.name).to.equal('schedule');
    expect(taken).to.equal(1);
  });
});
