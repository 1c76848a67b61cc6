/**
 * The machine presets: the driver's tables agree with the core's, each model's events are allowed on the right
 * counters, and events have real Linux's names (arch/x86/events/intel/core.c).
 */
import { expect } from 'chai';
import { COLUMN, CYCLES, eventSource, fixedEventSource } from '../../src/arch/events.ts';
import { PMC_IDX_FIXED } from '../../src/arch/msr.ts';
import { eventCodeOf, eventConstraint, unknownEvent } from '../../src/kernel/x86-events.ts';
import { SPEC_KEYS, type MachinePreset } from '../../src/machine/keys.ts';
import { eventClocks } from '../../src/machine/turbo.ts';
import { intelCore } from '../../src/machine/presets/intel.ts';
import { MACHINES } from '../../src/machine/spec.ts';
import { CACHE_EVENTS, HARDWARE_EVENTS } from '../../src/perf-events/event-names.ts';
import { PERF_TYPE } from '../../src/uapi/perf-event.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { Bench, coreSpec } from '../kernel/machine.ts';

const ENOENT = -2;
const EINVAL = -22;
const machine = (name: string): MachinePreset => MACHINES.find((m) => m.name === name)!;
const hex = (n: number): string => `0x${n.toString(16).padStart(4, '0')}`;

/** The code that a perf event has on a machine. */
function codeOf(preset: MachinePreset, name: string): string | undefined {
  const { attr } = parseEventList([name], 'stat')[0]!;
  const event = eventCodeOf(preset.driver, attr.type, Number(attr.config));
  return event === undefined ? undefined : hex(event.code);
}

/** The counters that may have an event: "F0 01234567". */
function counters(preset: MachinePreset, code: number): string {
  const { indices } = eventConstraint(preset.driver, code, preset.values['pmu.gp'], preset.values['pmu.fixed']);
  const fixed = indices.filter((i) => i >= PMC_IDX_FIXED).map((i) => `F${i - PMC_IDX_FIXED}`);
  const gp = indices.filter((i) => i < PMC_IDX_FIXED).join('');
  return [...fixed, gp].join(' ').trim();
}

