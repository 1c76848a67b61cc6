/**
 * A Cpu between a kernel and the CPU it runs on: passes everything through and tells a probe which PMU registers the kernel
 * touches, which interrupt paths it walks, and a few functions it passes. It takes no time and changes nothing.
 *
 * Kinds of steps: rdmsr, wrmsr, rdpmc, lvtpc (register accesses), timer, frame (a function with its callees), call (one
 * pass), surcharge (a pass whose length was drawn).
 */
import type { Cpu, ExecutionCursor, StopReason, Vector } from '../arch/cpu.ts';
import type { PmuCaps } from '../arch/cpuid.ts';
import { MSR, RDPMC_FIXED, decodePmuMsr } from '../arch/msr.ts';
import { KERNEL_SYMBOLS } from '../kernel/symbols.ts';
import type { OpenStep, Probe } from '../sim/probe.ts';
import type { Cycles, Nanos } from '../units.ts';

export class TappedCpu implements Cpu {
  readonly caps: PmuCaps;
  readonly #cpu: Cpu;
  readonly #probe: Probe;
  readonly #passes: boolean;
  readonly #frames: OpenStep[] = [];

  /** `passes` false: nobody asks for calls and surcharges, of which there are more than of everything else. */
  constructor(cpu: Cpu, probe: Probe, passes = true) {
    this.caps = cpu.caps;
    this.#cpu = cpu;
    this.#probe = probe;
    this.#passes = passes;
  }

  rdmsr(msr: number): number {
    const step = this.#probe.begin('rdmsr', msrName(msr));
    const value = this.#cpu.rdmsr(msr);
    step.end(value);
    return value;
  }

  wrmsr(msr: number, value: number): void {
    const step = this.#probe.begin('wrmsr', msrName(msr), value);
    this.#cpu.wrmsr(msr, value);
    step.end();
  }

  rdpmc(ecx: number): number {
    const name = ecx >= RDPMC_FIXED ? `FIXED_CTR${ecx - RDPMC_FIXED}` : `PMC${ecx}`;
    const step = this.#probe.begin('rdpmc', name);
    const value = this.#cpu.rdpmc(ecx);
    step.end(value);
    return value;
  }

  setLvtpc(vector: Vector, masked?: boolean): void {
    const step = this.#probe.begin('lvtpc', masked === true ? `${vector}, masked` : vector);
    this.#cpu.setLvtpc(vector, masked);
    step.end();
  }

  setTimer(at: Cycles): void {
    const step = this.#probe.begin('timer', at === Infinity ? 'off' : 'on');
    this.#cpu.setTimer(at);
    step.end();
  }

  enter(fn: number): void {
    this.#frames.push(this.#probe.begin('frame', nameOf(fn)));
    this.#cpu.enter(fn);
  }

  leave(): void {
    this.#cpu.leave();
    this.#frames.pop()?.end();
  }

  spend(fn: number, times?: number): void {
    if (!this.#passes) return this.#cpu.spend(fn, times);
    const step = this.#probe.begin('call', nameOf(fn));
    this.#cpu.spend(fn, times);
    step.end();
  }

  spendFor(fn: number, cost: Cycles): void {
    if (!this.#passes) return this.#cpu.spendFor(fn, cost);
    const step = this.#probe.begin('surcharge', nameOf(fn));
    this.#cpu.spendFor(fn, cost);
    step.end();
  }

  now(): Cycles {
    return this.#cpu.now();
  }

  nanos(): Nanos {
    return this.#cpu.nanos();
  }

  execute(code: ExecutionCursor, until: Cycles): StopReason {
    return this.#cpu.execute(code, until);
  }

  halt(until: Cycles): void {
    this.#cpu.halt(until);
  }

  irqDisable(): void {
    this.#cpu.irqDisable();
  }

  irqEnable(): void {
    this.#cpu.irqEnable();
  }

  get wanted(): boolean {
    return this.#cpu.wanted === true;
  }

  raiseIrqWork(): void {
    this.#cpu.raiseIrqWork();
  }
}

const nameOf = (fn: number): string => KERNEL_SYMBOLS[fn]!.name;

const MSR_NAMES = new Map(Object.entries(MSR).map(([name, number]) => [number as number, name]));

/** The SDM's name of a PMU register. */
function msrName(msr: number): string {
  let name = MSR_NAMES.get(msr);
  if (name !== undefined) return name;
  const register = decodePmuMsr(msr);
  if (register === undefined) return `MSR 0x${msr.toString(16)}`;
  const idx = 'idx' in register ? register.idx : 0;
  name = MSR_NAMES.get(msr - idx)!.replace(/0$/, String(idx));
  MSR_NAMES.set(msr, name);
  return name;
}
