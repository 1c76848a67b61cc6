/**
 * perf list: the events a machine can open, by kind or by pattern, and gperf's own lists in the same form.
 *
 * Rows and their order are perf 6.1's; only events that open are listed, as perf probes them.
 * Not modelled: tracepoints, SDT probes, breakpoints, metrics and metric groups, descriptions of vendor events.
 */
import {
  CACHE_EVENTS,
  CPU_ALIASES,
  HARDWARE_EVENTS,
  SOFTWARE_EVENTS,
  type SymbolicEvent,
  TOOL_EVENTS,
} from '../../perf-events/event-names.ts';
import { PERF_TYPE, type PerfEventAttr } from '../../uapi/perf-event.ts';

/** A row of gperf's own lists: `  name   [label]` and a line of description. */
interface ListEntry {
  readonly name: string;
  readonly label?: string;
  readonly description?: string;
  /** Further lines of description. */
  readonly more?: readonly string[];
}

/** One of gperf's own lists, printed only if asked for by its word. */
interface ListSection {
  /** The word after "list": "vpmu", "machine", "workload", "spec". */
  readonly topic: string;
  readonly title: string;
  readonly entries: readonly ListEntry[];
  /** Text after the rows. */
  readonly note?: string;
}

export interface ListOptions {
  /** Whether perf_event_open would take the event on the machine. */
  readonly canOpen: (attr: PerfEventAttr) => boolean;
  /** --raw-dump: names on one line, for completion. */
  readonly rawDump?: boolean;
  readonly sections?: readonly ListSection[];
}

interface Row {
  readonly names: readonly string[];
  readonly label: string;
}

/** perf's words for its kinds of events. */
const KINDS: Readonly<Record<string, string>> = {
  hw: 'hw',
  hardware: 'hw',
  sw: 'sw',
  software: 'sw',
  cache: 'cache',
  hwcache: 'cache',
  pmu: 'pmu',
  raw: 'raw',
};
const ORDER = ['hw', 'sw', 'cache', 'pmu', 'raw'];
/** Topics of perf list for which gperf has nothing. */
const UNMODELLED_LISTS = new Set(['tracepoint', 'sdt', 'metric', 'metricgroup', 'metrics', 'metricgroups']);

const RAW_ROWS: readonly Row[] = [
  { names: ['rNNN'], label: 'Raw hardware event descriptor' },
  { names: ['cpu/t1=v1[,t2=v2,t3 ...]/modifier'], label: 'Raw hardware event descriptor' },
];

const byName = (a: Row, b: Row): number => (a.names[0]! < b.names[0]! ? -1 : 1);

function rowsOf(kind: string, canOpen: ListOptions['canOpen']): readonly Row[] {
  const opens = (type: number, config: number): boolean =>
    canOpen({ type, config, sample_period: 0, sample_type: 0, read_format: 0, disabled: true });
  const symbolic = (type: number, events: readonly SymbolicEvent[], label: string): Row[] =>
    events
      .filter((event) => opens(type, event.config))
      .map(({ names }) => ({ names, label }))
      .toSorted(byName);
  switch (kind) {
    case 'hw':
      return symbolic(PERF_TYPE.HARDWARE, HARDWARE_EVENTS, 'Hardware event');
    case 'sw':
      return [
        ...symbolic(PERF_TYPE.SOFTWARE, SOFTWARE_EVENTS, 'Software event'),
        ...TOOL_EVENTS.map((name) => ({ names: [name], label: 'Tool event' })),
      ];
    case 'cache':
      return CACHE_EVENTS.filter((event) => opens(PERF_TYPE.HW_CACHE, event.config))
        .map(({ name }) => ({ names: [name], label: 'Hardware cache event' }))
        .toSorted(byName);
    case 'pmu':
      return Object.entries(CPU_ALIASES)
        .filter(([, config]) => opens(PERF_TYPE.RAW, config))
        .map(([name]) => ({ names: [name, `cpu/${name}/`], label: 'Kernel PMU event' }))
        .toSorted(byName);
    default:
      return RAW_ROWS;
  }
}

/** A pattern of perf list: with wildcards it must match a whole name, otherwise it may occur anywhere in one. */
function matcher(pattern: string): (row: Row) => boolean {
  const body = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const whole = /[*?[]/.test(pattern);
  let regex: RegExp;
  try {
    regex = new RegExp(whole ? `^${body}$` : body);
  } catch {
    return () => false;
  }
  return (row) => row.names.some((name) => regex.test(name));
}

const rowText = (name: string, label: string): string => `  ${name.padEnd(50)} [${label}]\n`;

function sectionText({ title, entries, note }: ListSection): string {
  let out = `\n${title}:\n\n`;
  for (const { name, label, description, more = [] } of entries) {
    out += label === undefined ? `  ${name}\n` : rowText(name, label);
    if (description !== undefined) out += `       [${description}]\n`;
    for (const line of more) out += `       [${line}]\n`;
  }
  return note === undefined ? out : `${out}\n  ${note}\n`;
}

/**
 * What `perf list TOPICS` prints; '' if nothing matches. Without topics: all events.
 * A topic is a kind (hw, sw, cache, pmu), one of the sections, or a pattern of event names.
 */
export function listText(topics: readonly string[], o: ListOptions): string {
  const rows: Row[] = [];
  let sections = '';
  const raw: string[] = [];
  const all = (kind: string): readonly Row[] => rowsOf(kind, o.canOpen);
  if (topics.length === 0) for (const kind of ORDER) if (kind !== 'raw' || !o.rawDump) rows.push(...all(kind));
  for (const topic of topics) {
    const kind = KINDS[topic];
    const section = o.sections?.find((s) => s.topic === topic);
    if (kind !== undefined) rows.push(...all(kind));
    else if (section !== undefined) {
      sections += sectionText(section);
      raw.push(...section.entries.map((entry) => entry.name));
    } else if (!UNMODELLED_LISTS.has(topic)) {
      rows.push(...ORDER.flatMap((k) => (k === 'raw' ? [] : all(k))).filter(matcher(topic)));
    }
  }
  if (o.rawDump) {
    const names = [...rows.map((row) => row.names[0]!), ...raw];
    return names.length === 0 ? '' : `${names.map((name) => `${name} `).join('')}\n`;
  }
  return rows.map((row) => rowText(row.names.join(' OR '), row.label)).join('') + sections;
}
