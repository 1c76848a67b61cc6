/**
 * The record loop: decodes a recording's records and delivers them in the order of perf's session, in constant memory.
 *
 * Records that the tool wrote (types from 64 on) and those without a time come at their place in the file; the others as
 * soon as their round is complete. The memory held is two rounds of the recorder (sorter.ts), however long the file; one
 * without rounds is held whole.
 * Not modelled: PERF_RECORD_COMPRESSED2, which is refused.
 */
import type { Evsel } from '../perf-events/evsel.ts';
import { PERF_RECORD_USER } from '../perf-events/tool-record.ts';
import { OutOfBounds } from './bytes.ts';
import type { Damage } from './damage.ts';
import { PerfDataFormatError } from './errors.ts';
import type { Evlist } from './evlist.ts';
import type { Holdings } from './holdings.ts';
import { type Chunk, offsetIn, type Placed } from './record-stream.ts';
import { Unpackable, WaitingChunks } from './record-walk.ts';
import { type FileRecord, PERF_RECORD_USER_TYPE_START, RecordCodec } from './records.ts';
import { OrderedEvents } from './sorter.ts';
import { isToolRecord } from './tool-records.ts';

/** A record and the event it belongs to; tool records have none. */
export interface Delivered {
  readonly record: FileRecord;
  readonly evsel: Evsel | undefined;
  /** Offset of the record in the file. */
  readonly offset: number;
}

/** A recording's records in file order, while they are read. */
export interface Walk {
  readonly records: Iterable<Placed>;
  /** What kept the walk from reaching the end; asked for when it has ended. */
  fault(): PerfDataFormatError | undefined;
  close(): void;
}

const PERF_RECORD_COMPRESSED2 = 83;
/** What compressed records may unfold to while they wait for the end of their round: 256 MiB. */
const MOST_WAITING = 1 << 28;
const TOO_MUCH = `its compressed records hold more than ${MOST_WAITING} bytes in one round`;

export class Delivery {
  /** Set by `of()`: events that came too late for their place in time. */
  unordered = 0;
  /** What the records delivered so far hold. */
  readonly #holdings: Holdings;
  readonly #events: Evlist;
  readonly #damage: Damage;

  constructor(events: Evlist, holdings: Holdings, damage: Damage) {
    this.#events = events;
    this.#holdings = holdings;
    this.#damage = damage;
  }

  /**
   * Delivers what `begin` walks. At damage, what was read up to there comes first; then a PerfDataFormatError with the
   * offset is thrown.
   */
  *of(begin: () => Walk): Generator<Delivered, void, undefined> {
    this.#holdings.restart();
    const walk = begin();
    const evlist = this.#events.events;
    const codec = new RecordCodec(evlist);
    const ordered = evlist.every((e) => e.attr.sample_id_all);
    const queue = new OrderedEvents();
    const chunks = new WaitingChunks();

    const deliver = (place: number): Delivered => {
      const { chunk, at } = chunks.at(place);
      return this.#decode(codec, chunk, at);
    };
    let fault: PerfDataFormatError | undefined;
    let last = 0;
    try {
      for (const placed of walk.records) {
        const { chunk, at, type, size } = placed;
        const { reader } = chunk;
        last = offsetIn(chunk, at);
        if (type < PERF_RECORD_USER_TYPE_START && ordered) {
          const time = codec.peekTime(reader.view, at, type, size);
          if (time !== 0) {
            queue.push(time, chunks.placeOf(placed));
            if (chunks.unpackedBytes > MOST_WAITING) throw new Unpackable(TOO_MUCH, last);
            continue;
          }
        } else if (type === PERF_RECORD_USER.FINISHED_ROUND) {
          for (const ready of queue.round()) yield deliver(ready);
          chunks.forget(queue.oldestPlace);
        } else if (type === PERF_RECORD_COMPRESSED2)
          throw new Unpackable('its compressed records are of a form that gperf does not read', last);
        yield this.#decode(codec, chunk, at);
      }
    } catch (error) {
      if (error instanceof PerfDataFormatError) fault = error;
      else if (error instanceof Unpackable) fault = this.#damage.corrupt(error.offset, error.message);
      else if (error instanceof OutOfBounds) fault = this.#damage.corrupt(last, error.message);
      else throw error;
    } finally {
      walk.close();
    }
    for (const ready of queue.flush()) yield deliver(ready);
    this.unordered = queue.unordered;
    fault ??= walk.fault();
    if (fault) throw fault;
  }

  #decode(codec: RecordCodec, chunk: Chunk, at: number): Delivered {
    const offset = offsetIn(chunk, at);
    chunk.reader.pos = at;
    let record: FileRecord;
    try {
      record = codec.decode(chunk.reader);
    } catch (error) {
      if (error instanceof OutOfBounds) throw this.#damage.corrupt(offset, error.message);
      throw error;
    }
    if (record.type === PERF_RECORD_USER.EVENT_UPDATE) this.#events.update(record.id, record.update);
    const evsel =
      isToolRecord(record) || record.type >= PERF_RECORD_USER_TYPE_START ? undefined : codec.evselOf(record);
    this.#holdings.see(record, evsel);
    return { record, evsel, offset };
  }
}
