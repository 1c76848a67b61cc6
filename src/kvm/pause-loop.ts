/**
 * Pause-loop exiting: a guest that spins with PAUSE exits once the loop has lasted for a window. Each exit doubles the
 * window, until the vCPU's thread gets the core anew.
 *
 * SDM volume 3C "Instructions That Cause VM Exits Conditionally" (PAUSE). Source: arch/x86/kvm/vmx/vmx.c (handle_pause,
 * grow_ple_window, vmx_sched_in), Linux 5.0.
 * Not modelled: ple_gap and ple_window in cycles of the time-stamp counter: here they are the core's.
 */
import type { Cycles } from '../units.ts';

const PLE_GAP = 128;
const PLE_WINDOW = 4096;
const PLE_WINDOW_GROW = 2;

export class PauseLoop {
  /** When the last round ended, and the first of its loop began. */
  #pausedAt = 0 as Cycles;
  #since = 0 as Cycles;
  #window = PLE_WINDOW;

  /** A round of a loop; whether it exits. */
  round(start: Cycles, end: Cycles): boolean {
    if (start - this.#pausedAt > PLE_GAP) this.#since = start;
    this.#pausedAt = end;
    if (end - this.#since <= this.#window) return false;
    this.#window *= PLE_WINDOW_GROW;
    return true;
  }

  /** The thread has got the core. */
  sched_in(): void {
    this.#window = PLE_WINDOW;
  }
}
