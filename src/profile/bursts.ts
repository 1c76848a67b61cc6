/**
 * Finds bursts in samples as they come: what an event samples in a tick in which it is throttled.
 *
 * The kernel counts an event's interrupts per tick and stops the event at one too many (THROTTLE), whose sample still
 * follows. The next tick, or the task's return to the CPU, starts it again (UNTHROTTLE). Samples of ticks without a
 * throttle stand alone, however long the event runs after a burst.
 *
 * If the tick length is unknown, it is taken to be the shortest time from one start to the next, and until two starts
 * were seen, the longest that Linux can be built with (CONFIG_HZ=100).
 * Not modelled: where a tick begins if the event was not started then (a burst reaches back from its THROTTLE by one
 * tick length, or to the burst before it); samples and stops missing from the recording (LOST).
 */
import { type Burst, BurstChain, BurstSums, type DesignEffect, designEffectOf } from '../stats/clustering.ts';
import type { Nanos } from '../units.ts';

/** Length of a tick in ns: the longest possible, and the least distance between two ticks. */
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
  /** Samples, from index `from` on, that may turn out to be a burst. */
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

  /** `tick`: length of a tick; undefined if unknown. */
  constructor(tick: Nanos | undefined) {
    this.#known = tick !== undefined;
    this.#length = tick ?? LONGEST;
  }

  add(symbol: S, weight: number, time: Nanos, where: number): void {
    this.#samples++;
    const lane = this.#lane(where);
    // The record of the restart may have been lost.
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

  /** The event was started again. */
  unthrottle(time: Nanos, where: number): void {
    const lane = this.#lane(where);
    if (lane.stoppedAt === undefined) forget(lane, time - this.#length);
    this.#close(lane);
    if (!this.#known && lane.startedAt !== undefined && time - lane.startedAt >= SHORTEST)
      this.#length = Math.min(this.#length, time - lane.startedAt);
    lane.startedAt = time;
  }

  /** The design effect of the bursts in a profile of such weights; afterwards no burst is open. */
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
