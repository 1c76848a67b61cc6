/**
 * The options of perf report: --sort, -F and -g as perf parses them.
 *
 * Keys may be abbreviated to any prefix; the first match in perf's order of keys wins. A leading + adds to the
 * default.
 * Source: tools/perf/util/sort.c, callchain.c; measured on perf 6.1.
 */
import { SORT_NAMES, type SortName } from '../../profile/sort.ts';
import type { CallGraphOptions } from './callgraph.ts';
import { HPP_NAMES, type HppName } from './columns.ts';

/** Filters by what a sample resolves to; hidden samples still count in shares of everything. */
export interface PlaceFilters {
  /** -c, -d, -S. */
  readonly comms?: readonly string[] | undefined;
  readonly dsos?: readonly string[] | undefined;
  readonly symbols?: readonly string[] | undefined;
  /** --pid, --tid. */
  readonly pids?: readonly number[] | undefined;
  readonly tids?: readonly number[] | undefined;
}

/** Filters by what a sample itself says; other samples are treated as missing from the recording. */
export interface SampleFilters {
  /** --cpu: "0-3,5". */
  readonly cpus?: string | undefined;
  /** --time: "START,STOP" in seconds, several separated by blanks; either may be missing. */
  readonly times?: string | undefined;
}

export interface ReportOptions extends PlaceFilters, SampleFilters {
  /** --sort. */
  readonly sort?: string;
  /** -F. */
  readonly fields?: string;
  /** -n. */
  readonly showNrSamples?: boolean;
  readonly showTotalPeriod?: boolean;
  readonly showCpuUtilization?: boolean;
  /** -q: lines only. */
  readonly quiet?: boolean;
  /** -T: what each thread counted. */
  readonly threads?: boolean;
  /** -v: paths, addresses and origins of symbols. */
  readonly verbose?: boolean;
  /** -t. */
  readonly fieldSeparator?: string;
  /** --percent-limit. */
  readonly percentLimit?: number;
  /** --percentage relative: shares of what filters let through. */
  readonly relative?: boolean;
  /** --no-skip-empty: headings for events without samples too. */
  readonly showEmpty?: boolean;
  /** -w. */
  readonly columnWidths?: readonly number[];
  /** -g: its argument, "" for none. */
  readonly callGraph?: string;
  /** -G: callers first. */
  readonly inverted?: boolean;
  /** --[no-]children; default: on if there are call chains. */
  readonly children?: boolean;
  /** --[no-]group; default on. */
  readonly group?: boolean;
  readonly hierarchy?: boolean;
  readonly hideUnresolved?: boolean;
  readonly maxStack?: number;
  /** -p: an extended regular expression. */
  readonly parent?: string;
  /** -x: hide lines without a parent. */
  readonly excludeOther?: boolean;
  /** Lines of --header, if asked for; absent: print perf's hint that there is one. */
  readonly header?: readonly string[];
}

/** The request cannot be met; `option` is the long name of the option whose value is wrong, if any. */
export class ReportError extends Error {
  readonly option: string | undefined;

  constructor(message: string, option?: string) {
    super(message);
    this.option = option;
  }
}

/** Nothing was sampled: perf says so as of an error, and exits with 0 (__cmd_report()). */
export class NoSamples extends ReportError {
  constructor(path: string) {
    super(`The ${path} data has no samples!`);
  }
}

export type Field = { readonly hpp: HppName } | { readonly key: SortName };
export const sameField = (a: Field, b: Field): boolean =>
  'hpp' in a ? 'hpp' in b && a.hpp === b.hpp : 'key' in b && a.key === b.key;

/** Every key of perf 6.1, in the order in which prefixes are matched. */
const PERF_KEYS =
  'pid comm dso symbol parent cpu socket srcline srcfile local_weight weight transaction trace symbol_size dso_size cgroup cgroup_id ipc_null time code_page_size local_ins_lat ins_lat local_p_stage_cyc p_stage_cyc addr'.split(
    ' ',
  );
const PERF_BRANCH_KEYS =
  'dso_from dso_to symbol_from symbol_to mispredict abort in_tx cycles srcline_from srcline_to ipc_lbr addr_from addr_to'.split(
    ' ',
  );
const PERF_MEMORY_KEYS =
  'symbol_daddr dso_daddr locked tlb mem snoop dcacheline symbol_iaddr phys_daddr data_page_size blocked'.split(' ');

function parseField(token: string, option: string): Field {
  const fits = (name: string): boolean => name.startsWith(token.toLowerCase());
  const known = PERF_KEYS.find(fits);
  const key = SORT_NAMES.find((name) => name === known);
  if (key) return { key };
  if (known !== undefined) throw new ReportError(`gperf does not model the --${option} key "${known}".`, option);
  const hpp = HPP_NAMES.find(fits);
  if (hpp !== undefined) return { hpp };
  const exotic = [...PERF_BRANCH_KEYS, ...PERF_MEMORY_KEYS].find(fits);
  if (exotic !== undefined)
    throw new ReportError(
      `gperf does not model the --${option} key "${exotic}": no branch stacks, no memory samples.`,
      option,
    );
  throw new ReportError(`Unknown --${option} key: \`${token}'`, option);
}

function parseFields(list: string, option: string): Field[] {
  const fields: Field[] = [];
  for (const token of list.split(/[, ]+/)) {
    if (!token) continue;
    const field = parseField(token, option);
    if (!fields.some((known) => sameField(known, field))) fields.push(field);
  }
  return fields;
}

