/**
 * A Cpu placed between a kernel and the CPU it runs on: passes everything through, and tells a probe which PMU
 * registers the kernel accesses, which interrupt paths it takes, and which functions it passes. It takes no time and
 * changes nothing.
 */
import type { Cpu, ExecutionCursor, StopReason, Vector } from '../arch/cpu.ts';
import type { PmuCaps } from '../arch/cpuid.ts';
import { KERNEL_SYMBOLS, type KernelFunction } from '../kernel/symbols.ts';
import type { Probe, Span } from '../sim/probe.ts';
import type { Cycles, Nanos } from '../units.ts';
import type { CpuStep } from './steps.ts';

export class TappedCpu implements Cpu {
  readonly caps: PmuCaps;
  readonly #cpu: Cpu;
  readonly #probe: Probe<CpuStep>;
  readonly #passes: boolean;
  readonly #frames: Span[] = [];

  /** `passes`: whether to report calls and surcharges, which outnumber everything else. */
  constructor(cpu: Cpu, probe: Probe<CpuStep>, passes = true) {
    this.caps = cpu.caps;
    this.#cpu = cpu;
    this.#probe = probe;
    this.#passes = passes;
  }

  rdmsr(msr: number): number {
    const step: CpuStep = { kind: 'rdmsr', msr };
    const span = this.#probe.begin(step);
    step.value = this.#cpu.rdmsr(msr);
    span.end();
    return step.value;
  }

  wrmsr(msr: number, value: number): void {
    const span = this.#probe.begin({ kind: 'wrmsr', msr, value });
    this.#cpu.wrmsr(msr, value);
    span.end();
  }

  rdpmc(ecx: number): number {
    const step: CpuStep = { kind: 'rdpmc', ecx };
    const span = this.#probe.begin(step);
    step.value = this.#cpu.rdpmc(ecx);
    span.end();
    return step.value;
  }

  setLvtpc(vector: Vector, masked?: boolean): void {
    const span = this.#probe.begin({ kind: 'lvtpc', vector, masked: masked === true });
    this.#cpu.setLvtpc(vector, masked);
    span.end();
  }

  relax(fn: number): void {
    this.#cpu.relax?.(fn);
  }

  setTimer(at: Cycles): void {
    const span = this.#probe.begin({ kind: 'timer', armed: at !== Infinity });
    this.#cpu.setTimer(at);
    span.end();
  }

  enter(fn: number): void {
    this.#frames.push(this.#probe.begin({ kind: 'frame', fn: nameOf(fn) }));
    this.#cpu.enter(fn);
  }

  leave(): void {
    this.#cpu.leave();
    this.#frames.pop()?.end();
  }

  spend(fn: number, times?: number): void {
    if (!this.#passes) return this.#cpu.spend(fn, times);
    const span = this.#probe.begin({ kind: 'call', fn: nameOf(fn) });
    this.#cpu.spend(fn, times);
    span.end();
  }

  spendFor(fn: number, cost: Cycles): void {
    if (!this.#passes) return this.#cpu.spendFor(fn, cost);
    const span = this.#probe.begin({ kind: 'surcharge', fn: nameOf(fn) });
    this.#cpu.spendFor(fn, cost);
    span.end();
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

  get steal(): Cycles | undefined {
    return this.#cpu.steal;
  }

  raiseIrqWork(): void {
    this.#cpu.raiseIrqWork();
  }

  sendIpi(to: number): Cycles {
    return this.#cpu.sendIpi(to);
  }

  get pause(): ((fn: number) => void) | undefined {
    const { pause } = this.#cpu;
    return pause && ((fn) => pause.call(this.#cpu, fn));
  }
}

const nameOf = (fn: number): KernelFunction => KERNEL_SYMBOLS[fn]!.name;
