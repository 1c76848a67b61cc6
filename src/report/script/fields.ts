/**
 * Which fields perf script prints: -F, per type of event, as perf parses and checks it.
 *
 * "-F a,b" replaces the list, "+a,-b" changes the default, "sw:a,b" applies to software events only. Fields missing in
 * a recording are silently dropped from the default, and are an error if asked for.
 * Source: tools/perf/builtin-script.c, measured on perf 6.1.
 */
import { PERF_COUNT_SW, PERF_SAMPLE, PERF_TYPE } from '../../uapi/perf-event.ts';
import type { Evsel } from '../../perf-events/evsel.ts';
import { ReportError } from '../report/options.ts';

/** Fields that gperf prints. */
const FIELDS = [
  'comm',
  'tid',
  'pid',
  'time',
  'cpu',
  'event',
  'trace',
  'ip',
  'sym',
  'dso',
  'addr',
  'symoff',
  'period',
  'flags',
  'weight',
  'misc',
  'phys_addr',
  'data_src',
  'ins_lat',
  'data_page_size',
  'code_page_size',
] as const;
export type ScriptField = (typeof FIELDS)[number];

/** perf's fields that gperf does not print. */
const NOT_MODELLED =
  'srcline iregs uregs brstack brstacksym bpf-output brstackinsn brstackinsnlen brstackoff callindent insn insnlen synth metric srccode ipc tod'.split(
    ' ',
  );

const TYPES = ['hw', 'sw', 'trace', 'raw', 'hw-cache', 'break', 'synth'] as const;
type TypeName = (typeof TYPES)[number];
function typeOf({ attr }: Evsel): TypeName {
  switch (attr.type) {
    case PERF_TYPE.HARDWARE:
      return 'hw';
    case PERF_TYPE.SOFTWARE:
      return 'sw';
    case PERF_TYPE.TRACEPOINT:
      return 'trace';
    case PERF_TYPE.HW_CACHE:
      return 'hw-cache';
    case PERF_TYPE.BREAKPOINT:
      return 'break';
    default:
      return 'raw';
  }
}

const DEFAULT: readonly ScriptField[] = ['comm', 'tid', 'cpu', 'time', 'event', 'ip', 'sym', 'symoff', 'dso', 'period'];
/** More for a PMU's own events: the fields of memory samples. */
const RAW_BESIDES: readonly ScriptField[] = [
  'addr',
  'data_src',
  'weight',
  'phys_addr',
  'data_page_size',
  'code_page_size',
  'ins_lat',
];
const DEFAULT_TRACE: readonly ScriptField[] = ['comm', 'tid', 'cpu', 'time', 'event', 'trace'];

interface Asked {
  readonly fields: Set<ScriptField>;
  /** Fields the user named; missing ones are an error. */
  readonly byUser: Set<ScriptField>;
  /** The user chose this type's fields. */
  userSet: boolean;
}

/** perf's names for types of events, in its error about a field that is not one of theirs. */
const EVENT_NAMES: Readonly<Record<TypeName, string>> = {
  hw: 'hardware',
  sw: 'software',
  trace: 'tracepoint',
  raw: 'raw',
  'hw-cache': 'hardware-cache',
  break: 'breakpoint',
  synth: 'synth',
};
/** Whether a type can have a field; not all can. */
const isValid = (field: ScriptField, type: TypeName): boolean => field !== 'trace' || type === 'trace';

function parseField(name: string): ScriptField {
  const field = FIELDS.find((known) => known === name);
  if (field) return field;
  if (NOT_MODELLED.includes(name))
    throw new ReportError(`gperf does not model the field "${name}" of perf script.`, 'fields');
  throw new ReportError('Invalid field requested.', 'fields');
}

/**
 * event_type() of events other than tracepoints, in the order of perf's types: raw, breakpoints and two of its own have
 * no name.
 */
const OTHER_TYPES = ['hardware', 'software', 'hardware-cache', 'unknown', 'unknown', 'unknown', 'unknown'];

/** perf's sentences about fields asked for on all events that only some have. */
export const ignoredFields = (arg: string): string[] =>
  arg
    .split(',')
    .filter((token) => /^[+-]?trace$/.test(token) && !arg.includes(':'))
    .flatMap(() => OTHER_TYPES.map((type) => `'trace' not valid for ${type} events. Ignoring.`));

