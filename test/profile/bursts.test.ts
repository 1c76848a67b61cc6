import { expect } from 'chai';
import { Bursts } from '../../src/profile/bursts.ts';
import { nanos } from '../../src/units.ts';
import { random } from '../stats/draw.ts';
import type { DesignEffect } from '../../src/stats/clustering.ts';

const TICK = 4_000_000;

/** An event on one CPU, told tick by tick. */
class Lane {
  readonly #bursts: Bursts<string>;
  readonly #where: number;
  readonly #taken: string[];
  readonly #offset: number;
  constructor(bursts: Bursts<string>, taken: string[], where = 0, offset = 0) {
    [this.#bursts, this.#taken, this.#where, this.#offset] = [bursts, taken, where, offset];
  }
  /** Samples of a tick, evenly over it, or at its start up to the one that is too many. */
  tick(i: number, symbols: readonly string[], throttled: boolean): void {
    const start = i * TICK + this.#offset;
    const step = (throttled ? TICK / 4 : TICK) / symbols.length;
    for (const [s, symbol] of symbols.entries()) {
      const time = nanos(Math.floor(start + (s + 0.5) * step));
      if (throttled && s === symbols.length - 1) this.#bursts.throttle(nanos(time - 200), this.#where);
      this.#bursts.add(symbol, 1, time, this.#where);
      this.#taken.push(symbol);
    }
    if (throttled) this.#bursts.unthrottle(nanos(start + TICK), this.#where);
  }
}

function effectOf(
  tell: (lane: (where?: number, offset?: number) => Lane) => void,
  tick?: number,
): DesignEffect & { n: number } {
  const [bursts, taken] = [new Bursts<string>(tick === undefined ? undefined : nanos(tick)), [] as string[]];
  tell((where, offset) => new Lane(bursts, taken, where, offset));
  const weights = new Map<string, number>();
  for (const symbol of taken) weights.set(symbol, (weights.get(symbol) ?? 0) + 1);
  return { ...bursts.effect(weights.values(), taken.length, taken.length), n: taken.length };
}

const times = <T>(n: number, of: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => of(i));

describe('Bursts', () => {
  for (const known of [TICK, undefined])
    for (const [where, dense] of [
      ['beginning', [0, 34]],
      ['middle', [200, 234]],
      ['end', [366, 400]],
    ] as const)
      it(`a throttled ${where} takes nothing from a calm rest, ticks ${known ? '' : 'un'}known`, () => {
        const effect = effectOf((lane) => {
          const one = lane();
          for (let i = 0; i < 400; i++) {
            const throttled = i >= dense[0] && i < dense[1];
            one.tick(
              i,
              times(throttled ? 20 : 5, () => (throttled ? 'dense' : i < 200 ? 'alpha' : 'beta')),
              throttled,
            );
          }
        }, known);
        expect(effect.n).to.equal(34 * 20 + 366 * 5);
        expect(effect.value).to.be.within(1, 1.02);
        // Bursts, and every calm sample for itself; the one before the first may be taken for one of the burst.
        expect(effect.bursts).to.be.within(366 * 5 + 34 - 15, 366 * 5 + 34);
      });

  it('ten threads that are throttled at their start keep their samples', () => {
    const next = random('ten threads');
    const effect = effectOf((lane) => {
      const lanes = times(10, (k) => lane(1000 + k, 37_000 * k));
      for (let i = 0; i < 150; i++)
        for (const one of lanes) {
          const size = i < 17 ? 10 + Math.floor(20 * next()) : 3;
          one.tick(
            i,
            times(size, () => (i < 17 ? 'start' : next() < 0.5 ? 'work' : 'wait')),
            i < 17,
          );
        }
    });
    expect(effect.value).to.be.within(1, 1.02);
  });

  it('finds pairs that say the same twice, whatever follows them', () => {
    const next = random('pairs');
    const place = (): string => `f${Math.floor(5 * next())}`;
    const all = (calm: number): DesignEffect =>
      effectOf((lane) => {
        const one = lane();
        for (let i = 0; i < 3000 + calm; i++) {
          const symbol = place();
          one.tick(i, i < 3000 ? [symbol, symbol] : [symbol, place()], i < 3000);
        }
      });
    expect(all(0).value).to.be.closeTo(2, 0.06);
    expect(all(0).size).to.equal(2);
    // 6,000 samples in pairs worth one, and 6,000 alone: 12,000 with variance 2 x 6,000 + 6,000.
    expect(all(3000).value).to.be.closeTo(1.5, 0.04);
  });

  it('finds what a phase of a burst costs, and not what one of many ticks does', () => {
    const lasting = (ticks: number): DesignEffect => {
      const next = random(`phases of ${ticks}`);
      let symbol = '';
      return effectOf((lane) => {
        const one = lane();
        for (let i = 0; i < 4000; i++) {
          if (i % ticks === 0) symbol = `f${Math.floor(4 * next())}`;
          one.tick(
            i,
            times(20, () => symbol),
            true,
          );
        }
      });
    };
    expect(lasting(1).value).to.be.closeTo(20, 1);
    expect(lasting(200).value).to.be.within(1, 1.2);
  });

  it('takes the sizes of bursts for no evidence of anything', () => {
    const next = random('sizes');
    const sizes = times(400, () => 1 + Math.floor(40 * next()));
    const of = (symbol: (i: number) => string): DesignEffect =>
      effectOf((lane) => {
        const one = lane();
        for (const [i, size] of sizes.entries())
          one.tick(
            i,
            times(size, () => symbol(i)),
            true,
          );
        for (let i = 400; i < 800; i++) one.tick(i, ['calm', 'calm', 'calm'], false);
      });
    expect(of(() => 'dense').value).to.be.closeTo(1, 1e-12);
    const mixed = of(() => (next() < 0.5 ? 'a' : 'b'));
    expect(Math.abs(mixed.rho)).to.be.below(3 * mixed.rhoError);
    expect(mixed.value).to.be.within(1, 1.3);
  });

  it('goes on where UNTHROTTLE or THROTTLE was lost', () => {
    const bursts = new Bursts<string>(undefined);
    bursts.throttle(nanos(0), 0);
    for (let i = 0; i < 1000; i++) bursts.add('f', 1, nanos(i * TICK), 0);
    const { bursts: found, size } = bursts.effect([1000], 1000, 1000);
    // The samples of the longest tick there is after the THROTTLE, and all others alone.
    expect(found).to.equal(1000 - 2);
    expect(size).to.be.below(1.01);
    const pairs = effectOf((lane) => lane().tick(0, ['a', 'a'], false));
    expect(pairs).to.include({ bursts: 2, size: 1, value: 1 });
  });
});
