/** What happened from an interrupt's cause to its end. Plain data for renderers. */
import type { Nanos } from '../units.ts';

/** One step of something that happened on a machine. */
export interface LifeStep {
  /** Since the start. */
  readonly at: Nanos;
  /** "cpu0 pmu", "host", "kvm legacy", "guest". */
  readonly who: string;
  readonly text: string;
}

/** What happened from an interrupt's cause to its end, step by step, and what it comes to. */
export interface Life {
  /** What it is the life of, and where. */
  readonly title: string;
  /** Which events were on. */
  readonly events: string;
  readonly steps: readonly LifeStep[];
  /** A name and what is to say of it, row by row. */
  readonly summary: readonly (readonly [name: string, text: string])[];
}
