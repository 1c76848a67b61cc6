/**
 * What a processor's local APIC is to its software, whether it is hardware (hw/lapic.ts) or KVM's (kvm/lapic.ts): the LVT
 * performance-monitoring entry, and which interrupts have been accepted and wait to be taken.
 *
 * SDM volume 3A "Local Vector Table", "Interrupt Acceptance for Fixed Interrupts".
 * Not modelled: priorities by vector number (TPR; those here go by a fixed order), other LVT entries, the ISR.
 */
import type { Vector } from './cpu.ts';

/** The maskable ones in the order in which they are taken; a new vector is a line here. */
const ORDER: readonly Vector[] = ['PERF_GUEST_MEDIATED_PMI', 'LOCAL_TIMER', 'IRQ_WORK'];

export class LocalApic {
  nmiPending = false;
  /** IRR: a bit for each of ORDER that waits. */
  #irr = 0;
  /** LVT entries come out of reset masked. */
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

  /** An interrupt arrives; one that waits already is the same one. */
  accept(vector: Vector): void {
    if (vector === 'NMI') this.nmiPending = true;
    else this.#irr |= 1 << ORDER.indexOf(vector);
  }

  /** A PMI arrives, and `masks` the entry. False, and nothing happens, if it is masked already. */
  acceptPmi(masks: boolean): boolean {
    if (this.#lvtpcMasked) return false;
    this.#lvtpcMasked = masks;
    this.accept(this.#lvtpc);
    return true;
  }

  /** Whether anything waits for the processor to take it. */
  get pending(): boolean {
    return this.nmiPending || this.#irr !== 0;
  }

  /** The next interrupt that the processor can take, off the pending ones: an NMI unless they are blocked, then by ORDER. */
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
