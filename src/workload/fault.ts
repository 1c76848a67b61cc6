/**
 * What is wrong with a workload: every fault at once, each with its place, the line it is on and the likely remedy.
 *
 * The machine below never sees a faulty program: parse and compile throw one WorkloadError that lists them all.
 */
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

/** The candidate nearest to a misspelt word, if one is near: at most a third of its letters (and at least one) differ. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 0.5;
  for (const c of candidates) {
    const d = distance(word.toLowerCase(), c.toLowerCase());
    if (d < least) {
      least = d;
      best = c;
    }
  }
  return best;
}

/** ` (did you mean "x"?)`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const c = nearest(word, candidates);
  return c === undefined ? '' : ` (did you mean "${c}"?)`;
}

/** Damerau-Levenshtein distance (adjacent letters may swap once). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let d = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, before[j - 2]! + 1);
      row.push(d);
    }
    before = above;
    above = row;
  }
  return above[b.length]!;
}
