/**
 * Acts: the changes of what all CPUs of a boot share, as plain data. Whoever simulates some of the CPUs has a copy of what
 * they share, and applies all acts to it, in order of time; so all copies are equal.
 *
 * An act has no clock, spends no time and draws no random numbers. What it takes a CPU to act, and whatever follows from
 * the outcome, is the business of the CPU that acts.
 *
 * Source: kernel/fork.c (copy_process), kernel/exit.c (do_exit, do_group_exit, wait_consider_task, exit_notify),
 * kernel/events/core.c (perf_event_open, sync_child_event), Linux 5.0.
 * Not modelled: signals other than SIGCHLD and deadly ones, children that are handed over to init.
 */
import { FIRST_THREAD, type ThreadStart } from '../arch/dso.ts';
import { deadlock, goesOn, threadName } from './deadlock.ts';
import { cpu_active } from './cpumask.ts';
import { DONE, type Outcome, type Placement } from './futex.ts';
import type { PerCpu } from './per-cpu.ts';
import type { EndedCount } from './perf-event.ts';
import { unpackEvent, type PackedEvent } from './perf-pack.ts';
import { RingBuffer, type Drained } from './ring-buffer.ts';
import { add_nr_running, select_fork, select_wake } from './select-task-rq.ts';
import { SyncObjects, type ObjectAct } from './sync-objects.ts';
import type { System } from './system.ts';
import type { Cycles } from '../units.ts';
import { GONE, addTime, hasEnded, ppidOf, wait_task_zombie, type CpuTime, type Task } from './task.ts';

/** What a thread does; `tid` is its own. */
type ThreadAct =
  /** Upon the objects of its program; `again`: it has slept in this act and was woken. */
  | { readonly op: 'object'; readonly act: ObjectAct; readonly again: boolean }
  /** wait4(-1), for one child. */
  | { readonly op: 'wait' }
  /**
   * clone(2), with `thread` of a thread, else of a process; what of its program, if any: a child without stays on the CPU.
   * `cpu`: it may run on no other one.
   */
  | { readonly op: 'clone'; readonly thread: boolean; readonly start?: ThreadStart; readonly cpu?: number | undefined }
  /** sched_setaffinity() of the thread itself. */
  | { readonly op: 'sched_setaffinity'; readonly cpus: readonly number[] }
  /** execve() of the executable with that path. */
  | { readonly op: 'exec'; readonly path: string }
  /** It begins to end; with a status: and all threads of its process with it. */
  | { readonly op: 'exit'; readonly group_exit: number | undefined }
  /** It has ended; `time`: how long it has run, if that will not change any more. */
  | {
      readonly op: 'exit_notify';
      readonly status: number;
      readonly time: CpuTime | undefined;
      readonly counts: readonly EndedCount[];
    };

/** What is done to the events that user space has opened, named by their ids. */
type PerfAct =
  | { readonly op: 'perf_event_open'; readonly event: PackedEvent }
  | { readonly op: 'perf_close'; readonly event: number }
  /** Bytes of the buffer, which has the event's id from then on. */
  | { readonly op: 'perf_mmap'; readonly event: number; readonly size: number; readonly reader: number }
  | { readonly op: 'perf_set_output'; readonly event: number; readonly rb: number }
  /** Which CPUs may have an event or what was inherited from it, and whether the thread that it follows still lives. */
  | { readonly op: 'perf_cpus'; readonly event: number }
  /** Which CPUs may have a thread, the likeliest first; none: it has ended. */
  | { readonly op: 'task_cpus'; readonly pid: number }
  /** The living threads, as /proc lists them. */
  | { readonly op: 'proc_tasks' }
  /** What has been counted by inherited events that have ended, and which threads have one that has not. */
  | { readonly op: 'perf_ended'; readonly event: number }
  /** A look: takes everything out of these buffers that has been written by now. */
  | { readonly op: 'perf_drain'; readonly buffers: readonly number[] };

export type SystemAct = (ThreadAct & { readonly tid: number }) | PerfAct;

