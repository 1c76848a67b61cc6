/**
 * A program as data, before it has addresses: the result of a YAML file or of the builder.
 *
 * A program is a set of functions in DSOs; a function is a sequence of instructions, loops, branches, calls and traps.
 * Directions of branches, misses and mispredictions are given as probabilities. Control flow adds the instructions that
 * a compiler would emit (jumps, compares, calls, returns; see function-writer.ts).
 *
 * Quantities may be `${...}` expressions over the program's parameters; they are evaluated when it is compiled.
 * Not modelled: data flow (a branch does not know what was loaded), recursion, indirect calls but that of a thread's own
 * function.
 */
import type { EventName } from '../arch/events.ts';

/** Ops a program can name. */
export const OPS = [
  'nop',
  'alu',
  'mov',
  'lea',
  'cmp',
  'mul',
  'div',
  'sqrt',
  'fadd',
  'load',
  'store',
  'push',
  'pop',
  'leave',
  'atomic',
  'pause',
] as const;
export type Op = (typeof OPS)[number];

/** A number, or a text with `${expression}` parts that becomes one once the parameters are known. */
export type Quantity = number | string;

/** Extra events of an instruction, by column. */
export type Events = Readonly<Partial<Record<EventName, number>>>;

/** How often a data access misses. Absent rates are 0. */
export interface MissRates {
  /** Of accesses, the share that misses L1. */
  readonly l1?: number;
  /** Of L1 misses, the share that misses L2. */
  readonly l2?: number;
  /** Of L2 misses, the share that misses the last-level cache. */
  readonly llc?: number;
  /** Of accesses, the share whose translation needs a page walk. */
  readonly tlb?: number;
}

/** How often entering a function misses on the instruction side. Absent rates are 0. */
export interface FetchRates extends MissRates {
  /** Of entries, the share that misses the first-level iTLB but hits the second. */
  readonly stlb?: number;
}

/** Something that happens on a share of an instruction's executions, independently each time. */
export interface Site {
  readonly p: number;
  readonly events: Events;
}

export interface Instruction {
  readonly op: Op;
  /** Cycles each execution takes when nothing misses: a multiple of 1/64. Default: the op's. */
  readonly cycles?: number;
  /** Miss rates of a load or store: a profile of the program's `misses`, or rates. */
  readonly misses?: string | MissRates;
  readonly events?: Events;
  readonly sites?: readonly Site[];
}

export interface Block {
  readonly kind: 'block';
  readonly instructions: readonly Instruction[];
}
export interface Seq {
  readonly kind: 'seq';
  readonly body: readonly Node[];
}
/** A counted loop, tested at the top. */
export interface Loop {
  readonly kind: 'loop';
  readonly times: Quantity;
  readonly body: readonly Node[];
  /** Share of loop exits that are mispredicted. */
  readonly mispredict?: number;
  /** Cycles of the closing jump. */
  readonly cycles?: number;
}
/** An if: runs `then` with probability p (or on exactly every N-th execution in its context), else `else`. */
export interface Branch {
  readonly kind: 'branch';
  readonly p: number | { readonly every: number };
  readonly then: readonly Node[];
  readonly else: readonly Node[];
  readonly mispredict?: number;
  /** Cycles of the conditional jump. */
  readonly cycles?: number;
}
export interface Call {
  readonly kind: 'call';
  readonly target: string;
  /** Nothing at all if no file defines the function, as for a weak reference. */
  readonly weak?: boolean;
  readonly cycles?: number;
}
/** A tail jump: the function continues in another and never comes back. Ends its function. */
export interface Jump {
  readonly kind: 'jump';
  readonly target: string;
  readonly cycles?: number;
  readonly mispredict?: number;
}
/** A system call. `exit_group` ends the program; `mmap` with an argument `dso` maps the DSO of that key. */
export interface Syscall {
  readonly kind: 'syscall';
  readonly name: string;
  readonly args: Readonly<Record<string, Quantity>>;
  readonly cycles?: number;
}
/** A memory access that page-faults. */
export interface Fault {
  readonly kind: 'fault';
  readonly write: boolean;
  readonly cycles?: number;
}
/**
 * What a thread does that concerns others: a call of the C library's function for it (FUNCTIONS), which executes an
 * `act`, where the trap is. See arch/sync.ts for what each means.
 */
