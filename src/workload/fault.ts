/**
 * What is wrong with a workload: every fault at once, each with its place, the line it is on and the likely remedy.
 *
 * The machine below never sees a faulty program: parse and compile throw one WorkloadError that lists them all.
 */
import { nearest } from '../nearest.ts';

export interface WorkloadFault {
  /** File, or the name of a program that was built in code. */
  readonly file: string;
  /** 1-based; absent where a program came without positions. */
  readonly line?: number;
  readonly column?: number;
  readonly message: string;
  /** The source line with a caret under the fault. */
  readonly frame?: string;
}

export class WorkloadError extends Error {
  override readonly name = 'WorkloadError';
  readonly faults: readonly WorkloadFault[];
  constructor(faults: readonly WorkloadFault[]) {
    super(faults.map(faultText).join('\n'));
    this.faults = faults;
  }
}

/** `file:line:column: message`, then the code frame if there is one. */
export function faultText(f: WorkloadFault): string {
  const place = f.line === undefined ? f.file : `${f.file}:${f.line}:${f.column ?? 1}`;
  return `${place}: ${f.message}${f.frame ? `\n${f.frame}` : ''}`;
}

/** ` (did you mean "x"?)`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const c = nearest(word, candidates);
  return c === undefined ? '' : ` (did you mean "${c}"?)`;
}
