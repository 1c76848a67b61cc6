/** VM-exits by reason: how many, and how long until the guest ran again. Source: arch/x86/include/uapi/asm/vmx.h. */
import { cycles, type Cycles } from '../units.ts';

const EXIT_REASONS = [
  'EXCEPTION_NMI',
  'EXTERNAL_INTERRUPT',
  'HLT',
  'RDPMC',
  'MSR_READ',
  'MSR_WRITE',
  'APIC_WRITE',
  'PAUSE_INSTRUCTION',
  'NMI_WINDOW',
] as const;
export type ExitReason = (typeof EXIT_REASONS)[number];

export class ExitStats {
  readonly #counts = new Map<ExitReason, number>();
  readonly #times = new Map<ExitReason, Cycles>();
  /** All exits, and the time from each exit to the next entry. */
  total = 0;
  outside = 0 as Cycles;

  count(reason: ExitReason): void {
    this.total++;
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  add(reason: ExitReason, span: Cycles): void {
    this.#times.set(reason, cycles((this.#times.get(reason) ?? 0) + span));
  }

  of(reason: ExitReason): { readonly count: number; readonly time: Cycles } {
    return { count: this.#counts.get(reason) ?? 0, time: this.#times.get(reason) ?? cycles(0) };
  }
}
