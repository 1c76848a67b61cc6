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

/** What happened from an interrupt's cause to its end, step by step, with a summary. */
export interface Life {
  /** Of what, and where. */
  readonly title: string;
  /** The active events. */
  readonly events: string;
  readonly steps: readonly LifeStep[];
  /** Rows of a name and a text. */
  readonly summary: readonly (readonly [name: string, text: string])[];
}
