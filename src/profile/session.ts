/**
 * struct perf_session: reads a recording once and keeps tasks and mappings up to date, so that each record is
 * delivered with the machine as it was then.
 */
import type { Delivered, FileRecord } from '../perfdata/reader.ts';
import { ReadSamples } from '../perfdata/read-samples.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { PERF_RECORD, type SampleRecord } from '../uapi/perf-event.ts';
import type { SymbolSource } from './dso.ts';
import { MachineMaps } from './machine-maps.ts';
import { withUserFrame } from './user-frame.ts';
import type { BuildId, PerfEnv } from '../perfdata/perf-env.ts';

/** What reports need from an opened recording; perfdata's Session is one. */
export interface Recording {
  readonly path?: string;
  /** Read from a pipe, or in a pipe's format: perf learns of its events only while reading. */
  readonly isPipe?: boolean;
  readonly evlist: readonly Evsel[];
  readonly env: PerfEnv;
  readonly buildIds: readonly BuildId[];
  /** The formats of its tracepoints. */
  readonly tracingData?: Uint8Array | undefined;
  /** Records in order of time; for a file, callable more than once. */
  records(): Iterable<Pick<Delivered, 'record' | 'evsel'> & Partial<Pick<Delivered, 'offset'>>>;
}

/** A record with the event it belongs to (index in the evlist) and the machine after it. */
export interface Replayed<R extends FileRecord = FileRecord> {
  readonly record: R;
  readonly evsel: number;
  readonly machine: MachineMaps;
  /** Its position in the file; 0 if it is not in a file. */
  readonly offset: number;
}

export const isSample = (replayed: Replayed): replayed is Replayed<SampleRecord> =>
  replayed.record.type === PERF_RECORD.SAMPLE;

/** Replays the whole recording. */
export function* replay(recording: Recording, symbols: SymbolSource): Generator<Replayed> {
  const machine = new MachineMaps(symbols, recording.buildIds);
  const index = new Map(recording.evlist.map((evsel, i) => [evsel, i]));
  for (const { record, evsel, offset = 0 } of recording.records()) {
    machine.process(record);
    const shown =
      record.type === PERF_RECORD.SAMPLE && evsel ? withUserFrame(record, evsel.attr, recording.env.arch) : record;
    yield { record: shown, evsel: (evsel && index.get(evsel)) ?? 0, machine, offset };
  }
}

/** Replays the whole recording; a sample with readings of several events is delivered once for each. */
export function* replaySamples(recording: Recording, symbols: SymbolSource): Generator<Replayed> {
  const reads = new ReadSamples(recording.evlist);
  for (const replayed of replay(recording, symbols)) {
    if (!isSample(replayed)) yield replayed;
    else for (const sample of reads.deliver(replayed.record, replayed.evsel)) yield { ...replayed, ...sample };
  }
}

/** Passes everything to `take`. If something stops the reading, returns it: all that came before has been taken. */
export function takeAll<T>(replayed: Iterable<T>, take: (one: T) => void): { readonly fault: unknown } {
  try {
    for (const one of replayed) take(one);
  } catch (fault) {
    return { fault };
  }
  return { fault: undefined };
}
