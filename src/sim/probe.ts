/**
 * Who watches a machine at work: parts of it tell a probe what they do, and a trace keeps it in order of time.
 *
 * A part that can be watched has an optional probe and asks for it once per step, so that nobody watching costs nothing.
 * What can happen is the part's to say: each floor has a union of its steps (hw/steps.ts, kernel/steps.ts, kvm/steps.ts), and
 * whoever shows them makes the words. A step is an instant, or a span from begin() to its end(). Nothing a probe hears may
 * change what the machine does.
 * Not modelled: nesting. Spans of different parts overlap as they like; whoever reads the trace sorts them out.
 */
import type { Cycles } from '../units.ts';

/** A span that lasts. */
export interface Span {
  end(): void;
}

/** What a part of the machine tells its steps to. */
export interface Probe<S> {
  instant(step: S): void;
  /** What is known of the step only at its end is filled in before end(). */
  begin(step: S): Span;
}

/** A step in a trace: who told it, and when it was. */
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

/** Everything its probes were told, in the order they were told it. */
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
