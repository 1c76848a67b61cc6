/** Machines: what a spec may say, and that every number in a preset is in its range. */
import { expect } from 'chai';
import { CYCLES } from '../../src/arch/events.ts';
import { FN, KERNEL_SYMBOLS, type KernelFunction } from '../../src/kernel/symbols.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { costKeyOf } from '../../src/machine/costs.ts';
import type { KeyInfo } from '../../src/machine/key-info.ts';
import { SPEC_KEYS, printValue, type SpecKey } from '../../src/machine/keys.ts';
import { NOTHING_LEFT, bootMachine } from '../../src/machine/machine.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { ring0Table } from '../../src/machine/ring0.ts';
import { MACHINES, SpecError, VPMUS, changedValues, machineSpec } from '../../src/machine/spec.ts';
import { coreTiming } from '../../src/machine/timing.ts';
import { ELSEWHERE, setsFor } from '../kvm/guest.ts';
import { cycles } from '../../src/units.ts';
import type { CoreTiming } from '../../src/workload/instructions.ts';

const spec = (...sets: string[]): ReturnType<typeof machineSpec> => machineSpec('broadwell-ep', 'host', 'seed', sets);
const refused = (...sets: string[]): SpecError => {
  try {
    spec(...sets);
  } catch (error) {
    if (error instanceof SpecError) return error;
    throw error;
  }
  throw new Error(`${sets.join(' ')} was taken`);
};

