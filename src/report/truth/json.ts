/** Ground truth as JSON, with the counts and shares of the text. */
import { type Profile, totalWeight } from '../../profile/profile.ts';
import { truthRows } from './text.ts';

/** Everything, as JSON text; shares are fractions of 1. */
export function truthJson(profiles: readonly Profile[], workload: string): string {
  const events = profiles.map((profile) => {
    const total = totalWeight(profile);
    const rows = truthRows(profile).map(({ comm, dso, symbol, weight }) => ({
      comm,
      dso,
      symbol,
      count: weight,
      share: total === 0 ? 0 : weight / total,
    }));
    return { event: profile.event, count: total, origin: profile.origin, rows };
  });
  return `${JSON.stringify({ format: 'gperf truth', version: 1, workload, events }, undefined, 2)}\n`;
}
