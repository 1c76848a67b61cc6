/**
 * A program all of whose threads wait for each other: none of them will ever run again.
 * Not modelled: threads that wait for each other while others go on: they are found when these end, too.
 */
import { ProgramError } from './futex.ts';
import type { SyncObjects } from './sync-objects.ts';
import type { System } from './system.ts';
import { hasEnded, type Task } from './task.ts';
import type { Cycles } from '../units.ts';

/** A thread in a message: its entry function and tid. */
export function threadName(system: System, tid: number): string {
  const task = system.taskOf(tid);
  if (task === undefined) return `tid ${tid}, which has ended`;
  const { entry = 'main' } = task.program?.thread ?? {};
  // "spawn worker"
  return `${entry.slice(entry.lastIndexOf(' ') + 1)} (tid ${tid})`;
}

/** Threads that an act wakes wait for nobody any more, though it may take some time until they know. */
export function goesOn(system: System, tids: readonly number[]): void {
  for (const tid of tids) {
    const task = system.taskOf(tid);
    if (task !== undefined) task.blocked_on = undefined;
  }
}

/** To be called when a thread begins to wait, or ends. Throws ProgramError if all that are left wait for others then. */
export function deadlock(system: System, objects: SyncObjects, now: Cycles): void {
  const threads = system.tasks.filter(({ program }) => program?.objects === objects);
  // Whether a thread's CPU has learnt of a signal is nothing that all who apply the act know.
  const stuck = ({ blocked_on, signal }: Task): boolean =>
    blocked_on !== undefined && signal.shared_pending > now && signal.group_exit === undefined;
  if (threads.length === 0 || !threads.every(stuck)) return;
  const who = (tid: number): string => threadName(system, tid);
  const waits = threads.map(({ pid, signal, blocked_on: act }) => {
    const what =
      act!.op === 'wait'
        ? `${[...signal.forked]
            .filter((child) => !hasEnded(child))
            .map((child) => who(child.pid))
            .join(', ')} to end`
        : objects.waitsFor(act!, who);
    return `${who(pid)} waits for ${what}`;
  });
  throw new ProgramError(`deadlock: ${waits.join('; ')}`);
}
