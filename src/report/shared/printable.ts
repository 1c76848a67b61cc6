/**
 * Makes names from data (commands, files, symbols, events, host names, command lines) safe to print. Anybody can write
 * anything into a recording, and it must not control the terminal, the spreadsheet or the web page that shows it.
 *
 * Characters with an effect are shown as in C ("\x1b", "\n", "\u202e"): ASCII control characters except the tab, those
 * of ISO 6429's second set (C1), also as single bytes, line separators, and characters that change the writing
 * direction. This applies to pipes as well, which mostly end at a terminal. perf prints all of them unchanged;
 * text without them is printed byte for byte as perf prints it.
 *
 * Not modelled: characters that merely look like others.
 */

/** C0, DEL, C1; Arabic letter mark, marks and overrides of direction, separators of lines; stray bytes 0x80 to 0x9f. */
const ACTING =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /[\0-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udc9f]/u;
/** Absent from nearly every line, and faster to test. */
const NOT_PLAIN = /[^\t\n -~]/;
const ALL = new RegExp(ACTING, 'gu');
const C_NAMES: Readonly<Record<string, string>> = { '\n': String.raw`\n`, '\r': String.raw`\r`, '\0': String.raw`\0` };
/** Where decodeBytes() maps a byte that is not UTF-8. */
const STRAY = 0xdc00;

function shown(character: string): string {
  const code = character.charCodeAt(0);
  const byte = code >= STRAY ? code - STRAY : code;
  const hex = byte.toString(16);
  return C_NAMES[character] ?? (byte < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`);
}

/** One line of text; any line feed in it comes from data. */
export const printable = (line: string): string => (ACTING.test(line) ? line.replace(ALL, shown) : line);

/** Ended lines. They are tested together, as nearly always all are plain. */
export function printableLines(lines: readonly string[]): string {
  const text = `${lines.join('\n')}\n`;
  return !NOT_PLAIN.test(text) && linesIn(text) === lines.length ? text : `${lines.map(printable).join('\n')}\n`;
}

function linesIn(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

/** A text of several lines, whose line feeds are gperf's own. */
export const printableText = (text: string): string =>
  ACTING.test(text) ? text.replace(ALL, (character) => (character === '\n' ? character : shown(character))) : text;

/** What a spreadsheet takes as the beginning of a formula (OWASP: CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;

/** A name as a cell of CSV (RFC 4180); one that a spreadsheet would evaluate gets an apostrophe in front. */
export function csvName(name: string): string {
  const text = FORMULA.test(name) ? `'${name}` : name;
  const shownText = text.replace(ALL, (character) => ('\r\n'.includes(character) ? character : shown(character)));
  return /[",\r\n]/.test(shownText) ? `"${shownText.replaceAll('"', '""')}"` : shownText;
}

/** Text within Markdown, on one line: nothing in it ends a cell or begins code, emphasis, HTML, an entity or a link. */
export const markdownText = (text: string): string =>
  printable(text)
    .replace(/[\\`|*]/g, String.raw`\$&`)
    .replaceAll(/&(?=#?\w+;)/g, '&amp;')
    .replaceAll(/<(?=[a-z/!?])/gi, '&lt;')
    .replaceAll('](', String.raw`]\(`);
