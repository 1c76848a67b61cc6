/** An event between its spec and its attr: what the parser knows and evsel__config() still needs. No state. */
import type { Evsel } from './evsel.ts';

/** struct evsel_config_term: what an event's own terms say against the command line's options. */
export interface EventTerms {
  period?: number;
  freq?: number;
  callgraph?: boolean;
  inherit?: boolean;
  time?: boolean;
  max_stack?: number;
}

/** An evsel with the parts of its request that no attr field holds. `attr` has exclusions, precision and config only. */
export interface ParsedEvent extends Evsel {
  readonly precise_max: boolean;
  /** S: samples carry the values of the whole group. */
  readonly sample_read: boolean;
  readonly weak_group: boolean;
  readonly terms: Readonly<EventTerms>;
}

/** An event while it can still change: a group's modifier is applied on top of its own. */
export type EventDraft = { -readonly [K in keyof ParsedEvent]: ParsedEvent[K] };
