/**
 * Records on their way from one thread of Node to another: plain samples, of which there are very many, as rows of
 * numbers; all others as they are.
 */
import { PERF_RECORD, type KernelRecord, type SampleRecord } from '../uapi/perf-event.ts';
import type { Address, Nanos } from '../units.ts';

const COLUMNS = 9;

export interface PackedRecords {
  readonly samples: Float64Array;
  /** Whatever is no plain sample, and how many samples come before it. */
  readonly others: readonly { readonly after: number; readonly record: KernelRecord }[];
}

/** A sample without a call chain and without counts. */
const isPlain = (record: KernelRecord): record is SampleRecord =>
  record.type === PERF_RECORD.SAMPLE && record.callchain === undefined && record.read === undefined;

export function packRecords(records: readonly KernelRecord[]): PackedRecords {
  const samples = new Float64Array(records.length * COLUMNS);
  const others: { after: number; record: KernelRecord }[] = [];
  let at = 0;
  for (const record of records) {
    if (!isPlain(record)) {
      others.push({ after: at / COLUMNS, record });
      continue;
    }
    samples[at++] = record.misc;
    samples[at++] = Number(record.ip);
    samples[at++] = Number(record.period);
    samples[at++] = record.pid;
    samples[at++] = record.tid;
    samples[at++] = Number(record.time);
    samples[at++] = Number(record.id);
    samples[at++] = Number(record.stream_id);
    samples[at++] = Number(record.cpu);
  }
  return { samples: samples.subarray(0, at), others };
}

export function unpackRecords({ samples, others }: PackedRecords): KernelRecord[] {
  const records: KernelRecord[] = [];
  let next = 0;
  for (let at = 0; ; at += COLUMNS) {
    while (others[next]?.after === at / COLUMNS) records.push(others[next++]!.record);
    if (at >= samples.length) return records;
    records.push({
      type: PERF_RECORD.SAMPLE,
      misc: samples[at]!,
      ip: samples[at + 1] as Address,
      period: samples[at + 2]!,
      pid: samples[at + 3]!,
      tid: samples[at + 4]!,
      time: samples[at + 5] as Nanos,
      id: samples[at + 6]!,
      stream_id: samples[at + 7]!,
      cpu: samples[at + 8]!,
    });
  }
}
