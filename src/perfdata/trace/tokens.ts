/**
 * The words of an event's format file, split as libtraceevent splits them.
 *
 * Strings keep their backslashes and lose their quotes; adjacent strings are joined. Every character of the text is
 * examined at most twice, whatever it holds.
 */

export type TokenType = 'none' | 'newline' | 'space' | 'item' | 'op' | 'delim' | 'dquote' | 'squote';

export interface Token {
  readonly type: TokenType;
  readonly text: string;
}

/** The format cannot be read: the event is printed field by field. */
export class FormatFailure extends Error {}

const NONE: Token = { type: 'none', text: '' };
const ITEM = /[A-Za-z0-9_]/;
const SPACE = /[ \t\v\f\r]/;
const ANY_SPACE = /[ \t\v\f\r\n]/;
/** Operators that may be doubled, and those that may be followed by an equals sign. */
const DOUBLED = '-+|&><';
const COMPARING = '!=><';

/** Names that kernels before 3.11 left unexpanded in mac80211's formats. */
const UNEXPANDED: Readonly<Record<string, string>> = {
  LOCAL_PR_FMT: '%s',
  STA_PR_FMT: ' sta:%pM',
  VIF_PR_FMT: ' vif:%p(%d)',
};

function typeOf(ch: string): TokenType {
  if (ch === '\n') return 'newline';
  if (SPACE.test(ch)) return 'space';
  if (ITEM.test(ch)) return 'item';
  if (ch === "'") return 'squote';
  if (ch === '"') return 'dquote';
  if (ch < ' ' || ch > '~') return 'none';
  return ch === '(' || ch === ')' || ch === ',' ? 'delim' : 'op';
}

export class Tokens {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next word on the line; the end of a line is a word of its own. */
  next(): Token {
    let token = this.#read();
    while (token.type === 'space') token = this.#read();
    return token;
  }

  /** The next word, on any line. */
  nextItem(): Token {
    let token = this.#read();
    while (token.type === 'space' || token.type === 'newline') token = this.#read();
    return token;
  }

  /** The next word, which must have the given type and, if given, text. Throws FormatFailure. */
  expect(type: TokenType, text?: string, anyLine = false): string {
    const token = anyLine ? this.nextItem() : this.next();
    if (token.type !== type || (text !== undefined && token.text !== text))
      throw new FormatFailure(`expected ${text ?? type}, not '${token.text}'`);
    return token.text;
  }

  #read(): Token {
    const ch = this.#text.charAt(this.#at);
    if (ch === '') return NONE;
    const type = typeOf(ch);
    if (type === 'none') return NONE;
    const start = this.#at++;
    if (type === 'newline' || type === 'delim') return { type, text: ch };
    if (type === 'op') return { type, text: this.#operator(ch) };
    if (type === 'dquote' || type === 'squote') return { type, text: this.#quoted(ch) };
    while (this.#at < this.#text.length && typeOf(this.#text.charAt(this.#at)) === type) this.#at++;
    const text = this.#text.slice(start, this.#at);
    const unexpanded = Object.hasOwn(UNEXPANDED, text) ? UNEXPANDED[text] : undefined;
    return unexpanded === undefined ? { type, text } : { type: 'dquote', text: unexpanded };
  }

  #operator(first: string): string {
    const second = this.#text.charAt(this.#at);
    if (first === '-' && second === '>') {
      this.#at++;
      return '->';
    }
    if (DOUBLED.includes(first) && second === first) {
      this.#at++;
      const shift = first === '<' || first === '>';
      if (!shift || this.#text.charAt(this.#at) !== '=') return first + first;
      this.#at++;
      return `${first}${first}=`;
    }
    if ((DOUBLED + COMPARING).includes(first) && second === '=') {
      this.#at++;
      return `${first}=`;
    }
    return first;
  }

  /** The rest of a string, and of strings that follow it with only white space between. */
  #quoted(quote: string): string {
    let text = '';
    for (;;) {
      const start = this.#at;
      while (this.#at < this.#text.length && this.#text.charAt(this.#at) !== quote)
        this.#at += this.#text.charAt(this.#at) === '\\' ? 2 : 1;
      if (this.#at >= this.#text.length) throw new FormatFailure('a string without an end');
      text += this.#text.slice(start, this.#at++);
      if (quote !== '"') return text;
      let ahead = this.#at;
      while (ahead < this.#text.length && ANY_SPACE.test(this.#text.charAt(ahead))) ahead++;
      if (this.#text.charAt(ahead) !== '"') return text;
      this.#at = ahead + 1;
    }
  }
}
