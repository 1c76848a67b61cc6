/** A core with only what a test puts on it: a handful of ring-0 functions and scripted interrupt handlers. */
import type { Regs, Software, Vector } from '../../src/arch/cpu.ts';
import { COLUMN, eventVector, type EventName } from '../../src/arch/events.ts';
import type { Ring0Function } from '../../src/arch/ring0.ts';
import { Core, type CoreSpec, type Skid } from '../../src/hw/core.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { stream } from '../../src/sim/rng.ts';
import { logNormalTable } from '../../src/sim/spread.ts';
import { address, cycles, type Address, type Cycles } from '../../src/units.ts';

const TEXT = -0x7f000000;
const SIZE = 1000;

/** Function `index` starts at TEXT + 4096 * index and is SIZE bytes long. */
const fn = (
  index: number,
  name: string,
  cost: number,
  events: Partial<Record<EventName, number>> = {},
): Ring0Function => {
  const vector = eventVector();
  vector[COLUMN.cycles] = cost;
  for (const [event, n] of Object.entries(events)) vector[COLUMN[event as EventName]] = n;
  return { index, name, address: address(TEXT + 4096 * index), size: SIZE, cost: cycles(cost), events: vector };
};

/** Numbers of the functions. */
export const F = { idle: 0, long: 1, handler: 2, tiny: 3, odd: 4, rdmsr: 5, wrmsr: 6, rdpmc: 7 } as const;
export const RING0: readonly Ring0Function[] = [
  fn(F.idle, 'idle', 1000),
  fn(F.long, 'long', 10_000, { instructions: 8000, branches: 1000, 'L1-dcache-loads': 3 }),
  fn(F.handler, 'handler', 600, { instructions: 500, branches: 77 }),
  fn(F.tiny, 'tiny', 3, { instructions: 7, branches: 2 }),
  fn(F.odd, 'odd', 777.015625, { instructions: 613, branches: 101, 'L1-dcache-loads': 1 }),
  fn(F.rdmsr, 'rdmsr', 40, { instructions: 1 }),
  fn(F.wrmsr, 'wrmsr', 100, { instructions: 1 }),
  fn(F.rdpmc, 'rdpmc', 14, { instructions: 1 }),
];
/** Address at so many bytes into a function. */
export const at = (f: number, offset: number): Address => address(RING0[f]!.address + offset);
/** Where a caller's frame is said to be. */
export const inside = (f: number): Address => at(f, SIZE / 2);

export interface Seen {
  readonly vector: Vector;
  readonly when: Cycles;
  readonly cpl: Regs['cpl'];
  readonly ip: Address;
  readonly frames: readonly Address[];
}

/** Records every interrupt, then does what the test wants. */
export class Script implements Software {
  readonly seen: Seen[] = [];
  readonly on: Partial<Record<Vector, (regs: Regs) => void>> = {};
  resched = false;
  readonly #now: () => Cycles;
  constructor(now: () => Cycles) {
    this.#now = now;
  }
  interrupt(vector: Vector, regs: Regs): void {
    const { cpl, ip, kernelFrames } = regs;
    this.seen.push({ vector, when: this.#now(), cpl, ip, frames: [...kernelFrames] });
    this.on[vector]?.(regs);
  }
  needResched(): boolean {
    return this.resched;
  }
}

const NO_SKID: Skid = { fixed: 0, mean: 0, max: 0 };

/** The same functions with passes that take from half the time to many times that. */
const SPREAD: readonly Ring0Function[] = RING0.map((f) => ({
  ...f,
  spread: { least: cycles(Math.floor(f.cost * 32) / 64), quantiles: logNormalTable(1) },
}));

export function bareCore(
  skid: Skid = NO_SKID,
  seed = 'test',
  refill = 0,
  spread = false,
  caches?: CoreSpec['caches'],
): { core: Core; script: Script } {
  const spec: CoreSpec = {
    caps: { version: 3, nrGp: 4, nrFixed: 3, width: 48, fullWidthWrite: true },
    events: broadwellEp.events,
    clocks: { coreHz: 2.8e9, cycleHz: 2.8e9, tscHz: 2.2e9, busHz: 1e8 },
    ring0: spread ? SPREAD : RING0,
    msrFunctions: { rdmsr: F.rdmsr, wrmsr: F.wrmsr, rdpmc: F.rdpmc },
    skid,
    refill: cycles(refill),
    caches,
  };
  const core = new Core(spec, stream(seed, 'skid'));
  const script = new Script(() => core.now());
  core.setSoftware(script);
  core.lapic.setLvtpc('NMI');
  return { core, script };
}
