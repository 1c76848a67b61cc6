/**
 * Folded stacks ("main;foo;bar 12", one a line) as stackcollapse-perf.pl, inferno and async-profiler write them, read as a
 * profile. Counts are taken for samples.
 *
 * Not modelled: differential files (two counts a line).
 */
import { type Granularity, type Profile, profileKey } from './profile.ts';

/** What stackcollapse-perf.pl --all appends to frames: kernel, inlined, JIT-compiled. */
const ANNOTATION = /_\[[kij]\]$/;

/** Fed line by line; then asked for what it has found. */
export class FoldedParser {
  readonly #by: Granularity;
  readonly #weights = new Map<string, number>();
  readonly #stacks: Map<string, number> | undefined;
  #samples = 0;
  #lines = 0;
  #foreign = 0;

  /** `stacks`: they are wanted as well. */
  constructor(by: Granularity, stacks = false) {
    this.#by = by;
    if (stacks) this.#stacks = new Map();
  }

  /** True if every line was a stack. */
  get found(): boolean {
    return this.#lines > 0 && this.#foreign === 0;
  }

  feed(line: string): void {
    if (line.trim() === '' || line.startsWith('#') || this.#foreign > 0) return;
    const [, stack, count] = /^(.*\S)\s+(\d+(?:\.\d+)?)\s*$/.exec(line) ?? [];
    if (stack === undefined || /\s\d+$/.test(stack) || PROSE.test(stack)) {
      this.#foreign++;
      this.#weights.clear();
      return;
    }
    this.#lines++;
    const frames = stack.split(';').map((frame) => frame.replace(ANNOTATION, ''));
    const whole = frames.join(';');
    const symbol = this.#by === 'callchain' ? whole : frames.at(-1)!;
    const key = profileKey({ comm: '', dso: '', symbol });
    this.#weights.set(key, (this.#weights.get(key) ?? 0) + Number(count));
    this.#samples += Number(count);
    this.#stacks?.set(whole, (this.#stacks.get(whole) ?? 0) + Number(count));
  }

  profile(label: string): Profile {
    return {
      event: '',
      label,
      samples: Math.round(this.#samples),
      lost: 0,
      throttled: 0,
      weights: this.#weights,
      ...(this.#stacks && { stacks: this.#stacks }),
    };
  }
}

/** A sentence that ends in a number is no stack: nothing in it is joined by semicolons. */
const PROSE = /^[^;]*\s[^;]*\s[^;]*$/;
