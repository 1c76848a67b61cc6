/**
 * The local APIC as far as a PMU needs one: the LVT performance-monitoring entry, the deadline timer, a self-IPI, and what
 * of each is pending. A delivered PMI sets the mask bit of LVTPC; software unmasks by writing the entry again.
 *
 * SDM volume 3A "Local Vector Table", "TSC-Deadline Mode".
 * Not modelled: priorities (TPR), other LVT entries, interrupts from outside.
 */
import type { Vector } from '../arch/cpu.ts';
import type { Cycles } from '../units.ts';

const NEVER = Infinity as Cycles;

export class LocalApic {
  /** When the timer fires. */
  timerAt = NEVER;
  /** When a PMI that was raised reaches the APIC. */
  pmiAt = NEVER;
  /** A PMI met the mask bit: it comes when the entry is opened, if its overflow is still flagged then. */
  pmiHeld = false;
  nmiPending = false;
  mediatedPmiPending = false;
  timerPending = false;
  irqWorkPending = false;
  #lvtpc: Vector = 'NMI';
  /** LVT entries come out of reset masked. */
  #lvtpcMasked = true;

  /** Software writes LVTPC. */
  setLvtpc(vector: Vector, masked = false): void {
    this.#lvtpc = vector;
    this.#lvtpcMasked = masked;
  }

  get lvtpcMasked(): boolean {
    return this.#lvtpcMasked;
  }

  /** Whether anything waits for the core to take it. */
  get pending(): boolean {
    return this.nmiPending || this.mediatedPmiPending || this.timerPending || this.irqWorkPending;
  }

  /** The maskable interrupt to deliver next, taken off the pending ones. */
  takeIrq(): Vector | undefined {
    if (this.mediatedPmiPending) {
      this.mediatedPmiPending = false;
      return 'PERF_GUEST_MEDIATED_PMI';
    }
    if (this.timerPending) {
      this.timerPending = false;
      return 'LOCAL_TIMER';
    }
    if (!this.irqWorkPending) return undefined;
    this.irqWorkPending = false;
    return 'IRQ_WORK';
  }

  /** What was due by `now` becomes pending. A PMI that meets a masked entry is held back. */
  latch(now: Cycles): void {
    if (now >= this.pmiAt) {
      this.pmiAt = NEVER;
      if (this.#lvtpcMasked) this.pmiHeld = true;
      else {
        this.#lvtpcMasked = true;
        if (this.#lvtpc === 'NMI') this.nmiPending = true;
        else if (this.#lvtpc === 'PERF_GUEST_MEDIATED_PMI') this.mediatedPmiPending = true;
      }
    }
    if (now >= this.timerAt) {
      this.timerAt = NEVER;
      this.timerPending = true;
    }
  }
}
