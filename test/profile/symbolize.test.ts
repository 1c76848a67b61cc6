import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { Machine } from '../../src/profile/machine.ts';
import { fileSymbols } from '../../src/profile/symbolize.ts';
import { PERF_RECORD_MISC } from '../../src/uapi/perf-event.ts';
import { address } from '../../src/units.ts';
import { scratch } from '../perfdata/real-perf.ts';
import { KALLSYMS, KERNEL_TEXT, kernelMmap } from '../perfdata/recordings.ts';

describe('fileSymbols', () => {
  const dir = scratch();
  const kallsyms = dir.file('kallsyms');
  after(() => dir.remove());

  it('finds a kernel that has moved since by the reference symbol', () => {
    writeFileSync(kallsyms, KALLSYMS);
    for (const shift of [0, 0x200000]) {
      const machine = new Machine(fileSymbols({ kallsyms }));
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
    const machine = new Machine(fileSymbols({}));
    machine.process(kernelMmap);
    const at = machine.locate(machine.thread(0, 0), PERF_RECORD_MISC.KERNEL, address(KERNEL_TEXT + 4));
    expect(at.sym).to.equal(undefined);
    expect(at.map?.dso.name).to.equal('[kernel.kallsyms]');
  });
});
