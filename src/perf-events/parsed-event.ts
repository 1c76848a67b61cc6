/** A parsed event before evsel__config(): what that needs besides the attr. */
import type { Evsel } from './evsel.ts';

/** struct evsel_config_term: an event's own terms, which override the command line's options. */
export interface EventTerms {
  period?: number;
  freq?: number;
  callgraph?: boolean;
  inherit?: boolean;
  time?: boolean;
  max_stack?: number;
}

/** An evsel, plus what no attr field holds. `attr` has only exclusions, precision and config yet. */
export interface ParsedEvent extends Evsel {
  readonly precise_max: boolean;
  /** S: samples carry the values of the whole group. */
  readonly sample_read: boolean;
  readonly weak_group: boolean;
  readonly terms: Readonly<EventTerms>;
}

/** An event that may still change: a group's modifiers are applied after its own. */
export type EventDraft = { -readonly [K in keyof ParsedEvent]: ParsedEvent[K] };
