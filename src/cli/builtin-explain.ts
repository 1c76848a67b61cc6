/**
 * gperf explain: the life of one PMI, rotation or context switch, of what one CPU sends another, what a VM-exit consists
 * of, what a kernel makes of long PMIs, what a host's first and last event cost, what the host's perf shows of a guest's
 * counters, and what sharing counters does to a guest.
 */
import { exitPartsOf } from '../experiment/exit-parts.ts';
import { LIVES, NoLifeError, lifeOf, throttleOf, type LifeKind } from '../experiment/explain.ts';
import { hooksView, sharingView } from '../experiment/host-events.ts';
import { MESSAGES, messageLife, type MessageKind } from '../experiment/message-life.ts';
import { designsWith, guestWithoutPmu, type MachineSpec } from '../experiment/setup.ts';
import { surchargeOf } from '../experiment/surcharge.ts';
import { switchReport } from '../experiment/switch-ledger.ts';
import { hooksLines, sharingLines } from '../report/explain/host-events.ts';
import { surchargeLines } from '../report/explain/surcharge.ts';
import { switchLines } from '../report/explain/switches.ts';
import { exitPartsLines, lifeLines, throttleLines } from '../report/explain/text.ts';
import { nearest } from '../nearest.ts';
import type { HooksView } from '../results/host-events.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { InputError, UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import { EXPLAIN } from './options/explain.ts';
import { printLines } from './recording.ts';
import { commandLine, machineOf, reproduceLine } from './simulation.ts';

/** Topics that are no lives: what prints each. */
const TABLES = { exit, throttle, reserve, moving, hooks, pinned } as const;
const TOPICS = [...LIVES, ...MESSAGES, 'exit', 'throttle', 'reserve', 'moving', 'hooks', 'pinned'] as const;

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
    await printLines(isTable(topic) ? await TABLES[topic](o) : await life(topic));
  } catch (error) {
    if (!(error instanceof NoLifeError)) throw error;
    throw new InputError(error.message);
  }
  return 0;

  async function life(kind: LifeKind | MessageKind): Promise<Iterable<string>> {
    refuseThrottle(o);
    const spec = await machineOf(o);
    if (kind !== 'ipi' && guestWithoutPmu(spec)) return [withoutPmu(kind)];
    const lines = lifeLines(
      isMessage(kind) ? await messageLife(await withTwoCpus(o, spec), kind) : lifeOf(spec, kind, o.verbose > 0),
    );
    if (o.verbose > 0) process.stderr.write(reproduceLine(commandLine('explain', typed, spec, context)));
    return lines;
  }
}

const isTable = (topic: (typeof TOPICS)[number]): topic is keyof typeof TABLES => Object.hasOwn(TABLES, topic);
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
  refuseVerbose(o);
  const set = [...o.set];
  if (o.hz !== undefined) set.push(`host.hz=${o.hz}`);
  if (o.kernel !== undefined) set.push(`host.kernel=${o.kernel}`);
  // The arithmetic depends on the kernel alone: the host of a bare machine serves as well as a guest.
  return throttleLines(throttleOf(await machineOf(o, { vpmu: 'host', set }), avg));
}

/** The letter's table (5) from threads that move between vCPUs. */
async function moving(o: Options): Promise<Iterable<string>> {
  refuseThrottle(o);
  refuseVerbose(o);
  const specs: MachineSpec[] = [];
  for (const vpmu of o.vpmu === undefined ? ['legacy', 'v2'] : [o.vpmu])
    specs.push(await machineOf(o, { vpmu, vcpus: Math.max(3, o.vcpus ?? 3) }));
  if (specs.some((spec) => spec.design === undefined || guestWithoutPmu(spec)))
    throw new UsageError('explain moving takes a guest with counters', optionUsage(EXPLAIN, 'vpmu'));
  return switchLines(await switchReport(specs));
}

/** What the host's first and last event cost. */
async function reserve(o: Options): Promise<Iterable<string>> {
  refuseThrottle(o);
  refuseVerbose(o);
  return surchargeLines(surchargeOf(await machineOf(o)));
}

