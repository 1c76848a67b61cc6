/** The work that a thread of the pool can be asked for, by name. A new kind of work is one line here. */
import { workerData } from 'node:worker_threads';
import { benchOutcome, type BenchRequest, type BenchRun } from './bench.ts';
import { threadOf } from './design-file.ts';
import { otherCores, prepareCores, type CommandRequest, type OtherCoresRequest } from './other-cores.ts';
import type { MachinePart } from './machine-part.ts';
import { showOwnPulse, thrownBy } from './patience.ts';
import { letterRun, type LetterRequest, type LetterRun } from './reproduce.ts';
import { LiveLock, OpenError, ProgramError } from './run.ts';
import { Overrun } from '../hw/core.ts';
import { SetUpError } from './setup.ts';
import { NoTruthError } from './truth.ts';
import { beatsWithin } from '../sim/pulse.ts';
import { WorkloadError } from '../workload/fault.ts';
import { sampleRun, type SampledRun, type SampleRequest } from './sample.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { type EngineModule, useEngine } from '../workload/engine.ts';

const WORK = { benchOutcome, sampleRun, letterRun, otherCores, prepareCores } as const;
export type WorkName = keyof typeof WORK;
interface Inputs extends Record<WorkName, unknown> {
  readonly benchOutcome: BenchRequest;
  readonly sampleRun: SampleRequest;
  readonly letterRun: LetterRequest;
  readonly otherCores: OtherCoresRequest;
  readonly prepareCores: CommandRequest;
}
interface Outputs extends Record<WorkName, unknown> {
  readonly benchOutcome: BenchRun | { readonly liveLock: string };
  readonly sampleRun: SampledRun;
  readonly letterRun: LetterRun;
  readonly otherCores: MachinePart | undefined;
  readonly prepareCores: void;
}
export type WorkInput<N extends WorkName> = Inputs[N];
export type WorkOutput<N extends WorkName> = Outputs[N];
/** The same table, typed so that the compiler checks name, input and output together. */
const TYPED: { readonly [N in WorkName]: (input: WorkInput<N>) => Promise<WorkOutput<N>> } = WORK;

/**
 * The answer: a result; an error that a person can act on, whose class a message would lose; or a bug. If the pool
 * itself rejects, the thread failed.
 */
export type Answer<N extends WorkName> =
  | { readonly result: WorkOutput<N> }
  | { readonly liveLock: string }
  | { readonly overrun: true }
  | { readonly stuck: string }
  | { readonly wrong: string }
  | { readonly bug: Error }
  | { readonly refused: { readonly evsel: Evsel; readonly errno: number } };

/** Data given to a thread at its start. */
export interface WorkerData {
  readonly engine: EngineModule;
}
useEngine((workerData as WorkerData).engine);

/** What a thread of the pool is asked to do. */
export interface WorkOrder<N extends WorkName> {
  readonly name: N;
  readonly input: WorkInput<N>;
  /** Where it shows that it makes progress (sim/pulse.ts). */
  readonly pulse: SharedArrayBuffer;
}

export default async function work<N extends WorkName>({ name, input, pulse }: WorkOrder<N>): Promise<Answer<N>> {
  showOwnPulse(pulse);
  try {
    const result = await TYPED[name](input);
    // A promise that a design has rejected ends the thread before this answer can leave it.
    await new Promise((turn) => setImmediate(turn));
    return { result };
  } catch (error) {
    if (error instanceof LiveLock) return { liveLock: error.message };
    if (error instanceof Overrun) return { overrun: true };
    if (error instanceof ProgramError) return { stuck: error.message };
    if (error instanceof OpenError) return { refused: { evsel: error.evsel, errno: error.errno } };
    if (error instanceof NoTruthError || error instanceof WorkloadError || error instanceof SetUpError)
      return { wrong: error.message };
    return error instanceof Error ? { bug: error } : { wrong: thrownBy(threadOf(input), error) };
  } finally {
    beatsWithin(0);
  }
}
