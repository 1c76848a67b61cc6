/**
 * The life of one PMI, rotation and context switch on bare metal and under each vPMU, compared exactly
 * (fixtures/golden; `npm run update` rewrites them), and the sums that must hold whatever the figures.
 */
import { expect } from 'chai';
import { LIVES, NoLifeError, lifeOf, throttleOf, type LifeKind } from '../../src/experiment/explain.ts';
import { MESSAGES, messageLife } from '../../src/experiment/message-life.ts';
import { setUpMachine, type MachineSpec } from '../../src/experiment/setup.ts';
import { lifeLines, throttleLines } from '../../src/report/explain/text.ts';
import type { Life } from '../../src/results/life.ts';
import { Trace } from '../../src/sim/probe.ts';
import { cycles } from '../../src/units.ts';
import { expectKept } from '../kept.ts';
import { WITH_COUNTERS, setsFor } from '../kvm/guest.ts';

interface Where {
  readonly vpmu: string;
  readonly machine?: string;
}
/** Every place where a guest's kernel finds counters, and bare metal. */
const WHERE: readonly Where[] = [
  { vpmu: 'host' },
  ...WITH_COUNTERS.map(({ name }) => ({ vpmu: name })),
  // A guest with all of the host's counters, and one with a fixed counter less.
  { vpmu: 'mediated', machine: 'cascadelake-ap' },
  { vpmu: 'mediated', machine: 'sapphire-rapids' },
  { vpmu: 'passthrough-rfc', machine: 'sapphire-rapids' },
  { vpmu: 'passthrough-all', machine: 'sapphire-rapids' },
];
const DIR = 'fixtures/golden';

const spec = (vpmu: string, ...sets: string[]): Promise<MachineSpec> =>
  setUpMachine({ vpmu, sets: [...setsFor(vpmu), ...sets] });
const specOf = ({ vpmu, machine }: Where): Promise<MachineSpec> => setUpMachine({ vpmu, machine, sets: setsFor(vpmu) });
const known = new Map<string, Life>();
/** A life on the plain machine; lives are made once for all tests. */
async function life(vpmu: string, kind: LifeKind, machine?: string): Promise<Life> {
  const key = `${kind} ${vpmu} ${machine}`;
  const made = known.get(key) ?? lifeOf(await specOf({ vpmu, ...(machine !== undefined && { machine }) }), kind);
  known.set(key, made);
  return made;
}
const textOf = (made: Life): string => `${[...lifeLines(made)].join('\n')}\n`;
const row = (made: Life, name: string): string => made.summary.find(([n]) => n === name)?.[1] ?? '';
/** The number a row begins with. */
const count = (made: Life, name: string): number => Number.parseInt(row(made, name), 10);

/** Registers that the driver of `who` touched, as table 2.2 of the traps abbreviates them. */
function accesses(made: Life, who: string): string[] {
  const short: readonly [RegExp, string][] = [
    [/^rdpmc .*/, 'RDPMC'],
    [/^rdmsr IA32_PERF_GLOBAL_STATUS .*/, 'R STA'],
    [/^rdmsr IA32_FIXED_CTR_CTRL .*/, 'R FCC'],
    [/^wrmsr IA32_FIXED_CTR_CTRL .*/, 'W FCC'],
    [/^wrmsr IA32_PERF_GLOBAL_CTRL = 0x0$/, 'W38F=0'],
    [/^wrmsr IA32_PERF_GLOBAL_CTRL .*/, 'W38F=mask'],
    [/^wrmsr IA32_PERF_GLOBAL_OVF_CTRL .*/, 'W OVF'],
    [/^wrmsr IA32_PERFEVTSEL.*/, 'W EVT'],
    [/^wrmsr IA32_(A_)?PMC.*/, 'W CTR'],
    [/^wrmsr IA32_FIXED_CTR\d.*/, 'W CTR'],
    [/^wrmsr LVTPC .*/, 'W LVT'],
  ];
  return made.steps
    .filter((step) => step.who === who)
    .map(({ text }) => short.find(([pattern]) => pattern.test(text))?.[1])
    .filter((word) => word !== undefined);
}

