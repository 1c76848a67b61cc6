/**
 * struct ring_buffer: the memory that a perf event shares with user space.
 *
 * Space, watermark and loss are counted in bytes, but records are kept as objects and become bytes only when a file is
 * written. The reader is woken each time another `watermark` bytes have been written, however fast it drains.
 *
 * Source: kernel/events/ring_buffer.c (__perf_output_begin, ring_buffer_init).
 * Not modelled: overwrite (backward) mode, AUX areas, paused buffers.
 */
import { PERF_RECORD, type KernelRecord, type PerfEventAttr } from '../uapi/perf-event.ts';
import { kernelRecordSize } from '../uapi/record-size.ts';
import type { Task } from './task.ts';

export class RingBuffer {
  /** Bytes of data pages. */
  readonly size: number;
  /** Bytes written since the last wakeup that cause the next one. */
  readonly watermark: number;
  #head = 0;
  #tail = 0;
  #wakeup = 0;
  #lost = 0;
  #queue: KernelRecord[] = [];
  /** Total of records that found no room. */
  lostTotal = 0;
  /** POLLIN: the watermark was passed since the last poll. */
  poll = false;
  /** The task that polls it. */
  waiter: Task | undefined;
  /** Samples since the last wakeup, for an event with wakeup_events. */
  #events = 0;

  constructor(size: number, attr: PerfEventAttr) {
    this.size = size;
    this.watermark =
      attr.watermark === true && attr.wakeup !== undefined && attr.wakeup > 0
        ? Math.min(size, attr.wakeup)
        : Math.floor(size / 2);
  }

  /** Records lost since the last one that was stored; above 0, a LOST record must precede the next. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * perf_output_begin() to perf_output_end(): stores a record, or counts it as lost. `note` is the LOST record that is
   * due when `lost` is above 0. Returns whether the reader must be woken.
   */
  write(attr: PerfEventAttr, record: KernelRecord, note: KernelRecord | undefined): boolean {
    const size = kernelRecordSize(attr, record) + (note === undefined ? 0 : kernelRecordSize(attr, note));
    // CIRC_SPACE(): one byte stays free, so that full and empty differ.
    if (this.#head + size - this.#tail >= this.size) {
      this.#lost++;
      this.lostTotal++;
      return false;
    }
    if (note !== undefined) {
      this.#queue.push(note);
      this.#lost = 0;
    }
    this.#queue.push(record);
    this.#head += size;
    let wake = false;
    if (this.#head - this.#wakeup > this.watermark) {
      this.#wakeup += this.watermark;
      wake = true;
    }
    const every = attr.watermark === true ? 0 : (attr.wakeup ?? 0);
    if (record.type === PERF_RECORD.SAMPLE && every > 0 && ++this.#events >= every) {
      this.#events -= every;
      wake = true;
    }
    return wake;
  }

  /** Bytes not yet read. */
  get available(): number {
    return this.#head - this.#tail;
  }

  /** The reader takes everything and moves data_tail up to data_head. */
  drain(): { records: KernelRecord[]; bytes: number } {
    const records = this.#queue;
    const bytes = this.#head - this.#tail;
    this.#queue = [];
    this.#tail = this.#head;
    return { records, bytes };
  }
}
