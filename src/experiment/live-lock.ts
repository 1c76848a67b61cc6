/**
 * Notices a run that cannot end, because its kernel is so busy sampling that the workload makes no progress, and one
 * that is too long.
 *
 * If serving the PMIs of a tick takes as long as a tick, the next tick is pending when the last handler returns, and
 * arms the counter again before the program has run a hundred instructions.
 */
import { side, type Machine } from '../machine/machine.ts';
import { isSet, type MachineSpec } from '../machine/spec.ts';
import type { Task } from '../kernel/task.ts';
import { cycles, type Cycles, type Nanos } from '../units.ts';
import { FRACTION } from '../sim/doubles.ts';

/** Number of ticks watched, and the least progress per tick, ns. */
const TICKS = 250;
const LEAST_PROGRESS = 1_000;
/** A run this long, ns, must have spent at least this share on the workload. */
const LONG_RUN = 20e9;
const LEAST_SHARE = 0.01;
/** Cycles up to which 1/64 of one is exact in a double: in a longer run the clock would not add up. */
const LONGEST = cycles(2 ** 47);

/** Why a run does not end, with the numbers behind it and what would help. */
export class LiveLock extends Error {
  override readonly name = 'LiveLock';
}

export class ProgressWatch {
  readonly #machine: Machine;
  #since = 0;
  #before = 0;
  #began: number | undefined;
  /** Time of the last look, and how often the workload had slept by then. */
  #seen = 0;
  #sleeps = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#since = this.#before = this.#seen = FRACTION;
    this.#since = this.#before = this.#seen = 0;
  }

  /** To be called every few ticks, with the workload's threads and their user time so far. Throws LiveLock. */
  check(threads: readonly Task[], work: Cycles): void {
    const { kernel, core } = this.#machine;
    const now = core.nanos();
    if (core.now() > LONGEST)
      throw new LiveLock(
        `The run is too long: gperf keeps time exactly for ${Math.floor(kernel.nanosOf(LONGEST) / 1e9)} s of this machine, and the workload has not ended by then.`,
      );
    const sleeps = threads.reduce((sum, { nvcsw }) => sum + nvcsw, 0);
    const slept = sleeps - this.#sleeps;
    this.#sleeps = sleeps;
    if (threads.every(({ cursor, state }) => cursor === undefined || state === 'sleeping')) return this.#rest(now);
    // It comes to a system call at least once a tick, however little it does in between.
    if (slept * kernel.rate.tick_nsec >= now - this.#seen) return this.#rest(now);
    const progress = kernel.nanosOf(work);
    this.#began ??= now;
    this.#seen = now;
    const ticks = Math.floor((now - this.#since) / kernel.rate.tick_nsec);
    if (now - this.#began > LONG_RUN && progress < LEAST_SHARE * (now - this.#began))
      throw new LiveLock(this.#explain(progress, now - this.#began));
    if (ticks < TICKS) return;
    const moved = progress - this.#before;
    if (moved < ticks * LEAST_PROGRESS) throw new LiveLock(this.#explain(moved, now - this.#since));
    this.#since = now;
    this.#before = progress;
  }

  /** Call if the machine stays in its interrupt handlers, so that nothing else can run. Throws LiveLock. */
  overrun(work: Cycles): never {
    const { kernel, core } = this.#machine;
    throw new LiveLock(this.#explain(kernel.nanosOf(work) - this.#before, core.nanos() - this.#since));
  }

  /** The workload sleeps: this time does not count against it. */
  #rest(now: Nanos): void {
    if (this.#began !== undefined) this.#began += now - this.#seen;
    this.#seen = now;
    this.#since = now;
  }

  #explain(moved: number, span: number): string {
    const { kernel, spec } = this.#machine;
    const us = (ns: number): string => (ns / 1e3).toFixed(0);
    const { rate } = kernel;
    const { sysctl } = kernel;
    const percent = kernel.config.perf_cpu_time_max_percent;
    // perf_sample_event_took() updates its average only if that may lower the limit.
    const length =
      percent % 100 === 0
        ? `How long PMIs take the kernel does not ask (kernel.perf_cpu_time_max_percent=${percent})`
        : `Serving a PMI takes the kernel ${us(rate.averagePmi)} us on average by its own clock`;
    return (
      `The run is live-locked: in ${(span / 1e9).toFixed(1)} s the workload ran for ${us(moved)} us.\n` +
      `${length}, and a tick is ${us(rate.tick_nsec)} us: ` +
      `the next tick is due before the last interrupt is done and re-arms the counter (limit: ${sysctl.max_samples_per_tick} a tick).\n` +
      `What would change it: ${[...remedies(spec, percent), 'a longer period (-c)'].join(', or ')}.`
    );
  }
}

/** Settings under which the run would progress, without those already in force or without effect where perf runs. */
function remedies(spec: MachineSpec, percent: number): string[] {
  const { values: v } = spec;
  const of = side(spec);
  const told = (spec.design?.remedies ?? []).flatMap((remedy) => {
    if ('vpmu' in remedy) return [`--vpmu ${remedy.vpmu} (${remedy.because})`];
    return isSet(spec, remedy.set) ? [] : [`--set ${remedy.set} (${remedy.because})`];
  });
  if (percent % 100 === 0)
    told.push(`--set ${of}.cpu_time_max_percent=25 (the kernel lowers the limit by how long PMIs take)`);
  // Without that, the limit is a rate per second: a longer tick would allow proportionally more samples.
  else if (v[`${of}.hz`] > 100) told.push(`a longer tick (--set ${of}.hz=100)`);
  return told;
}
