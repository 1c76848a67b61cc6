/**
 * What an option is. A command's parser, its types and its help all come from one table of these.
 *
 * A table holds every option of perf 6.1's command, in perf's order (abbreviations resolve in that order). An option
 * with no counterpart in a simulated machine is listed with what it would need: using it is an error of one sentence.
 * Nothing is silently ignored.
 */
import { given } from '../../given.ts';

/** How an option's values are read: a switch, a counter of its uses, text, a whole number, or text that may repeat. */
type OptionKind = 'flag' | 'count' | 'text' | 'integer' | 'unsigned' | 'list';

export interface OptionSpec {
  /** Long name without dashes; the letter if there is no long name. */
  readonly name: string;
  readonly short?: string;
  readonly kind: OptionKind;
  /** Placeholder of its argument, as help prints it between < and >. */
  readonly arg?: string;
  /** The value if the option stands last or before another option. */
  readonly lastDefault?: string;
  /** If it takes an argument: the words allowed. */
  readonly choices?: readonly string[];
  readonly help: string;
  /** Another long name that perf accepts but does not show. */
  readonly alias?: string;
  /** Accepted, but not shown in help. */
  readonly hidden?: true;
  /** Names of options it cannot be combined with. */
  readonly conflicts?: readonly string[];
  /**
   * Environment variable that gives the value if the option is absent; for lists, blank-separated values that come
   * first.
   */
  readonly env?: string;
  /** An extension of gperf's, listed under its own heading. */
  readonly own?: true;
}

/** A command's table. */
export interface CommandTable<O extends readonly OptionSpec[] = readonly OptionSpec[]> {
  readonly name: string;
  /** The text after "gperf NAME" in usage lines. */
  readonly usage: readonly string[];
  /** Supported options, in perf's order. */
  readonly options: O;
  /** perf's other options, which are known and refused. */
  readonly refused?: readonly Refused[];
  /** Options end at the first word that is not one: the workload starts there. */
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
/** Values by long name. Absent switches are undefined (the command sets their default); --no-x is false. */
export type OptionValues<O extends readonly OptionSpec[]> = {
  readonly [S in O[number] as S['name']]: ValueOfKind[S['kind']];
};

/** An option of perf without a counterpart in gperf. */
export interface Refused {
  readonly name: string;
  readonly short?: string;
  /** What gperf would have to model to support it ("system-wide counting"). */
  readonly unmodelled: string;
}

/** Options that need the same missing thing; a letter may stand before the name: "p:pid". */
export const refuse = (unmodelled: string, ...names: readonly string[]): Refused[] =>
  names.map((text) => {
    const [name, short] = text.split(':').toReversed();
    return given({ name: name!, short, unmodelled });
  });
