/**
 * Which files a recording maps, and which of them its samples hit: by default perf stores only the build-ids of the
 * latter.
 *
 * Follows MMAP, FORK and exec as perf's machine does, but by process only.
 * Not modelled: unmapping, a thread with maps of its own, addresses of callchains.
 */
import type { PerfRecord } from '../perf-events/tool-record.ts';
import {
  PERF_RECORD,
  PERF_RECORD_MISC,
  type CommRecord,
  type MmapRecord,
  type SampleRecord,
  type TaskRecord,
} from '../uapi/perf-event.ts';

interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly filename: string;
}

/** Takes the records of a recording in order. */
export class DsoHits {
  /** Files with a sample in them. */
  readonly filenames = new Set<string>();
  /** Files that any process mapped. */
  readonly mapped = new Set<string>();
  /** By process; newer mappings come last and hide older ones. */
  readonly #maps = new Map<number, Mapping[]>();
  /** The mapping hit by the last sample of `pid`: most samples hit it again. */
  #last: Mapping | undefined;
  #pid = -1;

  sideBand(record: PerfRecord): void {
    if (record.type === PERF_RECORD.MMAP || record.type === PERF_RECORD.MMAP2) this.#mmap(record);
    else if (record.type === PERF_RECORD.FORK) this.#fork(record);
    else if (record.type === PERF_RECORD.COMM) this.#comm(record);
  }

  #mmap({ pid, addr, len, filename }: MmapRecord): void {
    const list = this.#maps.get(pid) ?? [];
    list.push({ start: Number(addr), end: Number(addr) + Number(len), filename });
    this.#maps.set(pid, list);
    this.mapped.add(filename);
    this.#last = undefined;
  }

  #fork({ pid, ppid }: TaskRecord): void {
    const parent = this.#maps.get(ppid);
    if (pid !== ppid && parent) this.#maps.set(pid, [...parent]);
    this.#last = undefined;
  }

  #comm({ pid, misc }: CommRecord): void {
    if (misc & PERF_RECORD_MISC.COMM_EXEC) this.#maps.delete(pid);
    this.#last = undefined;
  }

  sample({ pid, ip, misc }: SampleRecord): void {
    // The host's recording does not say what a guest maps.
    if ((misc & PERF_RECORD_MISC.CPUMODE_MASK) > PERF_RECORD_MISC.HYPERVISOR) return;
    if (pid === this.#pid && this.#last && ip >= this.#last.start && ip < this.#last.end) return;
    const hit = this.#maps.get(pid)?.findLast(({ start, end }) => ip >= start && ip < end);
    if (!hit) return;
    this.#pid = pid;
    this.#last = hit;
    this.filenames.add(hit.filename);
  }
}
