import { expect } from 'chai';
import { buildProfiles } from '../../src/profile/build.ts';
import { parseProfileKey, profileKey, totalWeight } from '../../src/profile/profile.ts';
import { PERF_RECORD } from '../../src/uapi/perf-event.ts';
import { event, ms, PID, prologue, S, samples } from '../perfdata/recordings.ts';

describe('buildProfiles', () => {
  const evlist = ['cycles', 'instructions'].map((name, i) => event(name, i, S.IP | S.TID | S.TIME | S.PERIOD | S.ID));
  const side = { misc: 0, pid: PID, tid: PID, time: ms(9) };
  const [cycles, instructions] = buildProfiles(
    {
      evlist,
      env: {},
      buildIds: [],
      *records() {
        for (const record of prologue()) yield { record, evsel: evlist[0] };
        for (const record of samples(30)) yield { record, evsel: evlist[0] };
        for (const record of samples(10)) yield { record, evsel: evlist[1] };
        yield { record: { ...side, type: PERF_RECORD.THROTTLE }, evsel: evlist[1] };
        yield { record: { ...side, type: PERF_RECORD.LOST, lost: 5 }, evsel: evlist[0] };
      },
    },
    () => ({ origin: 'B', find: (at) => ({ name: at < 0 ? 'kernel' : 'user', start: at, end: at + 1 }) }),
    { label: 'here' },
  );

  it('weighs functions by period, one profile for each event', () => {
    expect([...cycles!.weights].map(([key, weight]) => [parseProfileKey(key), weight])).to.deep.equal([
      [{ comm: 'ftest', dso: 'ftest', symbol: 'user' }, 27 * 550_000],
      [{ comm: 'ftest', dso: '[kernel.kallsyms]', symbol: 'kernel' }, 3 * 550_000],
    ]);
    expect(totalWeight(instructions!)).to.equal(10 * 550_000);
  });

  it('counts samples, losses and throttling', () => {
    const { event: name, label, samples: taken, lost, throttled } = cycles!;
    expect({ name, label, taken, lost, throttled }).to.deep.equal({
      name: 'cycles',
      label: 'here',
      taken: 30,
      lost: 5,
      throttled: 0,
    });
    expect([instructions!.samples, instructions!.throttled]).to.deep.equal([10, 1]);
  });

  it('keys survive a round trip', () => {
    const key = { comm: 'a b', dso: '[x]', symbol: 'f(int, char)' };
    expect(parseProfileKey(profileKey(key))).to.deep.equal(key);
  });
});