/** An act waits until all other CPUs have come as far, because it takes what they have done until now. */
export const looks = (act: SystemAct): boolean => act.op === 'perf_drain';

export interface ActOutcome extends Outcome {
  /** Where each of the threads is that wake, and which CPU it goes to; absent: there is only one. */
  readonly placed?: readonly Placement[];
  /** Going on may reach another CPU at once, whoever is woken. */
  readonly posts?: boolean;
  /** The thread or process that was made, or reaped. */
  readonly pid?: number | undefined;
  /** There is more to wait for. */
  readonly more?: boolean;
  /** Threads that a signal must end. */
  readonly kills?: readonly number[];
  /** The thread that ends: its process's status, its parent's pid, and whether others of its process live. */
  readonly status?: number;
  readonly ppid?: number;
  readonly alone?: boolean;
  /** The process to be told that a child has ended. */
  readonly parent?: number | undefined;
  readonly cpus?: readonly number[];
  readonly lives?: boolean;
  readonly pids?: readonly number[];
  readonly ended?: readonly EndedCount[];
  /** Living threads that have an event of their own, or a copy that they inherited. */
  readonly counted?: readonly number[];
  /** What was in each buffer, by its id. */
  readonly drained?: ReadonlyMap<number, Drained>;
}

/** The acting thread may reach other CPUs at once when it goes on. */
const POSTS: ActOutcome = { ...DONE, posts: true };

/** What is left of an act in which a thread sleeps. */
export const restOf = (act: ObjectAct, { bytes = 0 }: Outcome): ObjectAct =>
  act.op === 'write' ? { ...act, bytes: act.bytes - bytes } : act;

type Acting = Pick<PerCpu, 'system' | 'number'>;

/** What the acting thread of that CPU does next: it works on, it sleeps, or it may reach another CPU at once. */
export function effectOf({ system, number }: Acting, outcome: ActOutcome): 'works' | 'sleeps' | 'posts' {
  // A CPU that becomes idle may ask busier ones for tasks.
  if (outcome.sleeps && system.overload) return 'posts';
  const leaves = outcome.placed?.some(({ from, to }) => from !== number || to !== number);
  if (outcome.posts === true || leaves === true) return 'posts';
  return outcome.sleeps ? 'sleeps' : 'works';
}

/** Applies an act of that time, by the CPU with that number, to what is shared. Throws ProgramError. */
export function apply(system: System, act: SystemAct, at: Cycles, cpu: number): ActOutcome {
  if (!('tid' in act)) return applyPerf(system, act);
  const task = system.taskOf(act.tid)!;
  task.acted_on = cpu;
  const outcome = applyThread(system, task, act, at);
  if (system.cpus.size === 1) return outcome;
  if (outcome.sleeps || act.op === 'exit') add_nr_running(system, cpu, -1);
  const placed = outcome.wakes.map((tid) => {
    const woken = system.taskOf(tid);
    return woken === undefined ? { from: cpu, to: cpu } : select_wake(system, cpu, woken);
  });
  return { ...outcome, placed };
}

function applyThread(system: System, task: Task, act: ThreadAct, at: Cycles): ActOutcome {
  switch (act.op) {
    case 'object':
      return applyObject(system, task, act.act, act.again, at);
    case 'wait':
      return reap(system, task, at);
    case 'sched_setaffinity':
      task.cpus_allowed = cpu_active(act.cpus, system.cpus) ?? task.cpus_allowed;
      return POSTS;
    case 'clone': {
      const { acted_on: from, cpus_allowed } = task;
      const child = system.copy_process(task, task.comm, GONE, act.thread);
      const only = act.cpu === undefined ? undefined : cpu_active([act.cpu], system.cpus);
      child.cpus_allowed = only ?? (act.start === undefined ? undefined : cpus_allowed);
      const alone = system.cpus.size === 1 || act.start === undefined;
      child.cpu = child.acted_on = alone ? from : select_fork(system, from, child);
      if (child.cpu !== from) child.state = 'new';
      if (act.start !== undefined) child.program = { ...task.program!, thread: act.start };
      for (const { attr, holders } of system.events.values())
        if (attr.inherit === true && holders.has(task.pid)) holders.add(child.pid);
      return { ...POSTS, pid: child.pid };
    }
    case 'exec': {
      const executable = system.executables.get(act.path)!;
      task.comm = executable.comm.slice(0, 15);
      task.mm = { mmap: [] };
      task.signal.catchesSigchld = false;
      task.program = { executable, thread: FIRST_THREAD, objects: new SyncObjects() };
      return POSTS;
    }
    case 'exit':
      return exit(system, task, act.group_exit);
    case 'exit_notify':
      return exit_notify(system, task, act, at);
  }
}

