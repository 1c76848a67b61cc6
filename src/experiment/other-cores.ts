/**
 * What a thread of the pool does that runs other cores of a machine: it sets up the same machine from the same words,
 * and meets the thread that runs the first core.
 */
import type { Leftovers } from '../machine/machine.ts';
import { Meeting, MeetingOver, type MeetingPlace } from '../sim/meeting.ts';
import type { RecordJob } from '../tool/perf-record.ts';
import { loadWorkload } from '../workload/registry.ts';
import type { SpecRequest } from './bench.ts';
import { executable, prepareWorkload, workloadSeed } from './executable.ts';
import { runOtherCores } from './run.ts';
import { setUpMachine } from './setup.ts';

/** A command on a machine, in a form that a message to another thread can carry. */
export interface CommandRequest {
  readonly spec: SpecRequest;
  /** The workload and its arguments. */
  readonly words: readonly string[];
  readonly command: 'stat' | 'record';
  readonly job: Omit<RecordJob, 'executable'>;
  /** Which repetition. */
  readonly run: number;
}

/** One thread's part of it. */
export interface OtherCoresRequest extends CommandRequest {
  readonly path: string;
  readonly left: Leftovers;
  readonly place: MeetingPlace;
  readonly party: number;
}

/** Returns when the meeting is over. Throws what the workload throws, and ends the meeting then. */
export async function otherCores({ path, left, place, party, ...request }: OtherCoresRequest): Promise<void> {
  const { command, words, run } = request;
  try {
    const spec = await setUpMachine(request.spec);
    const [name = '', ...args] = words;
    const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
    const job = { ...request.job, executable: executable(workload, workloadSeed(spec, run)) };
    runOtherCores(spec, { path, left, command, job, party: { place, party } });
  } catch (error) {
    if (error instanceof MeetingOver) return;
    new Meeting(place).end();
    throw error;
  }
}
