/**
 * What `gperf bench` prints: each operation under each design, the overhead of the run, and where its time went.
 * Times of operations are ns.
 */
import type { BenchDesign, BenchFigure, BenchOperation, BenchReport } from '../../results/bench.ts';
import type { LedgerAccount, LedgerSheet } from '../../results/ledger.ts';
import type { Operation } from '../../results/operations.ts';
import { gridLines, gridMarkdown, ratio, whole, type Grid, type GridRow } from '../shared/grid.ts';
import { csvName, markdownText } from '../shared/printable.ts';

/** Names of the accounts. */
const ACCOUNTS: Readonly<Record<LedgerAccount, string>> = {
  workload: 'user work',
  programs: 'perf and other programs',
  refill: 'returns to user space',
  'cold programs': 'user: cold caches',
  sibling: 'slowed by hyperthreads',
  clock: 'slowed by busy cores',
  'kernel perf': 'kernel: perf',
  'kernel registers': 'kernel: PMU registers',
  'kernel interrupts': 'kernel: ticks and timers',
  'kernel tasks': 'kernel: system calls, scheduling',
  exits: 'VM-exits and entries',
  kvm: 'host: KVM',
  'cold kernels': 'kernel, host: cold caches',
  residue: 'unexplained by the model',
  'host perf': 'host: perf',
  'host registers': 'host: PMU registers',
  'host interrupts': 'host: ticks and timers',
  'host tasks': 'host: other tasks, scheduling',
  pmc_reserve_mutex: 'host: waits for pmc_reserve_mutex',
  perf_sched_mutex: 'host: waits for perf_sched_mutex',
  idle: 'idle',
};

/** Operations that are part of the row above. */
const PARTS: ReadonlySet<Operation> = new Set(['enable a fixed counter', 'enable a GP counter']);
const KEYS = ['calls', 'mean', 'min', 'p50', 'p99', 'max', 'exits', 'host'] as const;

/** The tables, as data. */
export interface BenchGrids {
  /** Absent if no operation took place under any design. */
  readonly operations: Grid | undefined;
  readonly overhead: Grid;
  readonly surcharges: Grid;
  readonly ledger: Grid;
  /** The ledger of each core, a grid for each design with several. */
  readonly cores: readonly Grid[];
  /** What became of the time of each vCPU, likewise. */
  readonly vcpus: readonly Grid[];
}

/** `byCpu`: operations and ledger also of each CPU, where there are several. */
export function benchGrids({ command, seeds, designs }: BenchReport, byCpu = false): BenchGrids {
  const figures = seeds === 1 ? 'one run' : `medians of ${seeds} runs`;
  const counting = designs.filter(hasPmu);
  const rows = operationRows(counting, byCpu);
  const operations: Grid = {
    title: `${command}: PMU operations of the kernel, ns (${figures})`,
    columns: [
      '',
      'calls',
      'mean',
      'min',
      'p50',
      'p99',
      'max',
      'exits',
      'in host',
      ...(counting.length > 1 ? [`mean/${counting[0]!.vpmu}`] : []),
    ],
    rows,
  };
  return {
    operations: rows.length > 0 ? operations : undefined,
    overhead: overheadGrid(designs, seeds),
    surcharges: surchargeGrid(designs, seeds),
    ledger: ledgerGrid(designs, seeds),
    cores: byCpu ? designs.flatMap((design) => coreGrid(design, seeds)) : [],
    vcpus: byCpu ? designs.flatMap((design) => vcpuGrid(design, seeds)) : [],
  };
}

const hasPmu = ({ operations }: BenchDesign): boolean => operations.length > 0;

/** Every operation that took place under one of the designs, all of which have a PMU. */
function operationRows(designs: readonly BenchDesign[], byCpu: boolean): GridRow[] {
  const rows: GridRow[] = [];
  for (const [i, { operation }] of (designs[0]?.operations ?? []).entries()) {
    if (designs.every(({ operations }) => operations[i]!.calls.median === 0)) continue;
    const part = PARTS.has(operation);
    rows.push({ heading: true, cells: [part ? `  of which ${operation}` : operation] });
    for (const [d, { vpmu, operations, cpus = [] }] of designs.entries()) {
      const cells = [`${part ? '  ' : ''}  ${vpmu}`, ...operationCells(operations[i]!)];
      if (d > 0) cells.push(meanRatio(operations[i]!, designs[0]!.operations[i]!));
      rows.push({ cells });
      if (!byCpu) continue;
      for (const { cpu, operations: own } of cpus)
        rows.push({ cells: [`${part ? '  ' : ''}    CPU ${cpu}`, ...operationCells(own[i]!)] });
    }
  }
  return rows;
}

function operationCells(row: BenchOperation): string[] {
  if (row.calls.median === 0 && row.calls.high === 0) return ['0'];
  return KEYS.map((key) => (key === 'exits' ? row.exits.median.toFixed(2) : whole(row[key].median)));
}

