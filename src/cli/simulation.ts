/**
 * What every simulating command does first and last: the machine from its options, the workload from its words,
 * progress while it runs, ^C, and the command that repeats the run.
 */
import { prepareWorkload, type Workload } from '../experiment/executable.ts';
import { isDesignFile } from '../experiment/design-file.ts';
import { SetUpError, setUpMachine, type MachineSpec } from '../experiment/setup.ts';
import { specOptions } from '../experiment/spec-text.ts';
import { uncountable } from '../experiment/uncountable.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import type { Nanos } from '../units.ts';
import { WorkloadError } from '../workload/fault.ts';
import { loadWorkload } from '../workload/registry.ts';
import { isTyped, wordsWithout, type Typed } from './args.ts';
import type { CommandContext } from './commands.ts';
import { InputError, UsageError, blamingInput } from './errors.ts';
import { MACHINE_OPTIONS, MACHINE_VARIABLES } from './options/machine.ts';
import { exitCodeOf, hearSignals, type Signal } from './signals.ts';
import { spinner } from './term.ts';

/** The shared options, parsed. */
export interface MachineOptions {
  readonly vpmu?: string | undefined;
  readonly machine: string | undefined;
  readonly set: readonly string[];
  readonly seed?: string | undefined;
  readonly vcpus?: number | undefined;
}

/**
 * The machine that the options describe, some of them changed; --vpmu may name a file only if it was typed. Throws
 * UsageError.
 */
export async function machineOf(
  { machine, vpmu, set, seed, vcpus }: MachineOptions,
  change: Partial<MachineOptions> = {},
): Promise<MachineSpec> {
  const o: MachineOptions = { machine, vpmu, set, seed, vcpus, ...change };
  for (const name of ['machine', 'vpmu'] as const)
    if (o[name] === '') throw new UsageError(`--${name} '': must be one that 'gperf list ${name}' shows`);
  const nameless = o.set.find((word) => word === '' || word.startsWith('='));
  if (nameless !== undefined)
    throw new UsageError(`--set '${nameless}': must be KEY=VALUE; 'gperf list spec' shows the keys`);
  if (o.vpmu !== undefined && isDesignFile(o.vpmu) && process.env['GPERF_VPMU']?.split(',').includes(o.vpmu) === true)
    throw new UsageError(
      `GPERF_VPMU=${o.vpmu}: a design in a file is code, which only --vpmu on the command line runs (unset GPERF_VPMU)`,
    );
  try {
    return await setUpMachine({ machine: o.machine, vpmu: o.vpmu, seed: o.seed, vcpus: o.vcpus, sets: o.set });
  } catch (error) {
    if (error instanceof SetUpError) throw new UsageError(error.message + originOf(o, error.message, process.env));
    throw error;
  }
}

/** " (from GPERF_VPMU)" if what a message names came from there, as nobody would look beyond the command line. */
function originOf(o: MachineOptions, message: string, env: NodeJS.ProcessEnv): string {
  const blamed = new Set(message.split(' (', 1)[0]!.split(/[\s:=]+/));
  for (const option of MACHINE_OPTIONS) {
    const words = env[option.env]?.split(/\s+/).filter(Boolean) ?? [];
    const used = new Set([o[option.name]].flat().map(String));
    const named = (word: string): boolean => used.has(word) && blamed.has(word.split('=', 1)[0]!);
    if (words.some(named)) return ` (from ${option.env})`;
  }
  return '';
}

/** The workload that the words after the options name. */
export async function workloadOf(words: readonly string[], spec: MachineSpec, usage: string): Promise<Workload> {
  const [name, ...args] = words;
  if (name === undefined) throw new UsageError('no workload given', usage);
  return blamingInput(async () => prepareWorkload(await loadWorkload(name, args), spec, {}), [WorkloadError]);
}

/** Refuses events that would count something other than what was asked for. */
export function refuseUnmodelled(evlist: readonly Evsel[], ...specs: readonly MachineSpec[]): void {
  for (const { name, attr } of evlist)
    for (const spec of specs) {
      const reason = uncountable(spec, attr);
      if (reason !== undefined) throw new UsageError(`${reason} ('${name}').`);
    }
}

