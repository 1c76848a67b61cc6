/**
 * Building a Program in TypeScript: one function per kind of node, in the order one would write C.
 *
 *     import { func, loop, op, ops, program } from '@gperf/gperf/workload';
 *     export default program({
 *       name: 'hot', about: 'one hot loop',
 *       functions: [func('main', [loop(1e9, [op('load', { misses: { l1: 0.01 } }), ops(3, 'alu')])])],
 *     });
 *
 * A YAML file is parsed into calls of these functions, so both ways give the same image. Nothing is checked here:
 * compile (and parse, with positions) reports every fault at once.
 * Not modelled: see program.ts.
 */
import { MOST_INSTRUCTIONS } from './limits.ts';
import type {
  Act,
  Block,
  Branch,
  Call,
  Child,
  DsoSpec,
  Fault,
  FetchRates,
  FunctionSpec,
  Instruction,
  Jump,
  Loop,
  MissRates,
  Node,
  ObjectSpec,
  Op,
  Param,
  Program,
  Quantity,
  Seq,
  Start,
  Sync,
  Syscall,
} from './program.ts';
import { given } from '../given.ts';
export type * from './program.ts';

export type InstructionOptions = Omit<Instruction, 'op'>;
/** One instruction. */
export const op = (name: Op, options: InstructionOptions = {}): Block => ops(1, name, options);
/** `count` instructions of the same kind in a row. */
export function ops(count: number, name: Op, options: InstructionOptions = {}): Block {
  if (count > MOST_INSTRUCTIONS)
    throw new RangeError(
      `${count} ${name} instructions: a program has at most ${MOST_INSTRUCTIONS}; a loop repeats them`,
    );
  return {
    kind: 'block',
    instructions: Array.from({ length: count }, () => given<Instruction>({ op: name, ...options })),
  };
}
export const block = (...instructions: readonly Instruction[]): Block => ({ kind: 'block', instructions });
export const seq = (...body: readonly Node[]): Seq => ({ kind: 'seq', body });
export const loop = (times: Quantity, body: readonly Node[], options: Pick<Loop, 'mispredict' | 'cycles'> = {}): Loop =>
  given<Loop>({ kind: 'loop', times, body, ...options });
export const branch = (
  p: Branch['p'],
  then: readonly Node[],
  otherwise: readonly Node[] = [],
  options: Pick<Branch, 'mispredict' | 'cycles'> = {},
): Branch =>
  // oxlint-disable-next-line no-thenable -- an arm, not a promise
  given<Branch>({ kind: 'branch', p, then, else: otherwise, ...options });
export const call = (target: string, options: Pick<Call, 'weak' | 'cycles'> = {}): Call =>
  given<Call>({ kind: 'call', target, ...options });
export const jump = (target: string, options: Pick<Jump, 'cycles' | 'mispredict'> = {}): Jump =>
  given<Jump>({ kind: 'jump', target, ...options });
export const syscall = (name: string, args: Syscall['args'] = {}, options: Pick<Syscall, 'cycles'> = {}): Syscall =>
  given<Syscall>({ kind: 'syscall', name, args, ...options });
export const fault = (access: 'read' | 'write', options: Pick<Fault, 'cycles'> = {}): Fault =>
  given<Fault>({ kind: 'fault', write: access === 'write', ...options });

