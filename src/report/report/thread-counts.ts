/**
 * perf report -T: what each thread has counted of each event, as READ records say (record -s).
 *
 * Source: tools/perf/util/values.c (perf_read_values_add_value, perf_read_values__display_pretty), 6.1.
 * Not modelled: --pretty raw.
 */
import type { ReadRecord } from '../../uapi/perf-event.ts';

interface ThreadCounts {
  readonly pid: number;
  readonly tid: number;
  /** By event. */
  readonly values: Map<number, bigint>;
}

export class ReadValues {
  /** In the order of their first records. */
  readonly #threads = new Map<string, ThreadCounts>();
  readonly #events = new Set<number>();

  /** Takes a READ record of event number `evsel`. */
  add({ pid, tid, read }: ReadRecord, evsel: number): void {
    const key = `${pid}/${tid}`;
    let thread = this.#threads.get(key);
    if (!thread) this.#threads.set(key, (thread = { pid, tid, values: new Map() }));
    this.#events.add(evsel);
    thread.values.set(evsel, (thread.values.get(evsel) ?? 0n) + BigInt(read.values[0]?.value ?? 0));
  }

  /** Lines of the table; `names`: of all events. */
  *lines(names: readonly string[]): Generator<string> {
    const events = [...this.#events];
    const rows = [...this.#threads.values()].map(({ pid, tid, values }) =>
      [pid, tid, ...events.map((event) => values.get(event) ?? 0n)].map(String),
    );
    const titles = ['PID', 'TID', ...events.map((event) => names[event] ?? '')];
    const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
    const line = (cells: readonly string[]): string => cells.map((cell, i) => cell.padStart(widths[i]!)).join('  ');
    yield `# ${line(titles)}`;
    for (const row of rows) yield `  ${line(row)}`;
  }
}
