/**
 * Turbo: the fewer cores of a socket are busy, the higher their clock.
 *
 * Time keeps one clock, core.clock, which cores have while all of a socket are busy. Above that, cores count more cycles
 * in a time; and work takes its time at the clock of a lone busy core, which is what its length and the costs of kernel
 * functions were measured at: the letter's run had its socket for itself. So one busy core takes as long for its work as
 * without turbo, and cores take longer the more of them are busy, for the same number of cycles.
 *
 * How many cores of a socket are busy is a view: the sum of the times in which they were out of HLT between the last two
 * grid lines, over that time. A core is out of HLT if one of its hardware threads is. Only simulated cores can be.
 *
 * SDM volume 3B "Performance and Energy Control" (MSR_TURBO_RATIO_LIMIT, volume 4).
 * Not modelled: limits by power, current and temperature; AVX frequencies; that cores in shallow idle states (C1) count
 * as busy; clocks below the all-core one; the time that a change of frequency takes; the uncore's clock.
 */
import type { EventClocks } from '../arch/events.ts';
import { hertz, type Hertz } from '../units.ts';
import type { MachinePreset, SpecValues } from './keys.ts';
import { placesOf } from './topology.ts';

type Clocked = Pick<MachinePreset, 'turbo' | 'values'>;

/** The clock of cores of which so many are busy in their socket. With another core.clock it is higher or lower by as much. */
export function turboClock({ turbo, values: usual }: Clocked, values: SpecValues, busy: number): Hertz {
  const allCore = values['core.clock'];
  if (!values['core.turbo']) return hertz(allCore);
  const [, hz] = turbo.limits.find(([cores]) => busy <= cores) ?? turbo.limits.at(-1)!;
  return hertz((hz * allCore) / usual['core.clock']);
}

/** Clocks of a machine on which one core is busy. */
export const eventClocks = (preset: Clocked, v: SpecValues): EventClocks => ({
  coreHz: v['core.clock'],
  cycleHz: turboClock(preset, v, 1),
  tscHz: v['core.tsc'],
  busHz: v['core.bus'],
});

/** The clocks of a host's simulated CPUs. */
export class Turbo {
  readonly #machine: Clocked & Pick<MachinePreset, 'identity'>;
  readonly #values: SpecValues;
  readonly #places;
  /** Between grid lines, and time in HLT up to the last one, by CPU. */
  readonly #grid: number;
  #idle: readonly number[];

  constructor(machine: Clocked & Pick<MachinePreset, 'identity'>, values: SpecValues, grid: number) {
    this.#machine = machine;
    this.#values = values;
    const { sockets } = machine.identity;
    this.#places = placesOf(values['host.cpus'], sockets, values['host.threads_per_core']).slice(
      0,
      values['host.cores'],
    );
    this.#grid = grid;
    this.#idle = this.#places.map(() => 0);
  }

  /** A grid line: the clock of each CPU from here on, by the time that each has been in HLT so far. */
  clocks(idle: readonly number[]): readonly Hertz[] {
    const busy = new Map<number, number>();
    for (const [cpu, { core }] of this.#places.entries()) {
      const share = Math.max(0, 1 - (idle[cpu]! - this.#idle[cpu]!) / this.#grid);
      busy.set(core, Math.max(busy.get(core) ?? 0, share));
    }
    this.#idle = idle;
    const sockets = new Map<number, number>();
    for (const { core, socket } of this.#places) {
      sockets.set(socket, (sockets.get(socket) ?? 0) + (busy.get(core) ?? 0));
      busy.delete(core);
    }
    return this.#places.map(({ socket }) => turboClock(this.#machine, this.#values, Math.round(sockets.get(socket)!)));
  }
}
