/**
 * What every simulating command does first and last: the machine from its options, the workload from its words, progress
 * while it runs, ^C, and how to do it again.
 */
import { prepareWorkload, type Workload } from '../experiment/executable.ts';
import { SetUpError, setUpMachine, type MachineSpec } from '../experiment/setup.ts';
import { specOptions } from '../experiment/spec-text.ts';
import type { Nanos } from '../units.ts';
import { WorkloadError } from '../workload/fault.ts';
import { loadWorkload } from '../workload/registry.ts';
import type { CommandContext } from './commands.ts';
import { InputError, UsageError, blamingInput } from './errors.ts';
import { spinner } from './term.ts';

/** The shared options as parsed. */
export interface MachineOptions {
  readonly vpmu: string | undefined;
  readonly machine: string | undefined;
  readonly set: readonly string[];
  readonly vcpus: number | undefined;
  readonly workers: string | undefined;
  readonly seed: string | undefined;
}

export async function machineOf(o: MachineOptions): Promise<MachineSpec> {
  if (o.workers !== undefined && o.workers !== 'auto' && !/^[1-9]\d*$/.test(o.workers))
    throw new UsageError(`--workers ${o.workers}: must be a number above 0, or auto`);
  if (o.vcpus !== undefined && o.vcpus !== 1) throw new UsageError(`--vcpus ${o.vcpus}: gperf simulates one CPU`);
  try {
    return await setUpMachine({ machine: o.machine, vpmu: o.vpmu, seed: o.seed, sets: o.set });
  } catch (error) {
    if (error instanceof SetUpError) throw new UsageError(error.message);
    throw error;
  }
}

/** The workload that the words behind the options name. */
export async function workloadOf(words: readonly string[], spec: MachineSpec, usage: string): Promise<Workload> {
  const [name, ...args] = words;
  if (name === undefined) throw new UsageError('no workload given', usage);
  return blamingInput(async () => prepareWorkload(await loadWorkload(name, args), spec, {}), [WorkloadError]);
}

/** The command line as a recording keeps it: what came from the environment made explicit, nothing of the worker count. */
export function commandLine(
  command: readonly string[],
  argv: readonly string[],
  spec: MachineSpec,
  context: CommandContext,
): string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    if (!word.startsWith('-')) {
      words.push(...argv.slice(i));
      break;
    }
    if (word === '--workers') i++;
    else if (!word.startsWith('--workers=')) words.push(word);
  }
  const fromEnvironment = ['GPERF_VPMU', 'GPERF_MACHINE', 'GPERF_SET', 'GPERF_SEED'].some(
    (name) => context.terminal.env[name],
  );
  return ['gperf', ...command, ...(fromEnvironment ? specOptions(spec) : []), ...words];
}

/** A word of a command line as a shell would need it. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** Wall time between two looks at the event loop, ms. */
const LOOK = 40;

/** Shows progress and hears ^C while a simulation runs. */
export class Watch {
  interrupted = false;
  readonly #spin: Awaited<ReturnType<typeof spinner>>;
  readonly #onSigint = (): void => {
    this.interrupted = true;
  };
  #looked = performance.now();

  private constructor(spin: Awaited<ReturnType<typeof spinner>>) {
    this.#spin = spin;
    process.on('SIGINT', this.#onSigint);
  }

  static async start(context: CommandContext, what: string): Promise<Watch> {
    return new Watch(await spinner(context.terminal, what));
  }

  /** For the simulation to call: false once ^C was typed. */
  readonly breathe = async (simulated: Nanos): Promise<boolean> => {
    const now = performance.now();
    if (now - this.#looked < LOOK) return !this.interrupted;
    this.#looked = now;
    this.#spin.update(`${(simulated / 1e9).toFixed(1)} s simulated`);
    await new Promise((resolve) => setImmediate(resolve));
    return !this.interrupted;
  };

  stop(): void {
    process.off('SIGINT', this.#onSigint);
    this.#spin.done();
  }
}

/** What a shell reports for a program that ^C ended. */
export const INTERRUPTED = 130;

/** File-system and format errors of recordings, as one sentence. */
export async function withFileErrors<T>(work: () => T | Promise<T>): Promise<T> {
  const { PerfDataFormatError, PerfDataIoError } = await import('../perfdata/errors.ts');
  try {
    return await work();
  } catch (error) {
    if (error instanceof PerfDataIoError || error instanceof PerfDataFormatError) throw new InputError(error.message);
    throw error;
  }
}
