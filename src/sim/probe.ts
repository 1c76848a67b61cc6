/**
 * Observing a machine at work: its parts tell probes what they do, and a trace keeps these steps in order.
 *
 * A part has an optional probe and checks for it once per step, so that an unobserved machine pays almost nothing. Each
 * floor defines the union of its steps (hw/steps.ts, kernel/steps.ts, kvm/steps.ts); whoever shows them chooses the
 * words. A step is an instant, or a span from begin() to its end(). A probe must not change what the machine does.
 * Not modelled: nesting. Spans of different parts may overlap in any way.
 */
import type { Cycles } from '../units.ts';

/** A step that has begun and not yet ended. */
export interface Span {
  end(): void;
}

/** Told of the steps of one part of the machine. */
export interface Probe<S> {
  instant(step: S): void;
  /** Fields of `step` that are known only later may be filled in until end(). */
  begin(step: S): Span;
}

/** A step in a trace: which part it is of, and when it happened. */
export interface Told<S> {
  readonly who: string;
  readonly step: S;
  readonly at: Cycles;
  /** When it ended: `at` for an instant, Infinity while it lasts. */
  readonly until: Cycles;
}

class ToldSpan<S> implements Told<S>, Span {
  until = Infinity as Cycles;
  readonly who: string;
  readonly step: S;
  readonly at: Cycles;
  readonly #now: () => Cycles;

  constructor(now: () => Cycles, who: string, step: S) {
    this.who = who;
    this.step = step;
    this.at = now();
    this.#now = now;
  }

  end(): void {
    this.until = this.#now();
  }
}

/** Everything that its probes were told, in that order. */
export class Trace<S> {
  readonly steps: Told<S>[] = [];
  readonly #now: () => Cycles;

  constructor(now: () => Cycles) {
    this.#now = now;
  }

  /** A probe for one part of the machine. */
  probe(who: string): Probe<S> {
    const begin = (step: S): Span => {
      const span = new ToldSpan(this.#now, who, step);
      this.steps.push(span);
      return span;
    };
    return { begin, instant: (step) => begin(step).end() };
  }
}
