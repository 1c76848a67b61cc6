/**
 * `print fmt:` of a tracepoint's format: a format string as printk() takes it, and an expression for each argument.
 *
 * The grammar is C's as libtraceevent reads it, which is not always C: operators of equal rank associate to the right,
 * `a ? b : c + d` is `(a ? b : c) + d`, and a cast must be followed by a word. A format with names of macros and
 * functions that the library does not know, or nested deeper than any kernel's, is not understood.
 *
 * Source: tools/lib/traceevent/event-parse.c (process_arg_token, process_op), measured on perf 6.1.
 */
import { calculate, castTo } from './arithmetic.ts';
import { parseNumber, wrapS64, wrapU64 } from './numbers.ts';
import { splitFormat } from './print-pieces.ts';
import { FormatFailure, type Token, type Tokens } from './tokens.ts';
import type { Arg, Choice, EventFormat, FormatField, PrintFormat } from './types.ts';

type Fields = Pick<EventFormat, 'common' | 'fields' | 'system'>;
/** An argument and the word after it. */
type Read = readonly [Arg, Token];

/** Deepest nesting of arguments that is read. */
const MAX_DEPTH = 300;
const NULL: Arg = { kind: 'null' };

/** How tightly operators bind, in libtraceevent's numbers; `? :` and unary operators are 0 once read. */
const RANKS: Readonly<Record<string, number>> = {
  '++': 3,
  '--': 3,
  '~': 4,
  '!': 4,
  '*': 6,
  '/': 6,
  '%': 6,
  '+': 7,
  '-': 7,
  '>>': 8,
  '<<': 8,
  '<': 9,
  '>': 9,
  '>=': 9,
  '<=': 9,
  '==': 10,
  '!=': 10,
  '&': 11,
  '^': 12,
  '|': 13,
  '&&': 14,
  '||': 15,
  '?': 16,
};
const BINARY = new Set('>> << & | && || - + * ^ / % < > <= >= == !='.split(' '));
const rankOf = (op: string): number => (Object.hasOwn(RANKS, op) ? RANKS[op]! : -1);

/** Values of names that kernels leave unexpanded. */
const KNOWN_NAMES: ReadonlyMap<string, bigint> = new Map(
  Object.entries({
    HI_SOFTIRQ: 0n,
    TIMER_SOFTIRQ: 1n,
    NET_TX_SOFTIRQ: 2n,
    NET_RX_SOFTIRQ: 3n,
    BLOCK_SOFTIRQ: 4n,
    IRQ_POLL_SOFTIRQ: 5n,
    TASKLET_SOFTIRQ: 6n,
    SCHED_SOFTIRQ: 7n,
    HRTIMER_SOFTIRQ: 8n,
    RCU_SOFTIRQ: 9n,
    HRTIMER_NORESTART: 0n,
    HRTIMER_RESTART: 1n,
  }),
);

/** Reads `print fmt: "...", ...` to the end of the file. Throws FormatFailure. */
export function readPrintFormat(tokens: Tokens, event: Fields): PrintFormat {
  tokens.expect('item', 'print', true);
  tokens.expect('item', 'fmt');
  tokens.expect('op', ':');
  let format = tokens.expect('dquote');
  let token = tokens.nextItem();
  for (; token.type === 'dquote'; token = tokens.nextItem()) format += token.text;
  let args: Arg[] = [];
  if (token.type !== 'none') {
    if (token.text !== ',') throw new FormatFailure(`no comma: '${token.text}'`);
    args = new ArgReader(tokens, event).all();
  } else if (event.system === 'ftrace')
    args = event.fields.map((field) => ({ kind: 'field', name: field.name, field }));
  return { pieces: splitFormat(format, args) };
}

const isText = ({ type }: Token): boolean => type === 'item' || type === 'dquote' || type === 'squote';

class ArgReader {
  readonly #tokens: Tokens;
  readonly #event: Fields;
  #depth = 0;

  constructor(tokens: Tokens, event: Fields) {
    this.#tokens = tokens;
    this.#event = event;
  }

  /** Arguments, separated by commas. */
  all(): Arg[] {
    const args: Arg[] = [];
    for (;;) {
      const [arg, token] = this.#whole();
      args.push(arg);
      if (token.text !== ',' || token.type !== 'delim') return args;
    }
  }

