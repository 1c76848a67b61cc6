/** The ledger: under every design, all of a run's time is on exactly one account, to the 64th of a cycle. */
import { expect } from 'chai';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { recordWorkload } from '../../src/experiment/record.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { FN, KERNEL_SYMBOLS, type KernelFunction, type Purpose } from '../../src/kernel/symbols.ts';
import { MACHINES, SpecError, VPMUS, machineSpec, type MachineSpec } from '../../src/machine/spec.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import type { Ledger, LedgerAccount } from '../../src/results/ledger.ts';
import { branch, call, fault, func, loop, ops, program, syscall, type Program } from '../../src/workload/build.ts';
import { setsFor } from '../kvm/guest.ts';

const SIX = 'branches,cycles,L1-icache-load-misses,branch-misses,L1-dcache-loads,dTLB-load-misses';

/** Some 20 ms of user time with faults and system calls in between. */
const mixed = program({
  name: 'mixed',
  about: 'a test',
  misses: { some: { l1: 0.05, l2: 0.3, llc: 0.3 } },
  functions: [
    func('main', [loop(1200, [call('hot'), fault('write'), syscall('brk')])]),
    func('hot', [
      loop(5000, [ops(20, 'alu'), branch(0.3, [ops(3, 'load', { misses: 'some' })], [], { mispredict: 0.1 })]),
    ]),
  ],
});
/** Mostly asleep. */
const sleeper = program({
  name: 'sleeper',
  about: 'a test',
  functions: [func('main', [loop(20, [syscall('nanosleep', { ns: 3_000_000 }), loop(20_000, [ops(9, 'alu')])])])],
});

/** The first machine for which that design exists. */
function specOf(vpmu: string, sets: readonly string[]): MachineSpec {
  let refusal: unknown;
  for (const { name } of MACHINES) {
    try {
      return machineSpec(name, vpmu, 'ledger', [...setsFor(vpmu), ...sets]);
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

async function counted(vpmu: string, what: Program, sets: readonly string[] = []): Promise<Ledger> {
  const spec = specOf(vpmu, sets);
  const evlist = statAttrs(parseEventList([SIX], 'stat'), {});
  const { report } = await countWorkload({ spec, workload: prepareWorkload(what, spec, {}), evlist, repeat: 1 });
  return report.ledger;
}

async function recorded(vpmu: string, what: Program, sets: readonly string[] = []): Promise<Ledger> {
  const spec = specOf(vpmu, sets);
  const evlist = recordAttrs(parseEventList(['cpu-cycles,branches'], 'record'), { freq: 10_000 });
  const { ledger } = await recordWorkload({
    spec,
    workload: prepareWorkload(what, spec, {}),
    evlist,
    cmdline: [],
    sink: openSink('/dev/null'),
    cacheDir: undefined,
    noCache: true,
  });
  return ledger;
}

function addsUp({ rows, total, ns }: Ledger): void {
  expect(rows.reduce((sum, row) => sum + row.cycles, 0)).to.equal(total);
  expect(rows.reduce((sum, row) => sum + row.ns, 0)).to.equal(ns);
  for (const { account, cycles } of rows) {
    expect(cycles * 64, account).to.satisfy(Number.isInteger);
    expect(cycles, account).to.be.at.least(0);
  }
}

const share = ({ rows, total }: Ledger, account: LedgerAccount): number =>
  rows.find((row) => row.account === account)!.cycles / total;
const spent = ({ rows }: Ledger, account: LedgerAccount): number => rows.find((row) => row.account === account)!.cycles;

describe('the ledger', () => {
  for (const { name } of VPMUS) {
    it(`${name}: adds up, whatever runs and is counted or sampled`, async () => {
      for (const what of [mixed, sleeper]) {
        addsUp(await counted(name, what));
        if (name !== 'none') addsUp(await recorded(name, what));
      }
      // A guest that owns its counters is not affected by others that count in guests.
      const [watchdog, stat] = /mediated|passthrough/.test(name)
        ? ['host.perf=record', 'host.guests=1']
        : ['host.watchdog=on', 'host.perf=stat'];
      addsUp(await counted(name, mixed, [watchdog, 'host.hz=1000', 'guest.hz=300']));
      addsUp(await counted(name, sleeper, [stat, 'host.ipi=cold']));
    });
  }

  it('user work is the same under every design, and what else there is differs', async () => {
    const [host, legacy, v2] = [
      await counted('host', mixed),
      await counted('legacy', mixed),
      await counted('v2', mixed),
    ];
    expect([spent(legacy, 'workload'), spent(v2, 'workload')]).to.deep.equal(Array(2).fill(spent(host, 'workload')));
    for (const account of ['exits', 'kvm', 'host perf', 'host registers', 'host interrupts', 'host tasks'] as const)
      expect(spent(host, account), account).to.equal(0);
    expect(spent(host, 'kernel registers')).to.be.greaterThan(0);
    expect(spent(v2, 'kernel registers')).to.equal(0);
    expect(spent(legacy, 'host perf')).to.be.greaterThan(5 * spent(v2, 'host perf'));
    expect(spent(v2, 'exits')).to.be.greaterThan(0);
  });

  it('has what misses in displaced caches on rows of its own, and nothing else changes the work', async () => {
    for (const vpmu of ['host', 'v2']) {
      const [on, off] = [await counted(vpmu, mixed), await counted(vpmu, mixed, ['core.cold=off'])];
      expect(spent(on, 'workload'), vpmu).to.equal(spent(off, 'workload'));
      for (const account of ['cold programs', 'cold kernels'] as const) {
        expect(spent(on, account), `${vpmu}: ${account}`).to.be.greaterThan(0);
        expect(spent(off, account), `${vpmu}: ${account}`).to.equal(0);
      }
    }
  });

  it('sleep is idle time', async () => {
    for (const vpmu of ['host', 'v2']) expect(share(await counted(vpmu, sleeper), 'idle')).to.be.greaterThan(0.5);
  });

  it('puts each function of the kernel to one account', () => {
    const of = (fn: KernelFunction): Purpose => KERNEL_SYMBOLS[FN[fn]]!.purpose;
    const known = {
      vmx_vcpu_run: 'exits',
      vmx_inject_nmi: 'kvm',
      native_read_pmc: 'registers',
      nmi: 'perf',
      perf_mux_hrtimer_handler: 'perf',
      tick_sched_timer: 'interrupts',
      __schedule: 'tasks',
    } as const;
    for (const [fn, purpose] of Object.entries(known)) expect(of(fn as keyof typeof known), fn).to.equal(purpose);
  });
});
