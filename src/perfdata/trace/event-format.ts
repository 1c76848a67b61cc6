/**
 * The format of a tracepoint: where the fields of its raw data are, and how the kernel would print them.
 *
 *   name: sched_wakeup
 *   ID: 318
 *   format:
 *   	field:unsigned short common_type;	offset:0;	size:2;	signed:0;      common to all, then a blank line
 *   	field:char comm[16];	offset:8;	size:16;	signed:0;                   the event's own, then a blank line
 *   print fmt: "comm=%s pid=%d", REC->comm, REC->pid                           print-format.ts
 *
 * Fields whose type begins with __data_loc hold length << 16 | offset of a piece of the data; __rel_loc counts the
 * offset from the end of the field. Source: tools/lib/traceevent/event-parse.c, measured on perf 6.1.
 */
import { parseNumber } from './numbers.ts';
import { readPrintFormat } from './print-format.ts';
import { FormatFailure, type Token, Tokens } from './tokens.ts';
import type { FormatFile } from './tracing-data.ts';
import type { EventFormat, FormatField } from './types.ts';

/** The id in a format file, without reading the rest. */
export function formatId(text: string): number | undefined {
  const tokens = new Tokens(text);
  try {
    readName(tokens);
    return readId(tokens);
  } catch (error) {
    if (error instanceof FormatFailure) return undefined;
    throw error;
  }
}

/** Parses a format file; undefined if it does not even name its event. */
export function parseEventFormat({ system, text }: FormatFile, longSize: number): EventFormat | undefined {
  const tokens = new Tokens(text);
  const [common, fields]: [FormatField[], FormatField[]] = [[], []];
  let named: { readonly name: string; readonly id: number } | undefined;
  try {
    named = { name: readName(tokens), id: readId(tokens) };
    tokens.expect('item', 'format', true);
    tokens.expect('op', ':');
    tokens.expect('newline');
    const ftrace = system === 'ftrace';
    readFields(tokens, common, longSize, ftrace);
    readFields(tokens, fields, longSize, ftrace);
    const event = { system, ...named, common, fields };
    return { ...event, print: readPrintFormat(tokens, event) };
  } catch (error) {
    if (!(error instanceof FormatFailure)) throw error;
    return named && { system, ...named, common, fields, print: undefined };
  }
}

function readName(tokens: Tokens): string {
  tokens.expect('item', 'name');
  tokens.expect('op', ':');
  return tokens.expect('item');
}

function readId(tokens: Tokens): number {
  tokens.expect('item', 'ID', true);
  tokens.expect('op', ':');
  return Number(BigInt.asIntN(32, parseNumber(tokens.expect('item'))));
}

/** Reads fields up to a blank line. Fields read before an error are kept. */
function readFields(tokens: Tokens, into: FormatField[], longSize: number, ftrace: boolean): void {
  for (;;) {
    const token = tokens.next();
    if (token.type === 'newline') return;
    if (token.type !== 'item' || token.text !== 'field') throw new FormatFailure(`no field: '${token.text}'`);
    into.push(readField(tokens, longSize, ftrace));
  }
}

function readField(tokens: Tokens, longSize: number, ftrace: boolean): FormatField {
  let token = tokens.next();
  if (ftrace && token.text === 'special') token = tokens.next();
  if (token.text !== ':') throw new FormatFailure(`no colon: '${token.text}'`);
  const declared = readDeclaration(tokens, ftrace);
  const offset = readProperty(tokens, 'offset');
  const size = readProperty(tokens, 'size');
  const signed = readSigned(tokens);
  const { type, isArray, arrayLength, dynamicElement } = declared;
  const isRelative = type.startsWith('__rel_loc');
  const isDynamic = isRelative || type.startsWith('__data_loc');
  const isString = isArray && /char|u8|s8/.test(type);
  const isLong = type.includes('long');
  let elementSize = size;
  if (isArray) {
    if (arrayLength > 0) elementSize = Math.floor(size / arrayLength);
    else if (isDynamic) elementSize = dynamicElement;
    else elementSize = isString ? 1 : isLong ? longSize : 0;
  }
  const { name, isPointer } = declared;
  return { name, type, offset, size, elementSize, signed, isArray, isPointer, isLong, isDynamic, isRelative, isString };
}

