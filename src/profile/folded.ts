/**
 * Folded stacks ("main;foo;bar 12", one a line), as stackcollapse-perf.pl, inferno and async-profiler write them, read
 * as a profile. The format does not say what is counted; profile/folded-counts.ts judges whether it is samples.
 *
 * Not modelled: differential files (two counts a line).
 */
import { CountsSeen } from './folded-counts.ts';
import { type Granularity, type Profile, profileKey } from './profile.ts';
import { TextError } from './text-error.ts';

/** What stackcollapse-perf.pl --all appends to frames: kernel, inlined, JIT-compiled. */
const ANNOTATION = /_\[[kij]\]$/;
const COUNT = /^\d+(?:\.\d+)?$/;
/** Beyond this, counts can no longer be told apart. */
const LARGEST = Number.MAX_SAFE_INTEGER;

/** Takes lines one by one, then returns what it found. */
export class FoldedParser {
  readonly #by: Granularity;
  readonly #path: string;
  readonly #weights = new Map<string, number>();
  readonly #stacks: Map<string, number> | undefined;
  readonly #counts = new CountsSeen();
  #line = 0;
  #lines = 0;
  #foreign = false;
  #fault: string | undefined;

  /** `stacks`: whether to keep the stacks, too. */
  constructor(by: Granularity, stacks = false, path = '-') {
    this.#by = by;
    this.#path = path;
    if (stacks) this.#stacks = new Map();
  }

  /** True if every line was a stack. */
  get found(): boolean {
    return this.#lines > 0 && !this.#foreign;
  }

  /** True once a line was not a stack; later lines are ignored. */
  get foreign(): boolean {
    return this.#foreign;
  }

  feed(line: string): void {
    this.#line++;
    if (line.startsWith('#') || this.#foreign) return;
    const [stack, word] = lastWord(line);
    if (word === '') return;
    if (stack === '' || !COUNT.test(word) || /^\d+$/.test(lastWord(stack)[1]) || isProse(stack)) {
      this.#foreign = true;
      this.#weights.clear();
      this.#stacks?.clear();
      return;
    }
    this.#lines++;
    const count = Number(word);
    if (count > LARGEST) {
      // Only an error if the text turns out to be folded stacks.
      const digits = word.length > 20 ? `a number of ${word.length} digits` : word;
      this.#fault ??= `${this.#path}:${this.#line}:${line.lastIndexOf(word) + 1}: ${digits} is no count (at most ${LARGEST})`;
      return;
    }
    const frames = stack.split(';').map((frame) => frame.replace(ANNOTATION, ''));
    const whole = frames.join(';');
    const symbol = this.#by === 'callchain' ? whole : frames.at(-1)!;
    const key = profileKey({ comm: '', dso: '', symbol });
    this.#weights.set(key, (this.#weights.get(key) ?? 0) + count);
    this.#counts.add(count);
    this.#stacks?.set(whole, (this.#stacks.get(whole) ?? 0) + count);
  }

  /** Throws TextError. */
  profile(label: string): Profile {
    if (this.#fault !== undefined) throw new TextError(this.#fault);
    const judged = this.#counts.judge();
    return {
      event: '',
      label,
      samples: judged.samples,
      ...(judged.unit && { unit: judged.unit }),
      lost: 0,
      throttled: 0,
      weights: this.#weights,
      ...(this.#stacks && { stacks: this.#stacks }),
    };
  }
}

/** A line without its last word, and that word. */
function lastWord(line: string): readonly [string, string] {
  const text = line.trimEnd();
  let at = text.length;
  while (at > 0 && text[at - 1]!.trim() !== '') at--;
  return [text.slice(0, at).trimEnd(), text.slice(at)];
}

/** A sentence that ends in a number is not a stack: it has several words and no semicolons. */
function isProse(stack: string): boolean {
  if (stack.includes(';')) return false;
  const blank = stack.search(/\s/);
  return blank >= 0 && /\s/.test(stack.slice(blank + 1));
}
