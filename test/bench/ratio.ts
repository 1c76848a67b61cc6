/** Ratios of times that were measured in turns. */
import { studentTwoSided } from '../../src/stats/special.ts';

export const average = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** The geometric mean of the ratios, and its 95 % interval. */
export function ratioOf(
  above: readonly number[],
  below: readonly number[],
): [ratio: number, low: number, high: number] {
  const logs = above.map((x, round) => Math.log(x / below[round]!));
  const mean = average(logs);
  const error = Math.sqrt(average(logs.map((x) => (x - mean) ** 2)) / (logs.length - 1));
  const t = student(logs.length - 1);
  return [Math.exp(mean), Math.exp(mean - t * error), Math.exp(mean + t * error)];
}

/** x with P(|t| > x) = 5 %. */
function student(df: number): number {
  let [low, high] = [0, 100];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (studentTwoSided(middle, df) > 0.05) low = middle;
    else high = middle;
  }
  return high;
}
