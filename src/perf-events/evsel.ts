/**
 * perf's struct evsel: an event as the user asked for it, for the tool that opens events, the codec that stores them
 * and the reports that print them.
 */
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import type { U64 } from '../units.ts';

/** An event as typed, with its attr. */
export interface Evsel {
  /** As the user typed it ("cpu-cycles", "branches:u"): its name in all output. */
  readonly name: string;
  readonly attr: PerfEventAttr;
  /** Index in the list of its group's leader; its own index if it stands alone. */
  readonly leader: number;
  /** The group's name in the list, on a leader with members; "" for an anonymous one. */
  readonly groupName?: string;
  /** "msec" for clocks, else "". */
  readonly unit: string;
  /** Factor for printed counts: 1e-6 for clocks, else 1. */
  readonly scale: number;
  /** P, or perf's own default: the highest precision available. */
  readonly precise_max?: boolean;
  /** W: if the group does not fit, its members stand alone. */
  readonly weak_group?: boolean;
  /** The kernel's ids, one for each CPU that it is opened on; empty before that. */
  readonly ids: readonly U64[];
}
