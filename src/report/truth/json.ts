/** Ground truth as JSON, with the counts and shares of the text. */
import { type Profile, totalWeight } from '../../profile/profile.ts';
import { TRUTH_COLUMNS, truthRows, type TruthRows } from './text.ts';

/** Everything, as JSON text; shares are fractions of 1. */
export function truthJson(profiles: readonly Profile[], workload: string, by: TruthRows): string {
  const events = profiles.map((profile) => {
    const total = totalWeight(profile);
    const rows = truthRows(profile).map((row) => {
      const place = TRUTH_COLUMNS[by].map(({ name, of }) => [name, row[of]] as const);
      return Object.fromEntries([...place, ['count', row.weight], ['share', total === 0 ? 0 : row.weight / total]]);
    });
    return { event: profile.event, count: total, origin: profile.origin, rows };
  });
  return `${JSON.stringify({ format: 'gperf truth', version: 1, workload, events }, undefined, 2)}\n`;
}
