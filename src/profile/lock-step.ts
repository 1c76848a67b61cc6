/**
 * Samples that keep step with the timer tick, found from the samples alone.
 *
 * A sampler that is a timer, or whose frequency the kernel's feedback has settled, may take its samples at the same
 * few places of every tick. That is harmless unless the program keeps step with the tick as well, as programs do that
 * sleep, poll or are woken by timers. Then every lap shows the same places of the program, and a thousand samples say
 * no more than one lap does. Another run, begun a millisecond later, has other places, and a test that takes samples
 * for independent is certain to find a difference between two runs of one program.
 *
 * So there are two questions. Do samples have another exactly one tick (or two, five or ten) before them? And does
 * that one share their symbol more often than the samples right before and after it, which lie elsewhere in the tick?
 * The neighbours are needed because in a program phase of many ticks all samples agree. If every sample is at a single
 * place of the tick, there are no neighbours, only independence to compare with: such samples may be in step, or the
 * program may have long phases.
 *
 * If the tick is unknown, those that Linux is built with are tried: 1000, 300, 250 and 100 Hz. The clocks of samples
 * and timers differ by some parts in a million, so no phase is followed for longer than a few ticks.
 *
 * Not modelled: clocks other than the tick (a program with laps of its own; a loop in step with a fixed period).
 */
import type { Nanos } from '../units.ts';

export interface LockStep {
  /** Time after which samples return to the same places, ns, and how many places that are. */
  readonly lap: number;
  readonly places: number;
  /**
   * How much more alike samples of one place are than independent ones, or than their neighbours: 1 if always the same.
   */
  readonly rho: number;
  /**
   * Whether samples are known to depend on each other. False if the tick is a guess, or if there is just one place: the
   * program may as well have long phases.
   */
  readonly certain: boolean;
}

/** Ticks of kernels, ns, and the multiples of them after which a slow sampler may return. */
const TICKS = [1_000_000, 10_000_000 / 3, 4_000_000, 10_000_000];
const MULTIPLES = [1, 2, 5, 10];
/** Places from which on a lap is sampled well enough. */
const PLACES = 32;
/** A sample may be late by 1/LATE of a lap, or of the time between samples. */
const LATE = 32;
/** Fraction of a lap by which clocks may differ. */
const CLOCKS = 1e-4;
/**
 * Least samples for any finding, part of them that must be in step, and agreement from which they are too much alike.
 */
const FEW = 50;
const MOST = 0.5;
const ALIKE = 0.1;
/** Standard errors by which agreement must exceed chance; share of one symbol beyond which the others say nothing. */
const ERRORS = 4;
const ONE = 0.95;

interface Lap {
  readonly length: number;
  asked: number;
  met: number;
  late: number;
  back: number;
  alike: number;
  beside: number;
  besideAlike: number;
}

/** The last samples of one CPU. */
interface Lane<S> {
  readonly times: number[];
  readonly symbols: S[];
  next: number;
  first: number;
}

export class LockStepFinder<S> {
  readonly #known: boolean;
  readonly #laps: Lap[];
  readonly #lanes = new Map<number, Lane<S>>();

  /** `tick`: its length; undefined if unknown. */
  constructor(tick: Nanos | undefined) {
    this.#known = tick !== undefined;
    const ticks = tick === undefined ? TICKS : [tick];
    const lengths = new Set(ticks.flatMap((length) => MULTIPLES.map((multiple) => Math.round(length * multiple))));
    this.#laps = [...lengths].map((length) => ({
      length,
      asked: 0,
      met: 0,
      late: 0,
      back: 0,
      alike: 0,
      beside: 0,
      besideAlike: 0,
    }));
  }

  add(symbol: S, time: number, where: number): void {
    let lane = this.#lanes.get(where);
    if (!lane) this.#lanes.set(where, (lane = { times: [], symbols: [], next: 0, first: time }));
    for (const lap of this.#laps) if (time - lap.length >= lane.first) ask(lap, lane, symbol, time);
    lane.times[lane.next % PLACES] = time;
    lane.symbols[lane.next % PLACES] = symbol;
    lane.next++;
  }

  /** The finding; `alike` is how often two independent samples share a symbol, `span` the time of all samples. */
  found(alike: number, span: number): LockStep | undefined {
    const found = this.#laps.flatMap((lap) => this.#stepOf(lap, alike, span) ?? []);
    return found.toSorted((a, b) => Number(b.certain) - Number(a.certain) || a.lap - b.lap)[0];
  }

  #stepOf(
    { length, asked, met, late, back, alike, beside, besideAlike }: Lap,
    chance: number,
    span: number,
  ): LockStep | undefined {
    if (met < FEW || met < MOST * asked) return undefined;
    const places = Math.round(back / met);
    const drift = Math.abs(late / met);
    // If places drift across the whole gap to the next, everything is sampled in time.
    if (drift > CLOCKS * length && (drift * span) / length >= length / places) return undefined;
    const one = chance >= ONE;
    const apart = places > 1 && beside >= FEW;
    const independent = apart ? besideAlike / beside : chance;
    const excess = alike / met - independent;
    const rho = one && !apart ? 1 : excess / (1 - Math.min(ONE, chance));
    const error = Math.sqrt(0.5 / met);
    if (!(one && !apart) && (rho < ALIKE || excess < ERRORS * error)) return undefined;
    return { lap: length, places, rho: Math.min(1, rho), certain: apart || this.#known };
  }
}

/** Looks for the sample one lap earlier. */
function ask<S>(lap: Lap, lane: Lane<S>, symbol: S, time: number): void {
  lap.asked++;
  const { times, symbols, next } = lane;
  const wanted = time - lap.length;
  const oldest = Math.max(0, next - PLACES);
  // The first sample that is not before it.
  let [low, high] = [oldest, next];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle % PLACES]! < wanted) low = middle + 1;
    else high = middle;
  }
  const off = (at: number): number => (at < oldest || at >= next ? Infinity : Math.abs(times[at % PLACES]! - wanted));
  const at = off(low - 1) < off(low) ? low - 1 : low;
  const step = time - times[(next - 1) % PLACES]! || 1;
  if (off(at) * LATE > Math.min(lap.length, step)) return;
  lap.met++;
  lap.late += wanted - times[at % PLACES]!;
  lap.back += next - at;
  if (symbols[at % PLACES] === symbol) lap.alike++;
  for (const other of [at - 1, at + 1]) {
    if (other < oldest || other >= next) continue;
    lap.beside++;
    if (symbols[other % PLACES] === symbol) lap.besideAlike++;
  }
}
