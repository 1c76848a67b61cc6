/**
 * The attrs that perf 6.1 opens: evsel__config() for record, create_perf_stat_counter() for stat, and the default
 * events of both. Compared with `perf evlist -v` and `perf stat -vv`.
 *
 * Not modelled: data addresses, weights, registers and user stacks, branch stacks, AUX areas, cgroups, namespaces,
 * clocks other than perf's own.
 */
import { PERF_COUNT_SW, PERF_FORMAT, PERF_SAMPLE, PERF_TYPE, type PerfEventAttr } from '../uapi/perf-event.ts';
import { groupAll, parseEventList, parseEvents } from './parse-events.ts';
import type { Evsel } from './evsel.ts';
import type { ParsedEvent } from './parsed-event.ts';

/** The target: a command that perf starts, all or some CPUs, an existing process or thread. */
type Target = 'fork' | 'cpu' | 'pid' | 'tid';

export interface StatAttrOptions {
  /** Default: fork. */
  readonly target?: Target;
  /** False: -i. */
  readonly inherit?: boolean;
  /** -D. */
  readonly initial_delay?: boolean;
  readonly all_user?: boolean;
  readonly all_kernel?: boolean;
}

export interface RecordAttrOptions extends StatAttrOptions {
  /** -F, in Hz; default 4000. A given `period` wins. */
  readonly freq?: number;
  /** -c. */
  readonly period?: number;
  /** -g, --call-graph fp. */
  readonly callgraph?: boolean;
  /** --kernel-callchains, --user-callchains. */
  readonly kernel_callchains?: boolean;
  readonly user_callchains?: boolean;
  readonly per_thread?: boolean;
  readonly sample_cpu?: boolean;
  /** -T; --no-timestamp. Default: true except with per_thread. */
  readonly sample_time?: boolean;
  /** -P; --no-period. Default: true for an event with a frequency. */
  readonly sample_period?: boolean;
  readonly sample_identifier?: boolean;
  /** -n: count without sampling. */
  readonly no_samples?: boolean;
  readonly no_buffering?: boolean;
  readonly running_time?: boolean;
  /** -s: READ records say what each thread counted. */
  readonly inherit_stat?: boolean;
  readonly switch_events?: boolean;
  readonly build_id_mmap?: boolean;
  readonly bpf_event?: boolean;
}

const DEFAULT_FREQ = 4000;

const hasMembers = (list: readonly ParsedEvent[], leader: number): boolean =>
  list.some((e, i) => e.leader === leader && i !== leader);

/** --all-user and --all-kernel override the u and k modifiers, and no others. */
function restrictRings(attr: PerfEventAttr, o: StatAttrOptions): void {
  if (!o.all_user && !o.all_kernel) return;
  delete attr.exclude_user;
  delete attr.exclude_kernel;
  if (o.all_kernel) attr.exclude_user = true;
  if (o.all_user) attr.exclude_kernel = true;
}

/** perf stat's attrs for a parsed list. */
export function statAttrs(list: readonly ParsedEvent[], o: StatAttrOptions = {}): ParsedEvent[] {
  const target = o.target ?? 'fork';
  const out: ParsedEvent[] = [];
  for (const [i, evsel] of list.entries()) {
    const attr: PerfEventAttr = { ...evsel.attr, sample_type: PERF_SAMPLE.IDENTIFIER };
    attr.read_format = PERF_FORMAT.TOTAL_TIME_ENABLED | PERF_FORMAT.TOTAL_TIME_RUNNING;
    if (hasMembers(list, evsel.leader)) attr.read_format |= PERF_FORMAT.ID | PERF_FORMAT.GROUP;
    if (o.inherit !== false) attr.inherit = true;
    if (evsel.leader === i) {
      attr.disabled = true;
      if (target === 'fork' && !o.initial_delay) attr.enable_on_exec = true;
    }
    restrictRings(attr, o);
    out.push({ ...evsel, attr });
  }
  return out;
}

/**
 * evlist__reset_weak_group(): ungroups the members of a group that the kernel refused. `attrOf` gives the attr with
 * which perf opens each again.
 */
