/** Profiles that a test makes up. */
import { profileKey, type Profile } from '../../src/profile/profile.ts';

/** Weights by "file function", of a command x. */
export const madeUpProfile = (
  label: string,
  rows: Readonly<Record<string, number>>,
  samples: number | undefined,
): Profile => ({
  event: 'cycles',
  label,
  samples,
  lost: 0,
  throttled: 0,
  weights: new Map(
    Object.entries(rows).map(([name, weight]) => {
      const [dso = '', symbol = ''] = name.split(' ');
      return [profileKey({ comm: 'x', dso, symbol }), weight];
    }),
  ),
});