const meanRatio = (row: BenchOperation, base: BenchOperation): string =>
  base.calls.median === 0 || row.calls.median === 0 ? '' : ratio(row.mean.median / base.mean.median);

function overheadGrid(designs: readonly BenchDesign[], seeds: number): Grid {
  const seconds = ({ median }: BenchFigure): string => (median / 1e9).toFixed(3);
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  const range = ({ low, high }: BenchFigure): string => `${percent(low)} .. ${percent(high)}`;
  const sampled = designs.some(({ samples }) => samples.median > 0);
  return {
    title: 'Overhead of the run: 1 - T0/T1, wall time of the workload without perf (T0) and with it (T1), s',
    columns: [
      '',
      'with, T1',
      'without, T0',
      'overhead',
      ...(seeds > 1 ? ['interval'] : []),
      ...(sampled ? ['samples', 'throttled'] : []),
    ],
    rows: designs.map(({ vpmu, elapsed, bare, overhead, samples, throttled }) => ({
      cells: [
        vpmu,
        seconds(elapsed),
        seconds(bare),
        percent(overhead.median),
        ...(seeds > 1 ? [range(overhead)] : []),
        ...(sampled ? [whole(samples.median), whole(throttled.median)] : []),
      ],
    })),
  };
}

/** Every account that one of the sheets has, by its name, with the ns of each sheet. */
export function accountsOf(sheets: readonly LedgerSheet[]): { name: string; ns: number[] }[] {
  const names = Object.entries(ACCOUNTS) as [LedgerAccount, string][];
  const of = (sheet: LedgerSheet, account: LedgerAccount): number | undefined =>
    sheet.rows.find((row) => row.account === account)?.ns;
  return names
    .filter(([account]) => sheets.some((sheet) => of(sheet, account) !== undefined))
    .map(([account, name]) => ({ name, ns: sheets.map((sheet) => of(sheet, account) ?? 0) }));
}

const ms = (ns: number): string => (ns / 1e6).toFixed(6);
const meanOf = (seeds: number): string => (seeds > 1 ? ` (mean of ${seeds} runs)` : '');

function surchargeGrid(designs: readonly BenchDesign[], seeds: number): Grid {
  return {
    title: `What changes for the whole host, times${seeds > 1 ? ` (medians of ${seeds} runs)` : ''}`,
    columns: ['', 'first event (reserve_ds_buffers)', 'last event (release_ds_buffers)', 'perf_sched_events on'],
    rows: designs.map(({ vpmu, paid: { reserve, release, static_key } }) => ({
      cells: [vpmu, ...[reserve, release, static_key].map(({ median }) => whole(median))],
    })),
  };
}

function coreGrid({ vpmu, ledger }: BenchDesign, seeds: number): Grid[] {
  const { cores } = ledger;
  if (cores === undefined) return [];
  const rows = accountsOf(cores.map(({ sheet }) => sheet)).map(({ name, ns }) => ({
    cells: [name].concat(ns.map(ms)),
  }));
  return [
    {
      title: `Where the time of each core went under ${vpmu}, ms${meanOf(seeds)}`,
      columns: ['', ...cores.map(({ core }) => `core ${core}`)],
      rows: [...rows, { cells: ['run time', ...cores.map(({ sheet }) => ms(sheet.ns))] }],
    },
  ];
}

function vcpuGrid({ vpmu, ledger: { vcpus } }: BenchDesign, seeds: number): Grid[] {
  if (vcpus === undefined) return [];
  const row = (name: string, key: 'ran' | 'stolen' | 'halted'): GridRow => ({
    cells: [name, ...vcpus.map((one) => ms(one[key]))],
  });
  return [
    {
      title: `What became of each vCPU's time under ${vpmu}, ms${meanOf(seeds)}`,
      columns: ['', ...vcpus.map(({ vcpu }) => `vCPU ${vcpu}`)],
      rows: [row('its thread had a core', 'ran'), row('it waited for one (steal)', 'stolen'), row('halted', 'halted')],
    },
    ...(vcpus[0]?.moves === undefined
      ? []
      : [
          {
            title: `How often each vCPU's thread got another core than before under ${vpmu}${meanOf(seeds)}`,
            columns: ['', ...vcpus.map(({ vcpu }) => `vCPU ${vcpu}`)],
            rows: [{ cells: ['moves', ...vcpus.map(({ moves }) => `${moves}`)] }],
          },
        ]),
  ];
}

function ledgerGrid(designs: readonly BenchDesign[], seeds: number): Grid {
  const several = designs.some(({ ledger }) => ledger.cores !== undefined);
  const rows = accountsOf(designs.map(({ ledger }) => ledger)).map(({ name, ns }) => ({
    cells: [name].concat(ns.map(ms)),
  }));
  return {
    title: `Where the time went, perf and all, ms${meanOf(seeds)}`,
    columns: ['', ...designs.map(({ vpmu }) => vpmu)],
    rows: [
      ...rows,
      { cells: [several ? 'run time of all cores' : 'run time', ...designs.map(({ ledger }) => ms(ledger.ns))] },
    ],
  };
}

