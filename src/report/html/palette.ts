/**
 * Colours of a page, for a light and a dark sheet.
 *
 * Subjects take the hues of Okabe and Ito, which people with any colour vision can tell apart; a design keeps its hue
 * on every page. Truth is a mark in ink, or grey. Source: M. Okabe, K. Ito, Color Universal Design (2008).
 */
import type { Hue, Page, Subject } from './model.ts';

/** Custom properties of one sheet. */
export type Sheet = Readonly<Record<string, string>>;

export const LIGHT: Sheet = {
  paper: '#fdfcf9',
  raised: '#f5f3ed',
  ink: '#1f1e1b',
  quiet: '#66625a',
  rule: '#dcd8ce',
  link: '#0a5c8f',
  more: '#d55e00',
  less: '#0072b2',
  warn: '#8a4b00',
  c0: '#0072b2',
  c1: '#d55e00',
  c2: '#009e73',
  c3: '#b8578f',
  c4: '#c98a00',
  c5: '#3a9bd1',
  c6: '#77746c',
};

export const DARK: Sheet = {
  paper: '#16171a',
  raised: '#1f2125',
  ink: '#e9e6df',
  quiet: '#a29e95',
  rule: '#35373c',
  link: '#7cc0ee',
  more: '#f2904f',
  less: '#5aaee6',
  warn: '#e9b264',
  c0: '#4f9fd8',
  c1: '#ee8246',
  c2: '#35b98c',
  c3: '#da8fbb',
  c4: '#e2b043',
  c5: '#8accf2',
  c6: '#98958d',
};

/** Hues in the order of the sheets' c0 to c5; the grey after them is truth's. */
const HUES: readonly Hue[] = ['blue', 'vermilion', 'green', 'purple', 'orange', 'sky'];
const TRUTH = 'truth';

const keyOf = ({ design, label }: Pick<Subject, 'design' | 'label'>): string => design ?? label;

/** The colour class of the thread with that index; `others`: those that have none of their own. */
export const threadHue = (index: number, others = false): string => `c${others ? HUES.length : index % HUES.length}`;

/** Assigns a colour class ("c0" to "c6") to every subject of a page. */
export class Hues {
  readonly #slots = new Map<string, number>();

  constructor(subjects: readonly Pick<Subject, 'design' | 'label'>[], own: Page['hues'] = {}) {
    const keys = [...new Set(subjects.map(keyOf))];
    for (const key of keys) {
      if (key === TRUTH) this.#slots.set(key, HUES.length);
      else if (Object.hasOwn(own, key)) this.#slots.set(key, HUES.indexOf(own[key]!));
    }
    const taken = new Set(this.#slots.values());
    const free = HUES.map((_, slot) => slot).filter((slot) => !taken.has(slot));
    const others = free.length > 0 ? free : [0];
    keys.filter((key) => !this.#slots.has(key)).forEach((key, i) => this.#slots.set(key, others[i % others.length]!));
  }

  of(subject: Pick<Subject, 'design' | 'label'>): string {
    return `c${this.#slots.get(keyOf(subject)) ?? 0}`;
  }
}

/** Everything on a page that has its own colour, in order. */
export function subjectsOf({ sections }: Page): Pick<Subject, 'design' | 'label'>[] {
  return sections
    .flatMap(({ parts }) => parts)
    .flatMap((part) => {
      if (part.kind === 'bars') return part.subjects;
      if (part.kind === 'timeline' || part.kind === 'close-up') return part.series.map(({ subject }) => subject);
      if (part.kind === 'cpus') return part.panels.flatMap(({ subject }) => subject ?? []);
      if (part.kind === 'flames') return part.graphs.filter(({ differential }) => !differential);
      return [];
    });
}