/** parse_output_fields(). */
function parse(arg: string | undefined): Map<TypeName, Asked> {
  const asked = new Map<TypeName, Asked>(
    TYPES.map((type) => {
      const fields = new Set(type === 'trace' ? DEFAULT_TRACE : DEFAULT);
      if (type === 'raw') for (const field of RAW_BESIDES) fields.add(field);
      return [type, { fields, byUser: new Set(), userSet: false }];
    }),
  );
  if (arg === undefined) return asked;
  const colon = /^([a-z-]+):(.*)$/.exec(arg);
  const types = colon ? TYPES.filter((type) => type === colon[1]) : TYPES;
  if (!types.length) throw new ReportError(`Invalid event type in field string.`, 'fields');
  const tokens = (colon?.[2] ?? arg).split(',').filter(Boolean);
  const signed = tokens.filter((token) => /^[+-]/.test(token));
  if (signed.length && signed.length < tokens.length && !/^[+-]/.test(tokens[0] ?? ''))
    throw new ReportError('Cannot mix +-field with overridden fields', 'fields');
  let sign = '';
  for (const type of types) if (!signed.length) asked.get(type)?.fields.clear();
  for (const token of tokens) {
    if (/^[+-]/.test(token)) sign = token.slice(0, 1);
    const field = parseField(token.replace(/^[+-]/, ''));
    for (const type of types) {
      // perf says this for every other type, and continues.
      if (!isValid(field, type)) {
        if (types.length > 1) continue;
        throw new ReportError(`'${field}' not valid for ${EVENT_NAMES[type]} events.`, 'fields');
      }
      asked.get(type)!.userSet = true;
      const { fields, byUser } = asked.get(type)!;
      if (sign === '-') fields.delete(field);
      else {
        fields.add(field);
        byUser.add(field);
      }
    }
  }
  return asked;
}

/** Fields that need something from a sample: the bit, and perf's name for it. */
const NEEDS: readonly (readonly [ScriptField, number, string])[] = [
  ['ip', PERF_SAMPLE.IP, 'IP'],
  ['addr', PERF_SAMPLE.ADDR, 'ADDR'],
  ['weight', PERF_SAMPLE.WEIGHT | PERF_SAMPLE.WEIGHT_STRUCT, 'WEIGHT'],
  ['pid', PERF_SAMPLE.TID, 'TID'],
  ['tid', PERF_SAMPLE.TID, 'TID'],
  ['time', PERF_SAMPLE.TIME, 'TIME'],
  ['cpu', PERF_SAMPLE.CPU, 'CPU'],
  ['phys_addr', PERF_SAMPLE.PHYS_ADDR, 'PHYS_ADDR'],
  ['data_src', PERF_SAMPLE.DATA_SRC, 'DATA_SRC'],
  ['ins_lat', PERF_SAMPLE.WEIGHT_STRUCT, 'WEIGHT_STRUCT'],
  ['data_page_size', PERF_SAMPLE.DATA_PAGE_SIZE, 'DATA_PAGE_SIZE'],
  ['code_page_size', PERF_SAMPLE.CODE_PAGE_SIZE, 'CODE_PAGE_SIZE'],
];

/** evsel__check_attr(): what can be printed for one event. */
function check(evsel: Evsel, { fields, byUser }: Asked): Set<ScriptField> {
  for (const [field, bits, text] of NEEDS) {
    if (!fields.has(field) || evsel.attr.sample_type & bits) continue;
    if (byUser.has(field))
      throw new ReportError(
        `Samples for '${evsel.name}' event do not have ${text} attribute set. Cannot print '${field}' field.`,
      );
    fields.delete(field);
  }
  // Counts have no place: the fields that would show it are dropped from the default.
  if (!(evsel.attr.sample_type & (PERF_SAMPLE.IP | PERF_SAMPLE.ADDR)))
    for (const field of ['sym', 'symoff', 'dso'] as const) if (!byUser.has(field)) fields.delete(field);
  const located = fields.has('ip') || fields.has('addr');
  if (fields.has('sym') && !(evsel.attr.sample_type & (PERF_SAMPLE.IP | PERF_SAMPLE.ADDR)))
    throw new ReportError(
      'Display of symbols requested but neither sample IP nor sample address\navailable. Hence, no addresses to convert to symbols.',
    );
  if (fields.has('symoff') && !fields.has('sym'))
    throw new ReportError('Display of offsets requested but symbol is notselected.');
  if (fields.has('dso') && !located && !(evsel.attr.sample_type & (PERF_SAMPLE.IP | PERF_SAMPLE.ADDR)))
    throw new ReportError('Display of DSO requested but no address to convert.');
  return fields;
}

/** evsel__is_dummy_event(): it has no samples, only side-band records. */
const isDummy = ({ attr }: Evsel): boolean => attr.type === PERF_TYPE.SOFTWARE && attr.config === PERF_COUNT_SW.DUMMY;

/**
 * The fields to print for each event of the list. Events of one type share them, and an event that lacks a field
 * removes it for all. With `chains`, call chains are shown: tracepoints that have them then show their place.
 */
export function scriptFields(
  evlist: readonly Evsel[],
  arg: string | undefined,
  chains: boolean,
): ReadonlySet<ScriptField>[] {
  const asked = parse(arg);
  const fields = evlist.map((evsel) => {
    const ofType = asked.get(typeOf(evsel))!;
    return isDummy(evsel) ? ofType.fields : check(evsel, ofType);
  });
  const trace = asked.get('trace')!;
  const chained = ({ attr }: Evsel): boolean => (attr.sample_type & PERF_SAMPLE.CALLCHAIN) !== 0;
  if (chains && !trace.userSet && evlist.some((evsel) => typeOf(evsel) === 'trace' && chained(evsel)))
    for (const field of ['ip', 'sym', 'symoff', 'dso'] as const) trace.fields.add(field);
  return fields;
}
