/**
 * Rust's two manglings: the legacy one ("_ZN…17h<16 hex digits>E") and v0 ("_R…", RFC 2603).
 *
 * The text is perf 6.1's, through libiberty: no hash, no crate disambiguators, no suffixes after a dot, no types of
 * constants. Back references can expand a short name to any length; a text longer than MOST_TEXT is not printed.
 * Source: RFC 2603 and the rustc book ("Symbol Mangling"); measured on perf.
 */

/** Longest text; real ones have a few thousand characters. */
const MOST_TEXT = 2 ** 16;
/** Longest name that is examined. */
const MOST_NAME = 2 ** 16;
const MOST_DEPTH = 500;

class Failure extends Error {}

/** The path of a mangled Rust name; undefined for any other name. */
export function demangleRust(name: string): string | undefined {
  if (name.length > MOST_NAME) return undefined;
  if (name.startsWith('_ZN')) return legacy(name.slice(3));
  if (!/^_R[A-Z]/.test(name)) return undefined;
  const mangled = name.slice(2).replace(/\..*$/s, '');
  if (!/^\w+$/.test(mangled)) return undefined;
  try {
    return new V0(mangled).read();
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** A hash with fewer different digits is a word that happens to look like one. */
const LEAST_DIGITS = 5;

function legacy(text: string): string | undefined {
  // After the E, only a compiler's suffix, which begins with a dot.
  const end = /^([\w$.:]*17h[0-9a-f]{16})E(?:\.[\w$.:@]*)?$/.exec(text)?.[1];
  if (end === undefined) return undefined;
  const parts: string[] = [];
  for (let at = 0; at < end.length;) {
    const digits = /^(?:0|[1-9]\d{0,5})/.exec(end.slice(at, at + 6))?.[0];
    if (digits === undefined) return undefined;
    const from = at + digits.length;
    at = from + Number(digits);
    if (at > end.length || at === from) return undefined;
    parts.push(end.slice(from, at));
  }
  const hash = parts.pop() ?? '';
  if (!/^h[0-9a-f]{16}$/.test(hash) || new Set(hash.slice(1)).size < LEAST_DIGITS) return undefined;
  return parts.map(unescapeLegacy).join('::');
}

const ESCAPES: Readonly<Record<string, string>> = {
  C: ',',
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
};

function unescapeLegacy(part: string): string {
  const text = part.startsWith('_$') ? part.slice(1) : part;
  let out = '';
  for (let at = 0; at < text.length;) {
    if (text.startsWith('..', at)) {
      out += '::';
      at += 2;
    } else if (text[at] === '$') {
      const [all, word = '', hex] = /^\$([A-Z]{1,2}|u([2-7][0-9a-f]))\$/.exec(text.slice(at, at + 5)) ?? [];
      const character = hex === undefined ? ESCAPES[word] : String.fromCharCode(parseInt(hex, 16));
      // Not one of rustc's escapes: the rest stays as it is.
      if (all === undefined || character === undefined) return out + text.slice(at);
      out += character;
      at += all.length;
    } else out += text[at++]!;
  }
  return out;
}

const BASIC_TYPES: Readonly<Record<string, string>> = {
  a: 'i8',
  b: 'bool',
  c: 'char',
  d: 'f64',
  e: 'str',
  f: 'f32',
  h: 'u8',
  i: 'isize',
  j: 'usize',
  l: 'i32',
  m: 'u32',
  n: 'i128',
  o: 'u128',
  p: '_',
  s: 'i16',
  t: 'u16',
  u: '()',
  v: '...',
  x: 'i64',
  y: 'u64',
  z: '!',
};

class V0 {
  readonly #text: string;
  #at = 0;
  #out: string[] = [];
  #length = 0;
  #silent = false;
  #lifetimes = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): string {
    this.#path(true);
    // The instantiating crate is not shown.
    if (/[A-Z]/.test(this.#text[this.#at] ?? '')) {
      this.#silent = true;
      this.#path(false);
    }
    if (this.#at !== this.#text.length) throw new Failure();
    return this.#out.join('');
  }

  #next(): string {
    const c = this.#text[this.#at++];
    if (c === undefined) throw new Failure();
    return c;
  }

  #eat(c: string): boolean {
    if (this.#text[this.#at] !== c) return false;
    this.#at++;
    return true;
  }

  #print(text: string): void {
    if (this.#silent) return;
    this.#out.push(text);
    if ((this.#length += text.length) > MOST_TEXT) throw new Failure();
  }

  #nested(work: () => void): void {
    if (++this.#depth > MOST_DEPTH) throw new Failure();
    work();
    this.#depth--;
  }

  /** <base-62-number>: "_" is 0, "0_" is 1. */
  #base62(): bigint {
    let n = 0n;
    if (this.#eat('_')) return n;
    while (!this.#eat('_')) {
      const digit = DIGITS.indexOf(this.#next());
      if (digit < 0) throw new Failure();
      n = BigInt.asUintN(64, n * 62n + BigInt(digit));
    }
    return n + 1n;
  }

  #optional62(tag: string): bigint {
    return this.#eat(tag) ? this.#base62() + 1n : 0n;
  }

  #identifier(): string {
    const puny = this.#eat('u');
    const digits = /^(?:0|[1-9]\d*)/.exec(this.#text.slice(this.#at, this.#at + 8))?.[0];
    if (digits === undefined) throw new Failure();
    this.#at += digits.length;
    this.#eat('_');
    const from = this.#at;
    this.#at += Number(digits);
    if (this.#at > this.#text.length) throw new Failure();
    const text = this.#text.slice(from, this.#at);
    return puny ? fromPunycode(text) : text;
  }

  #backReference(work: () => void): void {
    const target = Number(this.#base62());
    if (this.#silent) return;
    const here = this.#at;
    this.#at = target;
    this.#nested(work);
    this.#at = here;
  }

  #path(inValue: boolean): void {
    this.#nested(() => this.#pathHere(inValue));
  }

  #pathHere(inValue: boolean): void {
    const tag = this.#next();
    switch (tag) {
      case 'C':
        this.#optional62('s');
        return this.#print(this.#identifier());
      case 'N':
        return this.#nestedPath(inValue);
      case 'M':
      case 'X': {
        this.#optional62('s');
        const was = this.#silent;
        this.#silent = true;
        this.#path(inValue);
        this.#silent = was;
        return this.#impl(tag === 'X');
      }
      case 'Y':
        return this.#impl(true);
      case 'I':
        this.#path(inValue);
        if (inValue) this.#print('::');
        this.#print('<');
        this.#listed(', ', () => this.#genericArgument());
        return this.#print('>');
      case 'B':
        return this.#backReference(() => this.#path(inValue));
      default:
        throw new Failure();
    }
  }

  #nestedPath(inValue: boolean): void {
    const namespace = this.#next();
    if (!/[A-Za-z]/.test(namespace)) throw new Failure();
    this.#path(inValue);
    const disambiguator = this.#optional62('s');
    const name = this.#identifier();
    if (/[a-z]/.test(namespace)) {
      if (name !== '') this.#print(`::${name}`);
      return;
    }
    const kind = ({ C: 'closure', S: 'shim' } as Readonly<Record<string, string>>)[namespace] ?? namespace;
    this.#print(`::{${kind}${name === '' ? '' : `:${name}`}#${disambiguator}}`);
  }

  #impl(ofTrait: boolean): void {
    this.#print('<');
    this.#type();
    if (ofTrait) {
      this.#print(' as ');
      this.#path(false);
    }
    this.#print('>');
  }

  /** Reads items up to an E; returns how many. */
  #listed(separator: string, item: () => void): number {
    let n = 0;
    for (; !this.#eat('E'); n++) {
      if (n > 0) this.#print(separator);
      item();
    }
    return n;
  }

  #genericArgument(): void {
    if (this.#eat('L')) this.#lifetime(this.#base62());
    else if (this.#eat('K')) this.#constant();
    else this.#type();
  }

  #lifetime(index: bigint): void {
    if (index === 0n) return this.#print("'_");
    const depth = BigInt(this.#lifetimes) - index;
    if (depth < 0n) throw new Failure();
    this.#print(depth < 26n ? `'${String.fromCharCode(0x61 + Number(depth))}` : `'_${depth}`);
  }

  #binder(work: () => void): void {
    const before = this.#lifetimes;
    const bound = this.#optional62('G');
    if (bound > BigInt(MOST_TEXT)) throw new Failure();
    if (bound > 0n) {
      this.#print('for<');
      for (let i = 0n; i < bound; i++) {
        if (i > 0n) this.#print(', ');
        this.#lifetimes++;
        this.#lifetime(1n);
      }
      this.#print('> ');
    }
    work();
    this.#lifetimes = before;
  }

  #type(): void {
    this.#nested(() => this.#typeHere());
  }

  #typeHere(): void {
    const tag = this.#next();
    const basic = BASIC_TYPES[tag];
    if (basic !== undefined) return this.#print(basic);
    switch (tag) {
      case 'R':
      case 'Q':
        this.#print('&');
        if (this.#eat('L')) {
          const lifetime = this.#base62();
          if (lifetime !== 0n) {
            this.#lifetime(lifetime);
            this.#print(' ');
          }
        }
        if (tag === 'Q') this.#print('mut ');
        return this.#type();
      case 'P':
      case 'O':
        this.#print(tag === 'P' ? '*const ' : '*mut ');
        return this.#type();
      case 'A':
      case 'S':
        this.#print('[');
        this.#type();
        if (tag === 'A') {
          this.#print('; ');
          this.#constant();
        }
        return this.#print(']');
      case 'T':
        this.#print('(');
        if (this.#listed(', ', () => this.#type()) === 1) this.#print(',');
        return this.#print(')');
      case 'F':
        return this.#binder(() => this.#functionType());
      case 'D': {
        this.#print('dyn ');
        this.#binder(() => this.#listed(' + ', () => this.#dynTrait()));
        if (!this.#eat('L')) throw new Failure();
        const lifetime = this.#base62();
        if (lifetime === 0n) return;
        this.#print(' + ');
        return this.#lifetime(lifetime);
      }
      case 'B':
        return this.#backReference(() => this.#type());
      default:
        this.#at--;
        return this.#path(false);
    }
  }

  #functionType(): void {
    if (this.#eat('U')) this.#print('unsafe ');
    if (this.#eat('K')) {
      const abi = this.#eat('C') ? 'C' : this.#identifier();
      this.#print(`extern "${abi.replaceAll('_', '-')}" `);
    }
    this.#print('fn(');
    this.#listed(', ', () => this.#type());
    this.#print(')');
    if (this.#eat('u')) return;
    this.#print(' -> ');
    this.#type();
  }

  #dynTrait(): void {
    let open = this.#openGenerics();
    while (this.#eat('p')) {
      this.#print(open ? ', ' : '<');
      open = true;
      this.#print(`${this.#identifier()} = `);
      this.#type();
    }
    if (open) this.#print('>');
  }

  /** Prints a path, with its generic arguments left open for a trait's associated types; returns whether it has any. */
  #openGenerics(): boolean {
    let open = false;
    if (this.#eat('B')) this.#backReference(() => (open = this.#openGenerics()));
    else if (this.#eat('I')) {
      this.#path(false);
      this.#print('<');
      this.#listed(', ', () => this.#genericArgument());
      open = true;
    } else this.#path(false);
    return open;
  }

  #constant(): void {
    if (this.#eat('B')) return this.#backReference(() => this.#constant());
    const tag = this.#next();
    if (tag === 'p') return this.#print('_');
    if (/[aslxni]/.test(tag) && this.#eat('n')) this.#print('-');
    else if (!/[aslxnihtmyojbc]/.test(tag)) throw new Failure();
    const hex = /^[0-9a-f]*(?=_)/.exec(this.#text.slice(this.#at))?.[0] ?? '';
    if (hex === '') throw new Failure();
    this.#at += hex.length + 1;
    if (tag === 'b') {
      if (!/^[01]$/.test(hex)) throw new Failure();
      this.#print(hex === '1' ? 'true' : 'false');
    } else if (tag === 'c') this.#print(characterConstant(hex));
    else this.#print(hex.length > 16 ? `0x${hex}` : String(BigInt(`0x${hex}`)));
  }
}

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

function characterConstant(hex: string): string {
  if (hex.length > 8) throw new Failure();
  const code = parseInt(hex, 16);
  const escape = ({ 9: '\\t', 10: '\\n', 13: '\\r' } as Readonly<Record<number, string>>)[code];
  if (escape !== undefined) return `'${escape}'`;
  return code > 0x20 && code < 0x7e ? `'${String.fromCharCode(code)}'` : `'\\u{${code.toString(16)}}'`;
}

/** RFC 3492 with "_" for the hyphen. */
function fromPunycode(text: string): string {
  const split = text.lastIndexOf('_');
  const out = text.slice(0, Math.max(split, 0)).split('');
  const encoded = text.slice(split + 1);
  if (encoded === '') throw new Failure();
  let [code, bias, i] = [128, 72, 0];
  for (let at = 0; at < encoded.length;) {
    const before = i;
    for (let weight = 1, k = 36; ; k += 36) {
      const digit = PUNYCODE_DIGITS.indexOf(encoded[at++] ?? ' ');
      if (digit < 0) throw new Failure();
      i += digit * weight;
      const threshold = Math.min(Math.max(k - bias, 1), 26);
      if (digit < threshold) break;
      weight *= 36 - threshold;
      if (!(weight < 2 ** 40)) throw new Failure();
    }
    const count = out.length + 1;
    let delta = before === 0 ? Math.floor((i - before) / 700) : (i - before) >>> 1;
    delta += Math.floor(delta / count);
    let k = 0;
    for (; delta > 455; k += 36) delta = Math.floor(delta / 35);
    bias = k + Math.floor((36 * delta) / (delta + 38));
    code += Math.floor(i / count);
    i %= count;
    if (code > 0x10ffff || out.length > 1000) throw new Failure();
    out.splice(i++, 0, String.fromCodePoint(code));
  }
  return out.join('');
}

const PUNYCODE_DIGITS = 'abcdefghijklmnopqrstuvwxyz0123456789';
