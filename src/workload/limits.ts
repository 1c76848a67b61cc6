/**
 * How large a workload may be. Every number in a file has a limit, so that a typing mistake gives an error message
 * instead of exhausting memory. The limits are far above what the built-in workloads need.
 */

/** Instructions in a program's text. Repetition by a loop adds none. */
export const MOST_INSTRUCTIONS = 50_000;
/** Nesting of items in a body, and of loops, branches and calls around an instruction through all functions. */
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
/** Greatest count: up to here a double is exact. */
export const MOST_COUNTED = 2 ** 53;
/** Nanoseconds of a sleep (KTIME_MAX). */
export const MOST_NANOSECONDS = 2 ** 63;
/** Objects that threads wait for each other by. */
export const MOST_OBJECTS = 1000;
/** Threads and processes that a program makes, on average (PID_MAX_DEFAULT). */
export const MOST_THREADS = 32_768;
/** Greatest number of a CPU. */
export const MOST_CPU = 8191;
/** Value of a semaphore (SEM_VALUE_MAX), threads at a barrier, bytes in a pipe. */
export const MOST_VALUE = 2 ** 31 - 1;
/** Faults that are reported one by one. */
export const MOST_TOLD = 20;
