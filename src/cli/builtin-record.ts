/** gperf record: perf's messages around a simulated recording. */
import { fstatSync } from 'node:fs';
import { specRequest } from '../experiment/bench.ts';
import { recordWorkload, type Recorded } from '../experiment/record.ts';
import { parseOptions, sampleRateLimit, type MachineSpec } from '../experiment/setup.ts';
import { defaultCacheDir } from '../perfdata/buildid-cache.ts';
import { given } from '../given.ts';
import { openSink } from '../perfdata/sink.ts';
import { printable } from '../report/shared/printable.ts';
import { recordAttrs, recordDefaultEvents } from '../perf-events/evsel-config.ts';
import { groupAll, parseEventList } from '../perf-events/parse-events.ts';
import type { ParsedEvent } from '../perf-events/parsed-event.ts';
import { NoSuchProcess } from '../experiment/run.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { EXIT, InputError } from './errors.ts';
import { checkRate, withEventErrors } from './events.ts';
import { commandHelp, optionUsage } from './help.ts';
import { simulationFailure } from './open-failure.ts';
import { RECORD } from './options/record.ts';
import { helpersOf } from './runs.ts';
import {
  Watch,
  commandLine,
  machineOf,
  refuseUnmodelled,
  reproduceLine,
  withFileErrors,
  workloadOf,
} from './simulation.ts';
import { missing, watched, type Watched } from './targets.ts';
import { parseCallGraph, parseFreq, parseMmapPages, parseSize } from './values.ts';

const MIB = 2 ** 20;
const DEFAULT_OUTPUT = 'perf.data';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest, typed } = parseArgs(RECORD, argv, context.terminal.env);
  const say = (text: string): void => {
    if (o.quiet !== true) process.stderr.write(text);
  };
  const spec = await machineOf(o);
  const { targets, kind, warnings } = watchedBy(o, spec);
  for (const warning of warnings) say(`Warning:\n${warning}\n`);
  const evlist = events(o, spec, kind, say);
  refuseUnmodelled(evlist, spec);
  const workload = await workloadOf(rest, spec, commandHelp(RECORD));
  const pages =
    o['mmap-pages'] === undefined ? undefined : parseMmapPages(o['mmap-pages'], optionUsage(RECORD, 'mmap-pages'));
  if (pages?.note !== undefined) say(`${pages.note}\n`);
  const limit = o['max-size'];
  const maxSize = limit === undefined ? undefined : parseSize(limit, optionUsage(RECORD, 'max-size'));
  if (o['dry-run'] === true) return 0;

  const job = { evlist, ...targets, ...given({ mmapPages: pages?.pages, maxSize }) };
  const command = { spec: specRequest(spec), program: workload.program, command: 'record', job } as const;
  const helpers = await helpersOf(command, spec, workload, o.workers);
  const output = o.output ?? (fstatSync(1).isFIFO() ? '-' : DEFAULT_OUTPUT);
  const cmdline = commandLine('record', typed, spec, context);
  const sink = await withFileErrors(() => openSink(output));
  const watch = await Watch.start(context, 'record', () => sink.abort());
  let recorded: Recorded;
  try {
    recorded = await withFileErrors(async () =>
      recordWorkload(
        given({
          spec,
          workload,
          ...job,
          help: helpers?.start,
          cmdline,
          sink,
          cacheDir: context.buildIdDir ?? defaultCacheDir(context.terminal.env),
          noCache: o['no-buildid-cache'] === true || o['no-buildid'] === true,
          noBuildId: o['no-buildid'],
          buildIdAll: o['buildid-all'],
          timestampBoundary: o['timestamp-boundary'],
          breathe: watch.breathe,
          say: (text: string) => process.stderr.write(text),
        }),
      ),
    );
  } catch (error) {
    if (error instanceof NoSuchProcess) throw missing(error, 'record', evlist[0]!.name, '');
    throw simulationFailure(error, targets.systemWide, watch.exitCode);
  } finally {
    watch.stop();
    await helpers?.close();
  }
  say(closing(recorded, output, o['no-buildid'] !== true && o['buildid-all'] !== true));
  if (o.verbose > 0) {
    for (const { time, text } of recorded.kernelLog)
      say(`# kernel: [${(time / 1e9).toFixed(6).padStart(12)}] ${text}\n`);
    say(reproduceLine(cmdline));
  }
  for (const reason of recorded.symbolTrouble) say(`# symbols: ${printable(reason)}\n`);
  return watch.exitCode ?? recorded.status;
}

