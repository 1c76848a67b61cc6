/** The operands of gperf compare as typed: files, read with progress, and truth. */
import { basename } from 'node:path';
import { prepareWorkload } from '../experiment/executable.ts';
import { openOperand, type Operand, type OperandOptions } from '../experiment/operand.ts';
import { SetUpError, type MachineSpec } from '../experiment/setup.ts';
import { specFromText } from '../experiment/spec-text.ts';
import { groundTruth, hasTruth, NoTruthError, type GroundTruthOptions } from '../experiment/truth.ts';
import { PerfDataIoError } from '../perfdata/errors.ts';
import { withoutParameters } from '../perfdata/demangle/demangle.ts';
import { defaultCacheDir } from '../perfdata/buildid-cache.ts';
import { parseProfileKey, type Granularity, type Profile, NOT_SHOWN } from '../profile/profile.ts';
import { TextError } from '../profile/text-error.ts';
import type { Dso, DsoSymbols } from '../profile/dso.ts';
import { fileSymbols } from '../profile/symbolize.ts';
import { EventSyntaxError } from '../perf-events/event-syntax-error.ts';
import { printableText } from '../report/shared/printable.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import { WorkloadError } from '../workload/fault.ts';
import type { Program } from '../workload/program.ts';
import { ModuleRefused, loadRecordedWorkload, loadWorkload } from '../workload/registry.ts';
import type { CommandContext } from './commands.ts';
import { leftOut } from '../report/shared/left-out.ts';
import { InputError, UsageError, blamingInput, eventError } from './errors.ts';
import { optionUsage } from './help.ts';
import { COMPARE, type CompareOptions } from './options/compare.ts';
import { RECORD } from './options/record.ts';
import { otherKernel } from './recording.ts';
import { given } from '../given.ts';
import { parseArgs } from './args.ts';
import { machineOf, shellWord, withFileErrors } from './simulation.ts';
import { progress } from './term.ts';

/** What truth needs to know about a file that was read. */
type Made = NonNullable<Operand['session']>;

/**
 * Profiles of every operand, by event; a file with several tables is several operands. Truth comes last unless it was
 * named among the others. `faults` receives what stopped the reading of damaged recordings, to be shown after the
 * comparison.
 */
export async function readOperands(
  words: readonly string[],
  o: CompareOptions,
  context: CommandContext,
  faults: string[],
): Promise<Profile[][]> {
  const by = (o.by ?? 'symbol') as Granularity;
  const cacheDir = context.buildIdDir ?? defaultCacheDir(context.terminal.env);
  let [kernelTaken, simulated] = [false, false];
  const places = given({ dir: cacheDir, demangle: withoutParameters, symfs: o.symfs });
  const symbols = (dso: Dso): DsoSymbols | undefined =>
    fileSymbols({ ...places, simulated }, () => (kernelTaken = true))(dso);
  const labels = labelsOf(words);
  if (words.indexOf(STDIN) !== words.lastIndexOf(STDIN)) throw new UsageError('standard input can be read once only');
  const stacks = o['export-html'] !== undefined;
  let made: Made | undefined;
  const operands: (Profile[] | string)[] = [];
  for (const [i, word] of words.entries()) {
    if (isTruth(word)) {
      operands.push(word);
      continue;
    }
    const operand = await naming(word, () => opened(word, { label: labels[i]!, by, symbols, stacks }));
    simulated = operand.session?.spec !== undefined;
    try {
      for (const warning of operand.session?.warnings ?? []) process.stderr.write(`${printableText(warning)}\n`);
      if (operand.session?.spec !== undefined) made ??= operand.session;
      operands.push(...byLabel(await naming(word, () => readThrough(operand, labels[i]!, context))));
      if (operand.fault) faults.push(operand.fault.message);
      for (const sentence of operand.session ? leftOut(operand.session, 'compare') : [])
        process.stderr.write(`${printableText(sentence)}\n`);
      const other = kernelTaken && operand.session ? otherKernel(operand.session) : undefined;
      if (other !== undefined) process.stderr.write(`${printableText(other)}\n`);
      kernelTaken = false;
    } finally {
      operand.close();
    }
  }
  if (o.truth === true && !words.some(isTruth)) operands.push('truth');
  const several = operands.filter((operand) => typeof operand === 'string').length > 1;
  const counts = samplesGiven(o.samples, operands);
  const read = operands.map((operand) => (typeof operand === 'string' ? operand : counts(operand)));
  if (by === 'symbol') sameNames(read);
  return Promise.all(
    read.map(async (operand) => {
      if (typeof operand !== 'string') return operand;
      const profiles = await truthOf(operand, made, read, o, by);
      return several ? profiles.map((profile) => ({ ...profile, label: operand })) : profiles;
    }),
  );
}

