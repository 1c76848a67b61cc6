/**
 * Sums samples of one event as they come, in memory that grows with the code sampled, not with the number of samples.
 *
 * An event is sampled, stopped and started on each CPU separately: `where` is the CPU's number, or the thread's if the
 * recording does not name CPUs.
 */
import { nanos, type Nanos } from '../units.ts';
import { Bursts } from './bursts.ts';
import { CpuBins } from './cpu-bins.ts';
import { CloseUpFinder } from './close-up.ts';
import { LockStepFinder } from './lock-step.ts';
import type { Periods, Sampling } from './profile.ts';
import { Stops } from './stops.ts';
import { TimeBins } from './time-bins.ts';

/** Phases of a tick that are told apart, and periods that are kept. */
const PHASES = 16;
const TRACE = 512;

/** One row of a profile while it grows. */
export interface TallyRow {
  readonly key: string;
  /** Its weight. */
  sum: number;
}

export class Tally {
  readonly rows = new Map<string, TallyRow>();
  samples = 0;
  lost = 0;
  throttled = 0;
  readonly #tick: Nanos | undefined;
  readonly #frequency: number | undefined;
  readonly #bursts: Bursts<TallyRow>;
  readonly #lockStep: LockStepFinder<TallyRow>;
  readonly #stops: Stops;
  readonly #phases = new Float64Array(PHASES);
  readonly #addresses = new Map<number | bigint, number>();
  readonly #trace: number[] = [];
  readonly #time: TimeBins;
  readonly #closeUp: CloseUpFinder | undefined;
  readonly #cpus: CpuBins;
  /** Samples name their CPUs. */
  #onCpus = false;
  #stride = 1;
  #squares = 0;
  #first = 0;
  #smallest = Infinity;
  #largest = 0;
  #total = 0;
  #firstTime = Infinity;
  #lastTime = 0;
  readonly #lastAddress = new Map<number, number | bigint>();
  #repeats = 0;

  /** `frequency`: of -F; undefined with -c. `tick`: ticks begin at its multiples; undefined if unknown. */
  constructor(frequency: number | undefined, tick: Nanos | undefined) {
    this.#tick = tick;
    this.#frequency = frequency;
    this.#time = new TimeBins(tick);
    this.#cpus = new CpuBins(tick);
    this.#closeUp = tick === undefined ? undefined : new CloseUpFinder(tick);
    this.#bursts = new Bursts(tick);
    this.#lockStep = new LockStepFinder(tick);
    this.#stops = new Stops((from, to) => {
      this.#time.stop(from, to);
      this.#closeUp?.stop(from, to);
    });
  }

  /** The row of a key, created if new. */
  row(key: string): TallyRow {
    let row = this.rows.get(key);
    if (!row) {
      row = { key, sum: 0 };
      this.rows.set(key, row);
    }
    return row;
  }

  add(row: TallyRow, weight: number, time: Nanos, where: number, ip: number | bigint): void {
    this.#count(weight);
    this.samples++;
    row.sum += weight;
    this.#squares += weight * weight;
    this.#bursts.add(row, weight, time, where);
    this.#lockStep.add(row, time, where);
    if (this.#tick !== undefined) {
      const phase = Math.floor(((time % this.#tick) * PHASES) / this.#tick);
      this.#phases[phase] = this.#phases[phase]! + 1;
    }
    this.#time.add(time, weight);
    this.#closeUp?.add(time);
    this.#firstTime = Math.min(this.#firstTime, time);
    this.#lastTime = Math.max(this.#lastTime, time);
    if (ip === this.#lastAddress.get(where)) this.#repeats++;
    this.#lastAddress.set(where, ip);
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

  /** The sample was taken on that CPU, of that thread. */
  onCpu(cpu: number, thread: string, time: Nanos): void {
    this.#onCpus = true;
    this.#cpus.sampled(cpu, thread, time);
  }

  /** The kernel's event `stream` was stopped, or restarted; 0: unknown which of those sampled here. */
  throttle(time: Nanos, where = 0, stream: number | bigint = 0): void {
    this.throttled++;
    if (this.#onCpus) this.#cpus.stop(where, stream, time);
    this.#bursts.throttle(time, where);
    this.#stops.begin(time, where, stream);
  }
  unthrottle(time: Nanos, where = 0, stream: number | bigint = 0): void {
    this.#cpus.start(where, stream, time);
    this.#bursts.unthrottle(time, where);
    this.#stops.end(time, where, stream);
  }

  /** How the samples so far were taken. */
  sampling(): Sampling {
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
    const [time, closeUp, lanes] = [this.#time.taken(), this.#closeUp?.taken(), this.#cpus.taken()];
    let alike = 0;
    for (const { sum } of this.rows.values()) alike += (sum / this.#total) ** 2;
    const lockStep = this.#lockStep.found(alike, this.#lastTime - this.#firstTime);
    return {
      sumOfSquares: this.#squares,
      clustering: this.#bursts.effect(
        [...this.rows.values()].map(({ sum }) => sum),
        this.#total,
        this.#squares,
      ),
      ...(this.#tick !== undefined && { tick: this.#tick, phases: [...this.#phases] }),
      span: nanos(this.samples > 0 ? this.#lastTime - this.#firstTime : 0),
      stopped: lanes && lanes.cpus.length > 1 ? this.#cpus.meanStopped : nanos(this.#stops.total),
      periods,
      ...(time && { time }),
      ...(closeUp && { closeUp }),
      ...(lanes && lanes.cpus.length > 1 && { lanes }),
      ...(lockStep && { lockStep }),
      repeats: this.samples > this.#lastAddress.size ? this.#repeats / (this.samples - this.#lastAddress.size) : 0,
      addresses: evenness > 0 ? 1 / evenness : 0,
    };
  }
}