/**
 * The command line as a recording stores it: with what came from the environment and the default design spelled out,
 * and without the number of workers.
 */
export function commandLine(
  command: string,
  typed: readonly Typed[],
  spec: MachineSpec,
  { terminal: { env } }: CommandContext,
): string[] {
  const fromEnvironment = MACHINE_VARIABLES.some((name) => env[name]);
  // bench has several designs, and a default of its own.
  const said = command === 'bench' || isTyped(typed, 'vpmu');
  const unsaid = fromEnvironment ? specOptions(spec) : said ? [] : ['--vpmu', spec.vpmu];
  return ['gperf', command, ...unsaid, ...wordsWithout(typed, ['workers'])];
}

/** A word of a command line, quoted for a shell where necessary. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** The last line of -v: the command that repeats the run. */
export const reproduceLine = (words: readonly string[]): string => `# reproduce: ${words.map(shellWord).join(' ')}\n`;

/** Wall time between two looks at the event loop, ms. */
const LOOK = 40;

/** Wall time until a pace is worth showing, ms. */
const SETTLED = 500;

/** "40 s", "12 min", "3 h": a rough span of wall time. */
function spanText(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  const minutes = seconds / 60;
  return minutes < 100 ? `${Math.ceil(minutes)} min` : `${Math.ceil(minutes / 60)} h`;
}

/** Shows progress and listens for ^C while a simulation runs. What was gathered until then is kept. */
export class Watch {
  readonly #spin: Awaited<ReturnType<typeof spinner>> | undefined;
  readonly #deafen: () => void;
  readonly #onExit: () => void;
  #signal: Signal | undefined;
  #looked = performance.now();
  /** When the workload was first seen running, and how far along it was. */
  #began: { readonly at: number; readonly share: number } | undefined;

  private constructor(spin: Awaited<ReturnType<typeof spinner>> | undefined, abandon: () => void) {
    this.#spin = spin;
    this.#onExit = abandon;
    this.#deafen = hearSignals((signal) => {
      this.#signal ??= signal;
    });
    process.once('exit', this.#onExit);
  }

  /**
   * `label` precedes the progress; undefined: no progress is shown. `abandon` removes half-done work if the process
   * must end before stop() because standard error closed.
   */
  static async start(context: CommandContext, label: string | undefined, abandon: () => void): Promise<Watch> {
    return new Watch(label === undefined ? undefined : await spinner(context.terminal, label), abandon);
  }

  /** Called by the simulation; returns false once ^C was typed. */
  readonly breathe = async (simulated: Nanos, share: number | undefined): Promise<boolean> => {
    const now = performance.now();
    if (now - this.#looked < LOOK) return this.#signal === undefined;
    this.#looked = now;
    this.#spin?.update(`${(simulated / 1e9).toFixed(1)} s simulated${this.#remaining(share, now)}`);
    await new Promise((resolve) => setImmediate(resolve));
    return this.#signal === undefined;
  };

  /** How much of the work is done, and the time left at this pace, once there is a pace. */
  #remaining(share: number | undefined, now: number): string {
    if (share === undefined || share === 0) return '';
    this.#began ??= { at: now, share };
    const { at, share: first } = this.#began;
    const done = `, ${Math.floor(share * 100)} % done`;
    if (now - at < SETTLED || share <= first) return done;
    return `${done}, ${spanText(((now - at) / 1e3) * ((1 - share) / (share - first)))} to go`;
  }

  /** The exit code after a signal, as a shell reports it; undefined without one. */
  get exitCode(): number | undefined {
    return this.#signal && exitCodeOf(this.#signal);
  }

  stop(): void {
    this.#deafen();
    process.off('exit', this.#onExit);
    this.#spin?.done();
  }
}

/** Reports file-system and format errors of recordings as one sentence. */
export async function withFileErrors<T>(work: () => T | Promise<T>): Promise<T> {
  const { PerfDataFormatError, PerfDataIoError } = await import('../perfdata/errors.ts');
  try {
    return await work();
  } catch (error) {
    if (error instanceof PerfDataIoError || error instanceof PerfDataFormatError) throw new InputError(error.message);
    throw error;
  }
}