describe('machine/spec', () => {
  it('takes values of every kind, the last of several', () => {
    const { values } = spec('host.hz=1000', 'host.watchdog=on', 'host.kernel=6.3', 'skid.mean=1.5', 'host.hz=100');
    expect([values['host.hz'], values['host.watchdog'], values['host.kernel'], values['skid.mean']]).to.deep.equal([
      100,
      true,
      '6.3',
      1.5,
    ]);
  });

  it('says which key is wrong, and why', () => {
    expect(refused('host.hertz=250')).to.include({ key: 'host.hertz' });
    expect(refused('host.hertz=250').known).to.include('host.hz');
    expect(refused('host.hz').message).to.contain('needs a value');
    expect(refused('host.hz=99').message).to.contain('from 100 to 1000');
    expect(refused('host.hz=250.5').message).to.contain('a whole number');
    expect(refused('host.hz=').message).to.contain('host.hz=');
    expect(refused('host.watchdog=maybe').message).to.contain('on or off');
    expect(refused('host.kernel=five').message).to.contain('a version like 5.0.0');
    expect(refused('=1').key).to.equal('');
    expect(() => machineSpec('skylake', 'host', 's', [])).to.throw(SpecError, 'no such machine: skylake');
    expect(() => machineSpec('broadwell-ep', 'v3', 's', [])).to.throw(SpecError, 'no such vPMU design: v3');
  });

  it('knows what was changed, and prints it so that it can be set again', () => {
    const sets = ['host.hz=1000', 'host.watchdog=on', 'guest.kernel=6.3.0'];
    const changed = changedValues(spec(...sets));
    expect(changed.toSorted()).to.deep.equal(sets.toSorted());
    expect(changedValues(spec(`host.hz=${broadwellEp.values['host.hz']}`))).to.deep.equal([]);
  });

  it('without hyperthreads there are half as many CPUs, and a core has eight counters of its own, unless said otherwise', () => {
    const of = (machine: string, ...sets: string[]): readonly unknown[] => {
      const { values } = machineSpec(machine, 'host', 's', sets);
      return [values['host.cpus'], values['pmu.gp']];
    };
    expect(of('broadwell-ep')).to.deep.equal([88, 4]);
    expect(of('broadwell-ep', 'host.threads_per_core=1')).to.deep.equal([44, 8]);
    expect(of('icelake-sp')).to.deep.equal([160, 8]);
    expect(of('icelake-sp', 'host.threads_per_core=1')).to.deep.equal([80, 8]);
    expect(of('broadwell-ep', 'host.cpus=4', 'pmu.gp=2', 'host.threads_per_core=1')).to.deep.equal([4, 2]);
  });

  for (const preset of MACHINES)
    it(`${preset.name} holds a value for every key, each a valid one`, () => {
      for (const key of Object.keys(SPEC_KEYS) as SpecKey[]) {
        const info: KeyInfo = SPEC_KEYS[key];
        const value = preset.values[key];
        expect(value, key).to.be.a(info.kind);
        if (typeof value !== 'boolean') expect(info.check?.(value), key).to.equal(undefined);
        expect(machineSpec(preset.name, 'host', 's', [`${key}=${printValue(value)}`]).values[key], key).to.equal(value);
      }
    });

  describe('versions that cannot meet', () => {
    const why = (machine: string, vpmu: string, ...sets: string[]): string => {
      try {
        machineSpec(machine, vpmu, 's', sets);
        return 'runs';
      } catch (error) {
        return (error as SpecError).message;
      }
    };

    it('a design is refused on hosts whose Linux does not have it', () => {
      const [bdw, icx] = ['broadwell-ep', 'icelake-sp'];
      for (const vpmu of ['legacy', 'v2']) {
        expect(why(icx, vpmu), vpmu).to.equal(
          `--vpmu ${vpmu} on icelake-sp needs Linux 5.0 to 5.4 on the host, and this is 7.0.0 (--set host.kernel=5.4); ` +
            'there is --machine broadwell-ep',
        );
        expect(why(icx, vpmu, 'host.kernel=5.4'), vpmu).to.equal('runs');
        expect(why(bdw, vpmu, 'host.kernel=5.4.295'), vpmu).to.equal('runs');
        expect(why(bdw, vpmu, 'host.kernel=5.5'), vpmu).to.contain('(--set host.kernel=5.4)');
      }
      expect(why(bdw, 'reuse-lazy')).to.contain(
        'Linux 5.5 or later on the host, and this is 5.0.0 (--set host.kernel=5.5)',
      );
      expect(why(bdw, 'reuse-lazy', 'host.kernel=5.5')).to.equal('runs');
      expect(why(icx, 'passthrough-rfc')).to.equal(
        '--vpmu passthrough-rfc on icelake-sp needs Linux 6.7 on the host, and this is 7.0.0 (--set host.kernel=6.7)',
      );
      expect(why(icx, 'mediated', 'host.kernel=6.19')).to.contain('Linux 7.0 or later on the host, and this is 6.19 ');
      for (const vpmu of ['host', 'none'])
        for (const release of ['5.0', '6.6.84', '7.0'])
          expect(why(bdw, vpmu, `host.kernel=${release}`)).to.equal('runs');
    });

    it('a kernel is refused whose rules are not known, or that does not know the processor', () => {
      for (const key of ['host.kernel', 'guest.kernel']) {
        for (const release of ['4.19', '7.1', '2.6.32'])
          expect(why('broadwell-ep', 'v2', `${key}=${release}`)).to.equal(
            `${key}=${release}: gperf knows Linux 5.0 to 7.0`,
          );
        expect(why('sapphire-rapids', 'reuse-lazy', `${key}=5.11`)).to.equal(
          `${key}=5.11: Linux knows Sapphire Rapids, as sapphire-rapids has it, from 5.12 on`,
        );
        expect(why('sapphire-rapids', 'reuse-lazy', `${key}=5.12`)).to.equal('runs');
      }
      expect(why('sapphire-rapids', 'host', 'guest.kernel=5.11'), 'there is no guest').to.equal('runs');
    });

    it('without --vpmu a guest has the proposal where the host can have it, and else what KVM there does', async () => {
      const chosen = async (...sets: string[]): Promise<string> => (await setUpMachine({ sets })).vpmu;
      expect([await chosen(), await chosen('host.kernel=5.4'), await chosen('host.kernel=5.5')]).to.deep.equal([
        'v2',
        'v2',
        'reuse-lazy',
      ]);
      expect((await setUpMachine({ machine: 'icelake-sp', sets: [] })).vpmu).to.equal('reuse-lazy');
    });
  });

  it('has one line about each design', () => {
    for (const { name, about, source } of VPMUS)
      expect(`${name}: ${about} (${source})`).to.match(/^[a-z0-9-]+: \S.*\(\S.*\)$/);
  });
});

