/**
 * perf report --stats, --tasks and --mmaps: the content of a recording rather than where time went.
 *
 * Source: tools/perf/builtin-report.c, util/hist.c; measured on perf 6.1.
 * Not modelled: types of records that gperf's reader skips together.
 */
import { PERF_RECORD_USER } from '../../perf-events/tool-record.ts';
import { ReadSamples } from '../../perfdata/read-samples.ts';
import type { SymbolSource } from '../../profile/dso.ts';
import type { MachineMaps, Thread } from '../../profile/machine-maps.ts';
import { isSample, type Recording, replay, takeAll } from '../../profile/session.ts';
import { PERF_RECORD } from '../../uapi/perf-event.ts';
import { fixed, hex, percentOf } from '../shared/format.ts';

const line = (name: string, count: number): string => `${name.padStart(16)} events: ${String(count).padStart(10)}`;

/** Lines of --stats: records by type, then samples by event. */
export function* reportStats(recording: Recording, symbols: SymbolSource): Generator<string> {
  const counts = new Map<number, number>();
  const samples = recording.evlist.map(() => 0);
  const lost = recording.evlist.map(() => 0);
  let total = 0;
  const reads = new ReadSamples(recording.evlist);
  const { fault } = takeAll(replay(recording, symbols), (replayed) => {
    const { record, evsel } = replayed;
    total++;
    counts.set(record.type, (counts.get(record.type) ?? 0) + 1);
    if (isSample(replayed)) for (const sample of reads.deliver(replayed.record, evsel)) samples[sample.evsel]!++;
    if (record.type === PERF_RECORD.LOST_SAMPLES) lost[evsel]! += Number(record.lost);
  });
  yield* ['', 'Aggregated stats:', line('TOTAL', total)];
  for (const [name, type] of Object.entries({ ...PERF_RECORD, ...PERF_RECORD_USER })) {
    const count = counts.get(type);
    // perf_event__name().
    if (count)
      yield `${line(name.replace(/^HEADER_/, ''), count)}  (${fixed(percentOf(count, total), 1).padStart(4)}%)`;
  }
  for (const [index, { name }] of recording.evlist.entries()) {
    if (!samples[index] && !lost[index]) continue;
    yield `${name} stats:`;
    if (samples[index]) yield line('SAMPLE', samples[index]);
    if (lost[index]) yield line('LOST_SAMPLES', lost[index]);
  }
  if (fault !== undefined) throw fault;
}

/** Lines of --tasks, or of --mmaps: a tree of tasks, with the mappings of each process. */
export function* reportTasks(recording: Recording, symbols: SymbolSource, showMmaps: boolean): Generator<string> {
  let machine: MachineMaps | undefined;
  const { fault } = takeAll(replay(recording, symbols), (replayed) => {
    ({ machine } = replayed);
  });
  yield '#      pid      tid     ppid  comm';
  if (machine) yield* taskLines(machine, showMmaps);
  if (fault !== undefined) throw fault;
}

function* taskLines(machine: MachineMaps, showMmaps: boolean): Generator<string> {
  const threads = [...machine.threads.values()].toSorted((a, b) => bucket(a) - bucket(b) || a.tid - b.tid);
  const roots: Thread[] = [];
  const children = new Map<Thread, Thread[]>();
  const listed = new Set<Thread>();
  // As perf does: a task is listed under its parent, and the parent under its own, before the next task.
  for (const thread of threads)
    for (let task: Thread | undefined = thread; task && !listed.has(task);) {
      listed.add(task);
      const parent: Thread | undefined = machine.threads.get(task.ppid);
      if (!parent) roots.push(task);
      else if (children.has(parent)) children.get(parent)!.push(task);
      else children.set(parent, [task]);
      task = parent;
    }
  // No recursion: a chain of forks may be as long as the recording.
  const next = roots.map((thread) => ({ thread, depth: 0 })).toReversed();
  for (let entry; (entry = next.pop());) {
    const { thread, depth } = entry;
    yield `  ${column(thread.pid)} ${column(thread.tid)} ${column(thread.ppid)} |${' '.repeat(depth)}${thread.comm}`;
    if (showMmaps) yield* mmapLines(thread, depth);
    for (const child of (children.get(thread) ?? []).toReversed()) next.push({ thread: child, depth: depth + 1 });
  }
}

/** perf walks its hash table of threads, so siblings are ordered by tid modulo its size. */
const THREADS_TABLE_SIZE = 256;
const bucket = ({ tid }: Thread): number => tid & (THREADS_TABLE_SIZE - 1);
const column = (n: number): string => String(n).padStart(8);

function* mmapLines({ maps }: Thread, depth: number): Generator<string> {
  for (const { start, end, pgoff, dso, prot, shared } of maps) {
    const bits = `${prot & 1 ? 'r' : '-'}${prot & 2 ? 'w' : '-'}${prot & 4 ? 'x' : '-'}${shared ? 's' : 'p'}`;
    const inode = dso.fileId?.split(':')[2] ?? '0';
    yield `${' '.repeat(32 + depth)}${hex(start)}-${hex(end)} ${bits} ${hex(pgoff).padStart(8, '0')} ${inode} ${dso.name}`;
  }
}
