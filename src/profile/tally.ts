/**
 * Samples of one event added up as they come, in memory that grows with the code that was sampled and not with the number
 * of samples.
 *
 * Samples that a throttled event takes from one UNTHROTTLE to the next are a burst; how much less they say for it
 * (stats/clustering.ts) needs only sums of squares by burst, so that no sample has to be kept.
 */
import { type DesignEffect, designEffectOf } from '../stats/clustering.ts';
import { nanos, type Nanos } from '../units.ts';
import type { Periods, Sampling } from './profile.ts';
import { CloseUp } from './close-up.ts';
import { TimeBins } from './time-bins.ts';

/** Parts of a tick that are told apart, and periods that are remembered. */
const PHASES = 16;
const TRACE = 512;

/** One row of a profile while it grows. */
export interface TallyRow {
  readonly key: string;
  /** Weight, and sum of squared sample weights. */
  sum: number;
  squares: number;
  /** Over the bursts that have ended: its squared weight in each, and its weight times the burst's. */
  burstSquares: number;
  burstCross: number;
}

/** One CPU's samples since the event was started there: their weights by row, and the sums of their weights' powers. */
interface Burst {
  readonly weights: Map<TallyRow, number>;
  w1: number;
  w2: number;
  w4: number;
}

export class Tally {
  readonly rows = new Map<string, TallyRow>();
  samples = 0;
  lost = 0;
  throttled = 0;
  readonly #tick: Nanos | undefined;
  readonly #frequency: number | undefined;
  readonly #open = new Map<number, Burst>();
  readonly #phases = new Float64Array(PHASES);
  readonly #addresses = new Map<number | bigint, number>();
  readonly #trace: number[] = [];
  readonly #time: TimeBins;
  readonly #closeUp: CloseUp | undefined;
  #stride = 1;
  #bursts = 0;
  #pairs = 0;
  #burstSquares = 0;
  #burstCross = 0;
  #squares = 0;
  #cubes = 0;
  #started = false;
  #first = 0;
  #smallest = Infinity;
  #largest = 0;
  #total = 0;
  #firstTime = Infinity;
  #lastTime = 0;
  #stoppedAt: number | undefined;
  #stopped = 0;
  #lastAddress: number | bigint | undefined;
  #repeats = 0;

  /** `frequency`: what -F asked for; undefined with -c. `tick`: ticks begin at its multiples; undefined: nobody knows. */
  constructor(frequency: number | undefined, tick: Nanos | undefined) {
    this.#tick = tick;
    this.#frequency = frequency;
    this.#time = new TimeBins(tick);
    this.#closeUp = tick === undefined ? undefined : new CloseUp(tick);
  }

  /** The row of a key, made if it is new. */
  row(key: string): TallyRow {
    let row = this.rows.get(key);
    if (!row) {
      row = { key, sum: 0, squares: 0, burstSquares: 0, burstCross: 0 };
      this.rows.set(key, row);
    }
    return row;
  }

  add(row: TallyRow, weight: number, time: Nanos, cpu: number, ip: number | bigint): void {
    this.#count(weight);
    this.samples++;
    const square = weight * weight;
    row.sum += weight;
    row.squares += square;
    this.#squares += square;
    this.#cubes += square * weight;
    let burst = this.#open.get(cpu);
    if (!burst) this.#open.set(cpu, (burst = { weights: new Map(), w1: 0, w2: 0, w4: 0 }));
    burst.weights.set(row, (burst.weights.get(row) ?? 0) + weight);
    burst.w1 += weight;
    burst.w2 += square;
    burst.w4 += square * square;
    if (this.#tick !== undefined) {
      const phase = Math.floor(((time % this.#tick) * PHASES) / this.#tick);
      this.#phases[phase] = this.#phases[phase]! + 1;
    }
    this.#time.add(time, weight);
    this.#closeUp?.add(time);
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

  #end(cpu: number): void {
    const burst = this.#open.get(cpu);
    if (!burst) return;
    const { weights, w1, w2, w4 } = burst;
    this.#open.delete(cpu);
    this.#bursts++;
    this.#burstSquares += w1 * w1;
    this.#burstCross += w1 * w2;
    this.#pairs += (w2 * w2 - w4) / 2;
    for (const [row, weight] of weights) {
      row.burstSquares += weight * weight;
      row.burstCross += weight * w1;
    }
  }

  /** The event was stopped, or goes on, on a CPU. */
  throttle(time: Nanos): void {
    this.throttled++;
    this.#stoppedAt ??= time;
  }
  unthrottle(time: Nanos, cpu: number): void {
    this.#started = true;
    this.#end(cpu);
    if (this.#stoppedAt !== undefined && time > this.#stoppedAt) {
      this.#stopped += time - this.#stoppedAt;
      this.#time.stop(nanos(this.#stoppedAt), time);
      this.#closeUp?.stop(nanos(this.#stoppedAt), time);
    }
    this.#stoppedAt = undefined;
  }

  /** What the samples so far say of their taking. */
  sampling(): Sampling {
    for (const cpu of this.#open.keys()) this.#end(cpu);
    let evenness = 0;
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
    const [time, closeUp] = [this.#time.taken(), this.#closeUp?.taken()];
    return {
      sumOfSquares: this.#squares,
      clustering: this.#clustering(),
      ...(this.#tick !== undefined && { tick: this.#tick, phases: [...this.#phases] }),
      span: nanos(this.samples > 0 ? this.#lastTime - this.#firstTime : 0),
      stopped: nanos(this.#stopped),
      periods,
      ...(time && { time }),
      ...(closeUp && { closeUp }),
      repeats: this.samples > 1 ? this.#repeats / (this.samples - 1) : 0,
      addresses: evenness > 0 ? 1 / evenness : 0,
    };
  }

  #clustering(): DesignEffect {
    // An event that was never started anew has no bursts: each sample stands alone.
    const alone = !this.#started;
    const all = {
      bursts: alone ? this.samples : this.#bursts,
      sum: this.#total,
      squares: this.#squares,
      cubes: this.#cubes,
      burstSquares: alone ? this.#squares : this.#burstSquares,
      burstCross: alone ? this.#cubes : this.#burstCross,
      pairs: alone ? 0 : this.#pairs,
    };
    return designEffectOf([...this.rows.values()], all);
  }
}
