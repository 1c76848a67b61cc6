/** All that can be seen happen on a machine: what its parts tell, and what a Cpu between a kernel and its own sees. */
import type { Vector } from '../arch/cpu.ts';
import type { CoreStep } from '../hw/steps.ts';
import type { KernelStep } from '../kernel/steps.ts';
import type { KernelFunction } from '../kernel/symbols.ts';
import type { KvmStep } from '../kvm/steps.ts';

export type MachineStep = CoreStep | KernelStep | KvmStep | CpuStep;

/** What a kernel asks of its CPU. */
export type CpuStep =
  | AccessStep
  /** TSC deadline written: `armed` unless it is taken back. */
  | { readonly kind: 'timer'; readonly armed: boolean }
  /** A function with its callees, one pass through a function, a pass whose length was drawn. */
  | { readonly kind: 'frame' | 'call' | 'surcharge'; readonly fn: KernelFunction };

/** A register of the PMU is read or written. What is read is known when the access is over. */
export type AccessStep =
  | { readonly kind: 'rdmsr'; readonly msr: number; value?: number }
  | { readonly kind: 'wrmsr'; readonly msr: number; readonly value: number }
  | { readonly kind: 'rdpmc'; readonly ecx: number; value?: number }
  | { readonly kind: 'lvtpc'; readonly vector: Vector; readonly masked: boolean };

/** The function that is entered or passed in a step, if any is. */
export const functionOf = (step: MachineStep): KernelFunction | undefined => ('fn' in step ? step.fn : undefined);