/** A sentence for each operation missing from the table. */
export function benchGaps(report: BenchReport): string[] {
  const { command, designs } = report;
  const none = designs.filter((design) => !hasPmu(design)).map(({ vpmu }) => vpmu);
  if (none.length === 0)
    return benchGrids(report).operations === undefined ? [`${command}: no PMU operation took place.`] : [];
  const of = none.length === designs.length ? command : none.join(', ');
  return [`${of}: without a PMU there are no PMU operations to cost.`];
}

/** How to read the figures. */
export function benchNotes(report: BenchReport): string[] {
  const { seeds, designs, liveLocked, broken = [] } = report;
  const rounded = designs.some(({ operations }) => operations.some(({ exact }) => !exact));
  const timed = [
    'An operation is timed from its first instruction to the next one, exits and what interrupts it included; handle_irq,',
    'context_switch, rotation and tick contain the register accesses they make. exits and in host are per call.',
    `p50 and p99 are nearest-rank: the least time that half, or 99 %, of the calls do not exceed${rounded ? ' (rounded up by at most 0.1 %)' : ''}.`,
  ];
  return [
    ...(benchGrids(report).operations === undefined ? [] : timed),
    ...(seeds > 1
      ? [
          `Each figure is computed for each of ${seeds} seeds; shown is the median; --export-csv and -json have its interval.`,
        ]
      : []),
    ...broken.map(
      ({ vpmu, failed, checks }) =>
        `${vpmu} fails ${failed} of the ${checks} checks that a PMU passes ('gperf check ${vpmu}' tells which): do not trust its figures.`,
    ),
    ...liveLocked.flatMap(({ vpmu, why }) => why.split('\n').map((line, i) => (i === 0 ? `${vpmu}: ${line}` : line))),
  ];
}

const gridsOf = (
  { operations, overhead, surcharges, ledger, cores, vcpus }: BenchGrids,
  everything: boolean,
): Grid[] => [
  ...(operations === undefined ? [] : [operations]),
  overhead,
  ...(everything ? [surcharges] : []),
  ledger,
  ...cores,
  ...vcpus,
];

/** `everything`: also surcharges, and what each CPU did where there are several. */
export function* benchLines(report: BenchReport, everything = false): Generator<string> {
  for (const gap of benchGaps(report)) yield* [`# ${gap}`, ''];
  for (const grid of gridsOf(benchGrids(report, everything), everything)) {
    yield* gridLines(grid);
    yield '';
  }
  for (const note of benchNotes(report)) yield `# ${note}`;
}

export function* benchMarkdown(report: BenchReport): Generator<string> {
  for (const gap of benchGaps(report)) yield* [markdownText(gap), ''];
  for (const grid of gridsOf(benchGrids(report), false)) yield* gridMarkdown(grid);
  yield markdownText(benchNotes(report).join(' '));
}

/** Every figure on a line of its own, with its interval: for programs that join and plot. */
export function* benchCsv({ designs }: BenchReport): Generator<string> {
  yield 'design,section,name,statistic,median,low,high,cpu';
  const row = (
    design: BenchDesign,
    section: string,
    name: string,
    statistic: string,
    f: BenchFigure,
    cpu: number | '' = '',
  ): string => `${csvName(design.vpmu)},${section},"${name}",${statistic},${f.median},${f.low},${f.high},${cpu}`;
  for (const design of designs) {
    for (const operation of design.operations)
      for (const key of KEYS) yield row(design, 'operation', operation.operation, key, operation[key]);
    for (const key of ['elapsed', 'bare', 'overhead', 'samples', 'throttled'] as const)
      yield row(design, 'run', 'workload', key, design[key]);
    for (const { account, ns } of design.ledger.rows)
      yield row(design, 'ledger', ACCOUNTS[account], 'ns', { median: ns, low: ns, high: ns });
    for (const { cpu, operations } of design.cpus ?? [])
      for (const operation of operations)
        for (const key of KEYS) yield row(design, 'operation', operation.operation, key, operation[key], cpu);
    for (const { core, sheet } of design.ledger.cores ?? [])
      for (const { account, ns } of sheet.rows)
        yield row(design, 'ledger', ACCOUNTS[account], 'ns', { median: ns, low: ns, high: ns }, core);
    for (const { vcpu, moves, ...times } of design.ledger.vcpus ?? []) {
      for (const [name, ns] of Object.entries(times))
        yield row(design, 'vcpu', name, 'ns', { median: ns, low: ns, high: ns }, vcpu);
      if (moves !== undefined)
        yield row(design, 'vcpu', 'moves', 'count', { median: moves, low: moves, high: moves }, vcpu);
    }
  }
}
