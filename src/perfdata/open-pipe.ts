/**
 * Opens a recording that is a pipe: its first records describe the events and the machine, as a file's header does. They are
 * read up to the first one that is data, and kept, since all of them are delivered.
 * Not modelled: what describes the recording but comes after the first data; only EVENT_UPDATE is heeded there (delivery.ts).
 */
import { PERF_RECORD_USER } from '../perf-events/tool-record.ts';
import { decodeAttr, PERF_ATTR_SIZE_VER0 } from './attr.ts';
import { ByteReader, OutOfBounds } from './bytes.ts';
import { type Damage, UNDECODABLE } from './damage.ts';
import type { Evlist } from './evlist.ts';
import { decodeBuildId, decodeFeatures, type FeatureView } from './features.ts';
import { HEADER, PIPE_HEADER_SIZE } from './header.ts';
import type { Input } from './input.ts';
import type { BuildId } from './perf-env.ts';
import { type Placed, RecordStream } from './record-stream.ts';
import { RECORD_HEADER_SIZE } from './records.ts';

/** Types that open a pipe and describe it; the first other one begins the data. */
const PRELUDE: ReadonlySet<number> = new Set([
  PERF_RECORD_USER.HEADER_ATTR,
  PERF_RECORD_USER.EVENT_TYPE,
  PERF_RECORD_USER.TRACING_DATA,
  PERF_RECORD_USER.BUILD_ID,
  PERF_RECORD_USER.FEATURE,
  PERF_RECORD_USER.ID_INDEX,
]);

export interface OpenedPipe {
  /** Payloads of all features, by bit, understood or not. */
  readonly features: ReadonlyMap<number, Uint8Array>;
  /** Its build-ids come from records of their own. */
  readonly view: FeatureView;
  /** The records that were read. */
  readonly prelude: readonly Placed[];
  /** Those that follow. */
  readonly stream: RecordStream;
}

/** Adds the pipe's events to `events`. `input` is behind the pipe's header. Throws PerfDataFormatError if there are none. */
export function openPipe(input: Input, damage: Damage, events: Evlist): OpenedPipe {
  const stream = new RecordStream((into) => input.readInto(into), PIPE_HEADER_SIZE, Infinity);
  const prelude: Placed[] = [];
  const features = new Map<number, Uint8Array>();
  const buildIds: BuildId[] = [];
  while (stream.advance()) {
    const { chunk, at, type, size } = stream;
    prelude.push({ chunk, at, type, size });
    if (!PRELUDE.has(type)) break;
    try {
      absorb(stream, events, features, buildIds);
    } catch (error) {
      if (!(error instanceof OutOfBounds)) throw error;
      throw damage.corrupt(stream.place, error.message);
    }
  }
  if (events.events.length === 0)
    throw damage.ofStream(stream, undefined, input.size) ?? damage.corrupt(stream.place, 'it has no events');
  const view = decodeFeatures(features, (bit) => {
    damage.unuse(UNDECODABLE, bit);
    return undefined;
  });
  events.describe(view, features.get(HEADER.TRACING_DATA) ?? stream.tracingData);
  return { features, view: { ...view, buildIds }, prelude, stream };
}

/** Takes a record in that describes the recording. Throws OutOfBounds. */
function absorb(
  { chunk, at, type, size }: Placed,
  events: Evlist,
  features: Map<number, Uint8Array>,
  buildIds: BuildId[],
): void {
  const { bytes } = chunk.reader;
  const r = new ByteReader(bytes, at + RECORD_HEADER_SIZE, at + size);
  if (type === PERF_RECORD_USER.HEADER_ATTR) {
    const sizeAt = r.pos + 4;
    if (r.left < PERF_ATTR_SIZE_VER0) throw new OutOfBounds(`an attr of ${r.left} bytes`);
    const attr = decodeAttr(r, Math.max(PERF_ATTR_SIZE_VER0, r.view.getUint32(sizeAt, true)));
    events.add(attr, r.take(r.left));
  } else if (type === PERF_RECORD_USER.FEATURE) {
    const [bit, payload] = [r.u64(), r.take(r.left)];
    // Behind the last one perf puts the number of the bits it knows, without a payload.
    if (payload.length > 0 || bit <= HEADER.PMU_CAPS) features.set(bit, payload);
  } else if (type === PERF_RECORD_USER.BUILD_ID) buildIds.push(decodeBuildId(new ByteReader(bytes, at, r.end)));
}