type Options = ReturnType<typeof parseArgs<typeof RECORD.options>>['options'];

/** Whom to watch: what watches CPUs follows no threads. */
function watchedBy(o: Options, spec: MachineSpec): Watched {
  const words = { usage: (...names: readonly string[]) => optionUsage(RECORD, ...names), code: EXIT.USAGE };
  const asked = watched(o, spec, words);
  if (asked.kind !== 'cpu' || o['per-thread'] !== true) return asked;
  const { perThread: _, ...targets } = asked.targets;
  return { ...asked, targets, warnings: [...asked.warnings, 'SYSTEM/CPU switch overriding PER-THREAD'] };
}

/** The attrs to open: -e with its modifiers, -F or -c, and what shapes them. */
function events(o: Options, spec: MachineSpec, kind: Watched['kind'], say: (text: string) => void): ParsedEvent[] {
  const parsed = withEventErrors(RECORD, () =>
    o.event.length === 0 ? recordDefaultEvents() : parseEventList(o.event, 'record', parseOptions(spec)),
  );
  checkRate(o);
  const callgraph =
    o['call-graph'] === undefined
      ? o.g === true
      : parseCallGraph(o['call-graph'], optionUsage(RECORD, 'call-graph')) === 'fp';
  return recordAttrs(
    o.group === true ? groupAll(parsed) : parsed,
    given({
      callgraph,
      target: kind,
      per_thread: o['per-thread'] === true && kind !== 'cpu',
      freq: o.freq === undefined ? undefined : frequency(o.freq, spec, o['strict-freq'] === true, say),
      period: o.count,
      inherit: o['no-inherit'] !== true,
      all_user: o['all-user'],
      all_kernel: o['all-kernel'],
      kernel_callchains: o['kernel-callchains'],
      user_callchains: o['user-callchains'],
      sample_cpu: o['sample-cpu'],
      sample_time: o.timestamp,
      sample_period: o.period,
      sample_identifier: o['sample-identifier'],
      no_samples: o['no-samples'],
      no_buffering: o['no-buffering'],
      running_time: o['running-time'],
      inherit_stat: o.stat,
      switch_events: o['switch-events'],
      bpf_event: o['no-bpf-event'] !== true,
    }),
  );
}

/** record_opts__config_freq(): -F against the kernel's limit. */
function frequency(text: string, spec: MachineSpec, strict: boolean, say: (text: string) => void): number {
  const limit = sampleRateLimit(spec);
  const grouped = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
  const freq = parseFreq(text);
  if (freq === 'max') {
    say(`info: Using a maximum frequency rate of ${grouped(limit)} Hz\n`);
    return limit;
  }
  if (freq <= limit) return freq;
  const raise = `       The limit can be raised via /proc/sys/kernel/perf_event_max_sample_rate.\n`;
  const lowered = `       The kernel will lower it when perf's interrupts take too long.\n`;
  if (strict)
    throw new InputError(
      `error: Maximum frequency rate (${grouped(limit)} Hz) exceeded.\n${raise}${lowered}`.trimEnd(),
      EXIT.INVALID,
    );
  say(
    `warning: Maximum frequency rate (${grouped(limit)} Hz) exceeded, throttling from ${grouped(freq)} Hz to ${grouped(limit)} Hz.\n` +
      `${raise.replace('  ', '    ')}${lowered.replace('  ', '    ')}` +
      `         Use --strict-freq to disable this throttling, refusing to record.\n`,
  );
  return limit;
}

/** perf's closing messages; it counts samples only if it scanned them for build ids. */
function closing({ waking, written, lost, samples }: Recorded, output: string, looked: boolean): string {
  const chunks =
    lost > 0 ? `Warning:\nProcessed ${samples} events and lost ${lost} chunks!\n\nCheck IO/CPU overload!\n\n` : '';
  const size = (written.dataEnd / MIB).toFixed(3);
  const counted = written.samples > 0 && output !== '-' && looked ? ` (${written.samples} samples)` : '';
  return (
    `[ perf record: Woken up ${waking} times to write data ]\n${chunks}` +
    `[ perf record: Captured and wrote ${size} MB ${output}${counted} ]\n`
  );
}
