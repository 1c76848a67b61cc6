/**
 * Names as they are in a recording: bytes, usually but not necessarily UTF-8. As text, valid UTF-8 is decoded and
 * every other byte is a lone surrogate (0xe9 is U+DCE9), so that what was read can be written again byte for byte.
 *
 * perf counts, pads, cuts and sorts names in bytes; so do the functions here.
 *
 * Source: the mapping is Python's "surrogateescape" (PEP 383).
 * Not modelled: other encodings than UTF-8.
 */

const REPLACEMENT = '\ufffd';
const ESCAPE = 0xdc00;
/** With the flag u this does not match halves of a surrogate pair, only what decodeBytes() made from a stray byte. */
const STRAY = /[\udc80-\udcff]/u;
const STRAYS = /[\udc80-\udcff]/gu;

/** Length of the well-formed sequence at `at`; 0 if there is none. Source: Unicode, table 3-7. */
function sequence(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1] ?? 0;
  if (second < low || second > high) return 0;
  for (let i = 2; i < size; i++) if ((bytes[at + i] ?? 0) >> 6 !== 2) return 0;
  return size;
}

/** The text of these bytes. */
export function decodeBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes(REPLACEMENT)) return text;
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < bytes.length;) {
    const size = sequence(bytes, at);
    if (size > 0) {
      at += size;
      continue;
    }
    parts.push(bytes.toString('utf8', start, at), String.fromCharCode(ESCAPE + bytes[at]!));
    start = ++at;
  }
  parts.push(bytes.toString('utf8', start));
  return parts.join('');
}

/** The bytes from which decodeBytes() made this text. */
export function encodeBytes(text: string): Buffer {
  if (!STRAY.test(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  let start = 0;
  for (const { index } of text.matchAll(STRAYS)) {
    parts.push(Buffer.from(text.slice(start, index), 'utf8'), Buffer.of(text.charCodeAt(index) - ESCAPE));
    start = index + 1;
  }
  parts.push(Buffer.from(text.slice(start), 'utf8'));
  return Buffer.concat(parts);
}

/** Length of a text in bytes: strlen(). */
export function byteLength(text: string): number {
  const bytes = Buffer.byteLength(text, 'utf8');
  // In UTF-8 a lone surrogate takes three bytes; here it stands for one.
  return bytes === text.length ? bytes : bytes - 2 * (text.match(STRAYS)?.length ?? 0);
}

/** printf("%-*s"). */
export const padEndBytes = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - byteLength(text)));
/** printf("%*s"). */
export const padStartBytes = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - byteLength(text))) + text;
/** printf("%.*s"): at most `most` bytes, even if that cuts a character. */
export const cutBytes = (text: string, most: number): string =>
  byteLength(text) <= most ? text : decodeBytes(encodeBytes(text).subarray(0, most));

/** strcmp(): by bytes. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  // UTF-16 sorts as UTF-8 does, except for surrogates.
  if (!/[\ud800-\udfff]/.test(a) && !/[\ud800-\udfff]/.test(b)) return a < b ? -1 : 1;
  return Buffer.compare(encodeBytes(a), encodeBytes(b));
}
