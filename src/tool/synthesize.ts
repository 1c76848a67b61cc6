/**
 * The records that perf writes before the kernel's first one: which events, CPUs and threads exist, and what running
 * threads have mapped.
 *
 * Source: tools/perf/builtin-record.c (record__synthesize), tools/perf/util/synthetic-events.c, 6.1.
 * Not modelled: modules, threads of the kernel (the simulated ones have no pids), the vdso, cgroups.
 */
import { textMapping } from '../kernel/sideband.ts';
import { KERNEL_TEXT, KERNEL_TEXT_SIZE } from '../kernel/symbols.ts';
import { ppidOf, type Task } from '../kernel/task.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import type { Targeted } from './targets.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../perf-events/tool-record.ts';
import { PERF_RECORD, PERF_RECORD_MISC, type KernelRecord, type PerfEventAttr } from '../uapi/perf-event.ts';
import { nanos } from '../units.ts';

/** Entries per ID_INDEX record: its size field has 16 bits, so a longer index is split. */
const ID_INDEX_ENTRIES = 2046;

type Base = Pick<KernelRecord, 'pid' | 'tid' | 'time' | 'id' | 'stream_id' | 'cpu'>;

/** Number of the buffer into which the event writes that is the `at`-th of its evsel. */
export const mmapOf = (at: number, { tasks, cpus }: Targeted): number =>
  cpus[0] === -1 ? at % tasks.length : Math.floor(at / tasks.length);

/** record__synthesize(): for the tasks that are watched, or with `everyone` for all living ones. */
export function synthesized(
  evlist: readonly Evsel[],
  everyone: readonly Task[] | undefined,
  targets: Targeted,
): PerfRecord[] {
  const records: PerfRecord[] = [];
  const { tasks, cpus } = targets;
  const pids = tasks.map((task) => task?.pid ?? -1);
  const index = evlist.flatMap((evsel) =>
    evsel.ids.map((id, at) => ({
      id,
      idx: mmapOf(at, targets),
      cpu: cpus[Math.floor(at / tasks.length)]!,
      tid: pids[at % tasks.length]!,
    })),
  );
  for (let i = 0; i < index.length; i += ID_INDEX_ENTRIES)
    records.push({ type: PERF_RECORD_USER.ID_INDEX, entries: index.slice(i, i + ID_INDEX_ENTRIES) });
  const base: Base = { pid: 0, tid: 0, time: nanos(0), id: 0, stream_id: 0, cpu: 0 };
  const kernel = (attr: PerfEventAttr): boolean => attr.exclude_kernel !== true;
  if (evlist.some(({ attr }) => kernel(attr)))
    records.push({
      ...base,
      type: PERF_RECORD.MMAP,
      misc: PERF_RECORD_MISC.KERNEL,
      pid: -1,
      addr: KERNEL_TEXT,
      len: KERNEL_TEXT_SIZE,
      pgoff: KERNEL_TEXT,
      filename: '[kernel.kallsyms]_text',
    });
  for (const { unit, scale, ids } of evlist) {
    if (unit === '') continue;
    const id = ids[0] as number;
    records.push({ type: PERF_RECORD_USER.EVENT_UPDATE, id, update: { kind: 'unit', unit } });
    records.push({ type: PERF_RECORD_USER.EVENT_UPDATE, id, update: { kind: 'scale', scale } });
  }
  records.push({ type: PERF_RECORD_USER.THREAD_MAP, threads: pids.map((pid) => ({ pid, comm: '' })) });
  records.push({ type: PERF_RECORD_USER.CPU_MAP, cpus });
  if (everyone !== undefined) for (const task of everyone) records.push(...threadRecords(task, base, true));
  else
    for (const task of tasks) {
      const { group_leader: leader } = task!;
      // Whose first thread is not watched, that one's mappings are needed all the same.
      for (const one of tasks.includes(leader) ? [task!] : [task!, leader])
        records.push(...threadRecords(one, base, false));
    }
  records.push({ type: PERF_RECORD_USER.FINISHED_INIT });
  return records;
}

/** __event__synthesize_thread(): name, and of a process's first thread the mapped text; with `full` the fork before it. */
function threadRecords(task: Task, base: Base, full: boolean): KernelRecord[] {
  const { pid, tgid, comm, mm } = task;
  const own = { ...base, misc: 0, pid: tgid, tid: pid };
  const ppid = pid === tgid ? ppidOf(task) : tgid;
  const records: KernelRecord[] = full ? [{ ...own, type: PERF_RECORD.FORK, ppid, ptid: ppid }] : [];
  records.push({ ...own, type: PERF_RECORD.COMM, comm });
  for (const dso of pid === tgid && (full || task.program !== undefined) ? mm.mmap : [])
    records.push({ ...own, type: PERF_RECORD.MMAP2, ...textMapping(dso), misc: PERF_RECORD_MISC.USER });
  return records;
}
