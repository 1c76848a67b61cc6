/**
 * Cuts a printk() format string into text and conversions, each with its argument.
 *
 * Source: tools/lib/traceevent/event-parse.c (parse_args), measured on perf 6.1, which knows %d %i %u %x %X %o, %s and
 * some extensions of %p; for others it prints the letter, as ">c<".
 */
import { FormatFailure } from './tokens.ts';
import type { Arg, Piece } from './types.ts';

/** Length of the longest conversion. */
const LONGEST = 31;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };
/** What may stand between a percent sign and its conversion letter. */
const MODIFIER = /[#hlLzZ.0-9\-*]/;
/** What may follow %p as part of the conversion. */
const EXTENSION = /^(?:[FSfs]|[Mm][RF]?|[Ii](?:4[hnlb]?|6c?|S[pfs]*[hnlb]?c?)?|U[LlBb]?|h[CDN]?)?/;

/** Throws FormatFailure if there are too few arguments. */
export function splitFormat(format: string, args: readonly Arg[]): Piece[] {
  const pieces: Piece[] = [];
  let [at, next] = [0, 0];
  const take = (): Arg => {
    const arg = args[next++];
    if (!arg) throw new FormatFailure('no argument match');
    return arg;
  };
  const conversion = (): Piece | undefined => {
    const start = at++;
    let star: Arg | undefined;
    for (; at < format.length && MODIFIER.test(format.charAt(at)); at++) {
      if (format.charAt(at) !== '*') continue;
      if (star) throw new FormatFailure('two widths');
      star = take();
    }
    if (at >= format.length) return undefined;
    const letter = format.charAt(at++);
    const kind =
      letter === 'p' ? 'pointer' : letter === 's' ? 'string' : 'diuxXo'.includes(letter) ? 'number' : undefined;
    if (!kind) return { kind: 'text', text: `>${letter}<` };
    const arg = take();
    if (kind === 'pointer') at += EXTENSION.exec(format.slice(at, at + LONGEST))?.[0].length ?? 0;
    const text = format.slice(start, at);
    if (text.length > LONGEST) throw new FormatFailure('bad format');
    const long = (text.match(/l/g)?.length ?? 0) - (text.match(/h/g)?.length ?? 0);
    if (kind === 'number' && !text.includes('L') && Math.abs(long) > 2) throw new FormatFailure('bad count');
    return { kind, conversion: text, arg, star };
  };
  while (at < format.length) {
    if (format.charAt(at) === '%' && format.charAt(at + 1) !== '%') {
      const piece = conversion();
      if (piece) pieces.push(piece);
      continue;
    }
    let text = '';
    for (; at < format.length; at++) {
      const ch = format.charAt(at);
      if (ch === '\\') {
        const escaped = format.charAt(++at);
        text += ESCAPES[escaped] ?? escaped;
      } else if (ch !== '%') text += ch;
      else if (format.charAt(at + 1) === '%') text += format.charAt(at++);
      else break;
    }
    pieces.push({ kind: 'text', text });
  }
  return pieces;
}