const withoutPmu = (kind: Exclude<LifeKind | MessageKind, 'ipi'>): string =>
  `A guest without a PMU has no ${kind === 'pmi' ? 'PMI' : kind} to explain: CPUID shows it no counters, perf_event_open ` +
  'refuses hardware events with ENOENT, and perf record falls back to cpu-clock, an hrtimer.';

const isTopic = (word: string): word is (typeof TOPICS)[number] => TOPICS.some((topic) => topic === word);

/** What a VM-exit consists of. */
async function exit(o: Options): Promise<Iterable<string>> {
  refuseThrottle(o);
  refuseVerbose(o);
  return exitPartsLines(exitPartsOf(await machineOf(o)));
}

/** What the host's perf shows under each design, or under one. */
async function hooks(o: Options): Promise<Iterable<string>> {
  refuseThrottle(o);
  refuseVerbose(o);
  const asked = o.vpmu === undefined ? designsWith() : [o.vpmu];
  const views: HooksView[] = [];
  for (const vpmu of asked) {
    const view = await viewUnder(o, vpmu);
    views.push(view);
    if (!designsWith('hooks').includes(vpmu) || view.lacks !== undefined) continue;
    views.push(await viewUnder({ ...o, set: [...o.set, 'kvm.hooks=on'] }, vpmu));
  }
  return hooksLines(HOOKS_EVENT, views);
}

const HOOKS_EVENT = 'instructions:u';

async function viewUnder(o: Options, vpmu: string): Promise<HooksView> {
  let spec: MachineSpec;
  try {
    spec = await machineOf(o, { vpmu, vcpus: 1 });
  } catch (error) {
    // Of several designs, not every one fits every machine.
    if (o.vpmu !== undefined || !(error instanceof UsageError)) throw error;
    return { vpmu, lacks: error.message.replace(/^--vpmu \S+ on \S+ /, ''), phases: [] };
  }
  if (spec.design === undefined)
    throw new UsageError('explain hooks takes a guest, and --vpmu host has none', optionUsage(EXPLAIN, 'vpmu'));
  if (guestWithoutPmu(spec)) return { vpmu, lacks: 'a guest without a PMU', phases: [] };
  return hooksView(spec, HOOKS_EVENT);
}

/** Designs that can make their events flexible, with those pinned and flexible, beside perf stat -a if nobody else is there. */
async function pinned(o: Options): Promise<Iterable<string>> {
  refuseThrottle(o);
  refuseVerbose(o);
  const able = designsWith('flexible');
  const vpmu = o.vpmu ?? able[0]!;
  if (!able.includes(vpmu))
    throw new UsageError(
      `explain pinned takes --vpmu ${able.join(' or ')}, whose events can be flexible`,
      optionUsage(EXPLAIN, 'vpmu'),
    );
  const { values: v } = await machineOf(o, { vpmu, vcpus: 1 });
  const beside = v['host.perf'] === 'off' && !v['host.watchdog'] ? ['host.perf=stat'] : [];
  const views = await Promise.all(
    ['on', 'off'].map(async (word) => {
      const set = [...o.set, ...beside, `kvm.pinned=${word}`];
      const spec = await machineOf(o, { vpmu, vcpus: 1, set });
      if (guestWithoutPmu(spec)) throw new NoLifeError('a machine without counters has none to share');
      return sharingView(spec);
    }),
  );
  return sharingLines(views);
}

function refuseThrottle(o: Options): void {
  const stray = (['avg-ns', 'hz', 'kernel'] as const).find((name) => o[name] !== undefined);
  if (stray !== undefined)
    throw new UsageError(`--${stray} belongs to 'explain throttle'`, optionUsage(EXPLAIN, stray));
}

function refuseVerbose({ verbose }: Options): void {
  if (verbose === 0) return;
  throw new UsageError("--verbose belongs to 'explain pmi', 'rotation' and 'switch'", optionUsage(EXPLAIN, 'verbose'));
}