const times = (n: number, words: readonly string[]): string[] => Array.from({ length: n }, () => words).flat();
const OUT_GP = ['W EVT', 'RDPMC'];
const OUT_FIXED = ['R FCC', 'W FCC', 'RDPMC'];
const IN_GP = ['W CTR', 'W EVT'];
const IN_FIXED = ['W CTR', 'R FCC', 'W FCC'];
const ENABLED = ['W LVT', 'W38F=mask'];

/** Rows H, L, J and K of the table, events in the order they are on the PMU: general-purpose ones around the fixed one. */
const EXPECTED: Readonly<Record<LifeKind, readonly string[]>> = {
  pmi: ['W38F=0', 'R STA', 'W OVF', 'RDPMC', 'W CTR', 'R STA', 'W38F=mask', 'W LVT'],
  rotation: ['W38F=0', ...OUT_GP, ...OUT_FIXED, ...times(3, OUT_GP), ...IN_FIXED, ...times(4, IN_GP), ...ENABLED],
  switch: [
    'W38F=0',
    ...OUT_GP,
    ...OUT_FIXED,
    ...times(3, OUT_GP),
    'W38F=mask',
    'W38F=0',
    ...IN_GP,
    ...IN_FIXED,
    ...times(3, IN_GP),
    ...ENABLED,
  ],
};

/** The same since Linux 6.1, which keeps FIXED_CTR_CTRL in software, on a PMU with `nrGp` general-purpose counters. */
const expectedSince6_1 = (nrGp: number): Readonly<Record<LifeKind, readonly string[]>> => ({
  pmi: EXPECTED.pmi,
  // The fixed counter stays what it is.
  rotation: ['W38F=0', ...OUT_GP, 'RDPMC', ...times(nrGp - 1, OUT_GP), 'W CTR', ...times(nrGp, IN_GP), ...ENABLED],
  switch: [
    'W38F=0',
    ...OUT_GP,
    'RDPMC',
    ...times(3, OUT_GP),
    'W FCC',
    'W38F=mask',
    'W38F=0',
    ...IN_GP,
    'W CTR',
    ...times(3, IN_GP),
    'W LVT',
    'W FCC',
    'W38F=mask',
  ],
});

