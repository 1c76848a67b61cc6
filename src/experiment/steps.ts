/**
 * Everything observable on a machine: what its parts report, and what a Cpu placed between a kernel and its own sees.
 */
import type { Vector } from '../arch/cpu.ts';
import type { CoreStep } from '../hw/steps.ts';
import type { KernelStep } from '../kernel/steps.ts';
import type { KernelFunction } from '../kernel/symbols.ts';
import type { KvmStep } from '../kvm/steps.ts';

export type MachineStep = CoreStep | KernelStep | KvmStep | CpuStep;

/** What a kernel asks of its CPU. */
export type CpuStep =
  | AccessStep
  /** TSC deadline written; `armed` is false if it is cancelled. */
  | { readonly kind: 'timer'; readonly armed: boolean }
  /** A function with its callees, one pass through a function, or a pass whose length was drawn. */
  | { readonly kind: 'frame' | 'call' | 'surcharge'; readonly fn: KernelFunction };

/** A PMU register is read or written. The value read is known when the access is over. */
export type AccessStep =
  | { readonly kind: 'rdmsr'; readonly msr: number; value?: number }
  | { readonly kind: 'wrmsr'; readonly msr: number; readonly value: number }
  | { readonly kind: 'rdpmc'; readonly ecx: number; value?: number }
  | { readonly kind: 'lvtpc'; readonly vector: Vector; readonly masked: boolean };

/** The function entered or passed in a step, if any. */
export const functionOf = (step: MachineStep): KernelFunction | undefined => ('fn' in step ? step.fn : undefined);
