/**
 * Which thread of its program a thread is, whatever tid it got: "main" is the first one, "clone 2" the second that main
 * made, "clone 2.1" the first that this one made. A process has the name of its first thread.
 *
 * A recording tells it by the order of its FORK records.
 * Not modelled: tids that are used again, threads that were there before the recording began (each is a "main").
 */
import { PERF_RECORD, type TaskRecord } from '../uapi/perf-event.ts';

/** The name of a program's first thread. */
export const MAIN = 'main';

/** The name of the thread that was made so: the number of each clone among those of its maker, from 1. */
export const cloneName = (numbers: readonly number[]): string =>
  numbers.length === 0 ? MAIN : `clone ${numbers.join('.')}`;

export class Lineage {
  readonly #numbers = new Map<number, readonly number[]>();
  /** How many threads and processes each thread has made. */
  readonly #made = new Map<number, number>();

  /** Takes a FORK record. Those that the tool made up, at time 0, do not tell in which order tasks were made. */
  add({ type, tid, ptid, time }: TaskRecord): void {
    if (type !== PERF_RECORD.FORK || time === 0) return;
    const number = (this.#made.get(ptid) ?? 0) + 1;
    this.#made.set(ptid, number);
    this.#numbers.set(tid, [...(this.#numbers.get(ptid) ?? []), number]);
  }

  nameOf(tid: number): string {
    return cloneName(this.#numbers.get(tid) ?? []);
  }
}
