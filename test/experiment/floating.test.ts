/** Threads of vCPUs that the host moves between its cores: what a move does, and that nothing is counted twice or lost. */
import { expect } from 'chai';
import { runStat } from '../../src/experiment/run.ts';
import { specText } from '../../src/experiment/spec-text.ts';
import { trueCounts } from '../../src/experiment/truth.ts';
import { FN, type KernelFunction } from '../../src/kernel/symbols.ts';
import { NOTHING_LEFT, bootMachine, runMachine, type Machine } from '../../src/machine/machine.ts';
import { SpecError, machineSpec, type MachineSpec } from '../../src/machine/spec.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { VcpuTimes } from '../../src/results/ledger.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { cycles } from '../../src/units.ts';
import { Threads, join, spawn, work } from '../kernel/scripts.ts';
import { PLACES, guestOf, programOf, recordIn } from './guest-run.ts';

const FLOATING = 'host.sched=floating';
const V2 = PLACES.find(({ vpmu }) => vpmu === 'v2')!;
const HOST = { vpmu: 'host', machine: 'broadwell-ep' };
const MS = 2.8e6;
const evlist = statAttrs(parseEventList(['instructions:u,branches:u'], 'stat'));
const movesOf = (vcpus: readonly VcpuTimes[] | undefined): number => vcpus!.reduce((sum, { moves }) => sum + moves!, 0);

/** A machine on which a program runs, without perf. */
function running(spec: MachineSpec, program: Threads, ms: number): Machine {
  const machine = bootMachine(spec, 'run=0', NOTHING_LEFT, () => false);
  const tool = new ToolTask(machine.kernel, function* (self) {
    const workload = yield* self.forkWorkload(program);
    workload.go();
    while (self.sys.wait4(workload.child) === undefined) yield;
    return 0;
  });
  runMachine(machine, cycles(ms * MS), () => false);
  expect(tool.status, 'it has ended').to.equal(0);
  return machine;
}
const passes = ({ cpus }: Machine, fn: KernelFunction): number =>
  cpus.reduce((sum, { core }) => sum + core.passes[FN[fn]]!, 0);
const moves = ({ cpus }: Machine): number[] => cpus.flatMap(({ guests = [] }) => guests.map((guest) => guest.moves!));

