/**
 * How large a workload may be. Every number of a file has a ceiling, so that a slip of a finger is a sentence and not a
 * machine without memory; the figures are far beyond what the shipped workloads need.
 */

/** Instructions of the text of a program: each has bytes and an address of its own. A loop repeats without adding any. */
export const MOST_INSTRUCTIONS = 50_000;
/** Items within items in a body; and levels of loops, branches and calls around an instruction, through all functions. */
export const MOST_NESTED = 100;
export const MOST_LEVELS = 500;
/** DSOs, parameters, included files. */
export const MOST_DSOS = 1000;
export const MOST_PARAMS = 100;
export const MOST_INCLUDED = 100;
/** Characters of an expression and of a path (PATH_MAX less its end); of a name in a symbol table. */
export const MOST_CHARACTERS = 1000;
export const MOST_PATH = 4095;
/** Cycles, or events, of one execution of an instruction. */
export const MOST_AT_ONCE = 2 ** 32;
/** Period of a branch: it is kept in 31 bits. */
export const MOST_PERIOD = 2 ** 31 - 1;
/** Where the last DSO may begin: user addresses end at 2^47, and no text is that long. */
export const MOST_ADDRESS = 2 ** 47 - 2 ** 26;
/** Iterations of a loop. */
export const MOST_ITERATIONS = 2 ** 47;
/** Up to here a double counts exactly. */
export const MOST_COUNTED = 2 ** 53;
/** Nanoseconds of a sleep (KTIME_MAX). */
export const MOST_NANOSECONDS = 2 ** 63;
/** Faults of a workload that are told one by one. */
export const MOST_TOLD = 20;
