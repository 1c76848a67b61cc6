/**
 * Cores that are simulated together, with the CPUs of one boot of Linux on them: runs each up to the end of the window,
 * hands over what they posted, and gives acts their turn.
 * Not modelled: guests' CPUs that affect each other, perf events on another CPU.
 */
import type { Core } from '../hw/core.ts';
import type { HostCounts } from '../kernel/host-global.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { WakePost } from '../kernel/mail.ts';
import { Windows, type ActEffect, type Standing, type WindowOptions } from '../sim/windows.ts';
import { cycles, type Cycles } from '../units.ts';

/** A core and the kernel that runs on it. */
export interface HostCpu {
  readonly core: Core;
  readonly host: Kernel;
}

const ENDED: Standing<Kernel> = { now: cycles(Infinity), promise: cycles(Infinity) };

export class CoreGroup {
  readonly #cpus: readonly HostCpu[];
  readonly #windows: Windows;
  readonly #latency: Cycles;

  /** CPUs by number. */
  constructor(cpus: readonly HostCpu[], options: WindowOptions) {
    this.#cpus = cpus;
    this.#windows = new Windows(options);
    this.#latency = options.latency;
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
    const standings = this.#cpus.map((cpu, i) => (i === 0 && stop() ? ENDED : this.#standing(cpu)));
    this.#windows.next(standings, { gridLine: () => this.#look(), apply: (kernel): ActEffect => kernel.takeTurn() });
  }

  #standing({ core, host }: HostCpu): Standing<Kernel> {
    const posts = host.mail.take();
    for (const post of posts) this.#deliver(post, host.number);
    const now = core.now();
    const promise = host.promise(core.lapic.ipiAt);
    if (!host.waits) return { now, promise, posts };
    return { now, promise: now, act: { what: host, after: host.workAfterAct, others: promise }, posts };
  }

  #deliver(post: WakePost, from: number): void {
    const { core, host } = this.#cpus[post.to]!;
    core.lapic.receive(cycles(post.sent + this.#latency), from, 'RESCHEDULE', () => host.mail.wake_list.push(post));
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