describe('machine/costs', () => {
  const table = ring0Table(spec());

  it('has every function of the kernel, in its place, with whole events and 64ths of cycles', () => {
    expect(table.map((f) => f.name)).to.deep.equal(KERNEL_SYMBOLS.map((s) => s.name));
    table.forEach((f, i) => {
      expect(f.index).to.equal(i);
      expect(f.events[CYCLES], f.name).to.equal(f.cost);
      expect(f.cost * 64, f.name).to.satisfy(Number.isInteger);
      f.events.forEach((n, column) => {
        if (column !== CYCLES) expect(n, f.name).to.satisfy((x: number) => Number.isInteger(x) && x >= 0);
      });
    });
  });

  it('functions follow each other without overlap', () => {
    for (let i = 1; i < table.length; i++)
      expect(table[i]!.address, table[i]!.name).to.be.at.least(table[i - 1]!.address + table[i - 1]!.size);
  });

  it('what the core paces takes as many cycles at another clock, what memory or the bus paces as many ns', () => {
    const half = ring0Table(spec('core.clock=1.4e9'));
    const bounds = new Set<string | undefined>();
    table.forEach((f, i) => {
      const { bound } = SPEC_KEYS[costKeyOf(f.name as KernelFunction)];
      bounds.add(bound);
      if (bound === 'core') expect(half[i]!.cost, f.name).to.equal(f.cost);
      else expect(half[i]!.cost, f.name).to.be.closeTo(f.cost / 2, 1 / 64);
    });
    expect([...bounds]).to.have.members(['bus', 'core', 'memory']);
  });

  it('is what the spec says, in ns at the clock of the preset', () => {
    const set = ring0Table(spec('cost.vmexit=500', 'cost.do_nmi=0', 'cost.clear_page_erms=7.5', 'core.clock=1.4e9'));
    expect(set[FN.vmx_vmenter]!.cost).to.equal(500 * 2.8);
    expect(set[FN.do_nmi]!.cost).to.equal(0);
    expect(set[FN.clear_page_erms]!.cost).to.equal(7.5 * 1.4);
  });

  it('no pass of a cost of 0 retires anything, of whatever length it is drawn', () => {
    const { core, host } = bootMachine(spec('cost.perf_event_release_kernel=0'), 'run=0', NOTHING_LEFT, () => false);
    host.cpu.spendFor(FN.perf_event_release_kernel, cycles(100));
    expect([...core.drawn].every((n, column) => n === (column === CYCLES ? 100 : 0))).to.equal(true);
  });

  it('leads from the function that stands for an instruction to the key of its cost', () => {
    expect(refused('cost.vmx_vmenter=1').known).to.deep.equal(['cost.vmexit']);
    expect(refused('cost.native_write_msr=1').known).to.deep.equal(['cost.wrmsr']);
    expect(refused('cost.vmexit=-1').message).to.contain('from 0 to 10000000');
    expect(refused('core.mispredict=1e6').message).to.contain('from 0 to 100000');
    expect(refused('cost.=1').known).to.include('cost.vmexit');
    expect(refused('cost.__proto__=1').known).to.include('cost.vmexit');
  });
});

describe('machine/timing', () => {
  const timing = (...sets: string[]): CoreTiming => {
    const { preset, values } = spec(...sets);
    return coreTiming(preset, values);
  };

  it('is what the spec says, in 64ths of a cycle', () => {
    const set = timing('core.mispredict=20', 'core.store.dtlb=1.01', 'op.div=12.5');
    expect([set.mispredict, set.store.dtlb, set.op.div, set.load.l2]).to.deep.equal([20, 65 / 64, 12.5, 6]);
  });

  it("of a clock half as fast, memory's ns are half the cycles, and the core's cycles as many", () => {
    const [usual, half] = [timing(), timing('core.clock=1.4e9')];
    expect(half.load).to.deep.equal({ ...usual.load, llc: usual.load.llc / 2, memory: usual.load.memory / 2 });
    expect(half.op).to.deep.equal(usual.op);
    expect(half.mispredict).to.equal(usual.mispredict);
  });
});

describe('machine/machine', () => {
  const boot = (...sets: string[]): ReturnType<typeof bootMachine> =>
    bootMachine(spec(...sets), 'run=0', NOTHING_LEFT, () => false);

  it('boots the same way each time, and idles until something is due', () => {
    const [a, b] = [boot(), boot()];
    expect(a.core.now()).to.equal(b.core.now());
    a.host.run(cycles(1e9));
    expect(a.core.now()).to.be.at.least(1e9);
    expect(a.core.idle / a.core.now()).to.be.greaterThan(0.99);
    expect(a.host.dead).to.equal(true);
  });

  it('gives the watchdog its counter before anybody else', () => {
    const { host } = boot('host.watchdog=on');
    const [, , cpu] = host.perf.contextsOf(host.current);
    expect(cpu!.pinned_active).to.have.length(1);
    expect(boot('host.watchdog=on', 'pmu.gp=0', 'pmu.fixed=0').host.log.map((l) => l.text)).to.deep.equal([
      'NMI watchdog: Perf NMI watchdog permanently disabled',
    ]);
  });

  it('boots a guest on a vCPU under every design', () => {
    for (const { name } of VPMUS) {
      const preset = ELSEWHERE.find(({ design }) => design.name === name)?.machine ?? broadwellEp;
      const machine = bootMachine(
        machineSpec(preset.name, name, 's', setsFor(name)),
        'run=0',
        NOTHING_LEFT,
        () => false,
      );
      machine.host.run(cycles(2.8e7));
      expect(machine.kernel === machine.host, name).to.equal(name === 'host');
      expect(machine.core.now(), name).to.be.at.least(2.8e7);
    }
  });
});