describe('machine/presets', () => {
  it('a machine of the base states what is its own, and has a value and a source for every key', () => {
    const { bugs, events, driver, identity, turbo } = machine('icelake-sp');
    const numbers = {
      'core.clock': [2e9, 'made up'],
      'core.tsc': [2e9, 'made up'],
      'pmu.version': [2, 'made up'],
      'pmu.gp': [4, 'made up'],
      'pmu.fixed': [3, 'made up'],
      'host.memory': [1, 'made up'],
      'cost.vmexit': [7, 'made up'],
    } as const;
    const toy = intelCore({ name: 'toy', about: 'made up', identity, events, driver, bugs, turbo, numbers });
    const keys = Object.keys(SPEC_KEYS);
    expect(toy.values).to.have.all.keys(keys);
    expect(toy.sources).to.have.all.keys(keys);
    expect(toy.values['host.cpus']).to.equal(160);
    expect(toy.values['core.mispredict']).to.equal(machine('broadwell-ep').values['core.mispredict']);
    expect(Object.entries(toy.sources).filter(([, source]) => source === 'made up')).to.have.length(7);
    expect(toy.values['cost.vmexit']).to.equal(7);
  });

  for (const preset of MACHINES)
    describe(preset.name, () => {
      const clocks = eventClocks(preset, preset.values);

      it('every event that Linux names is one the core counts', () => {
        for (const { type, config, name } of [
          ...HARDWARE_EVENTS.map((e) => ({ type: PERF_TYPE.HARDWARE, name: e.names[0]!, config: e.config })),
          ...CACHE_EVENTS.map((e) => ({ type: PERF_TYPE.HW_CACHE, name: e.name, config: e.config })),
        ]) {
          const event = eventCodeOf(preset.driver, type, config);
          if (event === undefined) continue;
          const { code, extra } = event;
          const pseudo = (code & 0xff) === 0;
          const source = pseudo
            ? fixedEventSource(preset.events, (code >> 8) - 1, clocks)
            : eventSource(preset.events, code, [extra, extra], clocks);
          expect(source, `${name} ${hex(code)}`).to.not.equal(undefined);
          const { indices } = eventConstraint(preset.driver, code, preset.values['pmu.gp'], preset.values['pmu.fixed']);
          expect(indices, `counters for ${name}`).to.not.deep.equal([]);
        }
      });

      it('the driver and the core hold offcore events for the same codes', () => {
        expect(preset.driver.offcore.codes).to.deep.equal(preset.events.offcore);
        for (const event of preset.driver.cache.values())
          if (event !== undefined && event.extra !== 0)
            expect(preset.events.offcore, hex(event.code)).to.include(event.code);
      });

      it('has as many CPUs as its topology, and an event for every fixed counter', () => {
        const { sockets, coresPerSocket } = preset.identity;
        const threads = preset.values['host.threads_per_core'];
        expect(preset.values['host.cpus']).to.equal(sockets * coresPerSocket * threads);
        const { nrFixed } = coreSpec(preset).caps;
        for (let i = 0; i < nrFixed; i++) expect(fixedEventSource(preset.events, i, clocks)).to.not.equal(undefined);
      });
    });

  describe('codes', () => {
    const table: Readonly<Record<string, Readonly<Record<string, string | undefined>>>> = {
      'broadwell-ep': {
        cycles: '0x003c',
        'bus-cycles': '0x013c',
        'L1-dcache-load-misses': '0x0151',
        'L1-icache-load-misses': '0x0280',
        'LLC-loads': '0x01b7',
        'dTLB-load-misses': '0x0108',
        'dTLB-store-misses': '0x0149',
        'iTLB-loads': '0x6085',
        'iTLB-load-misses': '0x0185',
        'branch-loads': '0x00c4',
        'branch-load-misses': '0x00c5',
      },
      'cascadelake-ap': {
        cycles: '0x003c',
        'bus-cycles': '0x013c',
        'L1-dcache-load-misses': '0x0151',
        'L1-icache-load-misses': '0x0283',
        'LLC-loads': '0x01b7',
        'dTLB-load-misses': '0x0e08',
        'dTLB-store-misses': '0x0e49',
        'iTLB-loads': '0x2085',
        'iTLB-load-misses': '0x0e85',
        'branch-loads': '0x00c4',
        'branch-load-misses': '0x00c5',
      },
      'icelake-sp': {
        cycles: '0x003c',
        'bus-cycles': '0x013c',
        'L1-dcache-load-misses': '0x0151',
        'L1-icache-load-misses': '0x0283',
        'LLC-loads': '0x01b7',
        'dTLB-load-misses': '0x0e08',
        'dTLB-store-misses': '0x0e49',
        'iTLB-loads': undefined,
        'iTLB-load-misses': '0x0e85',
        'branch-loads': '0x00c4',
        'branch-load-misses': '0x00c5',
      },
      'sapphire-rapids': {
        cycles: '0x003c',
        'bus-cycles': '0x013c',
        'L1-dcache-load-misses': '0xe124',
        'L1-icache-load-misses': '0xe424',
        'LLC-loads': '0x012a',
        'dTLB-load-misses': '0x0e12',
        'dTLB-store-misses': '0x0e13',
        'iTLB-loads': undefined,
        'iTLB-load-misses': '0x0e11',
        'branch-loads': '0x04c4',
        'branch-load-misses': '0x04c5',
      },
    };
    for (const [name, codes] of Object.entries(table))
      it(name, () => {
        const found = Object.keys(codes).map((event) => [event, codeOf(machine(name), event)]);
        expect(Object.fromEntries(found)).to.deep.equal(codes);
      });

    it('what a model lacks is ENOENT, what cannot be on it EINVAL', () => {
      const iTLB_loads = 0x000004;
      const L1_dcache_store_misses = 0x010100;
      const why = (name: string, config: number): number =>
        unknownEvent(machine(name).driver, PERF_TYPE.HW_CACHE, config);
      expect(why('icelake-sp', iTLB_loads)).to.equal(EINVAL);
      expect(why('sapphire-rapids', iTLB_loads)).to.equal(EINVAL);
      expect(why('sapphire-rapids', L1_dcache_store_misses)).to.equal(ENOENT);
    });
  });

  describe('constraints', () => {
    const table: readonly (readonly [machine: string, code: number, counters: string])[] = [
      ['cascadelake-ap', 0x00c0, 'F0 0123'],
      ['cascadelake-ap', 0x01c0, '1'],
      ['cascadelake-ap', 0x0300, 'F2'],
      ['cascadelake-ap', 0x0148, '0123'],
      ['icelake-sp', 0x003c, 'F1 01234567'],
      ['icelake-sp', 0x0400, 'F3'],
      ['icelake-sp', 0x01c0, 'F0 01234567'],
      ['icelake-sp', 0x0100, 'F0'],
      ['icelake-sp', 0x81d0, '0123'],
      ['icelake-sp', 0x01cd, '01234567'],
      ['icelake-sp', 0x0e08, '0123'],
      ['icelake-sp', 0x04a3, '01234567'],
      ['icelake-sp', 0x08a3, '0123'],
      ['icelake-sp', 0x00c4, '01234567'],
      ['sapphire-rapids', 0x013c, 'F2 01234567'],
      ['sapphire-rapids', 0xe124, '0123'],
      ['sapphire-rapids', 0x412e, '01234567'],
      ['sapphire-rapids', 0x02cd, '0'],
      ['sapphire-rapids', 0x00ce, '0'],
      ['sapphire-rapids', 0x82d0, '0123'],
      ['sapphire-rapids', 0x04a4, '0'],
      ['sapphire-rapids', 0x01a4, '01234567'],
    ];
    for (const [name, code, allowed] of table)
      it(`${name}: ${hex(code)} on ${allowed}`, () => {
        expect(counters(machine(name), code)).to.equal(allowed);
      });

    it('memory events take the lower four of eight counters, the others what is left', () => {
      const preset = machine('icelake-sp');
      const bench = new Bench({ events: preset.driver }, coreSpec(preset));
      const task = bench.spinner();
      const events = bench.open(
        'branches,branch-misses,cache-references,cache-misses,L1-dcache-loads,L1-dcache-stores,cycles,instructions',
        task,
      );
      bench.pass(500_000);
      expect(events.slice(0, 6).map(({ hw }) => hw.idx)).to.have.members([0, 1, 2, 3, 4, 5]);
      for (const event of events.slice(4, 6)) expect(event.hw.idx).to.be.below(4);
    });
  });

  it('a fourth fixed counter counts issue slots: cycles by the width of the core', () => {
    for (const [name, width] of [
      ['icelake-sp', 5],
      ['sapphire-rapids', 6],
    ] as const) {
      const preset = machine(name);
      const source = fixedEventSource(preset.events, 3, eventClocks(preset, { ...preset.values, 'core.turbo': false }));
      expect(source).to.deep.equal({ column: CYCLES, scale: width });
      const bench = new Bench({ events: preset.driver }, coreSpec(preset));
      const [slots, cycles] = bench.open('r0400,cycles', bench.spinner());
      bench.pass(1_000_000);
      for (const event of [slots!, cycles!]) bench.kernel.perf.read(event);
      expect(slots!.hw.idx).to.equal(PMC_IDX_FIXED + 3);
      expect(slots!.count / cycles!.count).to.be.closeTo(width, 0.001);
    }
  });

  it('an offcore event means by its MSR what it means', () => {
    for (const preset of MACHINES) {
      const clocks = eventClocks(preset, preset.values);
      for (const [config, column] of [
        [0x000002, COLUMN['LLC-loads']],
        [0x010002, COLUMN['LLC-load-misses']],
      ] as const) {
        const { code, extra } = eventCodeOf(preset.driver, PERF_TYPE.HW_CACHE, config)!;
        expect(eventSource(preset.events, code, [extra, 0], clocks)?.column, preset.name).to.equal(column);
      }
    }
  });
});
