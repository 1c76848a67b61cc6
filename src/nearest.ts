/**
 * The word a person probably meant: Damerau-Levenshtein distance over a list of valid ones.
 * Swapped neighbours count as one error, since they are a common typing mistake.
 */

/** Longer words are not taken for typing errors. */
const LONGEST = 100;

/** Insertions, deletions, substitutions and swaps of neighbours between two words. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, before[j - 2]! + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/**
 * The valid word closest to `word`; undefined if none is close. Up to a third of the letters may differ, or `word` may
 * be an abbreviation. Case is ignored; of equally close words the first in the list wins.
 */
export function nearest(word: string, valid: Iterable<string>): string | undefined {
  const typed = word.toLowerCase();
  if (typed === '' || typed.length > LONGEST) return undefined;
  let found: string | undefined;
  let best = Math.max(1, Math.floor(typed.length / 3)) + 1;
  let extended: string | undefined;
  for (const candidate of valid) {
    const lower = candidate.toLowerCase();
    // The distance is at least the difference in length.
    if (Math.abs(lower.length - typed.length) < best) {
      const d = distance(typed, lower);
      if (d < best) [best, found] = [d, candidate];
    }
    if (typed.length >= 3 && lower.startsWith(typed)) extended ??= candidate;
  }
  return found ?? extended;
}
