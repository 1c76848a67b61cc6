/**
 * Makes text safe for a page. Names come from files, and a file can hold anything: markup, quotes, the end of a
 * script.
 *
 * Characters that are invisible, or that change the direction of the text around them (controls, bidirectional
 * overrides), are written as code points, so that readers see what is there.
 */

/** Markup that needs no escaping. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toString(): string {
    return this.text;
  }
}

type Piece = Markup | string | number | undefined | false | readonly Piece[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const codePoint = (c: string): string => `\\u{${c.codePointAt(0)!.toString(16)}}`;

/** Text escaped for use between tags or in a quoted attribute. */
export const escapeHtml = (text: string): string =>
  text.replace(UNSEEN, (c) => (c === '\n' ? c : codePoint(c))).replace(/[&<>"']/g, (c) => ENTITIES[c]!);

const written = (piece: Piece): string => {
  if (piece === undefined || piece === false) return '';
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === 'object') return piece.map(written).join('');
  return escapeHtml(String(piece));
};

/** Markup with texts inserted, each escaped; false and undefined insert nothing. */
export const markup = (strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup =>
  new Markup(strings.map((s, i) => s + written(pieces[i])).join(''));

const units = (text: string): string =>
  text.split('').reduce((all, unit) => `${all}\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`, '');

/** JSON for a script element: nothing in it ends the element or opens a comment, and every character is visible. */
export const embeddedJson = (value: unknown): Markup =>
  new Markup(JSON.stringify(value).replace(/[<>&]/g, units).replace(UNSEEN, units));
