/**
 * All threads of a run, each executed to its end: what a run's ground truth is the sum of.
 *
 * Which threads there are, and what each executes, follows from the image and the seed: every thread that an act makes
 * runs its whole program. No clock and no kernel is needed, and no order among threads.
 * Not modelled: threads that are cut short because their process ended before them (exit_group while they ran), or that wait
 * for ever.
 */
import type { Trap } from '../arch/cpu.ts';
import { cloneOf, FIRST_THREAD, type ThreadStart } from '../arch/dso.ts';
import { CYCLES, TRAPS } from '../arch/events.ts';
import type { CompiledProgram } from './compile.ts';
import type { Cursor } from './cursor.ts';
import { expectedOccurrences, expectedTotals } from './expected.ts';
import { executions } from './ledger.ts';

/** A thread that has executed its whole program. */
export interface ThreadRun {
  readonly thread: ThreadStart;
  /** The path of the first thread of its process. */
  readonly process: string;
  /** What it executed. */
  readonly image: CompiledProgram;
  /** At its end: its totals and its truth. Valid until the next thread is asked for. */
  readonly cursor: Cursor;
}

/** The threads of a run of a program, each before those that it makes, in the order in which it makes them. */
export function threadRuns(image: CompiledProgram, seed: string): Generator<ThreadRun, void> {
  return runsOf(image, seed, FIRST_THREAD, '');
}

function* runsOf(
  image: CompiledProgram,
  seed: string,
  thread: ThreadStart,
  process: string,
): Generator<ThreadRun, void> {
  const own = thread.entry === undefined ? image : image.withEntry(thread.entry);
  const cursor = own.start(seed + thread.path);
  const made = execute(own, cursor, thread);
  yield { thread, process, image: own, cursor };
  cursor.release();
  for (const { child, forked } of made) yield* runsOf(image, seed, child, forked ? child.path : process);
}

const makesThread = (trap: Trap): trap is Extract<Trap, { entry: string }> => 'entry' in trap;

/** Goes to a thread's end; returns the threads that it makes on the way. */
function execute(
  image: CompiledProgram,
  cursor: Cursor,
  thread: ThreadStart,
): { readonly child: ThreadStart; readonly forked: boolean }[] {
  const made: ReturnType<typeof execute> = [];
  const makes = [...image.acts.values()].some(makesThread);
  cursor.arm([CYCLES, TRAPS]);
  const limits = Float64Array.of(Infinity, makes ? 1 : Infinity);
  while (cursor.advance(limits) >= 0) {
    const { trap } = cursor;
    if (trap !== undefined && makesThread(trap))
      made.push({ child: cloneOf(thread, made.length, trap.entry), forked: trap.op === 'fork' });
    limits[1] = cursor.counts[1]! + 1;
  }
  return made;
}

/** Mean cycles of a whole run of a program, all its threads together. */
export function expectedCycles(image: CompiledProgram): number {
  const known = new Map<CompiledProgram, number>();
  const cyclesOf = (one: CompiledProgram): number => {
    let sum = known.get(one);
    if (sum !== undefined) return sum;
    const { tables: t, acts } = one;
    sum = expectedTotals(t)[CYCLES]!;
    const once = new Float64Array(t.nodes);
    once[0] = 1;
    const times = executions(t, once, expectedOccurrences(t));
    for (const [instance, act] of acts)
      if (makesThread(act)) sum += times[t.instNode[instance]!]! * cyclesOf(one.withEntry(act.entry));
    known.set(one, sum);
    return sum;
  };
  return cyclesOf(image);
}
