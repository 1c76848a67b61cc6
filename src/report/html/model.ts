/**
 * The content of a page: findings, cautions, tables and figures, as final numbers and their texts. All computing is
 * done before; the page only decides where a number is placed, so it cannot disagree with the text.
 *
 * Texts are plain: symbol names and other data from files are put in unchanged, and are escaped when written.
 */

export interface Page {
  /** The content in a line: heading and window title. */
  readonly title: string;
  /** The command that made it. */
  readonly command: string;
  /** Name and version of the program. */
  readonly generator: string;
  /** How to read the page, in paragraphs. */
  readonly about?: readonly string[] | undefined;
  readonly findings: readonly Finding[];
  readonly cautions: readonly Caution[];
  readonly sections: readonly Section[];
  /** Command lines that make the page, or parts of it, again. */
  readonly reproduce: readonly string[];
  /** Colours of designs by name; all others get an unused one. */
  readonly hues?: Readonly<Record<string, Hue>>;
}

/** Colours for subjects, from Okabe and Ito. */
export type Hue = 'blue' | 'vermilion' | 'green' | 'purple' | 'orange' | 'sky';

/** How the page was made, given by the caller. */
export type Making = Pick<Page, 'command' | 'generator' | 'reproduce' | 'hues'>;

/** One answer: the question, and the sentence that settles it. */
export interface Finding {
  /** "legacy against host". */
  readonly about: string;
  readonly tone: Tone;
  /** The tone in a word or two ("materially different"). */
  readonly word: string;
  readonly sentence: string;
}

/** How much a finding matters; never shown by colour alone. */
type Tone = 'same' | 'small' | 'material' | 'unknown';

/** Reasons to distrust that share one remedy. */
export interface Caution {
  readonly reasons: readonly string[];
  readonly remedy: string;
}

export interface Section {
  readonly title: string;
  /** How to read this section. */
  readonly about?: string | undefined;
  readonly parts: readonly Part[];
}

export type Part = Table | Bars | Timeline | CpuChart | CloseUp | Flames;

/** One of the things being compared. */
export interface Subject {
  readonly label: string;
  /** Determines its colour, so that a design has the same one on every page; the label by default. */
  readonly design?: string | undefined;
}

/** Rows of texts, sortable by the numbers behind them. */
export interface Table {
  readonly kind: 'table';
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  readonly note?: string | undefined;
}

export interface Column {
  readonly title: string;
  /** Adjacent columns of one group share a heading above their own. */
  readonly group?: string | undefined;
  /**
   * `name` is the row's subject and stays in view; `text` is aligned left, `prose` wraps, `number` is aligned right.
   */
  readonly kind: 'name' | 'text' | 'prose' | 'number';
  /** What the figure means, shown on request. */
  readonly meaning?: string | undefined;
}

export interface Cell {
  readonly text: string;
  /** Value for sorting; the text by default. */
  readonly value?: number | undefined;
  /** A second, less prominent text: an interval, a file. */
  readonly detail?: string | undefined;
  /** Whether to emphasize it. */
  readonly strong?: boolean | undefined;
}

/** Groups of bars on one axis from zero; or of dots on an axis of powers of ten, if values differ widely in size. */
export interface Bars {
  readonly kind: 'bars';
  readonly title: string;
  /** "% of cycles". */
  readonly unit: string;
  readonly dots?: boolean | undefined;
  readonly subjects: readonly Subject[];
  /** What the marks mean ("truth"); absent if there are none. */
  readonly mark?: string | undefined;
  /** What the whiskers mean ("95 % interval"); absent if there are none. */
  readonly whiskers?: string | undefined;
  readonly rows: readonly BarRow[];
  readonly note?: string | undefined;
}

export interface BarRow {
  readonly name: string;
  readonly detail?: string | undefined;
  /** Drawn across all bars of the row. */
  readonly mark?: Estimate | undefined;
  /** Drawn on each bar instead of one mark for all. */
  readonly marks?: readonly (Estimate | undefined)[] | undefined;
  /** By subject. */
  readonly bars: readonly (Estimate | undefined)[];
}

/** A number in the axis's unit, with its interval if it has one. */
export interface Estimate {
  readonly value: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  readonly text: string;
  /** "37.2 to 38.5". */
  readonly interval?: string | undefined;
}

/** Samples and their period over time, a panel for each subject, all on one time axis. */
export interface Timeline {
  readonly kind: 'timeline';
  readonly title: string;
  /** Seconds on the axis. */
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
  /** Seconds from the first bin's start to the last one's end; bins have equal width. */
  readonly seconds: number;
  readonly bins: readonly Bin[];
}

export interface Bin {
  /** Samples, in the unit of `rate`. */
  readonly samples: number;
  /** Mean period of its samples, in events; absent without samples. */
  readonly period?: number | undefined;
  /** Fraction of its time in which throttling had stopped the event. */
  readonly stopped: number;
}

/** Who was on which CPU over time: a panel for each subject with a lane for each CPU, all on one time axis. */
export interface CpuChart {
  readonly kind: 'cpus';
  readonly title: string;
  /** Seconds on the axis. */
  readonly seconds: number;
  /** Threads, each with a colour of its own; the last one stands for all others if `others` is set. */
  readonly threads: readonly string[];
  readonly others: boolean;
  /** What the strokes below a lane are; absent if there are none. */
  readonly strokes?: string | undefined;
  readonly panels: readonly CpuPanel[];
  readonly note?: string | undefined;
}

export interface CpuPanel {
  /** Absent if the chart has one panel only. */
  readonly subject?: Subject | undefined;
  readonly summary: string;
  /** Seconds from the first bin's start to the last one's end; bins have equal width. */
  readonly seconds: number;
  readonly bins: number;
  readonly lanes: readonly CpuLaneDrawn[];
}

export interface CpuLaneDrawn {
  /** "CPU 0". */
  readonly name: string;
  readonly summary: string;
  /** From the panel's start on; may end before the panel. */
  readonly bins: readonly CpuBin[];
}

export interface CpuBin {
  /** Part of the bin that each thread has, by its index. */
  readonly threads: readonly (readonly [thread: number, part: number])[];
  /** Height of the stroke, 0 to 1. */
  readonly stroke: number;
  /** Fraction of its time in which throttling had stopped the event. */
  readonly stopped: number;
}

/** A few ticks in full, a row for each subject. */
export interface CloseUp {
  readonly kind: 'close-up';
  readonly title: string;
  /** Milliseconds in each row. */
  readonly span: number;
  readonly series: readonly Moments[];
  readonly note?: string | undefined;
}

/** Times are in milliseconds from the row's beginning. */
export interface Moments {
  readonly subject: Subject;
  readonly summary: string;
  readonly tick: number;
  readonly samples: readonly number[];
  readonly stops: readonly (readonly [from: number, to: number])[];
}

/** Flame graphs that belong together: zooming and searching affect all of them. */
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
  /** Width as a fraction of the root's. */
  readonly share: number;
  /** Colour of a differential graph, -1 (less) to 1 (more). */
  readonly tone?: number | undefined;
  /** "36.95 %, 7,820 samples". */
  readonly detail: string;
  /** Left to right. Their shares sum to at most the frame's own. */
  readonly children: readonly Frame[];
}
