import { expect } from 'chai';
import { type LockStep, LockStepFinder } from '../../src/profile/lock-step.ts';
import { compareShares } from '../../src/stats/compare.ts';
import { nanos } from '../../src/units.ts';
import { random } from '../stats/draw.ts';

const TICK = 4_000_000;

interface Taking {
  /** ns between samples, and their number. */
  readonly every: number;
  readonly samples?: number;
  readonly tick?: number | undefined;
  /** What the program executes at a time. */
  readonly symbol: (time: number) => string;
  /** How much faster the samples' clock goes than the timers', and how late interrupts come at most. */
  readonly faster?: number;
  readonly late?: number;
}

function found({ every, samples = 2000, tick, symbol, faster = 0, late = 3000 }: Taking): LockStep | undefined {
  const next = random(`lock-step ${every}`);
  const finder = new LockStepFinder<string>(tick === undefined ? undefined : nanos(tick));
  const weights = new Map<string, number>();
  for (let s = 0; s < samples; s++) {
    const time = Math.round(1_234_567 + s * every + late * next() ** 4);
    const name = symbol(time);
    weights.set(name, (weights.get(name) ?? 0) + 1);
    finder.add(name, Math.round(time * (1 + faster)), 0);
  }
  const alike = [...weights.values()].reduce((sum, count) => sum + (count / samples) ** 2, 0);
  return finder.found(alike, samples * every);
}

/** A lap of 4 ms: a quarter alpha, a quarter beta, half gamma. */
const inStep = (time: number): string => ['alpha', 'beta', 'gamma', 'gamma'][Math.floor(((time % TICK) * 4) / TICK)]!;
const independent = (path: string): (() => string) => {
  const next = random(path);
  return () => `f${Math.floor(4 * next())}`;
};

describe('LockStepFinder', () => {
  for (const [tick, faster] of [
    [TICK, 0],
    [undefined, 0],
    [undefined, 4e-5],
  ] as const)
    for (const hz of [500, 1000, 2000, 4000])
      it(`finds a program in step, sampled at ${hz} Hz, tick ${tick ?? 'unknown'}, clocks ${faster} apart`, () => {
        expect(found({ every: 1e9 / hz, tick, faster, symbol: inStep })).to.include({
          lap: TICK,
          places: hz / 250,
          certain: true,
        });
      });

  it('says nothing of samples that are in step with the tick while the program is not', () => {
    for (const tick of [TICK, undefined])
      for (const hz of [250, 500, 1000, 4000])
        for (let run = 0; run < 20; run++)
          expect(found({ every: 1e9 / hz, tick, symbol: independent(`${hz} ${run}`), samples: 1000 })).to.equal(
            undefined,
          );
  });

  it('says nothing of phases that last for many ticks', () => {
    for (const hz of [500, 1000, 4000])
      expect(found({ every: 1e9 / hz, tick: TICK, symbol: (time) => `f${Math.floor(time / 150e6) % 4}` })).to.equal(
        undefined,
      );
  });

  it('says nothing of samples that come to all places of a tick', () => {
    for (const hz of [997, 249, 4001, 99, 1013])
      for (const tick of [TICK, undefined])
        expect(found({ every: 1e9 / hz, tick, samples: 6000, symbol: inStep }), String(hz)).to.equal(undefined);
  });

  it('is not certain of one place, unless the tick is known', () => {
    const one = { every: TICK, symbol: inStep };
    expect(found({ ...one, tick: TICK })).to.include({ lap: TICK, places: 1, rho: 1, certain: true });
    expect(found(one)).to.include({ places: 1, certain: false });
    expect(found({ every: 2 * TICK, tick: TICK, symbol: inStep })).to.include({ lap: 2 * TICK, places: 1 });
  });

  it('lets a single pair of runs not be told apart for certain', () => {
    const side = (
      alpha: number,
      lockStep: LockStep | undefined,
      seeds: number,
    ): Parameters<typeof compareShares>[0] => ({
      weights: new Map([
        ['alpha', alpha],
        ['beta', 1000 - alpha],
      ]),
      samples: 1000,
      circumstances: { lockStep, seeds },
    });
    const step = { lap: TICK, places: 4, rho: 0.9, certain: true };
    const kind = (of: LockStep | undefined, seeds = 1): string =>
      compareShares(side(250, of, seeds), side(500, undefined, 1)).verdict.kind;
    expect(kind(undefined)).to.equal('materially-different');
    expect(kind(step)).to.equal('unsettled');
    expect(kind({ ...step, certain: false })).to.equal('materially-different');
    expect(kind(step, 5)).to.equal('materially-different');
    const { warnings } = compareShares(side(250, step, 1), side(250, undefined, 1));
    expect(warnings).to.deep.include({ kind: 'LockStep', which: 'a', lap: TICK, places: 4, certain: true });
  });
});
