/**
 * struct ring_buffer: the memory that a perf event shares with user space.
 *
 * Space, watermark and loss are counted in bytes, but records are kept as objects and become bytes only when a file is
 * written. The reader is woken each time another `watermark` bytes have been written, however fast it drains.
 *
 * The buffer of an event that follows a task over several CPUs goes with it: how much has been written goes along
 * (PackedBuffer), what has been written stays with whoever simulates the CPU that wrote it, until it is read.
 *
 * Source: kernel/events/ring_buffer.c (__perf_output_begin, ring_buffer_init).
 * Not modelled: overwrite (backward) mode, AUX areas, paused buffers.
 */
import { PERF_RECORD, type KernelRecord, type PerfEventAttr } from '../uapi/perf-event.ts';
import { kernelRecordSize, largestRecord, largestSample, lostSize } from '../uapi/record-size.ts';
import type { Cycles } from '../units.ts';
import type { Task } from './task.ts';

const NEVER = Infinity as Cycles;

/** What has been written into a buffer since it was last emptied. */
export interface Drained {
  readonly records: readonly KernelRecord[];
  readonly bytes: number;
  /** Of a buffer that follows a task: data_head after each write, and how many records that were. */
  readonly writes?: readonly Write[] | undefined;
}

interface Write {
  readonly head: number;
  readonly records: number;
}

/** Of a buffer that follows a task, what goes with it. */
export interface PackedBuffer {
  readonly id: number;
  readonly head: number;
  readonly wakeup: number;
  readonly lost: number;
  readonly lostTotal: number;
  readonly events: number;
  /** When that which may not have been read yet was complete, and data_head then. */
  readonly unread: readonly Complete[];
}

interface Complete {
  readonly at: Cycles;
  readonly head: number;
}

/** Puts together what one buffer had on several threads of Node, in the order in which it was written. */
export function mergeDrained(parts: readonly Drained[]): Drained {
  if (parts.length === 1) return parts[0]!;
  const pieces = parts.flatMap(({ records, writes = [] }) => {
    let next = 0;
    return writes.map((write) => ({ write, records: records.slice(next, (next += write.records)) }));
  });
  pieces.sort((a, b) => a.write.head - b.write.head);
  return {
    records: pieces.flatMap(({ records }) => records),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    writes: pieces.map(({ write }) => write),
  };
}

export class RingBuffer {
  /** That of the event on which it was mapped. */
  readonly id: number;
  /** Bytes of data pages. */
  readonly size: number;
  /** Bytes written since the last wakeup that cause the next one. */
  readonly watermark: number;
  #head = 0;
  #wakeup = 0;
  #lost = 0;
  #queue: KernelRecord[] = [];
  /** Bytes that the reader has taken. */
  #read = 0;
  /** data_tail, as the writer sees it. */
  data_tail = 0;
  /** A reader on another CPU than the writer's, and that CPU. */
  reader: Task | undefined;
  writer: number | undefined;
  /** The task that it follows over several CPUs, any of which may write: then it has a reader, and no one writer. */
  follows: Task | undefined;
  /** For such a reader: when each record was complete, data_head then, and the bytes. */
  readonly #written: (Write & { readonly at: Cycles; readonly bytes: number })[] = [];
  /** If it follows a task: what may not have been read yet; and up to when it has, as each CPU knows. */
  #unread: Complete[] = [];
  readonly #readUntil = new Map<number, Cycles>();
  /** Total of records that found no room. */
  lostTotal = 0;
  /** POLLIN: the watermark was passed since the last poll. */
  poll = false;
  /** The task that polls it. */
  waiter: Task | undefined;
  /** Samples since the last wakeup, for an event with wakeup_events. */
  #events = 0;
  readonly #every: number;
  /** Bytes of the largest record that can be written here, of the largest that a PMI or a tick writes, and of LOST. */
  #largest = 0;
  #largestSample = 0;
  #lostSize = 0;

  constructor(size: number, attr: PerfEventAttr, id = 0) {
    this.id = id;
    this.size = size;
    this.#every = attr.watermark === true ? 0 : (attr.wakeup ?? 0);
    this.watermark =
      attr.watermark === true && attr.wakeup !== undefined && attr.wakeup > 0
        ? Math.min(size, attr.wakeup)
        : Math.floor(size / 2);
    this.take(attr);
  }

