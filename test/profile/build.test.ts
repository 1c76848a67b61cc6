import { expect } from 'chai';
import { buildProfiles } from '../../src/profile/build.ts';
import { parseProfileKey, profileKey, totalWeight } from '../../src/profile/profile.ts';
import { PERF_RECORD } from '../../src/uapi/perf-event.ts';
import { nanos } from '../../src/units.ts';
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

  for (const [how, told] of [
    ['records tell the CPU', true],
    ['only samples do', false],
  ] as const)
    it(`knows what is stopped on each CPU: ${how}`, () => {
      const one = event('cycles', 0, S.IP | S.TID | S.TIME | S.PERIOD | S.ID | S.CPU);
      const both = [{ ...one, attr: { ...one.attr, sample_id_all: told } }];
      const samplesOf = [...samples(2)];
      const at = (time: number, cpu: number) => ({
        time: nanos(time),
        id: 10 + cpu,
        stream_id: 10 + cpu,
        ...(told && { cpu }),
      });
      const [profile] = buildProfiles(
        {
          evlist: both,
          env: {},
          buildIds: [],
          *records() {
            for (const record of prologue()) yield { record, evsel: both[0] };
            for (const cpu of [0, 1])
              yield { record: { ...samplesOf[cpu]!, ...at(1 + cpu, cpu), cpu }, evsel: both[0] };
            for (const [time, cpu, type] of [
              [10, 0, PERF_RECORD.THROTTLE],
              [12, 1, PERF_RECORD.THROTTLE],
              [20, 0, PERF_RECORD.UNTHROTTLE],
              [100, 1, PERF_RECORD.UNTHROTTLE],
            ] as const)
              yield { record: { misc: 0, pid: PID, tid: PID, type, ...at(time, cpu) }, evsel: both[0] };
          },
        },
        () => ({ origin: 'B', find: (from) => ({ name: 'f', start: from, end: from + 1 }) }),
        { label: 'here' },
      );
      // 10 on one, 88 on the other.
      expect(profile!.sampling!.stopped).to.equal(49);
      expect(profile!.throttled).to.equal(2);
      // Neither sample has another of its CPU in the tick before it was stopped.
      expect(profile!.sampling!.clustering).to.include({ bursts: 2, size: 1 });
    });
});
