/**
 * evlist__deliver_sample(): which events a sample counts for. A sample with counter readings (PERF_SAMPLE_READ, the :S
 * modifier) is a sample of each event read; its period is what that event counted since its last reading.
 *
 * Source: tools/perf/util/session.c of Linux 6.1.
 * Not modelled: readings by thread (PERF_SAMPLE_READ of inherited events, Linux 6.13).
 */
import { subU64, type U64 } from '../units.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { PERF_SAMPLE, type SampleRecord } from '../uapi/perf-event.ts';

/** A sample assigned to one event: the event's index in the evlist. */
export interface ReadSample {
  readonly record: SampleRecord;
  readonly evsel: number;
}

export class ReadSamples {
  readonly #carries: readonly boolean[];
  /** struct perf_sample_id by id: the event, and its count at the last reading. */
  readonly #ids = new Map<U64, { readonly evsel: number; value: U64 }>();

  constructor(evlist: readonly Evsel[]) {
    this.#carries = evlist.map(({ attr }) => (attr.sample_type & PERF_SAMPLE.READ) !== 0);
    for (const [evsel, { ids }] of evlist.entries()) for (const id of ids) this.#ids.set(id, { evsel, value: 0 });
  }

  /** How many samples deliver() makes of one, which need not exist for that. */
  count(record: SampleRecord, evsel: number): number {
    return this.#carries[evsel] === true ? this.deliver(record, evsel).length : 1;
  }

  /** A sample of event `evsel`, or one for each event it read. Every sample must be passed once, in order, here or to count(). */
  deliver(record: SampleRecord, evsel: number): readonly ReadSample[] {
    if (this.#carries[evsel] !== true) return [{ record, evsel }];
    const samples: ReadSample[] = [];
    for (const { id = record.id, value } of record.read?.values ?? []) {
      const known = id === undefined ? undefined : this.#ids.get(id);
      if (known === undefined) continue;
      const period = subU64(value, known.value);
      known.value = value;
      if (period !== 0) samples.push({ record: { ...record, period }, evsel: known.evsel });
    }
    return samples;
  }
}
