/** A thread of the pool on which something goes wrong in the middle of a run; the machine's seed says what. */
import work from '../../src/experiment/worker.ts';
import type { OtherCoresRequest } from '../../src/experiment/other-cores.ts';
import { Core } from '../../src/hw/core.ts';

const FAULTS: Readonly<Record<string, () => void>> = {
  throws: () => {
    throw new Error('no reason');
  },
  exits: () => process.exit(3),
  'fills-memory': () => {
    for (const all: number[][] = []; ;) all.push(Array.from<number>({ length: 1e6 }).fill(all.length));
  },
  loops: () => {
    for (;;);
  },
  sleeps: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
};

export default async function faultyWork(task: { readonly name: 'otherCores'; readonly input: OtherCoresRequest }) {
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
