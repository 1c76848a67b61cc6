/**
 * Samples of one event added up as they come, in memory that grows with the code that was sampled and not with the number
 * of samples.
 *
 * Samples of one tick are a cluster: a throttled kernel takes two right after each other, and a program's phases outlast a
 * tick. With y the weight of a row and w the weight of everything in one cluster, the variance of the row's share p is
 * Σ(y − p·w)² / W², which needs only Σy², Σy·w and Σw², so that no sample has to be kept.
 * Source: the ratio estimator of cluster samples, W. Cochran, Sampling Techniques, chapter 6.
 * Not modelled: clusters longer than a tick.
 */
import { nanos, type Nanos } from '../units.ts';
import type { Periods, Sampling } from './profile.ts';

/** Clusters below which their variance says nothing. */
const FEWEST_CLUSTERS = 30;
const PHASES = 16;
const TRACE = 512;

/** One row of a profile while it grows. */
export interface TallyRow {
  readonly key: string;
  weight: number;
  /** Σ of squared sample weights. */
  squares: number;
  /** Σy² and Σy·w over closed clusters. */
  clusterSquares: number;
  clusterCross: number;
}

/** How samples lie in time. */
export interface TickClock {
  /** ns. */
  readonly tick: Nanos;
  /** Ticks begin at multiples of `tick`. */
  readonly aligned: boolean;
}

/** HZ=250 and no word on where its ticks begin: what is assumed of a recording that does not say. */
export const UNKNOWN_TICK: TickClock = { tick: nanos(4_000_000), aligned: false };

/** What one CPU's samples of one tick weigh. */
interface Cluster {
  readonly tick: number;
  readonly weights: Map<TallyRow, number>;
  weight: number;
}

export class Tally {
  readonly rows = new Map<string, TallyRow>();
  samples = 0;
  lost = 0;
  throttled = 0;
  readonly #clock: TickClock;
  readonly #frequency: number | undefined;
  readonly #open = new Map<number, Cluster>();
  readonly #phases = new Float64Array(PHASES);
  readonly #addresses = new Map<number, number>();
  readonly #trace: number[] = [];
  #stride = 1;
  #clusters = 0;
  #clusterSquares = 0;
  #first = 0;
  #smallest = Infinity;
  #largest = 0;
  #total = 0;
  #firstTime = Infinity;
  #lastTime = 0;
  #stoppedAt: number | undefined;
  #stopped = 0;
  #lastAddress: number | undefined;
  #repeats = 0;

  /** `frequency`: what -F asked for; undefined with -c. */
  constructor(clock: TickClock, frequency: number | undefined) {
    this.#clock = clock;
    this.#frequency = frequency;
  }

  /** The row of a key, made if it is new. */
  row(key: string): TallyRow {
    let row = this.rows.get(key);
    if (!row) {
      row = { key, weight: 0, squares: 0, clusterSquares: 0, clusterCross: 0 };
      this.rows.set(key, row);
    }
    return row;
  }

  add(row: TallyRow, weight: number, time: Nanos, cpu: number, ip: number): void {
    this.#count(weight);
    this.samples++;
    row.weight += weight;
    row.squares += weight * weight;
    const { tick } = this.#clock;
    const number = Math.floor(time / tick);
    let cluster = this.#open.get(cpu);
    if (cluster?.tick !== number) {
      if (cluster) this.#close(cluster);
      this.#open.set(cpu, (cluster = { tick: number, weights: new Map(), weight: 0 }));
    }
    cluster.weights.set(row, (cluster.weights.get(row) ?? 0) + weight);
    cluster.weight += weight;
    const phase = Math.floor(((time - number * tick) * PHASES) / tick);
    this.#phases[phase] = this.#phases[phase]! + 1;
    this.#firstTime = Math.min(this.#firstTime, time);
    this.#lastTime = Math.max(this.#lastTime, time);
    if (ip === this.#lastAddress) this.#repeats++;
    this.#lastAddress = ip;
    this.#addresses.set(ip, (this.#addresses.get(ip) ?? 0) + 1);
  }

  #count(period: number): void {
    if (this.samples === 0) this.#first = period;
    this.#smallest = Math.min(this.#smallest, period);
    this.#largest = Math.max(this.#largest, period);
    this.#total += period;
    if (this.samples % this.#stride !== 0) return;
    if (this.#trace.push(period) < TRACE) return;
    this.#stride *= 2;
    for (let i = 0; i < TRACE / 2; i++) this.#trace[i] = this.#trace[2 * i]!;
    this.#trace.length = TRACE / 2;
  }

  #close({ weights, weight }: Cluster): void {
    this.#clusters++;
    this.#clusterSquares += weight * weight;
    for (const [row, y] of weights) {
      row.clusterSquares += y * y;
      row.clusterCross += y * weight;
    }
  }

  /** The event was stopped, or goes on. */
  throttle(time: Nanos): void {
    this.throttled++;
    this.#stoppedAt ??= time;
  }
  unthrottle(time: Nanos): void {
    if (this.#stoppedAt !== undefined) this.#stopped += Math.max(0, time - this.#stoppedAt);
    this.#stoppedAt = undefined;
  }

  /** What the samples so far say of their taking. */
  sampling(): Sampling {
    for (const cluster of this.#open.values()) this.#close(cluster);
    this.#open.clear();
    let [sumOfSquares, evenness] = [0, 0];
    for (const { squares } of this.rows.values()) sumOfSquares += squares;
    for (const count of this.#addresses.values()) evenness += (count / this.samples) ** 2;
    const periods: Periods = {
      frequency: this.#frequency,
      first: this.#first,
      smallest: this.samples > 0 ? this.#smallest : 0,
      largest: this.#largest,
      mean: this.samples > 0 ? this.#total / this.samples : 0,
      trace: this.#trace,
      stride: this.#stride,
    };
    return {
      sumOfSquares,
      designEffect: this.#designEffect(sumOfSquares),
      ticks: this.#clusters,
      tick: this.#clock.tick,
      ...(this.#clock.aligned && { phases: [...this.#phases] }),
      span: nanos(this.samples > 0 ? this.#lastTime - this.#firstTime : 0),
      stopped: nanos(this.#stopped),
      periods,
      repeats: this.samples > 1 ? this.#repeats / (this.samples - 1) : 0,
      addresses: evenness > 0 ? 1 / evenness : 0,
    };
  }

  #designEffect(sumOfSquares: number): number {
    if (this.#clusters < FEWEST_CLUSTERS || this.#total === 0) return 1;
    let [clustered, single] = [0, 0];
    for (const { weight, squares, clusterSquares, clusterCross } of this.rows.values()) {
      const p = weight / this.#total;
      clustered += clusterSquares - 2 * p * clusterCross + p * p * this.#clusterSquares;
      single += squares * (1 - 2 * p) + p * p * sumOfSquares;
    }
    // One row alone has no variance to compare.
    if (single <= 0) return 1;
    return (clustered * this.#clusters) / (this.#clusters - 1) / single;
  }
}
