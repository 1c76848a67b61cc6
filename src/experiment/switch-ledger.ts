/**
 * What perf's part of a context switch consists of in a guest whose threads move between its vCPUs: the letter's table (5),
 * with a ledger of the mean switch and of the longest. Time is what all cores book while the guest's kernel is in
 * __perf_event_task_sched_in() or _out(): a switch is not interrupted by other cores.
 * Not modelled: waits that are found out at a grid line only are in later switches than those that had to wait.
 */
import type { Cpu } from '../arch/cpu.ts';
import { KERNEL_SYMBOLS, type KernelFunction } from '../kernel/symbols.ts';
import type { Machine } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { statAttrs } from '../perf-events/evsel-config.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import type { SwitchParts, SwitchReport } from '../results/switch-ledger.ts';
import { loadWorkload } from '../workload/registry.ts';
import { executable, prepareWorkload, workloadSeed } from './executable.ts';
import { runStat } from './run.ts';
import type { MachineStep } from './steps.ts';

/** As many as there are counters, so that none takes turns with another. */
const FIVE = 'branches,cycles,L1-icache-load-misses,branch-misses,dTLB-load-misses';
const WORDS = ['server', '4', '60'] as const;

const DS: ReadonlySet<KernelFunction> = new Set([
  'reserve_ds_buffers',
  'release_ds_buffers',
  'dsalloc_pages',
  'ds_update_cea',
  'ds_clear_cea',
  'flush_tlb_kernel_range',
  'wrmsr_on_cpu',
]);
const PARTS = [
  "guest's kernel",
  'VM-exits and entries',
  'KVM',
  'host: events made, moved, read and released',
  'host: first and last event (DS buffers)',
  'host: static key (synchronize_rcu)',
  'host: waits for pmc_reserve_mutex',
  'host: waits for perf_sched_mutex',
  'all else',
] as const;
type Part = (typeof PARTS)[number];

function partOf(page: 'host' | 'guest' | 'others', row: number): Part {
  const symbol = KERNEL_SYMBOLS[row];
  if (symbol === undefined || page === 'others') return 'all else';
  if (symbol.purpose === 'exits') return 'VM-exits and entries';
  if (symbol.purpose === 'kvm') return 'KVM';
  if (page === 'guest') return "guest's kernel";
  if (DS.has(symbol.name)) return 'host: first and last event (DS buffers)';
  if (symbol.name === 'synchronize_rcu') return 'host: static key (synchronize_rcu)';
  if (symbol.purpose === 'pmc_reserve_mutex') return 'host: waits for pmc_reserve_mutex';
  if (symbol.purpose === 'perf_sched_mutex') return 'host: waits for perf_sched_mutex';
  return symbol.purpose === 'perf' || symbol.purpose === 'registers'
    ? 'host: events made, moved, read and released'
    : 'all else';
}

/** Cycles on each part so far, on all cores. */
function partsOf({ cpus }: Machine): number[] {
  const sums = PARTS.map(() => 0);
  for (const { core } of cpus)
    for (const page of ['host', 'guest', 'others'] as const)
      core.spent[page].forEach((span, row) => {
        if (span > 0) sums[PARTS.indexOf(partOf(page, row))]! += span;
      });
  return sums;
}

class SwitchWatch {
  readonly calls = { sched_in: [] as number[][], sched_out: [] as number[][] };
  #on = false;

  readonly tap = (cpu: Cpu): Cpu => cpu;

  attach(machine: Machine): void {
    for (const kernel of machine.kernels)
      kernel.probe = {
        instant: () => undefined,
        begin: (step: MachineStep) => {
          if (!this.#on || (step.kind !== 'sched_in' && step.kind !== 'sched_out') || step.context !== 'hw')
            return { end: () => undefined };
          const calls = this.calls[step.kind];
          const before = partsOf(machine);
          return { end: () => void calls.push(partsOf(machine).map((sum, i) => sum - before[i]!)) };
        },
      };
  }

  start(): void {
    this.#on = true;
  }
}

/** Runs it under each of the specs, which have several vCPUs. */
export async function switchReport(specs: readonly MachineSpec[]): Promise<SwitchReport> {
  const switches: SwitchParts[] = [];
  const migrations: { vpmu: string; count: number }[] = [];
  const [name, ...args] = WORDS;
  for (const spec of specs) {
    const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
    const evlist = statAttrs(parseEventList([FIVE, 'cpu-migrations'], 'stat'));
    const watch = new SwitchWatch();
    const job = { evlist, executable: executable(workload, workloadSeed(spec, 0)) };
    const { run } = await runStat(spec, job, { watch });
    migrations.push({ vpmu: spec.vpmu, count: run.counts.at(-1)!.val });
    const total = (parts: readonly number[]): number => parts.reduce((sum, part) => sum + part, 0);
    const ns = (span: number): number => (span * 1e9) / spec.values['core.clock'];
    for (const operation of ['sched_in', 'sched_out'] as const) {
      const calls = watch.calls[operation];
      const longest = calls.reduce((most, one) => (total(one) > total(most) ? one : most));
      const mean = PARTS.map((_, i) => calls.reduce((sum, one) => sum + one[i]!, 0) / calls.length);
      switches.push({ vpmu: spec.vpmu, operation, calls: calls.length, mean: mean.map(ns), longest: longest.map(ns) });
    }
  }
  const command = `perf stat -e ${FIVE} ${WORDS.join(' ')}`;
  return { command, vcpus: specs[0]!.values['guest.vcpus'], migrations, parts: PARTS, switches };
}
