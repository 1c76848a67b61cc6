/**
 * perf evlist: the events of a recording, one per line; and a perf_event_attr in words, for evlist -v and --header.
 *
 * Source: tools/perf/util/evsel_fprintf.c, perf_event_attr_fprintf.c; measured on perf 6.1: fields that are 0 are left out.
 * Not modelled: --trace-fields.
 */
import type { Evsel } from '../../perf-events/evsel.ts';
import { PERF_FORMAT, PERF_SAMPLE, PERF_TYPE, type PerfEventAttr } from '../../uapi/perf-event.ts';
import type { U64 } from '../../units.ts';
import { hex } from '../shared/format.ts';

export interface EvlistOptions {
  /** -v: every field of the attr. */
  readonly verbose?: boolean;
  /** -F: frequency or period. */
  readonly freq?: boolean;
  /** -g: groups in braces. */
  readonly group?: boolean;
}

const { WEIGHT, IDENTIFIER, DATA_SRC, REGS_INTR, ...OTHERS } = PERF_SAMPLE;
/** perf's order of names, which differs from that of the bits. */
const SAMPLE_TYPES: Readonly<Record<string, number>> = {
  ...pick(OTHERS, ['IP', 'TID', 'TIME', 'ADDR', 'READ', 'CALLCHAIN', 'ID', 'CPU', 'PERIOD', 'STREAM_ID', 'RAW']),
  ...pick(OTHERS, ['BRANCH_STACK', 'REGS_USER', 'STACK_USER']),
  IDENTIFIER,
  REGS_INTR,
  DATA_SRC,
  WEIGHT,
  ...pick(OTHERS, ['PHYS_ADDR', 'AUX', 'CGROUP', 'DATA_PAGE_SIZE', 'CODE_PAGE_SIZE', 'WEIGHT_STRUCT']),
};
const BRANCH_TYPES: Readonly<Record<string, number>> = Object.fromEntries(
  [
    'USER',
    'KERNEL',
    'HV',
    'ANY',
    'ANY_CALL',
    'ANY_RETURN',
    'IND_CALL',
    'ABORT_TX',
    'IN_TX',
    'NO_TX',
    'COND',
    'CALL_STACK',
    'IND_JUMP',
    'CALL',
    'NO_FLAGS',
    'NO_CYCLES',
    'TYPE_SAVE',
    'HW_INDEX',
    'PRIV_SAVE',
  ].map((name, bit) => [name, 1 << bit]),
);

function pick<T extends Readonly<Record<string, number>>>(
  from: T,
  names: readonly (keyof T & string)[],
): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, from[name] ?? 0]));
}

const bits = (value: U64, names: Readonly<Record<string, number>>): string =>
  Object.entries(names)
    .flatMap(([name, bit]) => (BigInt(value) & BigInt(bit) ? [name] : []))
    .join('|');
const plain = (value: U64): string => String(value);
const hexadecimal = (value: U64): string => `0x${hex(value)}`;
const flag = (): string => '1';

type Entry = readonly [keyof PerfEventAttr, string, (value: U64) => string];
const flags = (...names: (keyof PerfEventAttr)[]): Entry[] => names.map((name) => [name, name, flag]);

/** After type and size, which come first. */
const ENTRIES: readonly Entry[] = [
  ['config', 'config', hexadecimal],
  ['sample_period', '{ sample_period, sample_freq }', plain],
  ['sample_type', 'sample_type', (value) => bits(value, SAMPLE_TYPES)],
  ['read_format', 'read_format', (value) => bits(value, PERF_FORMAT)],
  ...flags(
    'disabled',
    'inherit',
    'pinned',
    'exclusive',
    'exclude_user',
    'exclude_kernel',
    'exclude_hv',
    'exclude_idle',
  ),
  ...flags('mmap', 'comm', 'freq', 'inherit_stat', 'enable_on_exec', 'task', 'watermark'),
  ['precise_ip', 'precise_ip', plain],
  ...flags('mmap_data', 'sample_id_all', 'exclude_host', 'exclude_guest'),
  ...flags('exclude_callchain_kernel', 'exclude_callchain_user', 'mmap2', 'comm_exec', 'use_clockid', 'context_switch'),
  ...flags('write_backward', 'namespaces', 'ksymbol', 'bpf_event', 'aux_output', 'cgroup', 'text_poke', 'build_id'),
  ...flags('inherit_thread', 'remove_on_exec', 'sigtrap'),
  ['wakeup', '{ wakeup_events, wakeup_watermark }', plain],
  ['bp_type', 'bp_type', plain],
  ['config1', '{ bp_addr, config1 }', hexadecimal],
  ['config2', '{ bp_len, config2 }', hexadecimal],
  ['branch_sample_type', 'branch_sample_type', (value) => bits(value, BRANCH_TYPES)],
  ['sample_regs_user', 'sample_regs_user', hexadecimal],
  ['sample_stack_user', 'sample_stack_user', plain],
  ['clockid', 'clockid', (value) => plain(Number(value) | 0)],
  ['sample_regs_intr', 'sample_regs_intr', hexadecimal],
  ['aux_watermark', 'aux_watermark', plain],
  ['sample_max_stack', 'sample_max_stack', plain],
  ['aux_sample_size', 'aux_sample_size', plain],
  ['sig_data', 'sig_data', plain],
];

/** perf_event_attr__fprintf(): names and values of the fields that are not 0; `size` is the attr's size in the recording. */
export function attrFields(attr: PerfEventAttr, size: number): [string, string][] {
  const fields: [string, string][] = [];
  if (attr.type) fields.push(['type', plain(attr.type)]);
  fields.push(['size', plain(size)]);
  for (const [key, name, text] of ENTRIES) {
    const value = attr[key];
    if (value) fields.push([name, text(value === true ? 1 : value)]);
  }
  return fields;
}

/** The members of each group, the leader first, by the leader's index. */
export function groupsOf(evlist: readonly Evsel[]): Map<number, Evsel[]> {
  const groups = new Map<number, Evsel[]>();
  for (const evsel of evlist) {
    const members = groups.get(evsel.leader);
    if (members) members.push(evsel);
    else groups.set(evsel.leader, [evsel]);
  }
  return groups;
}

/** Lines of perf evlist. `attrSize`: bytes of an attr in the recording. */
export function* evlistLines(evlist: readonly Evsel[], attrSize: number, options: EvlistOptions): Generator<string> {
  const groups = groupsOf(evlist);
  let tracepoints = false;
  for (const [index, { name, attr, leader, groupName }] of evlist.entries()) {
    let line = name;
    if (options.group) {
      if (leader !== index) continue;
      const members = groups.get(index) ?? [];
      if (members.length > 1) line = `${groupName ?? ''}{${members.map((evsel) => evsel.name).join(',')}}`;
    } else if (options.verbose) {
      line += `: ${attrFields(attr, attrSize)
        .map(([field, value]) => `${field}: ${value}`)
        .join(', ')}`;
    } else if (options.freq) line += `: ${attr.freq ? 'sample_freq' : 'sample_period'}=${attr.sample_period}`;
    tracepoints ||= attr.type === PERF_TYPE.TRACEPOINT;
    yield line;
  }
  if (tracepoints) yield "# Tip: use 'perf evlist --trace-fields' to show fields for tracepoint events";
}