/** perf diff's --sort: the same keys as report's; a leading + adds to `usual`. Throws ReportError. */
export function parseSortKeys(list: string, usual: readonly SortName[]): SortName[] {
  const text = list.startsWith('+') ? `${usual.join(',')},${list.slice(1)}` : list;
  const keys = parseFields(text, 'sort').map((field) => {
    if ('key' in field && field.key !== 'trace') return field.key;
    const name = 'key' in field ? field.key : field.hpp;
    throw new ReportError(`gperf does not model the --sort key "${name}" of perf diff.`, 'sort');
  });
  if (keys.length === 0) throw new ReportError("Invalid --sort key: `'", 'sort');
  return keys;
}

const prepend = (name: HppName, fields: readonly Field[]): Field[] =>
  fields.some((field) => 'hpp' in field && field.hpp === name) ? [...fields] : [{ hpp: name }, ...fields];
const append = (fields: readonly Field[], more: readonly Field[]): Field[] => [
  ...fields,
  ...more.filter((field) => !fields.some((known) => sameField(known, field))),
];

export interface FieldPlan {
  /** Columns from left to right. */
  readonly output: readonly Field[];
  /** What orders the lines, strongest first. */
  readonly sort: readonly Field[];
  /** The first key of --sort is the symbol, so graphs need not repeat it. */
  readonly symbolFirst: boolean;
  /** -F lists all columns, under their own names. */
  readonly strict: boolean;
}

const DEFAULT_SORT = 'comm,dso,symbol';
/** Sort key of a recording with tracepoints only. */
const TRACEPOINT_SORT = 'trace';

/** setup_sorting(): columns and order. */
export function planFields(options: ReportOptions, wantsChildren: boolean, tracepoints: boolean): FieldPlan {
  const byDefault = tracepoints ? TRACEPOINT_SORT : DEFAULT_SORT;
  const { sort: given, fields: asked } = options;
  const strict = asked !== undefined && !asked.startsWith('+');
  let keys = given ?? byDefault;
  if (keys.startsWith('+')) keys = `${byDefault},${keys.slice(1)}`;
  let sort = strict && given === undefined ? [] : parseFields(keys, 'sort');
  if (options.parent !== undefined) sort = append(sort, [{ key: 'parent' }]);
  const wanted = asked === undefined ? [] : parseFields(asked.replace(/^\+/, ''), 'fields');
  let output: Field[] = [];
  if (strict) output = wanted;
  else {
    sort = prepend('overhead', sort);
    if (wantsChildren) sort = prepend('overhead_children', sort);
    const numbers: HppName[] = [...(wantsChildren ? (['overhead_children'] as const) : []), 'overhead'];
    if (options.showCpuUtilization) numbers.push('overhead_sys', 'overhead_us');
    if (options.showNrSamples) numbers.push('sample');
    if (options.showTotalPeriod) numbers.push('period');
    output = append(
      numbers.map((hpp) => ({ hpp })),
      wanted,
    );
  }
  output = append(output, sort);
  sort = append(sort, output);
  if (!sort.length) throw new ReportError("Invalid --fields key: `+'", 'fields');
  return { output, sort, symbolFirst: asked === undefined && (given ?? '').startsWith('sym'), strict };
}

export interface CallGraphPlan extends Pick<CallGraphOptions, 'mode' | 'value' | 'minPercent' | 'printLimit'> {
  readonly enabled: boolean;
  /** As given by the user; undefined: callee, or caller if children are counted. */
  readonly order: 'caller' | 'callee' | undefined;
}

const MODES = ['graph', 'flat', 'fractal', 'folded'] as const;
const ORDERS = ['caller', 'callee'] as const;
const VALUES = ['percent', 'period', 'count'] as const;

/** parse_callchain_report_opt(): print type, threshold, print limit, order, key and value in any order. */
export function planCallGraph(arg: string | undefined, percentLimit: number | undefined): CallGraphPlan {
  let mode: CallGraphPlan['mode'] = 'graph';
  let value: CallGraphPlan['value'] = 'percent';
  let order: CallGraphPlan['order'];
  let [enabled, minPercent, printLimit, sawThreshold] = [true, percentLimit ?? 0.5, 0, false];
  for (const token of (arg ?? '').split(',')) {
    if (!token) continue;
    const of = <T extends string>(names: readonly T[]): T | undefined => names.find((name) => name.startsWith(token));
    if ('none'.startsWith(token)) {
      enabled = false;
      break;
    }
    const [newMode, newOrder, newValue] = [of(MODES), of(ORDERS), of(VALUES)];
    if (newMode) mode = newMode;
    else if (newOrder) order = newOrder;
    else if ('function'.startsWith(token)) continue;
    else if ('address'.startsWith(token) || 'srcline'.startsWith(token) || 'branch'.startsWith(token))
      throw new ReportError(
        `gperf does not model --call-graph ${token}: chains are compared by function.`,
        'call-graph',
      );
    else if (newValue) value = newValue;
    else if (!/^[0-9.]/.test(token)) throw new ReportError(`Unknown --call-graph option value: ${token}`, 'call-graph');
    else if (!sawThreshold) [minPercent, sawThreshold] = [Number.parseFloat(token), true];
    else printLimit = Number.parseInt(token, 10);
  }
  return { enabled, mode, value, order, minPercent, printLimit };
}
