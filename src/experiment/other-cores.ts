/**
 * What a thread of the pool does that runs other cores of a machine: it sets up the same machine from the same words,
 * and meets the thread that runs the first core.
 */
import type { Leftovers } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { Meeting, MeetingOver, type MeetingPlace } from '../sim/meeting.ts';
import { beatsWithin } from '../sim/pulse.ts';
import type { RecordJob } from '../tool/perf-record.ts';
import type { Program } from '../workload/program.ts';
import type { SpecRequest } from './bench.ts';
import { executable, prepareWorkload, workloadSeed, type Workload } from './executable.ts';
import type { MachinePart } from './machine-part.ts';
import { LONGEST_START } from './patience.ts';
import { runOtherCores } from './run.ts';
import { setUpMachine } from './setup.ts';

/** A command on a machine, in a form that a message to another thread can carry. */
export interface CommandRequest {
  readonly spec: SpecRequest;
  /** The workload, as it was read. */
  readonly program: Program;
  readonly command: 'stat' | 'record';
  readonly job: Omit<RecordJob, 'executable'>;
}

/** One thread's part of it. */
export interface OtherCoresRequest extends CommandRequest {
  /** Which repetition. */
  readonly run: number;
  readonly left: Leftovers;
  readonly place: MeetingPlace;
  readonly party: number;
}

/** What a command needs, made for its first repetition and kept for the others. */
interface Prepared {
  readonly key: string;
  readonly spec: MachineSpec;
  readonly workload: Workload;
}
let latest: Prepared | undefined;

async function prepared({ spec: asked, program }: CommandRequest): Promise<Prepared> {
  const key = JSON.stringify([asked, program]);
  if (latest?.key !== key) {
    const spec = await setUpMachine(asked);
    latest = { key, spec, workload: prepareWorkload(program, spec, {}) };
  }
  return latest;
}

/** Makes ready for a command, while the thread of the first core does. What is wrong with it shows when it runs. */
export async function prepareCores(request: CommandRequest): Promise<void> {
  await prepared(request).catch(() => undefined);
}

/**
 * Returns when the run has ended; without a result if the thread of the first core has ended the meeting. Throws what
 * happens to the cores, and ends the meeting then.
 */
export async function otherCores({
  run,
  left,
  place,
  party,
  ...request
}: OtherCoresRequest): Promise<MachinePart | undefined> {
  const { command } = request;
  beatsWithin(LONGEST_START);
  try {
    const { spec, workload } = await prepared(request);
    const job = { ...request.job, executable: executable(workload, workloadSeed(spec, run)) };
    return runOtherCores(spec, { repetition: run, left, command, job, party: { place, party } });
  } catch (error) {
    if (error instanceof MeetingOver) return undefined;
    new Meeting(place).end();
    throw error;
  }
}