export const lock = (mutexName: string): Sync => ({ kind: 'sync', op: 'lock', object: mutexName });
export const unlock = (mutexName: string): Sync => ({ kind: 'sync', op: 'unlock', object: mutexName });
export const post = (semaphoreName: string): Sync => ({ kind: 'sync', op: 'post', object: semaphoreName });
export const take = (semaphoreName: string): Sync => ({ kind: 'sync', op: 'take', object: semaphoreName });
export const read = (pipeName: string, bytes: Quantity = 1): Sync => ({
  kind: 'sync',
  op: 'read',
  object: pipeName,
  bytes,
});
export const write = (pipeName: string, bytes: Quantity = 1): Sync => ({
  kind: 'sync',
  op: 'write',
  object: pipeName,
  bytes,
});
/** Starts `times` threads, each with a function: when that returns, the thread ends. They stay on `cpu`, if it is given. */
export const spawn = (target: string, times: Quantity = 1, cpu?: Quantity): Sync => ({
  kind: 'sync',
  op: 'spawn',
  target,
  times,
  ...(cpu !== undefined && { cpu }),
});
/** Waits until all threads that this one spawned have ended. */
export const join = (): Sync => ({ kind: 'sync', op: 'join' });
/** Forks `times` processes, each with a function: when that returns, the process exits. */
export const fork = (target: string, times: Quantity = 1): Sync => ({ kind: 'sync', op: 'fork', target, times });
/** Waits at a barrier; without one, until all processes that this one forked have ended. */
export const wait = (barrierName?: string): Sync =>
  barrierName === undefined ? { kind: 'sync', op: 'wait' } : { kind: 'sync', op: 'arrive', object: barrierName };
export const sleep = (ns: Quantity): Sync => ({ kind: 'sync', op: 'sleep', ns });
/** Ends the thread. */
export const exit = (): Sync => ({ kind: 'sync', op: 'exit' });
/** For libraries: see program.ts. */
export const act = (by: string, options: Pick<Act, 'cycles'> = {}): Act => given<Act>({ kind: 'act', by, ...options });
export const child = (...body: readonly Node[]): Child => ({ kind: 'child', body });
export const start = (): Start => ({ kind: 'start' });

export const mutex = (name: string): ObjectSpec => ({ kind: 'mutex', name });
export const barrier = (name: string, count: Quantity): ObjectSpec => ({ kind: 'barrier', name, count });
export const semaphore = (name: string, value: Quantity = 0): ObjectSpec => ({ kind: 'semaphore', name, value });
/** By default of the size that Linux gives a pipe. */
export const pipe = (name: string, capacity: Quantity = 65_536): ObjectSpec => ({ kind: 'pipe', name, capacity });

export interface FunctionOptions {
  readonly dso?: string | undefined;
  readonly symbol?: string | undefined;
  readonly fetch?: FetchRates | undefined;
  readonly drain?: number | undefined;
}
/** A function; without `dso` it belongs to the program's own. */
export const func = (name: string, body: readonly Node[], options: FunctionOptions = {}): FunctionSpec =>
  given<FunctionSpec>({ ...options, name, body, dso: options.dso ?? PROGRAM_DSO });

/** The key of the DSO that every program has. */
const PROGRAM_DSO = 'program';
/** Where Linux maps a position-independent executable when addresses are not randomised. */
const PROGRAM_BASE = 0x555555554000;

export interface ProgramOptions {
  readonly name: string;
  readonly about: string;
  readonly functions: readonly FunctionSpec[];
  /** Files of functions, such as `glibc` and `pthread`; added when gperf loads the module. */
  readonly include?: readonly string[];
  /** Default: that of an included file, or `main`. */
  readonly entry?: string;
  readonly params?: readonly Param[];
  readonly misses?: Readonly<Record<string, MissRates>>;
  readonly objects?: readonly ObjectSpec[];
  /** All DSOs but the program's own; that one is /usr/local/bin/NAME unless given here, too. */
  readonly dsos?: readonly DsoSpec[];
}
export function program(o: ProgramOptions): Program {
  const own = o.dsos?.some((d) => d.name === PROGRAM_DSO)
    ? []
    : [{ name: PROGRAM_DSO, path: `/usr/local/bin/${o.name}`, base: PROGRAM_BASE }];
  return {
    name: o.name,
    about: o.about,
    entry: o.entry ?? 'main',
    params: o.params ?? [],
    misses: o.misses ?? {},
    objects: o.objects ?? [],
    dsos: [...own, ...(o.dsos ?? [])],
    functions: o.functions,
    ...(o.include && { include: o.include }),
  };
}
