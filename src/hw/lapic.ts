/**
 * A core's local APIC: the deadline timer, PMIs from the PMU, self-IPIs. Delivery of a PMI sets the mask bit of LVTPC;
 * software clears it by writing the entry again.
 *
 * SDM volume 3A "Local Vector Table", "TSC-Deadline Mode".
 * Not modelled: interrupts from outside.
 */
import type { Vector } from '../arch/cpu.ts';
import { LocalApic } from '../arch/lapic.ts';
import type { Cycles } from '../units.ts';

const NEVER = Infinity as Cycles;

export class CoreApic extends LocalApic {
  #timerAt = NEVER;
  #pmiAt = NEVER;
  /** Until then no interrupt arrives, and none waits: the earlier of the two times below, or -Infinity. */
  quietUntil = NEVER;
  /**
   * A PMI met the mask bit: it is delivered after the entry is unmasked, if GLOBAL_STATUS still shows an overflow then.
   */
  pmiHeld = false;

  /** When the timer fires. */
  get timerAt(): Cycles {
    return this.#timerAt;
  }
  set timerAt(at: Cycles) {
    this.#timerAt = at;
    this.#look();
  }

  /** When a raised PMI reaches the APIC. */
  get pmiAt(): Cycles {
    return this.#pmiAt;
  }
  set pmiAt(at: Cycles) {
    this.#pmiAt = at;
    this.#look();
  }

  override accept(vector: Vector): void {
    super.accept(vector);
    this.#look();
  }

  override take(nmiBlocked: boolean, irqsOff: boolean): Vector | undefined {
    const vector = super.take(nmiBlocked, irqsOff);
    if (vector !== undefined) this.#look();
    return vector;
  }

  /** Makes pending what is due by `now`. A PMI that meets a masked entry is held back. */
  latch(now: Cycles): void {
    if (now >= this.#pmiAt) {
      this.pmiAt = NEVER;
      if (!this.acceptPmi(true)) this.pmiHeld = true;
    }
    if (now >= this.#timerAt) {
      this.timerAt = NEVER;
      this.accept('LOCAL_TIMER');
    }
  }

  #look(): void {
    this.quietUntil = (this.pending ? -Infinity : Math.min(this.#timerAt, this.#pmiAt)) as Cycles;
  }
}
