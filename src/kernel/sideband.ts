/**
 * Side-band records of a task's life, which tell a reader whose addresses the samples hold.
 * Source: kernel/events/core.c (perf_event_comm, perf_event_mmap, perf_event_task, perf_event_switch), Linux 5.0.
 * Not modelled: namespaces, ksymbols, text pokes.
 */
import type { Cpu } from '../arch/cpu.ts';
import type { DsoImage } from '../arch/dso.ts';
import { PERF_RECORD, PERF_RECORD_MISC, type PerfEventAttr } from '../uapi/perf-event.ts';
import { address } from '../units.ts';
import type { PerfContexts } from './perf-context.ts';
import type { PerfOutput } from './perf-output.ts';
import { FN } from './symbols.ts';
import type { Task } from './task.ts';

const PAGE_SIZE = 4096;
/** misc of context-switch records. */
export const SWITCHED = {
  in: 0,
  out: PERF_RECORD_MISC.SWITCH_OUT,
  preempted: PERF_RECORD_MISC.SWITCH_OUT | PERF_RECORD_MISC.SWITCH_OUT_PREEMPT,
} as const;
/** prot and flags of a text mapping, and the device and inode numbers simulated files have. */
const TEXT_MAPPING = { prot: 5, flags: 2, maj: 0xfd, min: 0, ino_generation: 1 } as const;

export class Sideband {
  readonly #cpu: Cpu;
  readonly #output: PerfOutput;
  readonly #perf: PerfContexts;

  constructor(cpu: Cpu, output: PerfOutput, perf: PerfContexts) {
    this.#cpu = cpu;
    this.#output = output;
    this.#perf = perf;
  }

  /**
   * perf_event_switch(): a task's own events learn that it left or came, a CPU's events also which task came or left.
   */
  perf_event_switch(task: Task, other: Task, misc: number): void {
    this.#output.sideband(
      task,
      this.#perf.contextsOf(task),
      (event) => event.attr.context_switch === true,
      (event, common) =>
        event.task === undefined
          ? { type: PERF_RECORD.SWITCH_CPU_WIDE, misc, next_prev_pid: other.tgid, next_prev_tid: other.pid, ...common }
          : { type: PERF_RECORD.SWITCH, misc, ...common },
    );
  }

  /** perf_event_fork(): the FORK records of a new thread or process, written by the task that makes it. */
  perf_event_fork(task: Task, current: Task): void {
    const { tgid: ppid, pid: ptid } = current;
    this.#output.sideband(
      task,
      this.#perf.contextsOf(current),
      ({ attr }) => wantsTasks(attr),
      (_, common) => ({ type: PERF_RECORD.FORK, misc: 0, ...common, ppid, ptid }),
    );
  }

  /** perf_event_task(): the EXIT records; `ppid`: the process's parent. */
  perf_event_task(task: Task, ppid: number): void {
    this.#output.sideband(
      task,
      this.#perf.contextsOf(task),
      ({ attr }) => wantsTasks(attr),
      (_, common) => ({ type: PERF_RECORD.EXIT, misc: 0, ...common, ppid, ptid: ppid }),
    );
  }

  /** perf_event_comm(): the COMM records of a new name; `exec`: it came with a new image. */
  perf_event_comm(task: Task, exec: boolean): void {
    this.#cpu.spend(FN.perf_event_comm);
    this.#output.sideband(
      task,
      this.#perf.contextsOf(task),
      (event) => event.attr.comm === true,
      (event, common) => ({
        type: PERF_RECORD.COMM,
        misc: exec && event.attr.comm_exec === true ? PERF_RECORD_MISC.COMM_EXEC : 0,
        comm: task.comm,
        ...common,
      }),
    );
  }

  /** mmap_region() of a text segment, and its MMAP or MMAP2 record. */
  mmap_region(task: Task, dso: DsoImage): void {
    this.#cpu.spend(FN.mmap_region);
    this.#cpu.spend(FN.perf_event_mmap);
    task.mm.mmap = [...task.mm.mmap, dso];
    this.#output.sideband(
      task,
      this.#perf.contextsOf(task),
      (event) => event.attr.mmap === true,
      (event, common) => ({
        type: event.attr.mmap2 === true ? PERF_RECORD.MMAP2 : PERF_RECORD.MMAP,
        misc: PERF_RECORD_MISC.USER,
        ...textMapping(dso),
        ...common,
      }),
    );
  }
}

/** perf_event_task_match() */
const wantsTasks = (attr: PerfEventAttr): boolean => attr.task === true || attr.comm === true || attr.mmap === true;

/** A text segment as an MMAP record or /proc/PID/maps describes it. */
export const textMapping = (dso: DsoImage) => ({
  addr: address(dso.base + dso.textOffset),
  len: Math.ceil(dso.text.length / PAGE_SIZE) * PAGE_SIZE,
  pgoff: address(dso.textOffset),
  filename: dso.path,
  ...TEXT_MAPPING,
  ino: inodeOf(dso.path),
});

/** A simulated file's inode number: a hash of its path, so that it is the same in every run. */
function inodeOf(path: string): number {
  let h = 0x811c9dc5;
  for (const ch of path) h = Math.imul(h ^ ch.charCodeAt(0), 0x01000193);
  return (h >>> 0) % 4_000_000;
}
