/** Shared by commands that open events: perf's report of a wrong -e, and its words on -F and -c. */
import { EventSyntaxError } from '../perf-events/event-syntax-error.ts';
import { EXIT, UsageError, eventError } from './errors.ts';
import { optionUsage } from './help.ts';
import type { CommandTable } from './options/option.ts';

/** Runs work that parses a command's -e. */
export function withEventErrors<T>(table: CommandTable, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof EventSyntaxError) throw eventError(error, optionUsage(table, 'event'));
    throw error;
  }
}

/** Refuses -F with -c, and a period of 0. */
export function checkRate({
  freq,
  count,
}: {
  readonly freq: string | undefined;
  readonly count: number | undefined;
}): void {
  if (freq !== undefined && count !== undefined)
    throw new UsageError('cannot set frequency and period at the same time', '', EXIT.INVALID);
  if (count === 0) throw new UsageError('frequency and count are zero, aborting', '', EXIT.INVALID);
}
