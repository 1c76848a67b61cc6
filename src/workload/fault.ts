/**
 * What is wrong with a workload: every fault at once, each with its place, the line it is on and the likely remedy.
 *
 * The machine below never sees a faulty program: parse and compile throw one WorkloadError that lists them all.
 */
import { nearest } from '../nearest.ts';
import { MOST_TOLD } from './limits.ts';

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
    const told = faults.slice(0, MOST_TOLD).map(faultText);
    if (faults.length > told.length) told.push(`... and ${faults.length - told.length} more`);
    super(told.join('\n'));
    this.faults = faults;
  }
}

/** Orders by place. */
export const byPlace = (a: WorkloadFault, b: WorkloadFault): number =>
  (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
  (a.line ?? 0) - (b.line ?? 0) ||
  (a.column ?? 0) - (b.column ?? 0);

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