  /** Events with this attr write here. */
  take(attr: PerfEventAttr): void {
    this.#largest = Math.max(this.#largest, largestRecord(attr));
    this.#largestSample = Math.max(this.#largestSample, largestSample(attr));
    this.#lostSize = Math.max(this.#lostSize, lostSize(attr));
  }

  /** `task` will read what CPU number `writer`, another one than its own, writes. */
  readFrom(task: Task, writer: number): void {
    this.reader = task;
    this.writer = writer;
  }

  /** `reader` will read what any CPU writes that `task` is on. */
  follow(task: Task, reader: Task): void {
    this.follows = task;
    this.reader = reader;
  }

  /** CPU number `cpu` learns that all has been read that was complete at `until`. */
  wasRead(cpu: number, until: Cycles): void {
    this.#readUntil.set(cpu, until);
  }

  /** That CPU is about to write: data_tail is as it knows it. */
  writesOn(cpu: number): void {
    const until = this.#readUntil.get(cpu);
    if (until === undefined) return;
    let read = 0;
    while (read < this.#unread.length && this.#unread[read]!.at <= until) this.data_tail = this.#unread[read++]!.head;
    if (read > 0) this.#unread.splice(0, read);
  }

  /** What goes with the task that it follows. */
  pack(): PackedBuffer {
    const { id, lostTotal } = this;
    const [head, wakeup, lost, events] = [this.#head, this.#wakeup, this.#lost, this.#events];
    return { id, head, wakeup, lost, lostTotal, events, unread: [...this.#unread] };
  }

  /** The task that it follows comes, with this. */
  unpack({ head, wakeup, lost, lostTotal, events, unread }: PackedBuffer): void {
    [this.#head, this.#wakeup, this.#lost, this.#events] = [head, wakeup, lost, events];
    this.lostTotal = lostTotal;
    this.#unread = [...unread];
  }

  /** Records lost since the last one that was stored; above 0, a LOST record must precede the next. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * perf_output_begin() to perf_output_end(): stores a record, or counts it as lost. `note` is the LOST record that is
   * due when `lost` is above 0. Returns whether the reader must be woken.
   */
  write(attr: PerfEventAttr, record: KernelRecord, note: KernelRecord | undefined, now: Cycles = NEVER): boolean {
    const size = kernelRecordSize(attr, record) + (note === undefined ? 0 : kernelRecordSize(attr, note));
    // CIRC_SPACE(): one byte stays free, so that full and empty differ.
    if (this.#head + size - this.data_tail >= this.size) {
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
    if (this.reader !== undefined)
      this.#written.push({ at: now, head: this.#head, bytes: size, records: note === undefined ? 1 : 2 });
    if (this.follows !== undefined) this.#unread.push({ at: now, head: this.#head });
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
    return this.#head - this.#read;
  }

  /**
   * The reader takes everything that was there at `now`. Unless it is on another CPU, it also moves data_tail; `tail` says
   * where to.
   */
  drain(now: Cycles = NEVER): Drained & { readonly records: KernelRecord[]; readonly tail: number } {
    if (this.reader === undefined) {
      const bytes = this.#head - this.#read;
      const records = this.#queue;
      this.#queue = [];
      this.data_tail = this.#read = this.#head;
      return { records, bytes, tail: this.#read };
    }
    let [complete, count, bytes] = [0, 0, 0];
    for (const write of this.#written) {
      if (write.at > now) break;
      complete++;
      count += write.records;
      bytes += write.bytes;
      this.#read = write.head;
    }
    const taken = this.#written.splice(0, complete);
    const writes = this.follows && taken.map(({ head, records }) => ({ head, records }));
    return { records: this.#queue.splice(0, count), bytes, tail: this.#read, writes };
  }

  /**
   * How many more records can be written before the reader is woken: of any kind, and such as a PMI or a tick writes. As long
   * as the reader takes nothing, there is one LOST record at most.
   */
  get toWatermark(): { readonly records: number; readonly samples: number } {
    if (this.#every > 0) return { records: 0, samples: 0 };
    const left = this.watermark - (this.#head - this.#wakeup);
    const fit = (bytes: number, size: number): number => Math.max(0, Math.ceil(bytes / size) - 1);
    return { records: fit(left, this.#largest), samples: fit(left - this.#lostSize, this.#largestSample) };
  }
}
