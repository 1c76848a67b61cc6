/**
 * `${...}` expressions over a program's parameters: + - * / and parentheses, enough for e.g. iterations per second.
 */
import { MOST_PATH } from './limits.ts';

export type Scope = Readonly<Record<string, number | string>>;

/** A fault in an expression, or an unknown name; the message is for the workload's author. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
  /** The unknown parameter, if that is the fault. */
  readonly unknown: string | undefined;
  constructor(message: string, unknown?: string) {
    super(message);
    this.unknown = unknown;
  }
}

const TOKEN = /\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|([-+*/()]))/y;

/** Nesting of parentheses. */
const MOST_OPEN = 50;

function evaluate(source: string, scope: Scope): number | string {
  const tokens: (number | string)[] = [];
  const end = source.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(source);
    if (!m) throw new QuantityError(`cannot read "${source.slice(at).trim()}" in \${${source}}`);
    tokens.push(m[1] === undefined ? (m[2] ?? m[3] ?? '') : Number(m[1]));
  }
  // A name by itself may have a text as its value; arithmetic needs numbers.
  if (tokens.length === 1 && typeof tokens[0] === 'string') return lookUp(tokens[0], scope);
  let next = 0;
  let open = 0;
  const factor = (): number => {
    let sign = 1;
    for (; tokens[next] === '-'; next++) sign = -sign;
    return sign * term();
  };
  const term = (): number => {
    const t = tokens[next++];
    if (typeof t === 'number') return t;
    if (t === '(') {
      if (++open > MOST_OPEN) throw new QuantityError(`more than ${MOST_OPEN} parentheses within each other`);
      const v = sum();
      open--;
      if (tokens[next++] !== ')') throw new QuantityError(`missing ")" in \${${source}}`);
      return v;
    }
    if (t === undefined || !/^\w/.test(t)) throw new QuantityError(`\${${source}} is not an expression`);
    const v = lookUp(t, scope);
    if (typeof v !== 'number') throw new QuantityError(`${t} is "${v}", not a number, in \${${source}}`);
    return v;
  };
  const product = (): number => {
    let v = factor();
    while (tokens[next] === '*' || tokens[next] === '/') v = tokens[next++] === '*' ? v * factor() : v / factor();
    return v;
  };
  const sum = (): number => {
    let v = product();
    while (tokens[next] === '+' || tokens[next] === '-') v = tokens[next++] === '+' ? v + product() : v - product();
    return v;
  };
  const v = sum();
  if (next < tokens.length) throw new QuantityError(`\${${source}} is not an expression`);
  return v;
}

function lookUp(name: string, scope: Scope): number | string {
  const v = Object.hasOwn(scope, name) ? scope[name] : undefined;
  if (v === undefined) throw new QuantityError(`unknown parameter "${name}"`, name);
  return v;
}

function checkLength(text: string): void {
  if (text.length > MOST_PATH)
    throw new QuantityError(`a text of ${text.length} characters is longer than ${MOST_PATH}`);
}

/** Replaces the `${...}` parts of a text. If the text is one such part, the result has its value's type. */
export function interpolate(text: string, scope: Scope): number | string {
  checkLength(text);
  const whole = /^\$\{([^}]*)\}$/.exec(text)?.[1];
  if (whole !== undefined) return evaluate(whole, scope);
  const made = text.replace(/\$\{([^}]*)\}/g, (_, source: string) => String(evaluate(source, scope)));
  checkLength(made);
  return made;
}

/** The value of a quantity that must be a number. */
export function toNumber(quantity: number | string, scope: Scope): number {
  const v = typeof quantity === 'number' ? quantity : interpolate(quantity, scope);
  if (typeof v !== 'number' || !Number.isFinite(v))
    throw new QuantityError(`${JSON.stringify(quantity)} is not a number`);
  return v;
}
