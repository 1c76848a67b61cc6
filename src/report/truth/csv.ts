/** Ground truth as CSV, with the counts and shares of the text. */
import { type Profile, totalWeight } from '../../profile/profile.ts';
import { csvName } from '../shared/printable.ts';
import { TRUTH_COLUMNS, truthRows, type TruthRows } from './text.ts';

/** A line for each row; shares are fractions of 1. */
export function* truthCsv(profiles: readonly Profile[], by: TruthRows): Generator<string> {
  const columns = TRUTH_COLUMNS[by];
  yield ['event', ...columns.map(({ name }) => name), 'count', 'share'].join(',');
  for (const profile of profiles) {
    const total = totalWeight(profile);
    for (const row of truthRows(profile)) {
      const names = [profile.event, ...columns.map(({ of }) => row[of])].map(csvName);
      yield [...names, row.weight, total === 0 ? 0 : row.weight / total].join(',');
    }
  }
}