/**
 * A table of files (perf report --sort dso) and one of functions have no row in common, whatever they were made from.
 */
function sameNames(operands: readonly (readonly Profile[] | string)[]): void {
  const knows = (profile: Profile): boolean =>
    [...profile.weights.keys()].map(parseProfileKey).some(({ symbol }) => symbol !== '' && symbol !== NOT_SHOWN);
  const profiles = operands.flatMap((operand) => (typeof operand === 'string' ? [] : operand));
  const without = profiles.find((profile) => !knows(profile));
  if (without !== undefined && (profiles.some(knows) || operands.some((operand) => typeof operand === 'string')))
    throw new UsageError(`${without.label} names no functions: compare by file (--by dso)`, optionUsage(COMPARE, 'by'));
}

const STDIN = '-';

/** With several files, the error says which one is at fault. */
async function naming<T>(word: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await withFileErrors(work);
  } catch (error) {
    if (!(error instanceof InputError) || (word !== STDIN && error.message.includes(word))) throw error;
    throw new InputError(`${word === STDIN ? 'standard input' : word}: ${error.message}`, error.exitCode);
  }
}

/** Opens a file; a name without a file may have been meant as a workload. */
function opened(word: string, options: OperandOptions): Operand {
  try {
    return openOperand(word, options);
  } catch (error) {
    if (error instanceof PerfDataIoError && error.code === 'ENOENT')
      throw new InputError(`${error.message}  (to run a workload, name designs: --vpmu host,v2)`);
    throw error;
  }
}

const isTruth = (word: string): boolean => word === 'truth' || word.startsWith('truth:');

/** Base names, or whole paths where base names are not unique. */
function labelsOf(words: readonly string[]): string[] {
  const short = words.map((word) => basename(word));
  return words.map((word, i) => (short.filter((name) => name === short[i]).length > 1 ? word : short[i]!));
}

/** Profiles with one label are of several events; another label starts another operand. */
function byLabel(profiles: readonly Profile[]): Profile[][] {
  const labels = new Map<string, Profile[]>();
  for (const profile of profiles) labels.set(profile.label, [...(labels.get(profile.label) ?? []), profile]);
  return [...labels.values()];
}

