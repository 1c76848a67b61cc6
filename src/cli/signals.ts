/** Signals that end a command early, and their exit codes in a shell. */

/** Their numbers. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
export type Signal = keyof typeof SIGNALS;

/** Exit statuses above this are deaths by signal. */
export const SIGNALLED = 128;

/** The exit code after a signal, as a shell reports it. */
export const exitCodeOf = (signal: Signal): number => SIGNALLED + SIGNALS[signal];

/** Calls `heard` on every signal until the returned function is called. */
export function hearSignals(heard: (signal: Signal) => void): () => void {
  for (const signal of Object.keys(SIGNALS)) process.on(signal, heard);
  return () => {
    for (const signal of Object.keys(SIGNALS)) process.off(signal, heard);
  };
}
