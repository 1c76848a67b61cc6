/**
 * Bursts found in samples as they come: what an event samples in a tick in which it is throttled.
 *
 * The kernel counts an event's interrupts from tick to tick and stops it at the one too many (THROTTLE), whose sample comes
 * yet; the next tick, or the task's return to the CPU, starts it again (UNTHROTTLE). Samples of ticks in which that does not
 * happen stand alone, however long the event runs on after a burst.
 *
 * Where nobody knows how long ticks are, the shortest time from one start to the next is taken for it, and the longest that
 * Linux can be built with (CONFIG_HZ=100) until there were two.
 * Not modelled: where a tick begins, if the event was not started then: a burst reaches back from its THROTTLE for the length
 * of a tick, or to the burst before it; samples and stops of which the recording does not tell (LOST).
 */
import { type Burst, BurstChain, BurstSums, type DesignEffect, designEffectOf } from '../stats/clustering.ts';
import type { Nanos } from '../units.ts';

/** Length of a tick, ns: the longest there is, and what no two ticks are nearer than. */
const LONGEST = 10_000_000;
const SHORTEST = 1_000_000;

interface Sampled<S> {
  readonly symbol: S;
  readonly weight: number;
  readonly time: number;
}

/** One CPU or thread. */
interface Lane<S> {
  readonly chain: BurstChain<S>;
  /** Samples that may turn out to be a burst, from `from` on. */
  open: Sampled<S>[];
  from: number;
  stoppedAt: number | undefined;
  startedAt: number | undefined;
}

export class Bursts<S> {
  readonly #known: boolean;
  readonly #lanes = new Map<number, Lane<S>>();
  readonly #sums = new BurstSums();
  #length: number;
  #samples = 0;
  #inBursts = 0;

  /** `tick`: length of a tick; undefined: nobody knows. */
  constructor(tick: Nanos | undefined) {
    this.#known = tick !== undefined;
    this.#length = tick ?? LONGEST;
  }

  add(symbol: S, weight: number, time: Nanos, where: number): void {
    this.#samples++;
    const lane = this.#lane(where);
    // That the event was started again may have been lost.
    if (lane.stoppedAt !== undefined && time - this.#length > lane.stoppedAt) this.#close(lane);
    if (lane.stoppedAt === undefined) forget(lane, time - this.#length);
    lane.open.push({ symbol, weight, time });
  }

  /** The event was stopped. */
  throttle(time: Nanos, where: number): void {
    const lane = this.#lane(where);
    forget(lane, time - this.#length);
    lane.stoppedAt ??= time;
  }

  /** It goes on. */
  unthrottle(time: Nanos, where: number): void {
    const lane = this.#lane(where);
    if (lane.stoppedAt === undefined) forget(lane, time - this.#length);
    this.#close(lane);
    if (!this.#known && lane.startedAt !== undefined && time - lane.startedAt >= SHORTEST)
      this.#length = Math.min(this.#length, time - lane.startedAt);
    lane.startedAt = time;
  }

  /** What they take from the evidence in a profile of such weights; afterwards no burst is open. */
  effect(weights: Iterable<number>, sum: number, squares: number): DesignEffect {
    for (const lane of this.#lanes.values()) {
      if (lane.stoppedAt !== undefined) this.#close(lane);
      lane.chain.end();
    }
    return designEffectOf(this.#sums, { weights, samples: this.#samples, inBursts: this.#inBursts, sum, squares });
  }

  #lane(where: number): Lane<S> {
    let lane = this.#lanes.get(where);
    if (!lane) {
      lane = { chain: new BurstChain(this.#sums), open: [], from: 0, stoppedAt: undefined, startedAt: undefined };
      this.#lanes.set(where, lane);
    }
    return lane;
  }

  #close(lane: Lane<S>): void {
    const samples = lane.open.slice(lane.from);
    lane.open = [];
    lane.from = 0;
    lane.stoppedAt = undefined;
    if (samples.length === 0) return;
    this.#inBursts += samples.length;
    lane.chain.add(burstOf(samples));
  }
}

/** Samples of earlier ticks stand alone. */
function forget(lane: Lane<unknown>, before: number): void {
  const { open } = lane;
  while (lane.from < open.length && open[lane.from]!.time < before) lane.from++;
  if (lane.from < 64 || lane.from * 2 < open.length) return;
  open.splice(0, lane.from);
  lane.from = 0;
}

function burstOf<S>(samples: readonly Sampled<S>[]): Burst<S> {
  const weights = new Map<S, number>();
  let [w1, w2, w3, w4] = [0, 0, 0, 0];
  for (const { symbol, weight } of samples) {
    weights.set(symbol, (weights.get(symbol) ?? 0) + weight);
    const square = weight * weight;
    w1 += weight;
    w2 += square;
    w3 += square * weight;
    w4 += square * square;
  }
  return { weights, w1, w2, w3, w4 };
}