export function breakWeakGroup(
  list: readonly Evsel[],
  leader: number,
  attrOf: (member: Evsel, leader: Evsel) => PerfEventAttr,
): Evsel[] {
  return list.map((evsel, i) => {
    if (evsel.leader !== leader) return evsel;
    const { groupName: _, ...alone } = { ...evsel, leader: i, attr: attrOf(evsel, list[leader]!) };
    return alone;
  });
}

/** The attr with which perf stat opens a member of a broken group: off until the exec, and read by itself. */
export function statUngrouped({ attr }: Evsel, { attr: first }: Evsel): PerfEventAttr {
  const { disabled, enable_on_exec } = first;
  const read_format = attr.read_format & ~(PERF_FORMAT.ID | PERF_FORMAT.GROUP);
  return { ...attr, read_format, ...(disabled && { disabled }), ...(enable_on_exec && { enable_on_exec }) };
}

/** perf stat's list without -e. `detailed`: number of d's; `stalled`: the PMU has the stalled-cycles events. */
export function statDefaultEvents(
  o: { systemWide?: boolean; detailed?: number; stalled?: boolean; group?: boolean } = {},
): ParsedEvent[] {
  const names = [
    o.systemWide ? 'cpu-clock' : 'task-clock',
    'context-switches',
    'cpu-migrations',
    'page-faults',
    'cycles',
  ];
  if (o.stalled) names.push('stalled-cycles-frontend', 'stalled-cycles-backend');
  names.push('instructions', 'branches', 'branch-misses');
  const list = [...parseEventList(names, 'stat'), ...statDetailedEvents(names.length, o.detailed)];
  return o.group ? groupAll(list) : list;
}

/** Events that -d, -dd and -ddd add to a list of `first` events. */
export function statDetailedEvents(first: number, detailed = 0): ParsedEvent[] {
  const names: string[] = [];
  if (detailed >= 1) names.push('L1-dcache-loads', 'L1-dcache-load-misses', 'LLC-loads', 'LLC-load-misses');
  if (detailed >= 2) {
    names.push(
      'L1-icache-loads',
      'L1-icache-load-misses',
      'dTLB-loads',
      'dTLB-load-misses',
      'iTLB-loads',
      'iTLB-load-misses',
    );
  }
  if (detailed >= 3) names.push('L1-dcache-prefetches', 'L1-dcache-prefetch-misses');
  return names.flatMap((name, i) => parseEvents(name, 'stat', first + i));
}

/** perf record's list without -e: cycles, with the highest precision the machine has, host and guest. */
export function recordDefaultEvents(): ParsedEvent[] {
  const [cycles] = parseEventList(['cycles:P'], 'record');
  return [{ ...cycles!, name: 'cycles' }];
}

/** The dummy event for side-band records, where the first event must not carry them (-a, -C, -D). */
const dummy: ParsedEvent = {
  name: 'dummy:HG',
  attr: { type: PERF_TYPE.SOFTWARE, config: PERF_COUNT_SW.DUMMY, sample_period: 1, sample_type: 0, read_format: 0 },
  leader: 0,
  unit: '',
  scale: 1,
  ids: [],
  precise_max: false,
  sample_read: false,
  weak_group: false,
  terms: {},
};