describe('vCPUs that float', () => {
  for (const place of [...PLACES, HOST])
    it(`${place.vpmu}: perf stat counts what all threads retire, wherever they are`, async () => {
      let moved = 0;
      for (const [vcpus, cores, words, guests] of [
        [8, 4, ['server', '8', '60'], 1],
        [4, 2, ['ftest-threads', '6', '0.02'], 1],
        // The thread of the only vCPU waits for that of another guest, and may be the next to halt and be woken elsewhere.
        [1, 2, ['server', '4', '60'], 2],
      ] as const) {
        const sets = [FLOATING, `host.guests=${place === HOST ? 5 : guests}`];
        const spec = await guestOf(place, vcpus, cores, sets);
        const { workload, program } = await programOf(spec, words);
        const { run, ledger } = await runStat(spec, { evlist, executable: program });
        expect(run.counts.map(({ val }) => val)).to.deep.equal(trueCounts(spec, workload, evlist));
        expect(ledger.rows.reduce((sum, row) => sum + row.ns, 0)).to.equal(ledger.ns);
        if (place !== HOST) moved += movesOf(ledger.vcpus);
      }
      if (place !== HOST) expect(moved).to.be.greaterThan(0);
    });

  it('two that share a core while others idle get one each, where pinned ones wait for each other', async () => {
    // vCPU 1 and vCPU 5 begin on core 1.
    const busy = { main: [spawn('busy', 1), spawn('busy', 5), join], busy: [work(30 * MS)] };
    const stolen: number[][] = [];
    for (const sched of ['pinned', 'floating']) {
      const spec = await guestOf(V2, 8, 4, [`host.sched=${sched}`]);
      const { ledger, simulated } = await runStat(spec, { evlist, executable: new Threads(busy) });
      for (const { ran, stolen: waited, halted } of ledger.vcpus!)
        expect(ran + waited + halted).to.be.closeTo(simulated, 5e6);
      stolen.push([1, 5].map((vcpu) => ledger.vcpus![vcpu]!.stolen / 1e6));
    }
    const [pinned, floating] = stolen;
    for (const ms of pinned!) expect(ms).to.be.within(12, 60);
    for (const ms of floating!) expect(ms).to.be.below(8);
  });

  it('a move takes an IPI to the CPU on which the VMCS is active, and requests at the next entry', async () => {
    const spec = await guestOf(V2, 4, 2, [FLOATING]);
    // vCPU 1 and vCPU 3 begin on core 1.
    const busy = { main: [spawn('busy', 1), spawn('busy', 3), join], busy: [work(20 * MS)] };
    const machine = running(spec, new Threads(busy), 120);
    const moved = moves(machine).reduce((sum, n) => sum + n, 0);
    expect(moved).to.be.greaterThan(0);
    for (const fn of ['__loaded_vmcs_clear', '__kvm_migrate_apic_timer', 'kvm_vcpu_flush_tlb'] as const)
      expect(passes(machine, fn), fn).to.equal(moved);
    expect(passes(machine, 'native_send_call_func_single_ipi')).to.be.at.least(moved);
    // Pinned, nothing of that.
    const pinned = running(await guestOf(V2, 4, 2), new Threads(busy), 120);
    expect(passes(pinned, '__loaded_vmcs_clear')).to.equal(0);
    expect(pinned.cpus.flatMap(({ guests = [] }) => guests.map((guest) => guest.moves))).to.deep.equal(
      Array.from({ length: 4 }),
    );
  });

  it("the host's perf counts them as migrations", async () => {
    const spec = await guestOf(HOST, 2, 2, [FLOATING, 'host.guests=5']);
    const events = statAttrs(parseEventList(['cpu-migrations'], 'stat'), { target: 'cpu' });
    const { program } = await programOf(spec, ['server', '2', '40']);
    const { run } = await runStat(spec, { evlist: events, executable: program, systemWide: true });
    const alone = await guestOf(HOST, 2, 2);
    const few = await runStat(alone, { evlist: events, executable: program, systemWide: true });
    expect(run.counts[0]!.val).to.be.greaterThan(few.run.counts[0]!.val);
  });

  it('one thread of Node simulates all cores, whatever is asked for', async () => {
    const spec = await guestOf(V2, 4, 3, [FLOATING]);
    const { workload, program } = await programOf(spec, ['server', '3', '30']);
    const one = await recordIn(spec, program);
    const three = await recordIn(spec, program, { on: { workload, threads: 3 } });
    expect([three.hash, three.ledger]).to.deep.equal([one.hash, one.ledger]);
  });

  it('are said in what a recording keeps, and pinned ones not, which older recordings have, too', () => {
    const floating = machineSpec('broadwell-ep', 'v2', 's', ['guest.vcpus=2', FLOATING]);
    expect(specText(floating)).to.include('\nhost.sched=floating\n');
    expect(specText(machineSpec('broadwell-ep', 'v2', 's', ['guest.vcpus=2']))).not.to.include('host.sched');
    expect(() => machineSpec('broadwell-ep', 'v2', 's', ['host.sched=free'])).to.throw(
      SpecError,
      'host.sched=free: must be pinned or floating',
    );
  });

  it('on the only core they stay where they are', async () => {
    const [pinned, floating] = [[], [FLOATING]].map((sets) => guestOf(V2, 2, 1, sets));
    const [one, other] = await Promise.all(
      [pinned!, floating!].map(async (spec) => {
        const { program } = await programOf(await spec, ['server', '3', '30']);
        return recordIn(await spec, program);
      }),
    );
    expect(other!.hash).to.equal(one!.hash);
  });
});
