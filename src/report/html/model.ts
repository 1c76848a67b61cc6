/**
 * What a page shows: findings, cautions, tables and figures, as finished numbers and their texts. Whoever fills it has
 * computed everything; the page only decides where on the sheet a number stands, so it cannot disagree with the text.
 *
 * Texts are plain: symbol names and whatever else comes from files go in as they are, and are escaped where they are written.
 */

export interface Page {
  /** What is shown, in a line: the heading and the title of the window. */
  readonly title: string;
  /** The command that made it. */
  readonly command: string;
  /** Name and version of the program. */
  readonly generator: string;
  /** How to read all of it: a paragraph each. */
  readonly about?: readonly string[] | undefined;
  readonly findings: readonly Finding[];
  readonly cautions: readonly Caution[];
  readonly sections: readonly Section[];
  /** Command lines that make the same page, or its parts, again. */
  readonly reproduce: readonly string[];
  /** Colours that designs have by name; all others get one that is free. */
  readonly hues?: Readonly<Record<string, Hue>>;
}

/** Colours of Okabe and Ito's that subjects are told apart by. */
export type Hue = 'blue' | 'vermilion' | 'green' | 'purple' | 'orange' | 'sky';

/** What whoever asks for a page says of its making. */
export type Making = Pick<Page, 'command' | 'generator' | 'reproduce' | 'hues'>;

/** One answer: what was asked, and the sentence that settles it. */
export interface Finding {
  /** "legacy against host". */
  readonly about: string;
  readonly tone: Tone;
  /** The tone in a word or two ("materially different"). */
  readonly word: string;
  readonly sentence: string;
}

/** How much a finding matters; never told by colour alone. */
type Tone = 'same' | 'small' | 'material' | 'unknown';

/** Reasons to distrust that have one remedy. */
export interface Caution {
  readonly reasons: readonly string[];
  readonly remedy: string;
}

export interface Section {
  readonly title: string;
  /** How to read what follows. */
  readonly about?: string | undefined;
  readonly parts: readonly Part[];
}

export type Part = Table | Bars | Timeline | CloseUp | Flames;

/** One of the things that are held against each other. */
export interface Subject {
  readonly label: string;
  /** Chooses its colour, so that a design has the same one on every page; the label if absent. */
  readonly design?: string | undefined;
}

/** Rows of texts that sort by the numbers they were made from. */
export interface Table {
  readonly kind: 'table';
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  readonly note?: string | undefined;
}

export interface Column {
  readonly title: string;
  /** Neighbours of one group share a heading above theirs. */
  readonly group?: string | undefined;
  /** `name` is what the row is about and stays in sight; `text` is flush left, `prose` wraps, `number` is flush right. */
  readonly kind: 'name' | 'text' | 'prose' | 'number';
  /** What the figure means, for those who ask. */
  readonly meaning?: string | undefined;
}

export interface Cell {
  readonly text: string;
  /** What the column sorts by; the text if absent. */
  readonly value?: number | undefined;
  /** A second, quieter text: an interval, a file. */
  readonly detail?: string | undefined;
  /** Stands out. */
  readonly strong?: boolean | undefined;
}

/** Groups of bars on one axis from zero; or of dots on one of powers of ten, where values are of many sizes. */
export interface Bars {
  readonly kind: 'bars';
  readonly title: string;
  /** "% of cycles". */
  readonly unit: string;
  readonly dots?: boolean | undefined;
  readonly subjects: readonly Subject[];
  /** What the marks are called ("truth"); absent if no row has one. */
  readonly mark?: string | undefined;
  /** What whiskers are ("95 % interval"); absent if no bar has one. */
  readonly whiskers?: string | undefined;
  readonly rows: readonly BarRow[];
  readonly note?: string | undefined;
}

export interface BarRow {
  readonly name: string;
  readonly detail?: string | undefined;
  /** Marked across all bars. */
  readonly mark?: Estimate | undefined;
  /** Marked on each bar alone, in place of that. */
  readonly marks?: readonly (Estimate | undefined)[] | undefined;
  /** By subject. */
  readonly bars: readonly (Estimate | undefined)[];
}

/** A number of the axis's unit, and its interval if it has one. */
export interface Estimate {
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly text: string;
  /** "37.2 to 38.5". */
  readonly interval?: string | undefined;
}

/** Samples and their period over time, a panel for each subject, all on one axis of time. */
export interface Timeline {
  readonly kind: 'timeline';
  readonly title: string;
  /** Seconds that the axis spans. */
  readonly seconds: number;
  /** What is counted: "samples a tick". */
  readonly rate: string;
  readonly series: readonly Series[];
  readonly note?: string | undefined;
}

export interface Series {
  readonly subject: Subject;
  /** "2 samples a tick, stopped 93 % of the time". */
  readonly summary: string;
  /** Seconds from the first bin's start to the last one's end; bins are equally wide. */
  readonly seconds: number;
  readonly bins: readonly Bin[];
}

export interface Bin {
  /** Samples, in the unit of the rate. */
  readonly samples: number;
  /** Mean period of its samples, in events; absent without samples. */
  readonly period?: number | undefined;
  /** Part of its time in which the event was stopped by throttling. */
  readonly stopped: number;
}

/** A few ticks as they were, a row for each subject. */
export interface CloseUp {
  readonly kind: 'close-up';
  readonly title: string;
  /** Milliseconds that all rows span. */
  readonly span: number;
  readonly series: readonly Moments[];
  readonly note?: string | undefined;
}

/** Times are milliseconds from the row's beginning. */
export interface Moments {
  readonly subject: Subject;
  readonly summary: string;
  readonly tick: number;
  readonly samples: readonly number[];
  readonly stops: readonly (readonly [from: number, to: number])[];
}

/** Flame graphs that belong together: zooming into one, or searching, does so in all. */
export interface Flames {
  readonly kind: 'flames';
  readonly title: string;
  readonly graphs: readonly Flame[];
  readonly note?: string | undefined;
}

export interface Flame {
  /** "v2", or "v2 less host". */
  readonly label: string;
  readonly design?: string | undefined;
  /** Frames are coloured by their difference. */
  readonly differential: boolean;
  readonly root: Frame;
}

export interface Frame {
  readonly name: string;
  /** Width as a part of the root's. */
  readonly share: number;
  /** Colour of a differential graph, -1 (less) to 1 (more). */
  readonly tone?: number | undefined;
  /** "36.95 %, 7,820 samples". */
  readonly detail: string;
  /** Left to right. Their shares add up to no more than the frame's own. */
  readonly children: readonly Frame[];
}
