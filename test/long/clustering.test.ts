import { expect } from 'chai';
import fc from 'fast-check';
import { evidenceOf } from '../../src/stats/shares.ts';
import { drawSymbol, random } from '../stats/draw.ts';
import { golden, near, rfcCounts, sharesOf } from '../stats/golden.ts';
import { burstLabels, designEffect, sharesOfSamples, type Samples } from '../stats/samples.ts';

const HOST = sharesOf(rfcCounts('host'));
const symbols = golden.symbols;

/** n samples in bursts of that size, the later ones of which repeat the first with that probability. */
function bursts(n: number, size: number, rho: number, path: string): Samples {
  const next = random(path);
  const symbol: number[] = [];
  for (let s = 0; s < n; s++)
    symbol.push(s % size > 0 && next() < rho ? symbol[s - (s % size)]! : drawSymbol(HOST, next));
  return { symbols, symbol, burst: symbol.map((_, s) => Math.floor(s / size)) };
}

describe('stats: design effect', () => {
  it('finds that pairs which say the same twice are worth half', () => {
    const samples = bursts(5198, 2, 1, 'same');
    const effect = designEffect(samples);
    near(effect.value, 2, 1e-3);
    near(effect.rho, 1, 1e-3);
    expect(effect).to.include({ bursts: 2599, size: 2 });
    near(evidenceOf(sharesOfSamples(samples)).effective, 5198 / 2, 1e-3);
  });

  it('finds that independent pairs are worth two', () => {
    const samples = bursts(5198, 2, 0, 'apart');
    const effect = designEffect(samples);
    expect(Math.abs(effect.rho)).to.be.below(2 * effect.rhoError);
    expect(evidenceOf(sharesOfSamples(samples)).effective).to.be.within(5198 * 0.97, 5198);
  });

  it('is 1 + (m - 1) rho', () => {
    for (const [size, rho] of [
      [2, 0.4],
      [16, 0.3],
      [5, 0.8],
    ] as const) {
      const effect = designEffect(bursts(40_000, size, Math.sqrt(rho), `rho ${size}`));
      // Repeats of the first with probability r: r with the first, r^2 among the others.
      const r = Math.sqrt(rho);
      const pairs = (size * (size - 1)) / 2;
      const wanted = (r * (size - 1) + rho * (pairs - size + 1)) / pairs;
      near(effect.rho, wanted, 0.05);
      near(effect.estimate, 1 + (size - 1) * effect.rho, 1e-12);
    }
  });

  it('is unbiased where bursts do not matter, and rhoError is its spread', () => {
    const [runs, rhos] = [400, [] as number[]];
    let [sum, error] = [0, 0];
    for (let run = 0; run < runs; run++) {
      const next = random(`unbiased ${run}`);
      // Bursts of 1 to 4, weights of 1 to 3.
      const burst = Array.from({ length: 300 }, (_, s) => s).map((s) => Math.floor(s / 4) * 4 + Math.floor(next() * 2));
      const effect = designEffect({
        symbols,
        symbol: burst.map(() => drawSymbol(HOST, next)),
        weight: burst.map(() => 1 + Math.floor(next() * 3)),
        burst,
      });
      rhos.push(effect.rho);
      sum += effect.estimate;
      error += effect.rhoError / runs;
    }
    expect(sum / runs).to.be.closeTo(1, 0.01);
    near(Math.sqrt(rhos.reduce((total, x) => total + x * x, 0) / runs), error, 0.1);
  });

  it('is not made up by a burst of start-up code', () => {
    const next = random('start-up');
    const symbol = Array.from({ length: 20_000 }, (_, s) => (s < 14 ? 7 : drawSymbol(HOST, next)));
    const effect = designEffect({
      symbols: [...symbols, 'do_lookup_x'],
      symbol,
      burst: symbol.map((_, s) => Math.floor(s / 16)),
    });
    expect(effect.value).to.be.below(1.05);
  });

  it('never raises n: samples that avoid their neighbours keep it', () => {
    const next = random('avoid');
    const symbol: number[] = [];
    while (symbol.length < 4000) {
      const [x, y] = [drawSymbol(HOST, next), drawSymbol(HOST, next)];
      if (x !== y) symbol.push(x, y);
    }
    const effect = designEffect({ symbols, symbol, burst: symbol.map((_, s) => s >> 1) });
    expect(effect.rho).to.be.below(-0.1);
    expect(effect.value).to.equal(1);
  });

  it('does not depend on the order of samples, bursts or symbols, nor on the unit of weight', () => {
    const order = fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(order, fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (keys, unit) => {
        const { symbol, burst } = bursts(200, 3, 0.5, 'order');
        const weight = Array.from(symbol, (_, s) => 1 + (s % 5));
        const key = Array.from(symbol, () => keys.next().value as number);
        const shuffled = key.map((_, s) => s).toSorted((x, y) => key[x]! - key[y]!);
        const a = designEffect({ symbols, symbol, weight, burst });
        const b = designEffect({
          symbols: symbols.toReversed(),
          symbol: shuffled.map((s) => symbols.length - 1 - symbol[s]!),
          weight: shuffled.map((s) => unit * weight[s]!),
          burst: shuffled.map((s) => 1e6 - burst![s]!),
        });
        for (const field of ['estimate', 'rho', 'rhoError', 'size'] as const) near(b[field], a[field], 1e-9, field);
      }),
      { seed: 1, numRuns: 20 },
    );
  });

  it('says nothing where there is nothing to see', () => {
    const alone = { value: 1, estimate: 1, rho: 0, rhoError: 0 };
    expect(designEffect({ symbols, symbol: [0, 1, 2, 1] })).to.deep.equal({ ...alone, bursts: 4, size: 1 });
    expect(
      designEffect({
        symbols,
        symbol: Array.from({ length: 30 }, () => 0),
        burst: Array.from({ length: 30 }, (_, s) => s >> 1),
      }),
    ).to.deep.include({ value: 1, bursts: 15 });
    // A few bursts: no telling, and it says so.
    expect(designEffect({ symbols, symbol: [0, 1, 2, 2], burst: [1, 1, 2, 2] })).to.deep.include({
      value: 1,
      rhoError: Infinity,
    });
    expect(designEffect({ symbols, symbol: [] })).to.deep.include({ value: 1, bursts: 0 });
  });

  it('bursts lie between the starts of the event', () => {
    expect(burstLabels([1, 2, 10, 11, 30], [])).to.equal(undefined);
    expect([...burstLabels([1, 2, 10, 11, 20, 30], [5, 15, 20, 25, 28])!]).to.deep.equal([0, 0, 1, 1, 3, 5]);
  });
});