async function readThrough(operand: Operand, label: string, context: CommandContext): Promise<Profile[]> {
  const bar = await progress(context.terminal, `reading ${label}`);
  try {
    const reading = operand.read();
    for (;;) {
      const { done, value } = reading.next();
      if (done) return value;
      bar.update(operand.size < Infinity ? value / operand.size : 0, `${(value / 2 ** 20).toFixed(0)} MB`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    if (error instanceof TextError) throw new InputError(error.message);
    throw error;
  } finally {
    bar.done();
  }
}

/** --samples, for the operands that do not know their own number, in order. */
function samplesGiven(
  text: string | undefined,
  operands: readonly (readonly Profile[] | string)[],
): (profiles: Profile[]) => Profile[] {
  if (text === undefined) return (profiles) => profiles;
  const numbers = text.split(',').map((word) => (/^[1-9]\d*$/.test(word) ? Number(word) : NaN));
  if (numbers.some(Number.isNaN)) throw new UsageError(`--samples ${text}: must be numbers above 0, joined by commas`);
  const needs = ({ sampling }: Profile): boolean => sampling === undefined;
  const printed = operands.filter((operand) => typeof operand !== 'string' && operand.some(needs)).length;
  if (numbers.length !== printed)
    throw new UsageError(
      `--samples ${text}: ${numbers.length} given, for ${printed} printed report${printed === 1 ? '' : 's'}`,
    );
  return (profiles) => {
    if (!profiles.some(needs)) return profiles;
    const samples = numbers.shift()!;
    return profiles.map(({ unit, ...profile }) => ({
      ...profile,
      samples,
      samplesAbbreviated: false,
      // Knowing their number does not make samples weigh alike.
      ...given({ unit: unit?.kind === 'weights' ? unit : undefined }),
    }));
  };
}

/** The exact profile that `word` asks for: of the recording's own execution, or of a workload. */
async function truthOf(
  word: string,
  made: Made | undefined,
  others: readonly (readonly Profile[] | string)[],
  o: CompareOptions,
  by: Granularity,
): Promise<Profile[]> {
  const options = { by, stacks: o['export-html'] !== undefined };
  const [name, ...args] = word.slice('truth:'.length).split(/\s+/).filter(Boolean);
  if (name !== undefined) {
    const spec = await machineOf(o, { vpmu: undefined });
    const named = others.flatMap((operand) => (typeof operand === 'string' ? [] : operand.map(({ event }) => event)));
    const events = o.event.length > 0 ? o.event : [...new Set(named.filter((event) => event !== ''))];
    const evlist = (): readonly Evsel[] => parseEventList(events.length > 0 ? events : ['cycles'], 'stat');
    return exact(spec, await blamingInput(async () => loadWorkload(name, args), [WorkloadError]), evlist, options);
  }
  if (made?.spec === undefined)
    throw new UsageError(
      made === undefined && !others.some((operand) => typeof operand !== 'string')
        ? `'truth' is of a recording of gperf's, and there is none; of a workload: 'truth:WORKLOAD'`
        : `there is no truth of what real perf recorded; of a workload: 'truth:WORKLOAD'`,
    );
  const { path, env, evlist } = made;
  const spec = await blamingInput(async () => {
    try {
      return await specFromText(made.spec!);
    } catch (error) {
      if (error instanceof SetUpError) throw new InputError(`${path} was ${error.message}`);
      throw error;
    }
  }, []);
  const [, command, ...words] = env.cmdline ?? [];
  if (command !== 'record') throw new InputError(`${path} does not say what was recorded`);
  return exact(spec, await recordedProgram(path, parseArgs(RECORD, words).rest), () => evlist, options);
}

/** The program a recording says it shows. No code runs just because a recording names it. */
async function recordedProgram(path: string, words: readonly string[]): Promise<Program> {
  const [name = '', ...args] = words;
  try {
    return await loadRecordedWorkload(name, args);
  } catch (error) {
    if (error instanceof WorkloadError) throw new InputError(`${path} is of '${words.join(' ')}': ${error.message}`);
    if (!(error instanceof ModuleRefused)) throw error;
    const operand = shellWord(['truth:', ...words].join(' ').replace(' ', ''));
    throw new InputError(
      `${path} is of '${words.join(' ')}', and ${error.message}. If you trust it, name it yourself: ${operand}`,
    );
  }
}

async function exact(
  spec: MachineSpec,
  program: Program,
  evlist: () => readonly Evsel[],
  options: GroundTruthOptions,
): Promise<Profile[]> {
  const workload = await blamingInput(() => prepareWorkload(program, spec, {}), [WorkloadError]);
  try {
    const events = evlist();
    const known = events.filter((evsel) => hasTruth(spec, evsel));
    return groundTruth(spec, workload, known.length > 0 ? known : events, options);
  } catch (error) {
    if (error instanceof EventSyntaxError) throw eventError(error, optionUsage(COMPARE, 'event'));
    if (error instanceof NoTruthError) throw new UsageError(error.message);
    throw error;
  }
}
