/**
 * What perf report will do, given its options and the events of the recording.
 *
 * Source: tools/perf/builtin-report.c (report__setup_sample_type), util/sort.c; measured on perf 6.1.
 */
import type { Evsel } from '../../perf-events/evsel.ts';
import { PERF_SAMPLE, PERF_TYPE } from '../../uapi/perf-event.ts';
import type { CallGraphOptions } from './callgraph.ts';
import type { ColumnStyle } from './columns.ts';
import { type Field, planCallGraph, planFields, ReportError, type ReportOptions } from './options.ts';

/** perf's default_parent_pattern. */
const DEFAULT_PARENT = '^sys_|^do_page_fault';

/** Options turned into columns, an order and filters. */
export interface Plan {
  readonly options: ReportOptions;
  readonly output: readonly Field[];
  readonly sort: readonly Field[];
  readonly style: ColumnStyle;
  /** Undefined: no graphs. */
  readonly graph: Omit<CallGraphOptions, 'skipFirst'> | undefined;
  readonly order: 'caller' | 'callee';
  readonly skipFirst: boolean;
  /** Functions that count as parents. */
  readonly pattern: RegExp;
  /** Filters with a single value, which make their column superfluous. */
  readonly elided: ReadonlyMap<string, string>;
}

export const hasChains = (evsel: Evsel): boolean => (evsel.attr.sample_type & PERF_SAMPLE.CALLCHAIN) !== 0;

/** Throws ReportError if something cannot be done with these events. */
export function makePlan(evlist: readonly Evsel[], options: ReportOptions, isPipe = false): Plan {
  // In a pipe, perf does not know yet whether there are any.
  const chains = isPipe || evlist.some(hasChains);
  const call = planCallGraph(options.callGraph, options.percentLimit);
  if (!chains && options.callGraph !== undefined && call.enabled)
    throw new ReportError(
      "Selected -g or --branch-history.\nBut no callchain or branch data.\nDid you call 'perf record' without -g or -b?",
    );
  if (options.hierarchy && options.relative)
    throw new ReportError('gperf does not model --percentage relative with --hierarchy', 'percentage');
  if (options.hierarchy && options.fields !== undefined)
    throw new ReportError('--hierarchy and --fields options cannot be used together', 'hierarchy');
  const tracepoints = evlist.every(({ attr }) => attr.type === PERF_TYPE.TRACEPOINT);
  const wantsChildren = chains && options.children !== false;
  const cumulate = wantsChildren && !options.hierarchy && !isPipe;
  const { output, sort, symbolFirst, strict } = planFields(options, cumulate, tracepoints);
  if (!chains && sort.some((field) => 'key' in field && field.key === 'parent'))
    throw new ReportError("Selected --sort parent, but no callchain data. Did you call 'perf record' without -g?");
  const style: ColumnStyle = {
    separator: options.fieldSeparator,
    verbose: options.verbose ?? false,
    cumulate,
    strict,
    dsoFiltered: options.dsos !== undefined,
    userWidths: options.columnWidths !== undefined,
  };
  const { enabled, mode, value, minPercent, printLimit } = call;
  const graph = { mode, value, minPercent, printLimit, cumulate, separator: options.fieldSeparator ?? ';' };
  return {
    options,
    output,
    sort,
    style,
    graph: chains && enabled ? graph : undefined,
    order: options.inverted ? 'caller' : (call.order ?? (wantsChildren ? 'caller' : 'callee')),
    skipFirst: symbolFirst,
    pattern: parentPattern(options.parent ?? DEFAULT_PARENT),
    elided: elidedKeys(sort, options),
  };
}

function parentPattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch {
    throw new ReportError(`Invalid regex: ${pattern}`, 'parent');
  }
}

/** sort__setup_elide(). */
function elidedKeys(sort: readonly Field[], { comms, dsos, symbols }: ReportOptions): Map<string, string> {
  const filters = { comm: comms, dso: dsos, symbol: symbols };
  const elided = new Map<string, string>();
  const keys = sort.flatMap((field) => ('key' in field ? [field.key] : []));
  for (const [name, values] of Object.entries(filters))
    if (values?.length === 1 && keys.some((key) => key === name)) elided.set(name, values[0]!);
  return elided;
}
