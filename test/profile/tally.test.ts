import { expect } from 'chai';
import fc from 'fast-check';
import { Tally } from '../../src/profile/tally.ts';
import { nanos } from '../../src/units.ts';
import { designEffect } from '../stats/samples.ts';

describe('Tally', () => {
  it('needs no samples to say what bursts take from the evidence', () => {
    const sample = fc.record({ symbol: fc.nat(3), weight: fc.integer({ min: 1, max: 9 }), where: fc.nat(1) });
    const tick = fc.record({ taken: fc.array(sample, { maxLength: 5 }), throttled: fc.boolean() });
    fc.assert(
      fc.property(fc.array(tick, { minLength: 1, maxLength: 60 }), (ticks) => {
        const [tally, length, kept] = [new Tally(4000, nanos(100)), 100, [] as (typeof sampled)[]];
        const sampled = { symbol: 0, weight: 1, where: 0, burst: -1 };
        for (const [at, { taken, throttled }] of ticks.entries()) {
          const start = 2 * at * length;
          const places = new Set(taken.map(({ where }) => where));
          if (throttled) for (const where of places) tally.throttle(nanos(start), where);
          for (const [i, { symbol, weight, where }] of taken.entries()) {
            tally.add(tally.row(String(symbol)), weight, nanos(start + i), where, symbol);
            kept.push({ symbol, weight, where, burst: throttled ? at : -1 });
          }
          if (throttled) for (const where of places) tally.unthrottle(nanos(start + length), where);
        }
        if (kept.length === 0) return;
        const effects = designEffect({
          symbols: ['0', '1', '2', '3'],
          symbol: kept.map(({ symbol }) => symbol),
          weight: kept.map(({ weight }) => weight),
          burst: kept.map(({ burst }) => burst),
          chain: kept.map(({ where }) => where),
        });
        const summed = tally.sampling().clustering;
        for (const key of Object.keys(effects) as (keyof typeof effects)[])
          if (Number.isFinite(effects[key])) expect(summed[key], key).to.be.closeTo(effects[key], 1e-9);
          else expect(summed[key], key).to.equal(effects[key]);
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

  it('knows the time in which one CPU at least was stopped', () => {
    const tally = new Tally(undefined, undefined);
    tally.add(tally.row('f'), 1, nanos(0), 0, 1);
    tally.throttle(nanos(10), 0);
    tally.throttle(nanos(12), 1);
    tally.unthrottle(nanos(20), 0);
    tally.unthrottle(nanos(100), 1);
    const { stopped, time } = tally.sampling();
    expect(stopped).to.equal(90);
    expect(time!.stopped).to.deep.equal([90]);
    expect(tally.throttled).to.equal(2);
  });

  it('adds stops up like a ruler that is painted', () => {
    const stop = fc.record({ from: fc.nat(300), length: fc.nat(60), where: fc.nat(3), ended: fc.boolean() });
    fc.assert(
      fc.property(fc.array(stop, { maxLength: 40 }), (stops) => {
        const tally = new Tally(undefined, undefined);
        const painted = new Set<number>();
        const busy = new Map<number, number>();
        const records: { time: number; tell: () => void }[] = [];
        for (const { from, length, where, ended } of stops.toSorted((a, b) => a.from - b.from)) {
          // A CPU is stopped once at a time; a stop that never ends is its last.
          if (from <= (busy.get(where) ?? -1)) continue;
          busy.set(where, ended ? from + length : Infinity);
          records.push({ time: from, tell: () => tally.throttle(nanos(from), where, where + 1) });
          if (!ended) continue;
          const to = from + length;
          // Of a thread's event, which another CPU may start again.
          records.push({ time: to, tell: () => tally.unthrottle(nanos(to), where % 2 ? 9 : where, where + 1) });
          for (let t = from; t < to; t++) painted.add(t);
        }
        for (const { tell } of records.toSorted((a, b) => a.time - b.time)) tell();
        expect(tally.sampling().stopped).to.equal(painted.size);
      }),
    );
  });

  it('holds an address against the one before it on the same CPU', () => {
    const tally = new Tally(undefined, undefined);
    for (let i = 0; i < 10; i++) tally.add(tally.row('f'), 1, nanos(i), i % 2, i % 2);
    expect(tally.sampling().repeats).to.equal(1);
  });

  it('remembers periods of any number of samples in a few', () => {
    const tally = new Tally(4000, undefined);
    for (let i = 0; i < 5000; i++) tally.add(tally.row('f'), i + 1, nanos(i), 0, 0);
    const { trace, stride } = tally.sampling().periods;
    expect(trace.length).to.be.within(256, 511);
    expect(trace.slice(0, 3)).to.deep.equal([1, 1 + stride, 1 + 2 * stride]);
  });
});