function applyObject(system: System, task: Task, act: ObjectAct, again: boolean, at: Cycles): Outcome {
  const outcome = task.program!.objects.apply(task.pid, act, again, (tid) => threadName(system, tid));
  goesOn(system, outcome.wakes);
  if (outcome.sleeps) waitFor(system, task, restOf(act, outcome), at);
  return outcome;
}

/** Throws ProgramError if nobody is left who could end the wait. */
function waitFor(system: System, task: Task, act: NonNullable<Task['blocked_on']>, at: Cycles): void {
  task.blocked_on = act;
  deadlock(system, task.program!.objects, at);
}

function reap(system: System, task: Task, at: Cycles): ActOutcome {
  const { forked } = task.signal;
  const ended = [...forked].find(hasEnded);
  if (ended !== undefined) wait_task_zombie(task, ended);
  const sleeps = ended === undefined && forked.size > 0;
  if (sleeps) waitFor(system, task, { op: 'wait' }, at);
  return { ...DONE, sleeps, pid: ended?.pid, more: forked.size > 0 };
}

/** do_group_exit() and the beginning of do_exit(), with mm_release(): whoever joins the thread learns of its end. */
function exit(system: System, task: Task, group_exit: number | undefined): ActOutcome {
  const { pid, program, signal } = task;
  signal.live.delete(task);
  const kills = group_exit !== undefined && signal.group_exit === undefined ? [...signal.live] : [];
  if (group_exit !== undefined) signal.group_exit ??= group_exit;
  const alone = signal.live.size === 0;
  const wakes = alone || program === undefined ? [] : clearChildTid(system, pid, program.objects);
  const status = group_exit === undefined ? 0 : signal.group_exit!;
  return { ...POSTS, wakes, kills: kills.map((thread) => thread.pid), alone, status, ppid: ppidOf(task) };
}

function clearChildTid(system: System, tid: number, objects: SyncObjects): readonly number[] {
  const { wakes } = objects.apply(tid, { op: 'clear_child_tid' }, false, String);
  goesOn(system, wakes);
  return wakes;
}

/** The end of do_exit(), with exit_notify() and release_task(). */
function exit_notify(
  system: System,
  task: Task,
  { status, time, counts }: Extract<ThreadAct, { readonly op: 'exit_notify' }>,
  at: Cycles,
): ActOutcome {
  const { signal, program } = task;
  task.exit_code = status;
  task.state = 'dead';
  if (task.blocked_on !== undefined) program?.objects.leave(task.pid);
  if (task !== task.group_leader) addTime(signal.ended, time!);
  else if (time !== undefined) signal.leader = time;
  for (const one of counts) sync_child_event(system, one);
  signal.threads.delete(task);
  system.release_task(task);
  for (const { holders } of system.events.values()) holders.delete(task.pid);
  const { parent, waiting } = hasEnded(task) ? toBeTold(task) : { parent: undefined, waiting: [] };
  for (const one of waiting) one.blocked_on = undefined;
  if (program !== undefined) deadlock(system, program.objects, at);
  return { ...POSTS, wakes: waiting.map(({ pid }) => pid), parent: parent?.pid };
}

/** sync_child_event(): an inherited event ends; what it counted stays with the event that it came from. */
function sync_child_event(system: System, ended: EndedCount): void {
  const event = system.events.get(ended.parent);
  if (event === undefined) return;
  if (ended.id !== event.id) {
    event.ended.count += ended.count;
    event.ended.enabled += ended.enabled;
    event.ended.running += ended.running;
  }
  // Whoever asks several CPUs must know which he has asked for before they ended.
  if (system.cpus.size > 1) event.ended_copies.push(ended);
}

