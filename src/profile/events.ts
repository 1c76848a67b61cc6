/**
 * Matches profiles of the same event when recordings of several events are compared.
 *
 * "cycles" and "cpu-cycles" are one event. Modifiers (cycles:u) do not make another event, but are a reason to
 * distrust.
 */
import { HARDWARE_EVENTS, SOFTWARE_EVENTS } from '../perf-events/event-names.ts';
import type { Profile } from './profile.ts';

const CANONICAL = new Map(
  [...HARDWARE_EVENTS, ...SOFTWARE_EVENTS].flatMap(({ names, canonical }) => names.map((name) => [name, canonical])),
);

/** An event's name without modifiers, the same for all its aliases. */
function eventBase(event: string): string {
  const [, base = event] = /^(.*[^:]):[a-zA-Z]+$/.exec(event) ?? [];
  return CANONICAL.get(base) ?? base;
}

/** Text that is equal for the same event in the same rings. */
export function canonicalEvent({ event, rings }: Pick<Profile, 'event' | 'rings'>): string {
  const letters = /:([a-zA-Z]+)$/.exec(event)?.[1] ?? '';
  const named = `${letters.includes('u') ? 'u' : ''}${letters.includes('k') ? 'k' : ''}`;
  const counted = rings ?? named;
  return counted === '' || counted === 'uk' ? eventBase(event) : `${eventBase(event)}:${counted}`;
}

/** Operands that cannot be compared; `message` is the whole sentence. */
export class MatchError extends Error {
  override readonly name = 'MatchError';
}

/**
 * Profiles of each event that all operands have, parallel to the operands; `wanted` chooses one. A text that names no
 * event matches any, and so do operands of one event each.
 */
export function matchEvents(operands: readonly (readonly Profile[])[], wanted?: string): Profile[][] {
  const lists = operands.map((profiles) => {
    if (wanted === undefined) return profiles;
    const chosen = profiles.filter(({ event }) => event === wanted || eventBase(event) === eventBase(wanted));
    const exact = chosen.find(({ event }) => event === wanted);
    const nameless = profiles.filter(({ event }) => event === '');
    if (chosen.length === 0 && nameless.length === 0)
      throw new MatchError(
        `${profiles[0]!.label} has no event ${wanted} (it has ${profiles.map(({ event }) => event).join(', ')})`,
      );
    return exact ? [exact] : chosen.length > 0 ? chosen.slice(0, 1) : nameless;
  });
  if (lists.every(({ length }) => length === 1)) return [lists.map(([only]) => only!)];
  const bases = new Set(lists.flat().map(({ event }) => eventBase(event)));
  const sets = [...bases].flatMap((base) => {
    const set = lists.map((list) => {
      const same = list.find(({ event }) => eventBase(event) === base);
      return same ?? (list.length === 1 && list[0]!.event === '' ? list[0] : undefined);
    });
    return set.every((profile) => profile !== undefined) ? [set] : [];
  });
  if (sets.length > 0) return sets;
  const told = lists.map((list) => `${list[0]!.label} has ${list.map(({ event }) => event || 'no name').join(', ')}`);
  throw new MatchError(`no event is in all of them: ${told.join('; ')} (-e chooses one)`);
}
