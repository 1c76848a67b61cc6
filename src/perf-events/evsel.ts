/**
 * perf's struct evsel: an event as the user asked for it. Shared by the tool that opens events, the codec that stores them
 * and the reports that print them.
 */
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import type { U64 } from '../units.ts';

/** An event as typed, with the attr it stands for. */
export interface Evsel {
  /** As the user typed it ("cpu-cycles", "branches:u"); what every output calls it. */
  readonly name: string;
  readonly attr: PerfEventAttr;
  /** Index in the list of its group's leader; its own index if it stands alone. */
  readonly leader: number;
  /** The group's name in the list, on a leader with members; "" for an anonymous one. */
  readonly groupName?: string;
  /** "msec" for clocks, else "". */
  readonly unit: string;
  /** What a printed count is multiplied with: 1e-6 for clocks, else 1. */
  readonly scale: number;
  /** P, or perf's own default: asked for at the highest precision, and content with less. */
  readonly precise_max?: boolean;
  /** W: if the group does not fit, its members stand alone. */
  readonly weak_group?: boolean;
  /** Ids the kernel gave it, one per CPU it was opened on; empty before. */
  readonly ids: readonly U64[];
}
