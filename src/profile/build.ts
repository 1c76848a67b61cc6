/**
 * A recording made a Profile: every sample's period goes to the function it hit.
 *
 * Not modelled: call chains (a profile is flat), the CPU or thread of a sample beyond its comm.
 */
import type { Evsel } from '../uapi/evsel.ts';
import { PERF_RECORD } from '../uapi/perf-event.ts';
import type { SymbolSource } from './dso.ts';
import { type Profile, profileKey } from './profile.ts';
import { isSample, type Recording, replay } from './session.ts';

/** "0x" and the address of a place that no symbol covers. */
const nameless = (address: number): string => `0x${BigInt.asUintN(64, BigInt(address)).toString(16).padStart(16, '0')}`;

/** One profile for each event of the recording, in the order of its evlist; `label` names all of them. */
export function buildProfiles(recording: Recording, symbols: SymbolSource, label: string): Profile[] {
  const profiles = recording.evlist.map(({ name }: Evsel) => ({
    event: name,
    label,
    samples: 0,
    lost: 0,
    throttled: 0,
    weights: new Map<string, number>(),
  }));
  const [first] = profiles;
  for (const replayed of replay(recording, symbols)) {
    const { record, evsel, machine } = replayed;
    const profile = profiles[evsel];
    if (!profile) continue;
    if (isSample(replayed)) {
      const sample = replayed.record;
      const { comm, map, sym, addr } = machine.resolve(sample);
      const dso = map?.dso.shortName ?? '[unknown]';
      const key = profileKey({ comm, dso, symbol: sym?.name ?? nameless(addr) });
      profile.samples++;
      profile.weights.set(key, (profile.weights.get(key) ?? 0) + sample.period);
    } else if (record.type === PERF_RECORD.THROTTLE) profile.throttled++;
    else if (record.type === PERF_RECORD.LOST || record.type === PERF_RECORD.LOST_SAMPLES) first!.lost += record.lost;
  }
  return profiles;
}
