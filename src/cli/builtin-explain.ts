/**
 * gperf explain: the life of one PMI, rotation or context switch, of what one CPU sends another, and what a kernel makes of
 * long PMIs.
 */
import { LIVES, NoLifeError, lifeOf, throttleOf, type LifeKind } from '../experiment/explain.ts';
import { MESSAGES, messageLife, type MessageKind } from '../experiment/message-life.ts';
import { guestWithoutPmu, type MachineSpec } from '../experiment/setup.ts';
import { lifeLines, throttleLines } from '../report/explain/text.ts';
import { nearest } from '../nearest.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { InputError, UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import { EXPLAIN } from './options/explain.ts';
import { printLines } from './recording.ts';
import { commandLine, machineOf, reproduceLine } from './simulation.ts';

const TOPICS = [...LIVES, ...MESSAGES, 'throttle'] as const;

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest, typed } = parseArgs(EXPLAIN, argv, context.terminal.env);
  const [topic, ...more] = rest;
  const usage = optionUsage(EXPLAIN);
  if (topic === undefined) throw new UsageError(`explain what? ${TOPICS.join(', ')}`, usage);
  if (!isTopic(topic)) {
    const near = nearest(topic, TOPICS);
    const hint = near === undefined ? `there is ${TOPICS.join(', ')}` : `did you mean ${near}?`;
    throw new UsageError(`cannot explain '${topic}' (${hint})`, usage);
  }
  if (more.length > 0) throw new UsageError(`explain ${topic} takes no '${more[0]!}'`, usage);
  try {
    await printLines(topic === 'throttle' ? await throttle(o) : await life(topic));
  } catch (error) {
    if (!(error instanceof NoLifeError)) throw error;
    throw new InputError(error.message);
  }
  return 0;

  async function life(kind: LifeKind | MessageKind): Promise<Iterable<string>> {
    const stray = (['avg-ns', 'hz', 'kernel'] as const).find((name) => o[name] !== undefined);
    if (stray !== undefined)
      throw new UsageError(`--${stray} belongs to 'explain throttle'`, optionUsage(EXPLAIN, stray));
    const spec = await machineOf(o);
    if (kind !== 'ipi' && guestWithoutPmu(spec)) return [withoutPmu(kind)];
    const lines = lifeLines(
      isMessage(kind) ? await messageLife(await withTwoCpus(o, spec), kind) : lifeOf(spec, kind, o.verbose > 0),
    );
    if (o.verbose > 0) process.stderr.write(reproduceLine(commandLine('explain', typed, spec, context)));
    return lines;
  }
}

const isMessage = (kind: LifeKind | MessageKind): kind is MessageKind => (MESSAGES as readonly string[]).includes(kind);

/** Messages take two CPUs, unless more were asked for. */
async function withTwoCpus(o: Options, spec: MachineSpec): Promise<MachineSpec> {
  const key = spec.design === undefined ? 'host.cores' : 'guest.vcpus';
  return spec.values[key] > 1 ? spec : machineOf(o, { vcpus: 2 });
}

type Options = ReturnType<typeof parseArgs<(typeof EXPLAIN)['options']>>['options'];

async function throttle(o: Options): Promise<Iterable<string>> {
  const avg = o['avg-ns'];
  if (avg === undefined || avg === 0)
    throw new UsageError(
      'explain throttle needs --avg-ns, the average length of a PMI in ns',
      optionUsage(EXPLAIN, 'avg-ns'),
    );
  if (o.verbose > 0)
    throw new UsageError(
      "--verbose belongs to 'explain pmi', 'rotation' and 'switch'",
      optionUsage(EXPLAIN, 'verbose'),
    );
  const set = [...o.set];
  if (o.hz !== undefined) set.push(`host.hz=${o.hz}`);
  if (o.kernel !== undefined) set.push(`host.kernel=${o.kernel}`);
  // The arithmetic depends on the kernel alone: the host of a bare machine serves as well as a guest.
  return throttleLines(throttleOf(await machineOf(o, { vpmu: 'host', set }), avg));
}

const withoutPmu = (kind: Exclude<LifeKind | MessageKind, 'ipi'>): string =>
  `A guest without a PMU has no ${kind === 'pmi' ? 'PMI' : kind} to explain: CPUID shows it no counters, perf_event_open ` +
  'refuses hardware events with ENOENT, and perf record falls back to cpu-clock, an hrtimer.';

const isTopic = (word: string): word is (typeof TOPICS)[number] => TOPICS.some((topic) => topic === word);
