/** A thread that continues an execution: from a snapshot, with the module of the thread that started it. */
import { parentPort, workerData } from 'node:worker_threads';
import { eventVector } from '../../src/arch/events.ts';
import type { Snapshot } from '../../src/workload/cursor.ts';
import { type EngineModule, useEngine } from '../../src/workload/engine.ts';
import { compile } from './compiled.ts';
import { randomProgram } from './programs.ts';

interface Given {
  readonly engine: EngineModule;
  readonly program: number;
  readonly snapshot: Snapshot;
  readonly limit: number;
}
const { engine, program, snapshot, limit } = workerData as Given;
useEngine(engine);
const cursor = compile(randomProgram(program)).resume(snapshot);
cursor.advance(Float64Array.of(limit, Infinity));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort!.postMessage({ ip: cursor.ip, counts: cursor.counts, totals: cursor.totals(eventVector()) });
