/** Ground truth as CSV, with the counts and shares of the text. */
import { type Profile, totalWeight } from '../../profile/profile.ts';
import { csvName } from '../shared/printable.ts';
import { truthRows } from './text.ts';

/** A line for each row; shares are fractions of 1. */
export function* truthCsv(profiles: readonly Profile[]): Generator<string> {
  yield 'event,comm,dso,symbol,count,share';
  for (const profile of profiles) {
    const total = totalWeight(profile);
    for (const { comm, dso, symbol, weight } of truthRows(profile))
      yield [...[profile.event, comm, dso, symbol].map(csvName), weight, total === 0 ? 0 : weight / total].join(',');
  }
}
