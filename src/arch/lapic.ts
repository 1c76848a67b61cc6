/**
 * The part of a local APIC that hardware (hw/lapic.ts) and KVM's emulation (kvm/lapic.ts) share: the LVT
 * performance-monitoring entry, and the interrupts that have been accepted and wait to be taken.
 *
 * SDM volume 3A "Local Vector Table", "Interrupt Acceptance for Fixed Interrupts".
 * Not modelled: the TPR and priorities by vector number (the order here is fixed), other LVT entries, the ISR.
 */
import type { Vector } from './cpu.ts';

/** Maskable interrupts, in the order in which they are taken. */
const ORDER: readonly Vector[] = ['PERF_GUEST_MEDIATED_PMI', 'LOCAL_TIMER', 'IRQ_WORK', 'RESCHEDULE', 'CALL_FUNCTION'];

export class LocalApic {
  nmiPending = false;
  /** IRR: a bit for each waiting interrupt, by its index in ORDER. */
  #irr = 0;
  /** LVT entries are masked after reset. */
  #lvtpc: Vector = 'NMI';
  #lvtpcMasked = true;

  /** Software writes LVTPC. */
  setLvtpc(vector: Vector, masked = false): void {
    this.#lvtpc = vector;
    this.#lvtpcMasked = masked;
  }

  get lvtpcMasked(): boolean {
    return this.#lvtpcMasked;
  }

  /** An interrupt arrives. If it is already waiting, nothing changes. */
  accept(vector: Vector): void {
    if (vector === 'NMI') this.nmiPending = true;
    else this.#irr |= 1 << ORDER.indexOf(vector);
  }

  /**
   * A PMI arrives; `masks`: its delivery masks the entry. False if the entry is already masked, and the PMI is not
   * accepted.
   */
  acceptPmi(masks: boolean): boolean {
    if (this.#lvtpcMasked) return false;
    this.#lvtpcMasked = masks;
    this.accept(this.#lvtpc);
    return true;
  }

  get pending(): boolean {
    return this.nmiPending || this.#irr !== 0;
  }

  /** Takes the next pending interrupt that is not blocked: an NMI first, then by ORDER. */
  take(nmiBlocked: boolean, irqsOff: boolean): Vector | undefined {
    if (this.nmiPending && !nmiBlocked) {
      this.nmiPending = false;
      return 'NMI';
    }
    if (irqsOff || this.#irr === 0) return undefined;
    const first = 31 - Math.clz32(this.#irr & -this.#irr);
    this.#irr &= ~(1 << first);
    return ORDER[first];
  }
}
