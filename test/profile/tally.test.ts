import { expect } from 'chai';
import fc from 'fast-check';
import { Tally } from '../../src/profile/tally.ts';
import { nanos } from '../../src/units.ts';
import { burstLabels, designEffect } from '../stats/samples.ts';

describe('Tally', () => {
  it('needs no samples to say what bursts take from the evidence', () => {
    const sample = fc.record({ symbol: fc.nat(3), weight: fc.integer({ min: 1, max: 9 }), started: fc.boolean() });
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 60 }), (samples) => {
        const tally = new Tally(4000, undefined);
        for (const [time, { symbol, weight, started }] of samples.entries()) {
          if (started) tally.unthrottle(nanos(time), 0);
          tally.add(tally.row(String(symbol)), weight, nanos(time), 0, symbol);
        }
        const kept = designEffect({
          symbols: ['0', '1', '2', '3'],
          symbol: samples.map(({ symbol }) => symbol),
          weight: samples.map(({ weight }) => weight),
          burst: burstLabels(
            samples.map((_, time) => time),
            samples.flatMap(({ started }, time) => (started ? [time] : [])),
          ),
        });
        const summed = tally.sampling().clustering;
        for (const key of Object.keys(kept) as (keyof typeof kept)[])
          if (Number.isFinite(kept[key])) expect(summed[key], key).to.be.closeTo(kept[key], 1e-9);
      }),
    );
  });

  it('counts the time that throttling takes, and where in a tick samples fall', () => {
    const tally = new Tally(undefined, nanos(16));
    const row = tally.row('f');
    for (const time of [0, 1, 17, 33]) tally.add(row, 100, nanos(time), 0, time === 0 ? 1 : 2);
    tally.throttle(nanos(20));
    tally.unthrottle(nanos(30), 0);
    const { phases, stopped, span, periods, repeats, addresses } = tally.sampling();
    expect(phases).to.deep.equal([1, 3, ...Array<number>(14).fill(0)]);
    expect({ stopped, span, repeats }).to.deep.equal({ stopped: 10, span: 33, repeats: 2 / 3 });
    expect(addresses).to.be.closeTo(1.6, 1e-12);
    expect(periods).to.deep.equal({
      frequency: undefined,
      first: 100,
      smallest: 100,
      largest: 100,
      mean: 100,
      stride: 1,
      trace: [100, 100, 100, 100],
    });
  });

  it('remembers periods of any number of samples in a few', () => {
    const tally = new Tally(4000, undefined);
    for (let i = 0; i < 5000; i++) tally.add(tally.row('f'), i + 1, nanos(i), 0, 0);
    const { trace, stride } = tally.sampling().periods;
    expect(trace.length).to.be.within(256, 511);
    expect(trace.slice(0, 3)).to.deep.equal([1, 1 + stride, 1 + 2 * stride]);
  });
});