describe('gperf explain', () => {
  it('pmi --vpmu v2 where nothing is displaced in caches is fixtures/golden/pmi-v2-warm.txt', async () => {
    // The calibrated constants as they were before the model of the caches.
    const sets = ['core.cold=off', 'cost.vmx_vcpu_run=205', 'cost.pmi_residue=8830', 'costs.spread=0'];
    expectKept(`${DIR}/pmi-v2-warm.txt`, textOf(lifeOf(await spec('v2', ...sets), 'pmi')));
  });

  for (const kind of LIVES)
    for (const { vpmu, machine } of WHERE) {
      const options = `--vpmu ${vpmu}${machine === undefined ? '' : ` --machine ${machine}`}`;
      const path = `${DIR}/${kind}-${vpmu}${machine === undefined ? '' : `-${machine}`}.txt`;
      const who = vpmu === 'host' ? 'host' : 'guest';

      it(`${kind} ${options} is ${path}`, async () => {
        expectKept(path, textOf(lifeOf(await specOf({ vpmu, ...(machine !== undefined && { machine }) }), kind)));
      });

      it(`${kind} ${options} touches the registers of the driver's table, in its order`, async () => {
        const made = await life(vpmu, kind, machine);
        const { values } = await specOf({ vpmu, ...(machine !== undefined && { machine }) });
        const expected = machine === undefined ? EXPECTED : expectedSince6_1(values['pmu.gp']);
        expect(accesses(made, who)).to.deep.equal(expected[kind]);
        if (machine === undefined && kind === 'switch')
          expect([count(made, 'sched-out accesses'), count(made, 'sched-in accesses')]).to.deep.equal([13, 14]);
        else if (kind !== 'switch') expect(count(made, 'register accesses')).to.equal(expected[kind].length);
        for (const [i, step] of made.steps.entries()) expect(step.at).to.be.at.least(made.steps[i - 1]?.at ?? 0);
      });
    }

  it('every access of a guest is an exit, and guest and host share the time', async () => {
    for (const vpmu of ['legacy', 'v2', 'reuse-lazy'])
      for (const kind of LIVES) {
        const made = await life(vpmu, kind);
        // A PMI begins with the NMI's exit; a rotation with the timer's, and it arms the timer again.
        const more = { pmi: 1, rotation: 2, switch: 0 }[kind];
        expect(count(made, 'VM-exits')).to.equal(EXPECTED[kind].length + more);
        const whole = count(made, 'from first to last');
        expect(count(made, 'time in guest') + count(made, 'time in host')).to.be.within(whole - 1, whole);
      }
  });

  it('mediated: what exits is what the MSR bitmap does not let through, and each exit moves the registers', async () => {
    for (const [machine, kind, exits] of [
      ['cascadelake-ap', 'pmi', '2: 1 APIC_WRITE, 1 EXTERNAL_INTERRUPT'],
      ['cascadelake-ap', 'rotation', '11: 9 MSR_WRITE, 1 APIC_WRITE, 1 EXTERNAL_INTERRUPT'],
      ['cascadelake-ap', 'switch', '11: 10 MSR_WRITE, 1 APIC_WRITE'],
      ['sapphire-rapids', 'pmi', '8: 3 MSR_WRITE, 2 MSR_READ, 1 APIC_WRITE, 1 EXTERNAL_INTERRUPT, 1 RDPMC'],
    ] as const) {
      const made = await life('mediated', kind, machine);
      expect(row(made, 'VM-exits'), `${kind} on ${machine}`).to.equal(exits);
      expect(row(made, 'host perf events')).to.equal('0 released, 0 made');
      const whole = count(made, 'from first to last');
      expect(count(made, 'time in guest') + count(made, 'time in host')).to.be.within(whole - 1, whole);
      const switches = (what: string): number => made.steps.filter(({ text }) => text.startsWith(what)).length;
      // Arming the timer is served on the fast path: one exit without a world switch.
      const fast = made.steps.filter(({ who, text }) => who === 'guest' && text.startsWith('wrmsr IA32_TSC_DEADLINE'));
      expect(switches('kvm_mediated_pmu_load')).to.equal(Number.parseInt(exits, 10) - fast.length);
      expect(switches('kvm_mediated_pmu_put')).to.equal(Number.parseInt(exits, 10) - fast.length);
    }
  });

  it('the RFC lets the global registers and RDPMC through where mediated does not, its other build everything', async () => {
    const exits = async (vpmu: string): Promise<readonly number[]> =>
      Promise.all(LIVES.map(async (kind) => count(await life(vpmu, kind, 'sapphire-rapids'), 'VM-exits')));
    expect(LIVES).to.deep.equal(['pmi', 'rotation', 'switch']);
    expect(await exits('mediated')).to.deep.equal([8, 30, 20]);
    expect(await exits('passthrough-rfc')).to.deep.equal([2, 19, 11]);
    // LVTPC, and the timer's interrupt and its arming.
    expect(await exits('passthrough-all')).to.deep.equal([2, 3, 1]);
  });

  it('rotation takes one event more than there are counters', async () => {
    const { title } = lifeOf(await spec('host', 'pmu.gp=8'), 'rotation');
    expect(title).to.contain('one rotation of ten events on nine counters');
  });

  it('legacy makes and releases an event twice a PMI and once per counter otherwise, v2 none', async () => {
    for (const [kind, n] of [
      ['pmi', 2],
      ['rotation', 5],
      ['switch', 5],
    ] as const) {
      expect(row(await life('legacy', kind), 'host perf events')).to.equal(`${n} released, ${n} made`);
      expect(row(await life('v2', kind), 'host perf events')).to.equal('0 released, 0 made');
    }
  });

  it('reuse-lazy pauses and resumes; only a counter that turns to another event costs one', async () => {
    for (const [kind, works] of [
      ['pmi', '0 released, 0 made, 3 paused, 2 resumed'],
      ['rotation', '4 released, 4 made, 20 paused, 1 resumed'],
      ['switch', '0 released, 0 made, 30 paused, 5 resumed'],
    ] as const)
      expect(row(await life('reuse-lazy', kind), 'host perf events')).to.equal(works);
  });

  it('reuse-lazy leaves a paused event in peace from 5.15, and changes nothing twice from 6.2', async () => {
    const paused = async (release: string): Promise<string> =>
      row(lifeOf(await spec('reuse-lazy', `host.kernel=${release}`), 'switch'), 'host perf events');
    expect(await paused('5.14')).to.contain('30 paused, 5 resumed');
    expect(await paused('5.15')).to.contain('5 paused, 5 resumed');
    expect(await paused('6.2')).to.contain('5 paused, 5 resumed');
  });

  it('resuming an event costs more the more of its siblings are scheduled anew', async () => {
    const { steps } = await life('reuse-lazy', 'switch');
    const us = steps.flatMap(({ text }) => /^resume .* ([\d.]+) us$/.exec(text)?.[1] ?? []).map(Number);
    expect(us).to.have.length(5);
    expect(
      us.toSorted((a, b) => a - b),
      'each joins those that run',
    ).to.deep.equal(us);
    expect(us[4]! - us[0]!).to.be.above(2);
  });

  it('a watchdog on the host takes the surcharges off a legacy PMI', async () => {
    const plain = await life('legacy', 'pmi');
    const watched = lifeOf(await spec('legacy', 'host.watchdog=on'), 'pmi');
    expect(textOf(plain)).to.contain('reserve_ds_buffers');
    expect(textOf(watched)).not.to.contain('_ds_buffers');
    expect(count(plain, 'from first to last')).to.be.above(3 * count(watched, 'from first to last'));
  });

  it('-v shows what the host does inside; nothing else changes', async () => {
    const brief = await life('legacy', 'pmi');
    const whole = lifeOf(await spec('legacy'), 'pmi', true);
    expect(whole.summary).to.deep.equal(brief.summary);
    const key = ({ at, who, text }: Life['steps'][number]): string => `${at} ${who} ${text}`;
    expect(whole.steps.map(key)).to.include.members(brief.steps.map(key));
    expect(accesses(whole, 'host')).to.have.length(count(whole, 'host register accesses'));
  });

  it('says why there is nothing to explain', async () => {
    for (const [set, kind, why] of [
      ['pmu.gp=0', 'pmi', /^a machine without counters has no pmi/],
      ['pmu.gp=0', 'rotation', /^a machine without counters has no rotation/],
    ] as const) {
      const machine = await spec('host', set);
      expect(() => lifeOf(machine, kind)).to.throw(NoLifeError, why);
    }
  });

  describe('between two CPUs', () => {
    const two = (vpmu: string): Promise<MachineSpec> => setUpMachine({ vpmu, vcpus: 2, sets: [] });
    for (const kind of MESSAGES)
      for (const vpmu of ['host', 'legacy', 'v2']) {
        const path = `${DIR}/${kind}-${vpmu}.txt`;
        it(`${kind} --vpmu ${vpmu} is ${path}, later on one CPU than on the other`, async () => {
          const made = await messageLife(await two(vpmu), kind);
          expectKept(path, textOf(made));
          for (const [i, step] of made.steps.entries()) expect(step.at).to.be.at.least(made.steps[i - 1]?.at ?? 0);
          const latency = (await two(vpmu)).values['host.ipi_latency'];
          expect(count(made, 'until the interrupt')).to.be.at.least(latency);
          expect(new Set(made.steps.map(({ who }) => who))).to.deep.equal(new Set(['cpu0', 'cpu1']));
          // A guest's IPI is an exit of the sender, and of the receiver unless it is in HLT.
          expect(count(made, 'VM-exits of cpu0') || 0).to.equal(vpmu === 'host' ? 0 : 1);
          if (kind === 'ipi') return;
          expect(row(made, 'register accesses there')).to.equal('1: 1 rdpmc');
          if (vpmu !== 'host') expect(row(made, 'VM-exits of cpu1')).to.equal('2: 1 EXTERNAL_INTERRUPT, 1 RDPMC');
          expect(count(made, 'the caller waits')).to.be.greaterThan(
            count(made, 'until the interrupt') + latency + (vpmu === 'host' ? 0 : 1000),
          );
        });
      }

    it('needs two, and other lives say which CPU they are of', async () => {
      const caught = await messageLife(await spec('v2'), 'ipi').catch((error: unknown) => error);
      expect(caught).to.be.instanceOf(NoLifeError);
      const bare = await setUpMachine({ vpmu: 'host', vcpus: 2, sets: ['pmu.gp=0'] });
      const why = await messageLife(bare, 'call').catch((error: unknown) => (error as Error).message);
      expect(why).to.equal('a machine without counters has no call to explain');
      expect(lifeOf(await two('v2'), 'pmi').title).to.equal(
        'one PMI in a task that computes, on CPU 0 of 2 (--vpmu v2)',
      );
    });
  });

  describe('throttle', () => {
    const vectors = [
      { avg: 2507, hz: 1000, max: 79 },
      { avg: 484_426, hz: 250, max: 1 },
      { avg: 400_000, hz: 250, max: 2 },
      { avg: 400_001, hz: 250, max: 1 },
      { avg: 8800, hz: 250, max: 90 },
      { avg: 3_500_000, hz: 250, max: 1 },
    ];
    for (const { avg, hz, max } of vectors)
      it(`${avg} ns at ${hz} Hz: ${max} a tick, and the kernel says so`, async () => {
        const report = throttleOf(await spec('host', `host.hz=${hz}`), avg);
        expect(report.after).to.deep.equal({
          allowed_ns: avg + Math.floor(avg / 4),
          max_samples_per_tick: max,
          sample_rate: max * hz,
        });
        expect(report.kernelLog).to.deep.equal([
          `perf: interrupt took too long (${avg} > 2500), lowering kernel.perf_event_max_sample_rate to ${max * hz}`,
        ]);
        expect([...throttleLines(report)].join('\n')).to.contain(report.kernelLog[0]!);
      });

    for (const [kernel, taken] of [
      ['5.0.0', 2],
      ['6.2', 2],
      ['6.3', 2],
      ['6.15', 2],
      ['6.16', 1],
    ] as const)
      it(`at a limit of 1, Linux ${kernel} takes ${taken} a tick`, async () => {
        const report = throttleOf(await spec('host', `host.kernel=${kernel}`), 3_500_000);
        expect(report.samplesPerTick).to.equal(taken);
        expect([...throttleLines(report)].join('\n')).to.contain(`above ${taken * 250} samples a second`);
      });

    for (const [kernel, taken] of [
      ['5.0.0', 2],
      ['6.3', 2],
      ['6.4', 3],
      ['6.16', 2],
    ] as const)
      it(`at a limit of 2, Linux ${kernel} takes ${taken} a tick`, async () => {
        const report = throttleOf(await spec('host', `host.kernel=${kernel}`), 400_000);
        expect(report.after.max_samples_per_tick).to.equal(2);
        expect(report.samplesPerTick).to.equal(taken);
      });

    it('says what follows for perf record, and how to undo it', async () => {
      const text = async (avg: number): Promise<string> =>
        [...throttleLines(throttleOf(await spec('host'), avg))].join('\n');
      expect(await text(3_500_000))
        .to.contain('asks for 250 from here on')
        .and.to.contain('max_sample_rate=100000');
      expect(await text(8800)).not.to.contain('perf record,');
      expect(await text(2000)).not.to.contain('sysctl');
    });

    it('lowers nothing within the allowance, nor where it is off', async () => {
      for (const set of ['host.max_sample_rate=100000', 'host.cpu_time_max_percent=0']) {
        const report = throttleOf(await spec('host', set), 2000);
        expect(report.after).to.deep.equal(report.before);
        expect([...throttleLines(report)].join('\n')).to.match(/no limit is lowered/);
      }
    });
  });
});

describe('sim/probe', () => {
  it('keeps instants and spans in the order they began, with the value a read ended with', () => {
    let now = 0;
    const trace = new Trace<{ kind: 'rdmsr' | 'note'; value?: number }>(() => cycles(now));
    const [a, b] = [trace.probe('a'), trace.probe('b')];
    const read: { kind: 'rdmsr'; value?: number } = { kind: 'rdmsr' };
    const span = a.begin(read);
    expect(trace.steps[0]!.until).to.equal(Infinity);
    now = 5;
    b.instant({ kind: 'note', value: 7 });
    now = 9;
    read.value = 3;
    span.end();
    const shown = trace.steps.map(({ who, step, at, until }) => [who, step, at, until]);
    expect(shown).to.deep.equal([
      ['a', { kind: 'rdmsr', value: 3 }, 0, 9],
      ['b', { kind: 'note', value: 7 }, 5, 5],
    ]);
  });
});
