/** A guest's counters beside the events that the host's perf has for them. Plain data for renderers. */
import type { Nanos } from '../units.ts';

/** What read() gives: a count, and ns enabled and running. */
export interface EventReading {
  readonly count: number;
  readonly enabled: Nanos;
  readonly running: Nanos;
}

/** KVM's event for a counter. */
export interface HostEvent extends EventReading {
  /** PERF_EVENT_STATE_*, without that. */
  readonly state: string;
  readonly pinned: boolean;
}

/** A counter of the guest after a phase in which it was on or off. */
export interface PhaseReading {
  readonly on: boolean;
  readonly guest: EventReading;
  /** undefined: the host has no event for it now. */
  readonly host: HostEvent | undefined;
}

/** What the host's perf shows of a guest's counter under one design. */
export interface HooksView {
  readonly vpmu: string;
  /** Why there is nothing to show; otherwise the phases. */
  readonly lacks: string | undefined;
  readonly phases: readonly PhaseReading[];
}

/** An event of the guest: what happened, what the guest reads, and what the host did with it. */
export interface SharedCounter {
  readonly event: string;
  readonly happened: number;
  readonly guest: EventReading;
  readonly host: HostEvent | undefined;
}

/** Counters that a guest shares with another user of the host's perf. */
export interface SharingView {
  readonly vpmu: string;
  /** kvm.pinned */
  readonly pinned: boolean;
  /** host.perf and host.watchdog as words. */
  readonly others: string;
  readonly counters: readonly SharedCounter[];
  /** The host's own event, if it is a flexible one. */
  readonly own: EventReading | undefined;
}
