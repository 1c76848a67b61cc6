/**
 * What the records of a recording hold beyond places, tasks and counts, noted while they are read, so that a command
 * that shows less can say so.
 */
import type { Evsel } from '../perf-events/evsel.ts';
import type { U64 } from '../units.ts';
import { PERF_RECORD, PERF_RECORD_MISC, PERF_SAMPLE, PERF_TYPE, type SampleRecord } from '../uapi/perf-event.ts';
import type { FileRecord } from './records.ts';
import { PERF_RECORD_USER } from '../perf-events/tool-record.ts';

/** In the order in which they are reported. */
export const HOLDINGS = [
  'user stacks',
  'LBR chains',
  'branch stacks',
  'data addresses',
  'weights',
  'transactions',
  'raw data',
  'tracepoints',
  'AUX data',
  'guests',
  'cgroups',
  'namespaces',
  'text pokes',
  'falling counts',
] as const;
export type Holding = (typeof HOLDINGS)[number];

/** PERF_SAMPLE_BRANCH_CALL_STACK: the branch stack is a call chain. */
const BRANCH_CALL_STACK = 1 << 11;
/** perf_mem_data_src.mem_op without "not available": set by the kernel for events that know it. */
const DATA_SRC_OP = 0x1en;
const S = PERF_SAMPLE;
/** Fields that may hold something to note. */
const NOTED =
  S.STACK_USER |
  S.BRANCH_STACK |
  S.ADDR |
  S.DATA_SRC |
  S.PHYS_ADDR |
  S.WEIGHT |
  S.WEIGHT_STRUCT |
  S.TRANSACTION |
  S.RAW |
  S.AUX |
  S.READ;

const RECORD_HOLDINGS: ReadonlyMap<number, Holding> = new Map([
  [PERF_RECORD_USER.AUXTRACE, 'AUX data'],
  [PERF_RECORD.CGROUP, 'cgroups'],
  [PERF_RECORD.NAMESPACES, 'namespaces'],
  [PERF_RECORD.TEXT_POKE, 'text pokes'],
] as const);

export class Holdings {
  readonly #seen = new Set<Holding>();
  /** The last value read from each counter. */
  readonly #counts = new Map<U64, U64>();

  has(holding: Holding): boolean {
    return this.#seen.has(holding);
  }

  /** Reading starts over, with counters at 0. */
  restart(): void {
    this.#counts.clear();
  }

  /** Notes what a record holds. */
  see(record: FileRecord, evsel: Evsel | undefined): void {
    if (record.type === PERF_RECORD.SAMPLE) {
      if (evsel && evsel.attr.sample_type & NOTED) this.#sample(record, evsel);
      const mode = record.misc & PERF_RECORD_MISC.CPUMODE_MASK;
      if (mode === PERF_RECORD_MISC.GUEST_KERNEL || mode === PERF_RECORD_MISC.GUEST_USER) this.#seen.add('guests');
      return;
    }
    const holding = RECORD_HOLDINGS.get(record.type);
    if (holding) this.#seen.add(holding);
  }

  #sample(sample: SampleRecord, { attr }: Evsel): void {
    const note = (holding: Holding, there: unknown): void => {
      if (there) this.#seen.add(holding);
    };
    note('user stacks', sample.stack_user && sample.stack_user.data.length > 0);
    const chain = (Number(attr.branch_sample_type ?? 0) & BRANCH_CALL_STACK) !== 0;
    note(chain ? 'LBR chains' : 'branch stacks', sample.branch_stack && sample.branch_stack.entries.length > 0);
    note('data addresses', sample.addr || sample.phys_addr || (BigInt(sample.data_src ?? 0) & DATA_SRC_OP) !== 0n);
    note('weights', sample.weight);
    note('transactions', sample.transaction);
    if (attr.type === PERF_TYPE.TRACEPOINT) note('tracepoints', sample.raw?.length);
    else note('raw data', sample.raw?.some(Boolean));
    note('AUX data', sample.aux && sample.aux.length > 0);
    for (const { id = sample.id, value } of sample.read?.values ?? []) {
      if (id === undefined) continue;
      note('falling counts', value < (this.#counts.get(id) ?? 0));
      this.#counts.set(id, value);
    }
  }
}
