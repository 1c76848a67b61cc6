/**
 * A core's local APIC: what arrives at it, and when. The deadline timer, PMIs on their way from the PMU, a self-IPI. A
 * delivered PMI sets the mask bit of LVTPC; software unmasks by writing the entry again.
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
  /** When a PMI that was raised reaches the APIC. */
  pmiAt = NEVER;
  /** A PMI met the mask bit: it comes when the entry is opened, if its overflow is still flagged then. */
  pmiHeld = false;

  /** What was due by `now` becomes pending. A PMI that meets a masked entry is held back. */
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
