/**
 * struct perf_session: a recording read through once, with tasks and mappings kept up to date, so that whoever looks at
 * a record sees the machine as it was then.
 */
import type { Delivered, FileRecord } from '../perfdata/reader.ts';
import { ReadSamples } from '../perfdata/read-samples.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import type { SampleRecord } from '../uapi/perf-event.ts';
import { PERF_RECORD } from '../uapi/perf-event.ts';
import type { SymbolSource } from './dso.ts';
import { MachineMaps } from './machine-maps.ts';
import { withUserFrame } from './user-frame.ts';
import type { BuildId, PerfEnv } from '../perfdata/perf-env.ts';

/** What reports need of an opened recording; perfdata's Session is one. */
export interface Recording {
  readonly path?: string;
  /** It came through a pipe, or has a pipe's format: perf knows its events only while it reads. */
  readonly isPipe?: boolean;
  readonly evlist: readonly Evsel[];
  readonly env: PerfEnv;
  readonly buildIds: readonly BuildId[];
  /** The formats of its tracepoints. */
  readonly tracingData?: Uint8Array | undefined;
  /** Records in order of time; a file's may be asked for more than once. */
  records(): Iterable<Pick<Delivered, 'record' | 'evsel'> & Partial<Pick<Delivered, 'offset'>>>;
}

/** A record with the event it belongs to (index in the evlist) and the machine after it. */
export interface Replayed<R extends FileRecord = FileRecord> {
  readonly record: R;
  readonly evsel: number;
  readonly machine: MachineMaps;
  /** Where in the file it stands; 0 if it is in none. */
  readonly offset: number;
}

export const isSample = (replayed: Replayed): replayed is Replayed<SampleRecord> =>
  replayed.record.type === PERF_RECORD.SAMPLE;

/** Reads the recording through. */
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

/** Reads the recording through; a sample that is a reading of several events comes once for each. */
export function* replaySamples(recording: Recording, symbols: SymbolSource): Generator<Replayed> {
  const reads = new ReadSamples(recording.evlist);
  for (const replayed of replay(recording, symbols)) {
    if (!isSample(replayed)) yield replayed;
    else for (const sample of reads.deliver(replayed.record, replayed.evsel)) yield { ...replayed, ...sample };
  }
}

/** Gives `take` what comes, and returns what stopped the reading, if anything did: everything before it has been taken. */
export function takeAll<T>(replayed: Iterable<T>, take: (one: T) => void): { readonly fault: unknown } {
  try {
    for (const one of replayed) take(one);
  } catch (fault) {
    return { fault };
  }
  return { fault: undefined };
}
