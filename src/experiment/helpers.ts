/**
 * Threads that simulate some of a machine's cores while this one simulates the rest: core i is thread i modulo their
 * number. They change nothing but the time: what the cores know of each other, they know as of grid lines.
 */
import { placeFor } from '../machine/group.ts';
import { Meeting } from '../sim/meeting.ts';
import type { CommandRequest } from './other-cores.ts';
import { runAll } from './pool.ts';
import type { Helpers, StartHelpers } from './run.ts';

/** So many threads in all, at most one for each core; undefined: this one needs no help. */
export function helpersFor(request: CommandRequest, cores: number, threads: number): StartHelpers | undefined {
  const parties = Math.min(threads, cores);
  if (parties < 2) return undefined;
  return (path, left): Helpers => {
    const place = placeFor(parties, cores);
    const inputs = Array.from({ length: parties - 1 }, (_, i) => ({ ...request, path, left, place, party: i + 1 }));
    const stop = new AbortController();
    let failure: { readonly error: unknown } | undefined;
    const all = runAll('otherCores', inputs, { workers: inputs.length, signal: stop.signal }).catch(
      (error: unknown) => {
        failure = { error };
      },
    );
    return {
      party: { place, party: 0 },
      look: async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (failure !== undefined) throw failure.error;
      },
      end: async () => {
        new Meeting(place).end();
        stop.abort();
        await all;
      },
    };
  };
}
