/** The pool of worker threads on a system that refuses threads. */
import { expect } from 'chai';
import workerThreads from 'node:worker_threads';
import { PoolError, runAll } from '../../src/experiment/pool.ts';

describe('worker threads', () => {
  for (const granted of [0, 2])
    it(`says so in a sentence when the system refuses one after ${granted}`, async () => {
      const { Worker } = workerThreads;
      const alive = new Set<InstanceType<typeof Worker>>();
      let left = granted;
      workerThreads.Worker = class extends Worker {
        constructor(...args: ConstructorParameters<typeof Worker>) {
          if (left-- === 0) throw Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });
          super(...args);
          alive.add(this);
          this.once('exit', () => alive.delete(this));
        }
      };
      try {
        const inputs: never[] = Array.from({ length: 4 });
        const error = await runAll('benchOutcome', inputs, { workers: 4 }).catch((reason: unknown) => reason);
        expect(error).to.be.instanceOf(PoolError);
        expect((error as Error).message).to.equal(
          'the system refused one of 4 worker threads (EAGAIN): --workers=1 needs the fewest',
        );
      } finally {
        workerThreads.Worker = Worker;
        await Promise.all([...alive].map(async (worker) => worker.terminate()));
      }
    });
});
