/**
 * Whom perf watches (-a, -C, -p, -t, --per-thread): which of them wins, and perf's words about it.
 *
 * Source: tools/perf/util/target.c (target__validate), tools/perf/builtin-stat.c, tools/perf/builtin-record.c, 6.1.
 */
import { nrCpus } from '../experiment/env.ts';
import type { MachineSpec } from '../experiment/setup.ts';
import { given } from '../given.ts';
import { printable } from '../report/shared/printable.ts';
import type { Attach, NoSuchProcess, Targets } from '../experiment/run.ts';
import { parseCpuList } from './cpu-list.ts';
import { EXIT, InputError, UsageError } from './errors.ts';

interface TargetOptions {
  readonly 'all-cpus': boolean | undefined;
  readonly cpu: string | undefined;
  readonly pid: string | undefined;
  readonly tid: string | undefined;
  readonly 'per-thread': boolean | undefined;
  readonly started: number | undefined;
}

/** How the command's options are named in messages, and what it exits with. */
interface Words {
  readonly usage: (...names: readonly string[]) => string;
  readonly code: number;
}

export interface Watched {
  readonly targets: Targets;
  /** For the attrs: undefined is a command that perf starts. */
  readonly kind: 'cpu' | 'pid' | 'tid' | undefined;
  /** What perf says about options that others override. */
  readonly warnings: readonly string[];
}

const NS_PER_MS = 1e6;
/** By default, how long before perf a workload was started to which it attaches, ms. */
const STARTED = 10;

export function watched(o: TargetOptions, spec: MachineSpec, { usage, code }: Words): Watched {
  const warnings: string[] = [];
  const list = o.pid ?? o.tid;
  const kind = o.pid === undefined ? 'tid' : 'pid';
  const attach = list === undefined ? undefined : ({ kind, ids: parseIds(list, usage(kind), code) } as const);
  if (attach !== undefined && o.cpu !== undefined) warnings.push('PID/TID switch overriding CPU');
  if (attach !== undefined && o['all-cpus'] === true) warnings.push('PID/TID switch overriding SYSTEM');
  const systemWide = attach === undefined && (o['all-cpus'] === true || o.cpu !== undefined);
  if (o.started !== undefined && attach === undefined && !systemWide)
    throw new UsageError('--started is for a workload that perf does not start: with -p, -t or -a\n', usage('started'));
  const cpus =
    systemWide && o.cpu !== undefined ? parseCpuList(o.cpu, nrCpus(spec), usage('cpu', 'all-cpus'), code) : undefined;
  const ms = o.started ?? (attach === undefined ? undefined : STARTED);
  const started = ms === undefined ? undefined : ms * NS_PER_MS;
  const targets = given({ systemWide: systemWide || undefined, cpus, attach, perThread: o['per-thread'], started });
  return { targets, kind: attach?.kind ?? (systemWide ? 'cpu' : undefined), warnings };
}

function parseIds(list: string, usage: string, code: number): Attach['ids'] {
  const ids = list.split(',').map((word) => (/^\d{1,10}$/.test(word) ? Number(word) : NaN));
  if (ids.some(Number.isNaN)) throw new UsageError(`'${list}' is not a list of ids like 1001,1002\n`, usage, code);
  return [...new Set(ids)];
}

/** What perf says when a process is not there, and who is: pids of a simulated machine are the same in every run. */
export function missing(error: NoSuchProcess, command: 'record' | 'stat', event: string, usage: string): Error {
  const { kind, living } = error;
  const there = living.map(({ id, comm }) => `${id} ${printable(comm)}`).join(', ');
  const hint = `Of -${kind === 'pid' ? 'p' : 't'} there are, when perf begins: ${there}.`;
  if (kind === 'tid')
    return new InputError(
      `Error:\nThe sys_perf_event_open() syscall returned with 3 (No such process) for event (${event}).\n${hint}`,
    );
  if (command === 'record') return new InputError(`Couldn't create thread/CPU maps: No such process\n${hint}`, NO_MAPS);
  return new UsageError(`Problems finding threads of monitor\n${hint}\n`, usage, EXIT.INVALID);
}

/** -ENOMEM, as perf record exits if it cannot make its maps. */
const NO_MAPS = 244;