export type Sync = { readonly kind: 'sync' } & (
  | { readonly op: 'lock' | 'unlock' | 'arrive' | 'post' | 'take'; readonly object: string }
  | { readonly op: 'read' | 'write'; readonly object: string; readonly bytes: Quantity }
  | {
      readonly op: 'spawn' | 'fork';
      readonly target: string;
      readonly times: Quantity;
      /** The CPU on which they stay; undefined: any. */
      readonly cpu?: Quantity | undefined;
    }
  | { readonly op: 'sleep'; readonly ns: Quantity }
  | { readonly op: 'join' | 'wait' | 'exit' }
);
/**
 * Where the act of the calling Sync node happens: at a locked instruction that decides without the kernel, or at the
 * system call of that name.
 */
export interface Act {
  readonly kind: 'act';
  readonly by: string;
  readonly cycles?: number;
}
/** After the system call that makes a thread or process: what the child goes on with, instead of what follows. */
export interface Child {
  readonly kind: 'child';
  readonly body: readonly Node[];
}
/** In a child: the call of the function that the thread or process was made for. */
export interface Start {
  readonly kind: 'start';
}
export type Node = Block | Seq | Loop | Branch | Call | Jump | Syscall | Fault | Sync | Act | Child | Start;

/** Nodes that a word is enough for, besides instructions. */
export const WORDS = ['join', 'wait', 'exit', 'start'] as const;

/** The C library's function that each kind of Sync node calls. */
export const FUNCTIONS: Readonly<Record<Sync['op'], string>> = {
  lock: 'pthread_mutex_lock',
  unlock: 'pthread_mutex_unlock',
  arrive: 'pthread_barrier_wait',
  post: 'sem_post',
  take: 'sem_wait',
  read: 'read',
  write: 'write',
  spawn: 'pthread_create',
  join: 'pthread_join',
  exit: 'pthread_exit',
  fork: 'fork',
  wait: 'wait',
  sleep: 'nanosleep',
};

/** What threads wait for each other by (arch/sync.ts), with quantities. */
export type ObjectSpec = { readonly name: string } & (
  | { readonly kind: 'mutex' }
  | { readonly kind: 'barrier'; readonly count: Quantity }
  | { readonly kind: 'semaphore'; readonly value: Quantity }
  | { readonly kind: 'pipe'; readonly capacity: Quantity }
);

export interface FunctionSpec {
  readonly name: string;
  /** The name in the symbol table, if several DSOs have a function of that name; default: `name`. */
  readonly symbol?: string;
  /** A key of the program's `dsos`. */
  readonly dso: string;
  readonly body: readonly Node[];
  /** Instruction-side misses on entry. */
  readonly fetch?: FetchRates;
  /** Probability that an interrupt due in it waits until execution leaves it (arch/cpu.ts: Drain). */
  readonly drain?: number;
}

export interface DsoSpec {
  readonly name: string;
  /** Path in the simulated system; may contain `${libc}`. */
  readonly path: string;
  /** Address of offset 0: a multiple of the page size. */
  readonly base: number;
}

export interface Param {
  readonly name: string;
  readonly about: string;
  readonly default: number | string;
}

export interface Program {
  /** The command's name: what comm shows. */
  readonly name: string;
  readonly about: string;
  /** The function that runs first. exec also maps its DSO, as for a dynamic loader. */
  readonly entry: string;
  /**
   * Positional arguments, in order. Expressions also know `libc`, the machine's libc version, and `hz`, its core clock.
   */
  readonly params: readonly Param[];
  readonly misses: Readonly<Record<string, MissRates>>;
  readonly objects: readonly ObjectSpec[];
  /** In order of mapping; the first is the program itself. */
  readonly dsos: readonly DsoSpec[];
  readonly functions: readonly FunctionSpec[];
  /** Files whose functions, DSOs and profiles are yet to be added (parse.ts: linked); absent once they are. */
  readonly include?: readonly string[];
}

/** What expressions know about the machine, with defaults. */
const MACHINE = { libc: '2.17', hz: 2.8e9 };

/** Default values of all parameters. */
export const scopeOf = (program: Program): Readonly<Record<string, number | string>> => ({
  ...MACHINE,
  ...Object.fromEntries(program.params.map((p) => [p.name, p.default])),
});

/** System calls that never return: they end the program, or the thread. */
export const EXITS: ReadonlySet<string> = new Set(['exit_group', 'exit']);
