/**
 * When not to believe a comparison, and what to do about it. Warnings are data, each kind with one sentence and one
 * remedy, so that text, HTML and JSON say the same.
 */

/** Which operand a warning is about. */
export type Which = 'a' | 'b';

export type Warning =
  /** Fewer effective samples than it takes to find a shift of two points. */
  | { readonly kind: 'TooFewSamples'; readonly which: Which; readonly effective: number; readonly needed: number }
  /** The kernel stopped the event because samples came too fast: what ran meanwhile was not sampled. */
  | { readonly kind: 'Throttled'; readonly which: Which; readonly times: number }
  /** Samples dropped for want of buffer room. */
  | { readonly kind: 'LostRecords'; readonly which: Which; readonly lost: number; readonly part: number }
  /** Periods so unequal that few samples carry most of the weight. */
  | { readonly kind: 'UnequalWeights'; readonly which: Which; readonly samples: number; readonly kish: number }
  /** Samples of one burst look at the same spot. */
  | { readonly kind: 'Clustered'; readonly which: Which; readonly designEffect: number; readonly rho: number }
  /** The period is so near a multiple of the loop that only a few of its places are ever sampled. */
  | {
      readonly kind: 'Resonance';
      readonly which: Which;
      readonly period: number;
      readonly loop: number;
      readonly places: number;
    }
  /** Samples keep step with the tick and always see the same places of a program that does so too, or may. */
  | {
      readonly kind: 'LockStep';
      readonly which: Which;
      readonly lap: number;
      readonly places: number;
      readonly certain: boolean;
    }
  /** One run a side: a difference between runs cannot be told from one between machines. */
  | { readonly kind: 'OneSeed'; readonly which: Which }
  | { readonly kind: 'FewSeeds'; readonly which: Which; readonly seeds: number; readonly advised: number }
  | { readonly kind: 'DifferentEvents'; readonly events: readonly [string, string] }
  /**
   * Weight of symbols that only one side has, while the other side has such symbols too: usually names differ, not
   * time.
   */
  | { readonly kind: 'UnsharedSymbols'; readonly which: Which; readonly symbols: number; readonly share: number };

export type WarningKind = Warning['kind'];

const percent = (x: number): string => `${(100 * x).toFixed(x < 0.0995 ? 1 : 0)} %`;

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** What is wrong, without a full stop; `name` gives the operands' names. */
export function reason(warning: Warning, name: (which: Which) => string): string {
  switch (warning.kind) {
    case 'TooFewSamples':
      return `${name(warning.which)} has ${counted(Math.round(warning.effective), 'effective sample')}; a shift of 2 points needs ${Math.ceil(warning.needed)}`;
    case 'Throttled':
      return `${name(warning.which)} was throttled ${counted(warning.times, 'time')}: what ran until the next tick was not sampled`;
    case 'LostRecords':
      return `${name(warning.which)} lost ${counted(warning.lost, 'sample')} (${percent(warning.part)})`;
    case 'UnequalWeights':
      return `the periods of ${name(warning.which)} are so unequal that its ${warning.samples} samples weigh as ${Math.round(warning.kish)}`;
    case 'Clustered':
      return `samples of ${name(warning.which)} come in bursts that see the same place (correlation ${warning.rho.toFixed(2)}): ${warning.designEffect.toFixed(2)} of them count as one`;
    case 'Resonance':
      return `the period of ${name(warning.which)}, ${warning.period}, keeps step with a loop of ${warning.loop} events: samples fall on ${warning.places} of its places`;
    case 'LockStep': {
      const places = warning.places === 1 ? 'one place' : `the same ${warning.places} places`;
      const program =
        warning.certain && warning.places > 1 ? 'and so does the program' : 'and the program may do so too';
      return `samples of ${name(warning.which)} keep step with the timer tick, ${program}: they see ${places} of every ${Number((warning.lap / 1e6).toFixed(2))} ms, and are not independent`;
    }
    case 'OneSeed':
      return `${name(warning.which)} is a single run`;
    case 'FewSeeds':
      return `${name(warning.which)} has ${counted(warning.seeds, 'seed')}`;
    case 'DifferentEvents':
      return `the events differ: ${warning.events[0]} and ${warning.events[1]}`;
    case 'UnsharedSymbols':
      return `${percent(warning.share)} of ${name(warning.which)} is in ${counted(warning.symbols, 'symbol')} that the other side does not have`;
  }
}

/** What to do about it. */
export const REMEDY: Readonly<Record<WarningKind, string>> = {
  TooFewSamples: 'run longer or sample more often (-F, -c)',
  Throttled: 'sample less often (-F) or raise kernel.perf_cpu_time_max_percent',
  LostRecords: 'enlarge the buffer (-m) or sample less often (-F)',
  UnequalWeights: 'sample with a fixed period (-c), or leave out the first milliseconds',
  Clustered: 'sample less often (-F), so that the event is not throttled, and compare several seeds',
  Resonance: 'take a period that is prime (-c), or a frequency (-F)',
  LockStep:
    "sample at a frequency that has no factor in common with the tick's (-F 997), and record each side several times",
  OneSeed: 'record several seeds (--seeds) to tell noise between runs from bias',
  FewSeeds: 'record more seeds (--seeds)',
  DifferentEvents: 'record both with the same event and modifiers (-e)',
  UnsharedSymbols: 'map the names of one side to those of the other, or merge the symbols of the library',
};

/** Seeds from which the spread between them is known well enough to be subtracted. */
export const FEW_SEEDS = 5;
