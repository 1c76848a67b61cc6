/** A thread of the pool on which something goes wrong in the middle of a run; the machine's seed says what. */
import work, { type WorkOrder } from '../../src/experiment/worker.ts';
import { Core } from '../../src/hw/core.ts';

/** Copies of it take 8 MB each. */
const block = Array.from({ length: 1e6 }, Math.sqrt);
const leaked: number[][] = [];

const FAULTS: Readonly<Record<string, () => void>> = {
  throws: () => {
    throw new Error('no reason');
  },
  exits: () => process.exit(3),
  'fills-memory': () => {
    for (const all: number[][] = []; ;) all.push(block.slice());
  },
  // It makes progress all the time.
  'leaks-memory': () => void leaked.push(block.slice(0, 1e5)),
  loops: () => {
    for (;;);
  },
  sleeps: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
};

export default async function faultyWork(task: WorkOrder<'otherCores'>) {
  const fault = FAULTS[task.input.spec.seed]!;
  const after = fault === FAULTS['sleeps'] ? 0 : 100;
  let calls = 0;
  for (const name of ['execute', 'halt'] as const) {
    const method = Core.prototype[name] as (...args: unknown[]) => unknown;
    Object.assign(Core.prototype, {
      [name](this: Core, ...args: unknown[]) {
        if (++calls > after) fault();
        return method.apply(this, args);
      },
    });
  }
  return work(task);
}