interface Declaration {
  readonly name: string;
  readonly type: string;
  readonly isPointer: boolean;
  readonly isArray: boolean;
  /** 0: not a number. */
  readonly arrayLength: number;
  /** Bytes of an element of a dynamic array, by its type's name; 0: unknown. */
  readonly dynamicElement: number;
}

/** `type name;`, `type name[n];` or `type[] name;`, semicolon included. */
function readDeclaration(tokens: Tokens, ftrace: boolean): Declaration {
  let last = tokens.expect('item');
  const words: string[] = [];
  let isPointer = false;
  let token = tokens.next();
  for (;;) {
    if (token.type === 'item' || token.text === '*' || (ftrace && token.text === '.')) {
      if (token.text === '*') isPointer = true;
      words.push(last);
      last = token.text;
    } else if (token.text === '(' && last === '__attribute__') {
      words.push(last, readParenthesis(tokens));
      last = '';
    } else break;
    token = tokens.next();
  }
  if (words.length === 0) throw new FormatFailure('no type');
  if (token.type !== 'op') throw new FormatFailure(`no end of a name: '${token.text}'`);
  let type = words.filter(Boolean).join(' ');
  let [isArray, arrayLength, dynamicElement] = [false, 0, 0];
  if (token.text === '[') {
    isArray = true;
    const brackets = readBrackets(tokens);
    arrayLength = brackets.length;
    token = tokens.next();
    if (token.type === 'item') {
      type += ` ${last}`;
      dynamicElement = Number(/^[us](8|16|32|64)$/.exec(last)?.[1] ?? (last === 'char' ? 8 : 0)) / 8;
      last = token.text;
      token = tokens.next();
    }
    type += brackets.text;
  }
  if (token.text !== ';') throw new FormatFailure(`no semicolon: '${token.text}'`);
  return { name: last, type, isPointer, isArray, arrayLength, dynamicElement };
}

/** The rest of `[...]`; its last word, if a number, is the length. */
function readBrackets(tokens: Tokens): { readonly text: string; readonly length: number } {
  const words: string[] = [];
  let token: Token = tokens.next();
  for (; token.text !== ']'; token = tokens.next()) {
    if (token.type === 'none') throw new FormatFailure('a bracket without an end');
    words.push(token.text);
  }
  return { text: `[${words.join(' ')}]`, length: Number(BigInt.asUintN(31, parseNumber(words.at(-1) ?? ''))) };
}

/** The rest of `(...)`, including nested ones. */
function readParenthesis(tokens: Tokens): string {
  const words = ['('];
  for (let depth = 1; depth > 0;) {
    const token = tokens.next();
    if (token.type === 'none') throw new FormatFailure('a parenthesis without an end');
    if (token.text === '(') depth++;
    else if (token.text === ')') depth--;
    words.push(token.text);
  }
  return words.join('');
}

function readProperty(tokens: Tokens, name: string): number {
  tokens.expect('item', name);
  tokens.expect('op', ':');
  const value = Number(BigInt.asUintN(31, parseNumber(tokens.expect('item'))));
  tokens.expect('op', ';');
  return value;
}

/** Kernels before 2.6.33 omit it. */
function readSigned(tokens: Tokens): boolean {
  const token = tokens.next();
  if (token.type === 'newline') return false;
  if (token.text !== 'signed') throw new FormatFailure(`no sign: '${token.text}'`);
  tokens.expect('op', ':');
  const signed = parseNumber(tokens.expect('item')) !== 0n;
  tokens.expect('op', ';');
  tokens.expect('newline');
  return signed;
}
