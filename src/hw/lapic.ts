/**
 * A core's local APIC: the deadline timer, PMIs from the PMU, IPIs. Delivery of a PMI sets the mask bit of LVTPC;
 * software clears it by writing the entry again.
 *
 * SDM volume 3A "Local Vector Table", "TSC-Deadline Mode", "Issuing Interprocessor Interrupts".
 * Not modelled: interrupts from devices.
 */
import type { Vector } from '../arch/cpu.ts';
import { LocalApic } from '../arch/lapic.ts';
import type { Cycles } from '../units.ts';

const NEVER = Infinity as Cycles;

/** Something on its way from another core. */
export interface Ipi {
  readonly at: Cycles;
  readonly from: number;
  readonly arrives: () => Vector | undefined;
  /** For whom it is, if that may go to another core before it arrives. */
  readonly owner: unknown;
}

export class CoreApic extends LocalApic {
  #timerAt = NEVER;
  #pmiAt = NEVER;
  /** Until then no interrupt arrives, and none waits: the earlier of the two times below, or -Infinity. */
  quietUntil = NEVER;
  /**
   * A PMI met the mask bit: it is delivered after the entry is unmasked, if GLOBAL_STATUS still shows an overflow then.
   */
  pmiHeld = false;
  /** When the first IPI from another core arrives. */
  ipiAt = NEVER;
  /** On their way, in order of arrival. */
  readonly #ipis: Ipi[] = [];

  /**
   * Something from core number `from` will arrive. It is noticed at the first boundary from then on at which the core looks
   * (hw/core.ts); `arrives` is called there, and returns the interrupt, or nothing if it is only a write to memory that
   * becomes visible then. What arrives at the same time is in order of the cores.
   */
  receive(at: Cycles, from: number, arrives: () => Vector | undefined, owner?: unknown): void {
    const ipi = { at, from, arrives, owner };
    let i = this.#ipis.length;
    while (i > 0 && precedes(ipi, this.#ipis[i - 1]!)) i--;
    this.#ipis.splice(i, 0, ipi);
    this.ipiAt = this.#ipis[0]!.at;
  }

  /** Takes back what has not been accepted yet and is for somebody who goes to another core. */
  withdraw(owner: unknown): Ipi[] {
    const theirs = this.#ipis.filter((ipi) => ipi.owner === owner);
    const others = this.#ipis.filter((ipi) => ipi.owner !== owner);
    this.#ipis.splice(0, Infinity, ...others);
    this.ipiAt = others[0]?.at ?? NEVER;
    return theirs;
  }

  /** Accepts the IPIs that have arrived by `now`. */
  acceptIpis(now: Cycles): void {
    while (now >= this.ipiAt) {
      const { arrives } = this.#ipis.shift()!;
      this.ipiAt = this.#ipis[0]?.at ?? NEVER;
      const vector = arrives();
      if (vector !== undefined) this.accept(vector);
    }
  }

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

const precedes = (a: Ipi, b: Ipi): boolean => (a.at === b.at ? a.from < b.from : a.at < b.at);
