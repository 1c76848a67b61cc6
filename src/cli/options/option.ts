/**
 * What an option is: the one table from which a command's parser, its types and its help are made.
 *
 * A table holds every option of perf 6.1's command, in perf's order (abbreviations resolve in that order). An option that
 * has no counterpart in a simulated machine is there too, with what it would need: using it is an error in one sentence, and
 * nothing is ignored in silence.
 */
import { given } from '../../given.ts';

/** How an option's values are read: a switch, a counter of its uses, text, a whole number, or text that may repeat. */
type OptionKind = 'flag' | 'count' | 'text' | 'integer' | 'unsigned' | 'list';

export interface OptionSpec {
  /** Long name without dashes; for an option that has none, its letter. */
  readonly name: string;
  readonly short?: string;
  readonly kind: OptionKind;
  /** Placeholder of its argument, as help prints it between < and >. */
  readonly arg?: string;
  /** The value if the option stands last or before another option. */
  readonly lastDefault?: string;
  /** One of these words, if it has an argument. */
  readonly choices?: readonly string[];
  readonly help: string;
  /** Another long name perf accepts and does not show. */
  readonly alias?: string;
  /** Accepted, not in help. */
  readonly hidden?: true;
  /** Names of options that it cannot stand with. */
  readonly conflicts?: readonly string[];
  /** Environment variable that gives the value if the option is absent; lists: blank-separated values before its own. */
  readonly env?: string;
  /** An extension of gperf's, listed under its own heading. */
  readonly own?: true;
}

/** A command's table. */
export interface CommandTable<O extends readonly OptionSpec[] = readonly OptionSpec[]> {
  readonly name: string;
  /** What follows "gperf NAME" in usage lines. */
  readonly usage: readonly string[];
  /** Supported ones, in perf's order. */
  readonly options: O;
  /** perf's other options: known, and refused. */
  readonly refused?: readonly Refused[];
  /** Options end at the first other word, which belongs to the workload. */
  readonly stopAtNonOption: boolean;
  /** Paragraph after the options, if any. */
  readonly epilogue?: string;
}

interface ValueOfKind {
  flag: boolean | undefined;
  count: number;
  text: string | undefined;
  integer: number | undefined;
  unsigned: number | undefined;
  list: readonly string[];
}
/** Values by long name: absent switches are undefined (their default is the command's business), --no-x is false. */
export type OptionValues<O extends readonly OptionSpec[]> = {
  readonly [S in O[number] as S['name']]: ValueOfKind[S['kind']];
};

/** An option of perf without a counterpart in gperf. */
export interface Refused {
  readonly name: string;
  readonly short?: string;
  /** What gperf would have to model for it ("system-wide counting"). */
  readonly unmodelled: string;
}

/** Options that want the same missing thing; a letter stands before the name: "p:pid". */
export const refuse = (unmodelled: string, ...names: readonly string[]): Refused[] =>
  names.map((text) => {
    const [name, short] = text.split(':').toReversed();
    return given({ name: name!, short, unmodelled });
  });
