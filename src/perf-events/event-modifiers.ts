/**
 * Event modifiers, the letters after the colon: u k h G H p P S D I W e b. As get_event_modifier() of perf 6.1,
 * observed in its attrs.
 *
 * Not modelled: b (count with a BPF program) is accepted and changes nothing.
 */
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import type { Evsel } from './evsel.ts';
import type { EventDraft } from './parsed-event.ts';

export const MODIFIER_LETTERS = 'ukhGHpPSDIWeb';
export const IS_MODIFIER = /^[ukhGHpPSDIWeb]*$/;

/**
 * Applies modifier letters to an event. An event's own modifiers start from nothing, so that a lone k or S drops the
 * default exclude_guest; a group's start from what the member has. @param explicitGH the event's own modifiers include
 * G or H
 */
export function applyModifiers(event: EventDraft, text: string, inGroup: boolean, explicitGH: boolean): void {
  const { attr } = event;
  const before: Partial<PerfEventAttr> = inGroup ? attr : {};
  let { exclude_user: eu = false, exclude_kernel: ek = false, exclude_hv: eh = false } = before;
  let { exclude_host: eH = false, exclude_guest: eG = false, precise_ip = 0 } = before;
  let exclude = eu || ek || eh;
  let exclude_GH = explicitGH;
  for (const letter of text) {
    if ('ukh'.includes(letter)) {
      if (!exclude) exclude = eu = ek = eh = true;
      if (letter === 'u') [eu, eG] = [false, exclude_GH ? eG : true];
      else if (letter === 'k') ek = false;
      else eh = false;
    } else if ('GH'.includes(letter)) {
      if (!exclude_GH) exclude_GH = eG = eH = true;
      if (letter === 'G') eG = false;
      else eH = false;
    } else if (letter === 'p') {
      precise_ip++;
      if (!exclude_GH) eG = true;
    } else if (letter === 'I') attr.exclude_idle = true;
    else if (letter === 'D') attr.pinned = true;
    else if (letter === 'e') attr.exclusive = true;
    else if (letter === 'P') event.precise_max = true;
    else if (letter === 'S') event.sample_read = true;
    else if (letter === 'W') event.weak_group = true;
  }
  if (precise_ip > 0) attr.precise_ip = precise_ip;
  const rings = [['exclude_user', eu] as const, ['exclude_kernel', ek] as const, ['exclude_hv', eh] as const];
  for (const [flag, on] of [...rings, ['exclude_host', eH] as const, ['exclude_guest', eG] as const]) {
    if (on) attr[flag] = true;
    else delete attr[flag];
  }
}

/**
 * perf's fall-back when the kernel refuses ring 0 (perf_event_paranoid 2): the event without kernel and hypervisor, and
 * with a u in its name. Undefined if the event excludes user space, or kernel already.
 */
export function userOnly<E extends Evsel>(evsel: E): E | undefined {
  if (evsel.attr.exclude_user || evsel.attr.exclude_kernel) return undefined;
  const name = `${evsel.name}${/[:/]/.test(evsel.name) ? '' : ':'}u`;
  return { ...evsel, name, attr: { ...evsel.attr, exclude_kernel: true, exclude_hv: true } };
}
