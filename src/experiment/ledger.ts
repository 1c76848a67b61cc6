/**
 * Where a run's time went: every 64th of a cycle is on exactly one account.
 *
 * The core books each advance of its clock on a row (a ring-0 function, ring 3, or IRETs to it) of a page: the
 * guest's, or that of the kernel that has the core (hw/core.ts). Here the rows are summed by owner and purpose. If a
 * register access in the guest exits, the exit and KVM's work are booked as such; if not, the access is the guest's.
 *
 * If the workload runs on several cores, of bare metal or under a guest's vCPUs, the whole is the sum of their times: the run times the number of cores, and a
 * little more, as all but the first end at a grid line.
 *
 * Not modelled: blame. The host's tick is host work, whether or not a guest with perf made it more expensive, and
 * exits of other guests are exits.
 */
import type { ExecutionCursor } from '../arch/cpu.ts';
import type { Executable } from '../arch/dso.ts';
import { CYCLES, eventVector } from '../arch/events.ts';
import { ROWS, type Core } from '../hw/core.ts';
import { KERNEL_SYMBOLS, type Purpose } from '../kernel/symbols.ts';
import type { Machine } from '../machine/machine.ts';
import type { Ledger, LedgerAccount, LedgerSheet, VcpuTimes } from '../results/ledger.ts';
import { cycles, type Cycles } from '../units.ts';
import type { CpuWatch } from './cpu-watch.ts';

const ROW_NAMES = Object.keys(ROWS) as (keyof typeof ROWS)[];

/** An executable that can be asked how much user time its threads have taken so far. */
export function metered(executable: Executable): { readonly executable: Executable; readonly work: () => Cycles } {
  const running = new Set<ExecutionCursor>();
  const totals = eventVector();
  const workOf = (cursor: ExecutionCursor): number => cursor.totals(totals)[CYCLES]!;
  let done = 0;
  return {
    executable: {
      ...executable,
      start: (thread, snapshot) => {
        const cursor = executable.start(thread, snapshot);
        running.add(cursor);
        // What was done before the snapshot is another's.
        done -= workOf(cursor);
        return cursor;
      },
      ended: (cursor) => {
        if (running.delete(cursor)) done += workOf(cursor);
        executable.ended?.(cursor);
      },
      left: (cursor) => {
        if (running.delete(cursor)) done += workOf(cursor);
        executable.left?.(cursor);
      },
    },
    work: () => cycles([...running].reduce((sum, cursor) => sum + workOf(cursor), done)),
  };
}

/** Where the time of one core went. */
export interface CoreTimes {
  readonly now: Cycles;
  readonly idle: Cycles;
  readonly spent: Core['spent'];
  /** It has another hardware thread that is simulated. */
  readonly shared: boolean;
  readonly vcpus: readonly VcpuTimes[];
}

/**
 * The accounts of a run so far; `work` is the workload's own part, `all` the times of all cores, and `where` knows on which
 * CPU the workload was. Throws if they do not add up to the clocks.
 */
export function ledgerOf(machine: Machine, work: Cycles, all: readonly CoreTimes[], where?: CpuWatch): Ledger {
  const { kernels } = machine;
  // The CPUs of one boot share the workload, and so an account.
  const cores = kernels.length > 1 ? all : [all[0]!];
  const vcpus = all.flatMap((one) => one.vcpus).toSorted((one, other) => one.vcpu - other.vcpu);
  const several = cores.length > 1;
  const whole = { ...sheetOf(machine, cores, work, several), ...(vcpus.length > 0 && { vcpus }) };
  if (!several || where === undefined) return whole;
  const workOn = (one: number): number =>
    kernels.reduce((sum, { number }) => sum + (number % cores.length === one ? where.workOn(number) : 0), 0);
  const sheets = cores.map((one, number) => ({
    core: number,
    sheet: sheetOf(machine, [one], cycles(workOn(number)), several),
  }));
  return { ...whole, cores: sheets };
}

/** Some cores' times, put together; `several`: the machine has more than one, which may wait for each other. */
function sheetOf({ vcpu, host }: Machine, cores: readonly CoreTimes[], work: Cycles, several: boolean): LedgerSheet {
  const add = (of: (core: CoreTimes) => Float64Array): Float64Array =>
    cores.map(of).reduce((sum, page) => sum.map((n, i) => n + page[i]!));
  const outer = add(({ spent }) => spent.host);
  const ring3 = KERNEL_SYMBOLS.length;
  const rowOf = (page: Float64Array, row: keyof typeof ROWS): number => page[ring3 + ROWS[row]]!;
  // Without a guest, perf runs on the kernel that has the core.
  const inner = vcpu === undefined ? outer : add(({ spent }) => spent.guest);
  const others = add(({ spent }) => spent.others).reduce((a, b) => a + b);
  const sum = (page: Float64Array, purpose: Purpose): number =>
    KERNEL_SYMBOLS.reduce((total, symbol, fn) => (symbol.purpose === purpose ? total + page[fn]! : total), 0);
  const ofHost = (purpose: Purpose): number => (inner === outer ? 0 : sum(outer, purpose));
  const both = (purpose: Purpose): number => sum(inner, purpose) + ofHost(purpose);
  const spans: readonly (readonly [LedgerAccount, number])[] = [
    ['workload', work],
    ['programs', rowOf(inner, 'ring3') - work],
    ['refill', rowOf(inner, 'refill')],
    ['cold programs', rowOf(inner, 'coldRing3')],
    ...(cores.some(({ shared }) => shared) ? [['sibling', rowOf(inner, 'sibling')] as const] : []),
    ...(rowOf(inner, 'clock') > 0 ? [['clock', rowOf(inner, 'clock')] as const] : []),
    ['kernel perf', sum(inner, 'perf')],
    ['kernel registers', sum(inner, 'registers')],
    ['kernel interrupts', sum(inner, 'interrupts')],
    ['kernel tasks', sum(inner, 'tasks')],
    ['exits', both('exits')],
    ['kvm', both('kvm')],
    ['cold kernels', rowOf(inner, 'cold') + (inner === outer ? 0 : rowOf(outer, 'cold'))],
    ...(rowOf(inner, 'stall') > 0 ? [['residue', rowOf(inner, 'stall')] as const] : []),
    ['host perf', ofHost('perf')],
    ['host registers', ofHost('registers')],
    ['host interrupts', ofHost('interrupts')],
    [
      'host tasks',
      ofHost('tasks') +
        (inner === outer ? 0 : ROW_NAMES.reduce((rest, row) => (row === 'cold' ? rest : rest + rowOf(outer, row)), 0)) +
        others,
    ],
    ...(several || ofHost('pmc_reserve_mutex') > 0 || ofHost('perf_sched_mutex') > 0
      ? [
          ['pmc_reserve_mutex', both('pmc_reserve_mutex')] as const,
          ['perf_sched_mutex', both('perf_sched_mutex')] as const,
        ]
      : []),
    ['idle', cores.reduce((total, { idle }) => total + idle, 0)],
  ];
  let end = 0;
  const rows = spans.map(([account, span]) => {
    const start = end;
    end += span;
    // Differences of rounded sums, so that rows in whole nanoseconds add up to the whole.
    return { account, cycles: cycles(span), ns: host.nanosOf(cycles(end)) - host.nanosOf(cycles(start)) };
  });
  const total = cycles(cores.reduce((time, { now }) => time + now, 0));
  if (end !== total) throw new Error(`the ledger does not add up: ${end} of ${total} cycles`);
  return { rows, total, ns: host.nanosOf(total) };
}
