/**
 * The tables of the letter "[RFC] [PATCH v2 0/5] Intel Virtual PMU Optimization", cell by cell: the part of a run that
 * corresponds to each, and why. What is calibrated follows from the table of calibrated constants (machine/calibrated.ts).
 * Published figures are only in fixtures/seed-tables.json: nothing here or below is tuned by this command.
 *
 * The parts: how cells are written, tablePlans() with all tables, and RECORDINGS for the letter's perf record.
 */
import { CALIBRATED } from '../machine/calibrated.ts';
import { FN } from '../kernel/symbols.ts';
import { exitParts } from '../kvm/exit-parts.ts';
import { ring0Table } from '../machine/ring0.ts';
import type { MachineSpec } from '../machine/spec.ts';
import type { Operation, OperationRow } from '../results/operations.ts';
import type { FigureVerdict } from '../results/reproduction.ts';
import type { BenchRun } from './bench.ts';

export type Guest = 'legacy' | 'v2';

/**
 * Both guests of the letter's perf stat tables: a host on which IPIs cost what they should, and that has not run perf before,
 * with other activity in the guest. `guest.background` is calibrated on the v2 column of table (4).
 */
export const STAT_SETS = ['host.ipi=cold', 'host.fresh=on', 'guest.background=260'] as const;
export const STAT_SCENARIO =
  'perf stat of six events, host.ipi=cold, host.fresh=on, guest.background=260 (calibrated on table (4), v2)';

/** One figure: its row and guest, and how it is taken from a run. */
export interface PlannedFigure {
  readonly row: string;
  readonly column: Guest;
  readonly statistic: string;
  readonly of: (run: BenchRun) => number;
  readonly reason: string;
  /** No mechanism gives it, and it contradicts other published figures. */
  readonly inconsistent?: true;
  /** A row of our own, which the letter does not have; its class is that of the row of this name, if any. */
  readonly own?: { readonly like: string | undefined };
}

/** Whether a constant was fitted to a published figure: "(2) rdpmcl, v2", "samples, host". */
export const classOf = (figure: string): FigureVerdict =>
  CALIBRATED.some(({ fittedTo }) => fittedTo.includes(figure)) ? 'calibrated' : 'derived';

/** The class of a planned figure of a table. */
export function verdictOf(id: TablePlan['id'], { row, column, inconsistent, own }: PlannedFigure): FigureVerdict {
  if (inconsistent) return 'inconsistent';
  const like = own === undefined ? row : own.like;
  return like === undefined ? 'derived' : classOf(`(${id}) ${like}, ${column}`);
}

export interface TablePlan {
  readonly id: '1' | '2' | '4' | '5';
  readonly notes: readonly string[];
  readonly cells: readonly PlannedFigure[];
}

type Key = Exclude<keyof OperationRow, 'operation' | 'exact'>;

export const figureOf = ({ operations }: BenchRun, operation: Operation, key: Key): number =>
  operations.find((row) => row.operation === operation)![key];

const cell = (row: string, column: Guest, statistic: Key, operation: Operation, reason: string): PlannedFigure => ({
  row,
  column,
  statistic,
  of: (run) => figureOf(run, operation, statistic),
  reason,
});

const inconsistent = (base: PlannedFigure): PlannedFigure => ({ ...base, inconsistent: true });
const own = (base: PlannedFigure, like = base.row): PlannedFigure => ({ ...base, own: { like } });

/** VM-exit and VM-entry alone, ns: the part of an exit that is not handling. */
function transition(spec: MachineSpec): number {
  const table = ring0Table(spec);
  const { preset, values } = spec;
  const { exit, entry, dispatch, access } = exitParts({ release: values['host.kernel'], bugs: preset.bugs });
  // What finds the handler of a register is part of its work.
  const callbacks = [...dispatch, ...access].filter(([fn]) => fn === FN.__x86_indirect_thunk_rax);
  const parts = [...exit, ...callbacks, [FN.vcpu_enter_guest, 1], [FN.atomic_switch_perf_msrs, 1], ...entry] as const;
  return (parts.reduce((sum, [fn, times]) => sum + times * table[fn]!.cost, 0) * 1e9) / values['core.clock'];
}

const TAIL = 'an exit of 1.1 us; the maximum is the tail of exits (one in a thousand, mean 8 us: calibrated)';