  /** An argument with all operators after it. */
  #whole(): Read {
    const [arg, token] = this.#arg();
    return token.type === 'op' ? this.#operator(arg, token) : [arg, token];
  }

  #arg(): Read {
    return this.#operand(this.#tokens.next());
  }

  /** An argument that must be followed by `end`. */
  #upTo(end: string): Arg {
    const [arg, token] = this.#arg();
    return this.#followed(arg, token, end);
  }

  #followed(arg: Arg, token: Token, end: string): Arg {
    if (token.text !== end || isText(token)) throw new FormatFailure(`expected ${end}, not '${token.text}'`);
    return arg;
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new FormatFailure('nested too deeply');
    const result = read();
    this.#depth--;
    return result;
  }

  /** The operand that begins with a word. Operators after it are left, except after a unary operator's operand. */
  #operand(token: Token): Read {
    return this.#deeper((): Read => {
      const { type, text } = token;
      if (type === 'dquote' || type === 'squote') return [atom(text), this.#tokens.nextItem()];
      if (type === 'delim' && text === '(') return this.#parenthesis();
      if (type === 'item') return text === 'REC' ? this.#entry() : this.#word(text);
      if (type !== 'op' || !'~!+-'.includes(text)) throw new FormatFailure(`unexpected '${text}'`);
      const [right, behind] = this.#arg();
      return this.#more({ kind: 'op', op: text, left: NULL, right, rank: 0 }, behind);
    });
  }

  #entry(): Read {
    this.#tokens.expect('op', '->');
    const name = this.#tokens.expect('item');
    return [{ kind: 'field', name, field: this.#find(name) }, this.#tokens.next()];
  }

  #find(name: string): FormatField | undefined {
    return this.#event.common.find((field) => field.name === name) ?? this.#own(name);
  }

  #own(name: string): FormatField | undefined {
    return this.#event.fields.find((field) => field.name === name);
  }

  /** A number, a name of several words, or a macro. */
  #word(first: string): Read {
    let token = this.#tokens.nextItem();
    if (token.type === 'delim' && token.text === '(') return this.#macro(first);
    const words = [first];
    for (; token.type === 'item'; token = this.#tokens.nextItem()) words.push(token.text);
    return [atom(words.join(' ')), token];
  }

  /** `( expression )`, or a cast if a word or another parenthesis follows. */
  #parenthesis(): Read {
    const [arg, end] = this.#whole();
    this.#followed(arg, end, ')');
    const token = this.#tokens.nextItem();
    if (!isText(token) && token.text !== '(') return [arg, token];
    if (arg.kind !== 'atom') throw new FormatFailure('a cast to what is no type');
    const [of, behind] = this.#operand(token);
    return [{ kind: 'cast', type: arg.text, of }, behind];
  }

  /** An operator and its right side, and the word after it. */
  #operator(left: Arg, { text: op }: Token): Read {
    return this.#deeper((): Read => {
      if (op === '?') return this.#condition(left);
      if (op === '[') {
        const right = this.#upTo(']');
        return this.#more({ kind: 'op', op, left, right, rank: 0 }, this.#tokens.nextItem());
      }
      if (!BINARY.has(op)) throw new FormatFailure(`unknown operator '${op}'`);
      const token = this.#tokens.nextItem();
      // A pointer type: `(void *)`.
      if (op === '*' && token.type === 'delim' && token.text === ')') {
        if (left.kind !== 'atom') throw new FormatFailure('a pointer to what is no type');
        return [atom(`${left.text} *`), token];
      }
      const [right, behind] = this.#operand(token);
      return this.#more(joined(op, left, right), behind);
    });
  }

  /** Further operators: one that binds less tightly takes the whole, any other takes the right side. */
  #more(arg: Arg, token: Token): Read {
    if (token.type !== 'op' || token.text === ':' || arg.kind !== 'op') return [arg, token];
    const rank = rankOf(token.text);
    if (rank > arg.rank) return this.#operator(arg, token);
    if (rank < 0) throw new FormatFailure(`unknown operator '${token.text}'`);
    const [right, behind] = this.#operator(arg.right, token);
    return [{ ...arg, right }, behind];
  }

  /** `left ? a : b`. */
  #condition(left: Arg): Read {
    let [yes, token] = this.#arg();
    while (token.type === 'op' && token.text !== ':') [yes, token] = this.#operator(yes, token);
    this.#followed(yes, token, ':');
    const [no, behind] = this.#arg();
    const branches: Arg = { kind: 'op', op: ':', left: yes, right: no, rank: 0 };
    return this.#more({ kind: 'op', op: '?', left, right: branches, rank: 0 }, behind);
  }

  #macro(name: string): Read {
    switch (name) {
      case '__print_flags': {
        const of = this.#value();
        let token = this.#tokens.nextItem();
        const delimiter = isText(token) ? token.text : '';
        if (isText(token)) token = this.#tokens.nextItem();
        this.#followed(of, token, ',');
        return [{ kind: 'flags', of, delimiter, choices: this.#choices() }, this.#tokens.nextItem()];
      }
      case '__print_symbolic': {
        const of = this.#value();
        return [{ kind: 'symbol', of, choices: this.#choices() }, this.#tokens.nextItem()];
      }
      case '__print_hex':
      case '__print_hex_str': {
        const of = this.#upTo(',');
        const separator = name === '__print_hex' ? ' ' : '';
        return [{ kind: 'hex', of, size: this.#upTo(')'), separator }, this.#tokens.nextItem()];
      }
      case '__print_array': {
        const [of, count] = [this.#upTo(','), this.#upTo(',')];
        return [{ kind: 'array', of, count, elementSize: this.#upTo(')') }, this.#tokens.nextItem()];
      }
      case '__get_str':
      case '__get_bitmask': {
        const field = this.#find(this.#fieldName());
        return [{ kind: name === '__get_str' ? 'string' : 'bitmask', field }, this.#tokens.next()];
      }
      case '__get_dynamic_array':
      case '__get_dynamic_array_len': {
        const field = this.#own(this.#fieldName());
        if (!field) throw new FormatFailure('no such field');
        const token = this.#tokens.nextItem();
        if (name === '__get_dynamic_array_len') return [{ kind: 'length', field }, token];
        // libtraceevent accepts an index only after a cast.
        if (token.type === 'op' && token.text === '[') throw new FormatFailure('an index of a dynamic array');
        return [{ kind: 'dynamic', field }, token];
      }
      case '__builtin_expect': {
        const of = this.#upTo(',');
        this.#tokens.expect('item');
        this.#tokens.expect('delim', ')');
        return [of, this.#tokens.nextItem()];
      }
      default:
        throw new FormatFailure(`function ${name} not defined`);
    }
  }

  #fieldName(): string {
    const name = this.#tokens.expect('item');
    this.#tokens.expect('delim', ')');
    return name;
  }

  /** The first argument of __print_flags() and __print_symbolic(), including the comma. */
  #value(): Arg {
    const [arg, token] = this.#whole();
    return this.#followed(arg, token, ',');
  }

  /** `{ value, text }, ...`, including the closing parenthesis. */
  #choices(): Choice[] {
    const choices: Choice[] = [];
    let token: Token;
    do {
      token = this.#tokens.nextItem();
      if (token.text !== '{') break;
      const [value, comma] = this.#whole();
      this.#followed(value, comma, ',');
      const text = constantText(this.#upTo('}'));
      choices.push({ value: choiceValue(constantText(value)), text });
      token = this.#tokens.nextItem();
    } while (token.type === 'delim' && token.text === ',');
    this.#followed(NULL, token, ')');
    return choices;
  }
}

const atom = (text: string): Arg => ({ kind: 'atom', text, value: parseNumber(text) });

/** A binary operator; if the one on the right binds less tightly, it becomes the outer one. */
function joined(op: string, left: Arg, right: Arg): Arg {
  const rank = rankOf(op);
  if (right.kind !== 'op' || rank >= rankOf(right.op)) return { kind: 'op', op, left, right, rank };
  return { ...right, left: { kind: 'op', op, left, right: right.left, rank } };
}

/** eval_flag(): a number, or a known name. */
const choiceValue = (text: string): bigint =>
  /^[0-9]/.test(text) ? wrapS64(parseNumber(text)) : (KNOWN_NAMES.get(text) ?? -1n);

/** arg_eval(): a constant as text. */
function constantText(arg: Arg): string {
  if (arg.kind === 'atom') return arg.text;
  if (arg.kind === 'cast') return constantText(arg.of);
  return String(constant(arg));
}

/** arg_num_eval(): the value of a constant. */
function constant(arg: Arg): bigint {
  if (arg.kind === 'atom') return wrapS64(arg.value);
  if (arg.kind === 'cast') return wrapS64(castTo(wrapU64(constant(arg.of)), arg.type));
  if (arg.kind !== 'op') throw new FormatFailure(`${arg.kind} in a constant`);
  const { op } = arg;
  if (op === '~') return ~constant(arg.right);
  const sign = (op === '-' || op === '+') && arg.left.kind === 'null';
  const [left, right] = [sign ? 0n : constant(arg.left), constant(arg.right)];
  if (!BINARY.has(op) || ['*', '/', '%', '^'].includes(op)) throw new FormatFailure(`'${op}' in a constant`);
  return wrapS64(calculate(op, left, right));
}
