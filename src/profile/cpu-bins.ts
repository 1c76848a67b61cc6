/**
 * Who was on which CPU over time, with interrupts and stops, in memory that does not grow: when the bins are used up,
 * neighbours are merged and all become twice as wide.
 *
 * What is known may be exact, from a simulated machine's switches (`ran`), or sampled: then each sample stands for the
 * thread that it hit.
 * Not modelled: who ran before whom within a bin; whether a thread would have run in the first two ticks in which its
 * event was stopped.
 */
import { nanos, type Nanos } from '../units.ts';
import { Stops } from './stops.ts';
import type { CpuLane, CpuLanes } from './profile.ts';

/** Most bins: a lane's pixels, two or three to a bin. */
const MOST = 256;
/** Initial width in ns if the tick is unknown. */
const NARROWEST = 1_000_000;

interface Bin {
  /** By thread: ns, or samples. */
  readonly threads: Map<number, number>;
  samples: number;
  stopped: number;
}

/** Ticks within which one comes that starts a stopped event: a machine may be late. */
const LATE = 2;

/** An event that is not known by itself is its CPU's. */
const eventOf = (cpu: number, stream: number | bigint): number | bigint | string =>
  Number(stream) === 0 ? `on ${cpu}` : stream;

const merged = (a: Bin, b: Bin | undefined): Bin => {
  if (b === undefined) return a;
  for (const [thread, n] of b.threads) a.threads.set(thread, (a.threads.get(thread) ?? 0) + n);
  a.samples += b.samples;
  a.stopped += b.stopped;
  return a;
};

export class CpuBins {
  readonly #threads = new Map<string, number>();
  readonly #cpus = new Map<number, Bin[]>();
  readonly #stops = new Map<number, Stops>();
  /** Where each event was stopped, and when. */
  readonly #stopped = new Map<number | bigint | string, { readonly cpu: number; readonly since: Nanos }>();
  /** ns that a stop takes at most while the event's thread runs. */
  readonly #longest: number;
  #start: number | undefined;
  #width: number;
  #end = 0;

  constructor(tick: Nanos | undefined) {
    this.#width = tick ?? NARROWEST;
    this.#longest = tick === undefined ? Infinity : LATE * tick;
  }

  /** The thread had the CPU for all of this time. */
  ran(cpu: number, thread: string, from: Nanos, to: Nanos): void {
    const who = this.#threadOf(thread);
    this.#spread(cpu, from, to, (bin, ns) => bin.threads.set(who, (bin.threads.get(who) ?? 0) + ns));
  }

  /** The thread was sampled there. */
  sampled(cpu: number, thread: string, time: Nanos): void {
    const bin = this.#bin(cpu, time);
    const who = this.#threadOf(thread);
    bin.samples++;
    bin.threads.set(who, (bin.threads.get(who) ?? 0) + 1);
    this.#end = Math.max(this.#end, time);
  }

  /**
   * Throttling stops the kernel event `stream` there (0: unknown which), until it is started again, wherever that is.
   */
  stop(cpu: number, stream: number | bigint, time: Nanos): void {
    const event = eventOf(cpu, stream);
    if (this.#stopped.has(event)) return;
    this.#stopped.set(event, { cpu, since: time });
    this.#stopsOf(cpu).begin(time, cpu, stream);
  }
  start(on: number, stream: number | bigint, time: Nanos): void {
    const event = eventOf(on, stream);
    const stopped = this.#stopped.get(event);
    if (stopped === undefined) return;
    const { cpu, since } = stopped;
    this.#stopped.delete(event);
    // The next tick starts it again, unless its thread sleeps.
    this.#stopsOf(cpu).end(nanos(Math.min(time, since + this.#longest)), cpu, stream);
  }

  /** ns for which something was stopped, as a mean over the CPUs. */
  get meanStopped(): Nanos {
    const total = [...this.#stops.values()].reduce((sum, { total: of }) => sum + of, 0);
    return nanos(total / Math.max(1, this.#cpus.size));
  }

  #stopsOf(cpu: number): Stops {
    let stops = this.#stops.get(cpu);
    if (stops === undefined) {
      stops = new Stops((from, to) => this.#spread(cpu, from, to, (bin, ns) => (bin.stopped += ns)));
      this.#stops.set(cpu, stops);
    }
    return stops;
  }

  #threadOf(name: string): number {
    let thread = this.#threads.get(name);
    if (thread === undefined) this.#threads.set(name, (thread = this.#threads.size));
    return thread;
  }

  #spread(cpu: number, from: Nanos, to: Nanos, add: (bin: Bin, ns: number) => void): void {
    this.#bin(cpu, from);
    this.#bin(cpu, to);
    this.#end = Math.max(this.#end, to);
    for (let at: number = from; at < to;) {
      const ends = this.#start! + (Math.floor((at - this.#start!) / this.#width) + 1) * this.#width;
      add(this.#bin(cpu, at), Math.min(ends, to) - at);
      at = ends;
    }
  }

  /** The bin for a time, created if needed; times before the first bin count there. */
  #bin(cpu: number, time: number): Bin {
    this.#start ??= Math.floor(time / this.#width) * this.#width;
    while (time >= this.#start + MOST * this.#width) this.#widen();
    let bins = this.#cpus.get(cpu);
    if (bins === undefined) this.#cpus.set(cpu, (bins = []));
    const i = Math.max(0, Math.floor((time - this.#start) / this.#width));
    while (bins.length <= i) bins.push({ threads: new Map(), samples: 0, stopped: 0 });
    return bins[i]!;
  }

  #widen(): void {
    for (const bins of this.#cpus.values()) {
      for (let i = 0; 2 * i < bins.length; i++) bins[i] = merged(bins[2 * i]!, bins[2 * i + 1]);
      bins.length = Math.ceil(bins.length / 2);
    }
    this.#width *= 2;
  }

  /** What was gathered so far; undefined if nothing came. */
  taken(): CpuLanes | undefined {
    if (this.#start === undefined) return undefined;
    const lanes = [...this.#cpus].toSorted(([a], [b]) => a - b);
    return {
      start: nanos(this.#start),
      end: nanos(this.#end),
      width: nanos(this.#width),
      threads: [...this.#threads.keys()],
      cpus: lanes.map(([cpu, bins]): CpuLane => ({
        cpu,
        bins: bins.map(({ threads, samples, stopped }) => ({ threads: [...threads], samples, stopped })),
      })),
    };
  }
}
