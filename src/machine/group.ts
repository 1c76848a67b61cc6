/**
 * Cores that are simulated together, with the CPUs of one boot of Linux on them: runs each up to the end of the window,
 * hands over what they posted, and gives acts their turn.
 * Not modelled: guests' CPUs that affect each other.
 */
import type { Core } from '../hw/core.ts';
import type { HostCounts } from '../kernel/host-global.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Post } from '../kernel/mail.ts';
import { FN } from '../kernel/symbols.ts';
import { Windows, type ActEffect, type Standing, type WindowOptions } from '../sim/windows.ts';
import { cycles, type Cycles } from '../units.ts';

/** A core and the kernel that runs on it. */
export interface HostCpu {
  readonly core: Core;
  readonly host: Kernel;
}

const VECTORS = { wake: 'RESCHEDULE', call: 'CALL_FUNCTION', tail: undefined } as const;
/** Every record is written by these. */
const WRITES = ['perf_output_begin_forward', 'perf_output_sample', 'perf_output_end'] as const;
const ENDED: Standing<Kernel> = { now: cycles(Infinity), promise: cycles(Infinity) };

export class CoreGroup {
  readonly #cpus: readonly HostCpu[];
  readonly #windows: Windows;
  readonly #latency: Cycles;
  readonly #recordCost: Cycles;

  /** CPUs by number. */
  constructor(cpus: readonly HostCpu[], options: WindowOptions) {
    this.#cpus = cpus;
    this.#windows = new Windows(options);
    this.#latency = options.latency;
    this.#recordCost = cycles(
      Math.min(...cpus.map(({ core }) => WRITES.reduce((sum, fn) => sum + core.costOf(FN[fn]), 0))),
    );
  }

  /**
   * Lets time pass until all CPUs have passed a grid line at `until` or after, or the first one after `stop` holds at a
   * scheduling point of CPU 0. Throws PromiseBroken.
   */
  run(until: Cycles, stop: () => boolean = () => false): void {
    const windows = this.#windows;
    for (;;) {
      const { line } = windows;
      this.#meet(stop);
      if (windows.line === line)
        for (const { host } of this.#cpus) host.run(windows.end, host === this.#cpus[0]!.host ? stop : undefined);
      else if (line >= until || stop()) return;
    }
  }

  #meet(stop: () => boolean): void {
    const posts = this.#cpus.map(({ host }) => host.mail.take());
    posts.forEach((sent, from) => sent.forEach((post) => this.#deliver(post, from)));
    const standings = this.#cpus.map((cpu, i) =>
      i === 0 && stop() ? ENDED : { ...this.#standing(cpu), posts: posts[i] },
    );
    this.#windows.next(standings, { gridLine: () => this.#look(), apply: (kernel): ActEffect => kernel.takeTurn() });
  }

  #standing({ core, host }: HostCpu): Standing<Kernel> {
    const { spins, waits } = host;
    // Whatever it does next is later than an answer that nobody has given yet.
    if (spins) return ENDED;
    const now = core.now();
    const promise = host.promise(core.lapic.ipiAt, this.#recordCost);
    if (!waits) return { now, promise };
    const { workAfterAct: after, looks } = host;
    return { now, promise: now, act: { what: host, after, others: promise, looks } };
  }

  #deliver(post: Post, from: number): void {
    const { core, host } = this.#cpus[post.to]!;
    const at = cycles(post.sent + this.#latency);
    if (post.kind === 'answer') {
      host.mail.answered = at;
      return;
    }
    if (post.kind === 'call') host.mail.calls++;
    core.lapic.receive(at, from, VECTORS[post.kind], () => host.mail.accept(post));
  }

  /**
   * A grid line: every core learns the sum of what the others have contributed to the host's counts, and the lowest
   * limits of the sampling rate.
   */
  #look(): void {
    const sysctls = new Set(this.#cpus.map(({ host }) => host.system.sysctl));
    for (const one of sysctls) for (const other of sysctls) one.takeOver(other);
    for (const { host } of this.#cpus) {
      if (host.global === undefined) continue;
      const others = this.#cpus.filter((cpu) => cpu.host !== host).map((cpu) => cpu.host.global!.own);
      const sum = (of: keyof HostCounts): number => others.reduce((total, counts) => total + counts[of], 0);
      host.global.others = {
        hardwareEvents: sum('hardwareEvents'),
        perf_sched_count: sum('perf_sched_count'),
        include_guest_events: sum('include_guest_events'),
      };
    }
  }
}