/** The tables, for that machine. */
export const tablePlans = (spec: MachineSpec): readonly TablePlan[] => [
  {
    id: '1',
    notes: [
      'These are inputs: table (1) is what the costs of single operations were taken from, as maxima like those of table (2): there the',
      'longest disable, of four stops of gp and one of fixed, takes no longer than the one of fixed does here.',
      '"gp" and "fixed" are really first and last: GLOBAL_CTRL is walked upwards, so GP0 is the host\'s first event and FIXED1 its last.',
    ],
    cells: [
      {
        row: 'kvm_pmu_rdpmc',
        column: 'legacy',
        statistic: 'mean',
        of: (run) => figureOf(run, 'RDPMC', 'mean') - transition(spec),
        reason: "KVM's part of an exit of 1.1 us, the counter stopped",
      },
      cell(
        'pmc_stop_counter: gp',
        'legacy',
        'p50',
        'pmc_stop_counter, GP',
        'an input: half of this is the mean of a plain release (the longest here, when fixed is out, is of the last event)',
      ),
      cell(
        'pmc_stop_counter: fixed',
        'legacy',
        'max',
        'pmc_stop_counter, fixed',
        "the host's last event: release_ds_buffers() on 88 CPUs ('gperf explain reserve'); one constant, the cost of each CPU that gets an IPI",
      ),
      cell(
        'perf_event_create_kernel_counter: gp',
        'legacy',
        'max',
        'pmc_reprogram_counter, GP',
        'an outlier: the first event after a second without any switches the static key on (15 to 30 ms, from this cell)',
      ),
      own(
        cell(
          'perf_event_create_kernel_counter: gp, usually',
          'legacy',
          'p50',
          'pmc_reprogram_counter, GP',
          'a plain create: three of four find another event on the host',
        ),
        'perf_event_create_kernel_counter: fixed',
      ),
      cell(
        'perf_event_create_kernel_counter: fixed',
        'legacy',
        'max',
        'pmc_reprogram_counter, fixed',
        'an input: a plain create, half of this on average',
      ),
    ],
  },
  {
    id: '2',
    notes: [
      "Maxima of one run each. Where the letter's maximum is plainly the usual value, the median stands beside it.",
      'Static-key outliers (15 to 30 ms, about one a second at most) have rows of their own.',
    ],
    cells: [
      cell(
        'enable global_ctrl',
        'legacy',
        'max',
        'enable GLOBAL_CTRL',
        'a static-key outlier of 15 to 30 ms, from table (1), and reserve_ds_buffers(); 57 ms has a longer tail than that',
      ),
      own(
        cell(
          'enable global_ctrl, 99 % of calls',
          'legacy',
          'p99',
          'enable GLOBAL_CTRL',
          'without the static key: five creates, the first with reserve_ds_buffers()',
        ),
        'enable global_ctrl',
      ),
      {
        row: 'static key switched on, times a run',
        column: 'legacy',
        statistic: 'count',
        of: ({ paid }) => paid.static_key,
        reason: 'perf_sched_delayed() finds no host event now and then, and the next create pays',
        own: { like: undefined },
      },
      cell(
        'enable global_ctrl',
        'v2',
        'max',
        'enable GLOBAL_CTRL',
        'once a run: the first create switches the static key on; afterwards events are reused',
      ),
      own(
        cell('enable global_ctrl, 99 % of calls', 'v2', 'p99', 'enable GLOBAL_CTRL', 'an exit and ten register writes'),
        'enable global_ctrl',
      ),
      {
        row: 'static key switched on, times a run',
        column: 'v2',
        statistic: 'count',
        of: ({ paid }) => paid.static_key,
        reason: 'the first event stays',
        own: { like: undefined },
      },
      cell(
        'disable global_ctrl',
        'legacy',
        'max',
        'disable GLOBAL_CTRL',
        "four plain stops and the last event's release_ds_buffers(), the constant of table (1)",
      ),
      cell('disable global_ctrl', 'v2', 'max', 'disable GLOBAL_CTRL', `five registers more than ${TAIL}`),
      cell('r/w fixed_ctrl', 'legacy', 'max', 'r/w FIXED_CTR_CTRL', TAIL),
      cell(
        'r/w fixed_ctrl',
        'v2',
        'max',
        'r/w FIXED_CTR_CTRL',
        "the letter's maximum is one bare exit: none of its calls met the tail that its other rows show",
      ),
      cell('r/w fixed_ctrl', 'v2', 'p50', 'r/w FIXED_CTR_CTRL', 'this cell defines what an exit costs'),
      cell('r/w eventsel', 'legacy', 'max', 'r/w EVENTSEL', TAIL),
      cell('r/w eventsel', 'v2', 'max', 'r/w EVENTSEL', TAIL),
      cell('rdpmcl', 'legacy', 'max', 'RDPMC', TAIL),
      cell('rdpmcl', 'v2', 'max', 'RDPMC', TAIL),
      cell(
        'x86_pmu.handle_irq',
        'legacy',
        'max',
        'x86_pmu.handle_irq',
        'eight exits, of which two stop and make all events: four of some 15 and 12 us each, the last and the first with the IPIs',
      ),
      cell(
        'x86_pmu.handle_irq',
        'v2',
        'max',
        'x86_pmu.handle_irq',
        'the usual PMI, or in other seeds one for two counters (ten exits) or one that met the tail of exits',
      ),
      cell(
        'x86_pmu.handle_irq',
        'v2',
        'p50',
        'x86_pmu.handle_irq',
        "eight exits of 1.1 us (8,800), KVM's register accesses for five counters (1,800), the driver (145)",
      ),
    ],
  },
  {
    id: '4',
    notes: [
      'The letter calls this "call time". It is read as the NUMBER of calls in a run: 11 and 14 PMIs are what counters of 31 bits give in',
      'some 5 s under either design, and 11 ns or us would be less than a register access. One probe per function and direction',
      '(intel_pmu_enable_event, fixed or GP), since no count of all accesses fits the rows together.',
    ],
    cells: [
      inconsistent(
        cell(
          'enable global_ctrl',
          'legacy',
          'calls',
          'enable GLOBAL_CTRL',
          'rotations + 2 x switches + PMIs, and 11,000 of fixed_ctrl allow 26,400 of these: the rows of this column are not of one run',
        ),
      ),
      cell(
        'enable global_ctrl',
        'v2',
        'calls',
        'enable GLOBAL_CTRL',
        'rotations + 2 x switches + PMIs; guest.background is the one constant of this column',
      ),
      cell(
        'rd/wr fixed_ctrl',
        'legacy',
        'calls',
        'enable a fixed counter',
        'a rotation takes just less than a tick, so the run takes ten times as long and rotates as often',
      ),
      cell(
        'rd/wr fixed_ctrl',
        'v2',
        'calls',
        'enable a fixed counter',
        'five of six rotations and switches, one direction',
      ),
      inconsistent(
        cell(
          'rd/wr eventsel',
          'legacy',
          'calls',
          'enable a GP counter',
          'tied to rdpmc (0.83 of it), so 108,000 beside 130,000; 7,000,000 exits alone take 8 s. Perhaps 70,000, mistyped',
        ),
      ),
      cell('rd/wr eventsel', 'v2', 'calls', 'enable a GP counter', 'four per rotation and switch, one direction'),
      inconsistent(
        cell(
          'rdpmcl',
          'legacy',
          'calls',
          'RDPMC',
          'tied to fixed_ctrl (5.8 of it), so 64,000 beside 11,000: the rows of this column are not of one run',
        ),
      ),
      cell('rdpmcl', 'v2', 'calls', 'RDPMC', '4.83 per rotation and switch, one per PMI'),
      cell(
        'x86_pmu.handle_irq',
        'legacy',
        'calls',
        'x86_pmu.handle_irq',
        'every 2^31 counts of each counter: cycles at 2.8 GHz and two of branches; faster cores and more branches give more',
      ),
      cell(
        'x86_pmu.handle_irq',
        'v2',
        'calls',
        'x86_pmu.handle_irq',
        'the same execution as under legacy, hence the same overflows',
      ),
    ],
  },
  {
    id: '5',
    notes: ["Maxima of one run; perf's part of a switch to and from the workload (perf_event_task_sched_in and _out)."],
    cells: [
      inconsistent(
        cell(
          'context_switch, sched_in',
          'legacy',
          'max',
          'context_switch, sched_in',
          "six times the letter's own maximum of the one enable in it: contention of other vCPUs, or a longer way measured",
        ),
      ),
      own(
        cell(
          'context_switch, sched_in',
          'legacy',
          'p50',
          'context_switch, sched_in',
          '14 exits, the last of which makes five events, the first with reserve_ds_buffers()',
        ),
      ),
      inconsistent(
        cell(
          'context_switch, sched_in',
          'v2',
          'max',
          'context_switch, sched_in',
          'would take creates inside a switch; here the first create is in the exec that enables the events',
        ),
      ),
      own(
        cell(
          'context_switch, sched_in',
          'v2',
          'p50',
          'context_switch, sched_in',
          '14 exits and what they write to the registers',
        ),
      ),
      inconsistent(
        cell(
          'context_switch, sched_out',
          'legacy',
          'max',
          'context_switch, sched_out',
          'a disable of 2 ms and 12 exits; 55 ms is the maximum of an enable, of which a sched-out has none with live counters',
        ),
      ),
      own(
        cell(
          'context_switch, sched_out',
          'legacy',
          'p50',
          'context_switch, sched_out',
          '13 exits, the first of which stops five events, the last with release_ds_buffers()',
        ),
      ),
      cell(
        'context_switch, sched_out',
        'v2',
        'max',
        'context_switch, sched_out',
        "the letter's is the sum of table (2)'s maxima (21 + 4 x 35 + 20 us); here no run has all its tails in one switch",
      ),
      own(
        cell(
          'context_switch, sched_out',
          'v2',
          'p50',
          'context_switch, sched_out',
          '13 exits and what they write to the registers',
        ),
      ),
    ],
  },
];

/** What the letter's perf record printed, and why ours prints what it does. */
export const RECORDINGS: Readonly<
  Record<
    Guest | 'host',
    {
      readonly samples: string;
      readonly profile: string;
      /** Samples that may say one thing. */ readonly cluster: number;
    }
  >
> = {
  legacy: {
    samples:
      'two a tick, the event throttled for the rest: one constant, the share of what first and last cost (host.ipi=warm)',
    profile: '2,600 pairs of samples, both at one place: a point of noise at 37 %',
    cluster: 2,
  },
  v2: {
    samples:
      '4000 a second of a run that its own PMIs lengthen: one constant, the residue of an NMI (cost.pmi_residue)',
    profile: 'the same execution, a third of a point of noise at 37 %',
    cluster: 1,
  },
  host: {
    samples: "4000 a second: the length of the program's run was taken from this count",
    profile: "the program's shares were taken from this profile",
    cluster: 1,
  },
};