/** perf record's attrs for a parsed list; may append a dummy event. */
export function recordAttrs(parsed: readonly ParsedEvent[], o: RecordAttrOptions = {}): ParsedEvent[] {
  const target = o.target ?? 'fork';
  const withDummy = target === 'cpu' || o.initial_delay === true;
  const list = withDummy ? [...parsed, { ...dummy, leader: parsed.length }] : parsed;
  const tracking = withDummy ? list.length - 1 : 0;
  const evsels: ParsedEvent[] = [];
  for (const [i, evsel] of list.entries()) {
    const attr: PerfEventAttr = { ...evsel.attr };
    const isDummy = withDummy && i === tracking;
    const samples = sampling(attr, list, i, o);
    attr.sample_type = samples;
    attr.read_format = PERF_FORMAT.ID | PERF_FORMAT.LOST;
    const readsGroup = evsel.sample_read && hasMembers(list, evsel.leader);
    if (readsGroup) attr.read_format |= PERF_FORMAT.GROUP;
    if (o.inherit_stat) attr.inherit_stat = true;
    if (o.running_time || o.inherit_stat)
      attr.read_format |= PERF_FORMAT.TOTAL_TIME_ENABLED | PERF_FORMAT.TOTAL_TIME_RUNNING;
    const inherit = o.inherit !== false && target !== 'tid' && !o.per_thread;
    if (!readsGroup && (evsel.terms.inherit ?? inherit)) attr.inherit = true;
    if (evsel.leader === i) enabling(attr, isDummy, target, o);
    if (evsel.precise_max) attr.precise_ip = 3;
    attr.sample_id_all = true;
    if (i === tracking) trackTasks(attr, o);
    if (!isDummy) restrictRings(attr, o);
    if (o.no_buffering) attr.wakeup = 1;
    evsels.push({ ...evsel, attr });
  }
  setSampleId(evsels, o);
  return evsels;
}

/** Period or frequency and the fields of a sample. */
function sampling(attr: PerfEventAttr, list: readonly ParsedEvent[], i: number, o: RecordAttrOptions): number {
  const { terms, sample_read, leader } = list[i]!;
  // The dummy has a period of its own, which any that the user asks for overrides.
  const preset = attr.sample_period > 0 && o.freq === undefined ? attr.sample_period : undefined;
  const period = terms.period ?? (terms.freq === undefined ? (o.period ?? preset) : undefined);
  let sample = PERF_SAMPLE.IP | PERF_SAMPLE.TID;
  if (terms.time ?? o.sample_time ?? !o.per_thread) sample |= PERF_SAMPLE.TIME;
  if (terms.callgraph ?? o.callgraph) {
    sample |= PERF_SAMPLE.CALLCHAIN;
    if (o.kernel_callchains) attr.exclude_callchain_user = true;
    if (o.user_callchains) attr.exclude_callchain_kernel = true;
    if (terms.max_stack !== undefined) attr.sample_max_stack = terms.max_stack;
  }
  if (o.target === 'cpu' || o.sample_cpu) sample |= PERF_SAMPLE.CPU;
  if (sample_read) sample |= PERF_SAMPLE.READ | PERF_SAMPLE.ID;
  // In a group that is read as one, only the leader samples.
  const follows = sample_read && leader !== i;
  if (o.sample_period ?? period === undefined) sample |= PERF_SAMPLE.PERIOD;
  if (period === undefined && !follows) attr.freq = true;
  attr.sample_period = follows || o.no_samples ? 0 : (period ?? terms.freq ?? o.freq ?? DEFAULT_FREQ);
  return sample;
}

function enabling(attr: PerfEventAttr, isDummy: boolean, target: Target, o: RecordAttrOptions): void {
  const onExec = target === 'fork' && (isDummy || !o.initial_delay);
  if (!isDummy || onExec) attr.disabled = true;
  if (onExec) attr.enable_on_exec = true;
}

function trackTasks(attr: PerfEventAttr, o: RecordAttrOptions): void {
  Object.assign(attr, { mmap: true, comm: true, task: true, mmap2: true, comm_exec: true, ksymbol: true });
  if (o.bpf_event !== false) attr.bpf_event = true;
  if (o.switch_events) attr.context_switch = true;
  if (o.build_id_mmap) attr.build_id = true;
}

/** With several events, samples carry an ID, or IDENTIFIER (at a fixed place) if their layouts differ. */
function setSampleId(evsels: readonly ParsedEvent[], o: RecordAttrOptions): void {
  const layout = evsels[0]?.attr.sample_type;
  const mixed = evsels.some((e) => e.attr.sample_type !== layout);
  if (evsels.length < 2 && !o.sample_identifier) return;
  for (const { attr } of evsels) {
    if (mixed || o.sample_identifier) attr.sample_type = (attr.sample_type & ~PERF_SAMPLE.ID) | PERF_SAMPLE.IDENTIFIER;
    else attr.sample_type |= PERF_SAMPLE.ID;
  }
}
