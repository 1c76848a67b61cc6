/**
 * Posts from other CPUs, at the CPU that they are for: what it may be asked to do is known while they are on their way, and
 * what they bring is there once it notices them.
 * Not modelled: accesses to memory that do not wait until a CPU is between two instructions of ring 3, or in HLT.
 */
import type { TaskBody, Vector } from '../arch/cpu.ts';
import type { Cycles } from '../units.ts';
import { detach_tasks, got_nohz_idle_kick } from './load-balance.ts';
import type { Post } from './mail.ts';
import { arrive } from './migration.ts';
import type { MovedTask } from './moved-task.ts';
import type { PerCpu } from './per-cpu.ts';
import { ExecBody, ProgramBody, type ProgramHost } from './program.ts';
import type { PerfCpu } from './system.ts';
import type { Task } from './task.ts';
import { hand_over, hasThreads, kill_here } from './wake-up.ts';

type Receiver = PerCpu & PerfCpu & ProgramHost;

/** It is on its way, and arrives at `at`. */
export function announce_post(here: Receiver, post: Post, at: Cycles): void {
  const { mail, system } = here;
  if (post.kind === 'answer') mail.answered = { at, answer: post.answer };
  if (post.kind === 'call') mail.calls++;
  if (post.kind === 'hand_over' || post.kind === 'pull' || post.kind === 'kick') mail.asked++;
  if ((post.kind === 'wake' || post.kind === 'kill') && post.signal !== undefined) mail.signals++;
  if (post.kind !== 'attach' && post.kind !== 'wake') return;
  const task = system.taskOf(post.pid)!;
  const brings = post.moved ?? (post.kind === 'wake' ? post.made : undefined);
  if (brings?.contexts !== undefined) mail.arriving.set(post.pid, { at, contexts: brings.contexts });
  if (post.moved !== undefined) {
    mail.coming.add(task);
    for (const { buffers } of post.moved.contexts ?? [])
      for (const rb of buffers) system.buffers.get(rb.id)?.unpack(rb);
    task.body = bodyOf(here, task, post.moved);
    if ('kept' in post.moved.program) post.moved.program.kept.headFor?.(here.number);
  } else if (post.kind === 'wake' && post.made !== undefined) task.body = new ProgramBody(here, task);
}

/** What a task goes on with that has moved. */
function bodyOf(here: Receiver, task: Task, { program }: MovedTask): TaskBody {
  if ('kept' in program) return program.kept;
  return 'exec' in program
    ? new ExecBody(here, here.system.executables.get(program.exec)!)
    : new ProgramBody(here, task, program);
}

/**
 * The CPU notices it, at a boundary between instructions of ring 3, or in HLT. Returns the interrupt that has come with it;
 * without one it is a write to memory.
 */
export function accept_post(here: Receiver, post: Post): Vector | undefined {
  const { cpu, mail, system } = here;
  switch (post.kind) {
    case 'kill':
      if (!hasThreads(here, post.tgid)) {
        mail.signals--;
        kill_here(here, post.tgid, post.signal, post.since);
        return undefined;
      }
      mail.wake_list.push(post);
      return 'RESCHEDULE';
    case 'wake':
      mail.wake_list.push(post);
      return 'RESCHEDULE';
    case 'call':
      mail.call_single_queue.push(post);
      return 'CALL_FUNCTION';
    case 'pull':
      mail.asked--;
      detach_tasks(here, post);
      return undefined;
    case 'kick':
      mail.asked--;
      got_nohz_idle_kick(here);
      return 'RESCHEDULE';
    case 'hand_over': {
      mail.asked--;
      const task = system.taskOf(post.pid);
      if (task !== undefined) hand_over(here, task, post.reason, post.next);
      return undefined;
    }
    case 'attach': {
      const task = system.taskOf(post.pid)!;
      arrive(here, task, post.moved);
      mail.attached.push(task);
      // A vCPU in HLT does not look.
      return cpu.steal === undefined ? undefined : 'RESCHEDULE';
    }
    case 'guest':
    case 'answer':
    case 'sibling':
      return undefined;
  }
}
