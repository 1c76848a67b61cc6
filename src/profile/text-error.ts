/** A profile's text, printed or folded, that cannot be understood or compared. `message` is the whole sentence, place included. */
export class TextError extends Error {
  override readonly name = 'TextError';
}

/** Refuses what perf report printed: what is wrong with it there, and the options that print it as it is needed. */
export function refuseReport(path: string, line: number, what: string, options: string): never {
  throw new TextError(`${path}:${line} ${what}: print 'perf report --stdio ${options}'`);
}
