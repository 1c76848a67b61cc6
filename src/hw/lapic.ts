/**
 * A core's local APIC: the deadline timer, PMIs from the PMU, self-IPIs. Delivery of a PMI sets the mask bit of LVTPC;
 * software clears it by writing the entry again.
 *
 * SDM volume 3A "Local Vector Table", "TSC-Deadline Mode".
 * Not modelled: interrupts from outside.
 */
import { LocalApic } from '../arch/lapic.ts';
import type { Cycles } from '../units.ts';

const NEVER = Infinity as Cycles;

export class CoreApic extends LocalApic {
  /** When the timer fires. */
  timerAt = NEVER;
  /** When a raised PMI reaches the APIC. */
  pmiAt = NEVER;
  /**
   * A PMI met the mask bit: it is delivered after the entry is unmasked, if GLOBAL_STATUS still shows an overflow then.
   */
  pmiHeld = false;

  /** Makes pending what is due by `now`. A PMI that meets a masked entry is held back. */
  latch(now: Cycles): void {
    if (now >= this.pmiAt) {
      this.pmiAt = NEVER;
      if (!this.acceptPmi(true)) this.pmiHeld = true;
    }
    if (now >= this.timerAt) {
      this.timerAt = NEVER;
      this.accept('LOCAL_TIMER');
    }
  }
}
