/**
 * Who watches a machine at work: parts of it tell a probe what they do, and a trace keeps it in order of time.
 *
 * A part that can be watched has an optional probe and asks for it once per step, so that nobody watching costs nothing.
 * A step is an instant, or a span from begin() to its end(). Nothing a probe hears may change what the machine does.
 * Not modelled: nesting. Spans of different parts overlap as they like; whoever reads the trace sorts them out.
 */
import type { Cycles } from '../units.ts';

export interface Step {
  /** The part that told. */
  readonly who: string;
  /** What sort of step, for whoever counts: "wrmsr", "exit". */
  readonly kind: string;
  readonly text: string;
  readonly at: Cycles;
  /** When it ended: `at` for an instant, Infinity while it lasts. */
  readonly until: Cycles;
  /** A register's value, where there is one; for a read, known at the end. */
  readonly value: number | undefined;
}

/** A span that lasts. */
export interface OpenStep extends Step {
  end(value?: number): void;
}

/** What a part of the machine tells its steps to. */
export interface Probe {
  instant(kind: string, text: string, value?: number): void;
  begin(kind: string, text: string, value?: number): OpenStep;
}

class Span implements OpenStep {
  until = Infinity as Cycles;
  readonly who: string;
  readonly kind: string;
  readonly text: string;
  readonly at: Cycles;
  value: number | undefined;
  readonly #now: () => Cycles;

  constructor(now: () => Cycles, who: string, kind: string, text: string, value: number | undefined) {
    this.who = who;
    this.kind = kind;
    this.text = text;
    this.value = value;
    this.at = now();
    this.#now = now;
  }

  end(value = this.value): void {
    this.until = this.#now();
    this.value = value;
  }
}

/** Everything its probes were told, in the order they were told it. */
export class Trace {
  readonly steps: Step[] = [];
  readonly #now: () => Cycles;

  constructor(now: () => Cycles) {
    this.#now = now;
  }

  /** A probe for one part of the machine. */
  probe(who: string): Probe {
    const begin = (kind: string, text: string, value?: number): OpenStep => {
      const span = new Span(this.#now, who, kind, text, value);
      this.steps.push(span);
      return span;
    };
    return { begin, instant: (kind, text, value) => begin(kind, text, value).end() };
  }
}
