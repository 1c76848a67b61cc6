/** What must show in nothing: how long windows are, and how many threads of Node simulate a machine. Programs to try it with. */
import fc from 'fast-check';
import { ProgramError } from '../../src/kernel/futex.ts';
import { Threads, act, join, lock, spawn, syscall, unlock, work } from '../kernel/scripts.ts';
import type { Seen } from './guest-run.ts';

const pipe = (op: 'read' | 'write', bytes: number) =>
  act({ op, object: { kind: 'pipe', name: 'p', capacity: 4096 }, bytes });
const semaphore = (op: 'post' | 'take') => act({ op, object: { kind: 'semaphore', name: 's', value: 0 } });
const sleep = (ns: number) => syscall('nanosleep', { ns });

const step = fc.oneof(
  { weight: 2, arbitrary: fc.integer({ min: 100, max: 20_000 }).map((n) => [work(n)]) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 400_000 }).map((n) => [work(n)]) },
  { weight: 3, arbitrary: fc.integer({ min: 100, max: 9000 }).map((n) => [lock(), work(n), unlock()]) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3000 }).map((n) => [pipe('write', n), pipe('read', n)]) },
  { weight: 1, arbitrary: fc.constant([semaphore('post'), work(500), semaphore('take')]) },
  { weight: 1, arbitrary: fc.constantFrom([spawn('leaf')], [act({ op: 'fork', entry: 'leaf' }), act({ op: 'wait' })]) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 200_000 }).map((ns) => [sleep(ns)]) },
);
const script = fc.array(step, { minLength: 10, maxLength: 30 }).map((steps) => [work(100)].concat(steps.flat()));

/** Threads that compute, lock, talk, sleep, and make others; some end in a deadlock. */
export const randomPrograms = fc.array(script, { minLength: 2, maxLength: 5 }).map((all) => {
  const entries = all.map((one, i) => [`thread${i}`, one] as const);
  return (): Threads =>
    new Threads({
      main: [...entries.map(([name]) => spawn(name)), work(1000), join],
      leaf: [work(5000)],
      ...Object.fromEntries(entries),
    });
});

/** What is seen of a run: a hash and the ledger, or the sentence on which it ends. */
export const seen = async (run: Promise<Seen>): Promise<unknown> => {
  try {
    const { hash, ledger } = await run;
    return { hash, ledger };
  } catch (error) {
    if (error instanceof ProgramError) return error.message;
    throw error;
  }
};

/** Longest windows, us: from far below a wake-up to beyond everything. */
export const CAPS = [3, 20, 250, 20_000] as const;