/** do_notify_parent(): the process that gets SIGCHLD, and its threads that wait for a child. */
function toBeTold({ parent }: Task): { readonly parent: Task | undefined; readonly waiting: readonly Task[] } {
  if (parent === undefined || hasEnded(parent)) return { parent: undefined, waiting: [] };
  return { parent, waiting: [...parent.signal.threads].filter(({ blocked_on }) => blocked_on?.op === 'wait') };
}

function applyPerf(system: System, act: PerfAct): ActOutcome {
  if (act.op === 'proc_tasks') return { ...DONE, pids: system.tasks.map(({ pid }) => pid) };
  if (act.op === 'task_cpus') return { ...DONE, cpus: cpusOf(system, act.pid) };
  if (act.op === 'perf_event_open') {
    const { cpu, kind, tid, id } = act.event;
    // Whom it is to follow has just ended.
    if (tid !== undefined && system.taskOf(tid) === undefined) return DONE;
    // Of a task's event, the CPU on which it is put to use tells the PMU.
    const there = system.cpus.get(cpu === -1 ? system.taskOf(tid!)!.acted_on : cpu)!;
    system.events.set(id, unpackEvent(system, there, act.event));
    if (tid !== undefined) system.events.get(id)!.holders.add(tid);
    if (kind === 'hw') system.countActive(cpu, 1);
    return DONE;
  }
  // Its CPUs' buffers are emptied by whoever simulates them.
  if (act.op === 'perf_drain') return POSTS;
  const event = system.events.get(act.event)!;
  switch (act.op) {
    case 'perf_close':
      if (event.pmu.task_ctx_nr === 'hw') system.countActive(event.cpu, -1);
      system.events.delete(event.id);
      system.buffers.delete(event.id);
      if (event.cpu === -1 && event.rb !== undefined)
        for (const { shared_buffers } of system.cpus.values()) shared_buffers.delete(event.rb);
      return DONE;
    case 'perf_mmap': {
      const rb = new RingBuffer(act.size, event.attr, event.id);
      const reader = system.taskOf(act.reader)!;
      event.rb = rb;
      system.buffers.set(rb.id, rb);
      if (event.cpu === -1) rb.follow(event.task!, reader);
      else if (event.cpu !== reader.cpu) rb.readFrom(reader, event.cpu);
      for (const [cpu, { shared_buffers }] of system.cpus)
        if (event.cpu === -1 || cpu === event.cpu) shared_buffers.add(rb);
      return DONE;
    }
    case 'perf_set_output':
      event.rb = system.buffers.get(act.rb)!;
      event.rb.take(event.attr);
      return DONE;
    case 'perf_cpus': {
      const { task, cpu } = event;
      if (task === undefined) return { ...DONE, cpus: [cpu], counted: [] };
      const living = [...task.signal.threads, ...system.descendants(task)];
      // One that lives may be anywhere by the time that it is asked for. Of those that have ended all is known.
      const moves = living.some(({ cpus_allowed }) => cpus_allowed?.size !== 1);
      const cpus = moves ? system.cpus.keys() : living.map(({ acted_on }) => acted_on);
      // Its state is what its own CPU knows, which may be ahead.
      const lives = system.taskOf(task.pid) === task;
      const counted = [...event.holders];
      return { ...DONE, lives, cpus: [...new Set(cpus)].toSorted((a, b) => a - b), counted };
    }
    case 'perf_ended':
      return { ...DONE, ended: event.ended_copies, counted: [...event.holders] };
  }
}

/** Where a thread may be by the time that it is asked for. */
function cpusOf(system: System, pid: number): readonly number[] {
  const task = system.taskOf(pid);
  if (task === undefined) return [];
  const { acted_on, cpus_allowed } = task;
  return [...new Set([acted_on, ...(cpus_allowed ?? system.cpus.keys())])];
}
