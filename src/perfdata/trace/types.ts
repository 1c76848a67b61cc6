/** What a tracepoint's format says, once it is read: fields, and how they are printed. */

export interface FormatField {
  readonly name: string;
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  /** Bytes of an element of an array, of the field itself if it is none; 0: not known. */
  readonly elementSize: number;
  readonly signed: boolean;
  readonly isArray: boolean;
  readonly isPointer: boolean;
  readonly isLong: boolean;
  readonly isDynamic: boolean;
  readonly isRelative: boolean;
  /** Text, until a piece of it turns up that cannot be printed. */
  isString: boolean;
}

export interface EventFormat {
  readonly system: string;
  readonly name: string;
  readonly id: number;
  /** Those that all tracepoints have, and the event's own. */
  readonly common: readonly FormatField[];
  readonly fields: readonly FormatField[];
  /** Undefined if it cannot be understood: then the fields are printed one by one. */
  readonly print: PrintFormat | undefined;
}

/** { value, text } of __print_flags() and __print_symbolic(); -1: a name that has no known value. */
export interface Choice {
  readonly value: bigint;
  readonly text: string;
}

export type Arg =
  /** What an operator with one operand has on its left. */
  | { readonly kind: 'null' }
  | { readonly kind: 'atom'; readonly text: string; readonly value: bigint }
  | { readonly kind: 'field'; readonly name: string; readonly field: FormatField | undefined }
  | { readonly kind: 'flags'; readonly of: Arg; readonly delimiter: string; readonly choices: readonly Choice[] }
  | { readonly kind: 'symbol'; readonly of: Arg; readonly choices: readonly Choice[] }
  | { readonly kind: 'hex'; readonly of: Arg; readonly size: Arg; readonly separator: string }
  | { readonly kind: 'array'; readonly of: Arg; readonly count: Arg; readonly elementSize: Arg }
  | { readonly kind: 'cast'; readonly type: string; readonly of: Arg }
  | { readonly kind: 'string' | 'bitmask'; readonly field: FormatField | undefined }
  | { readonly kind: 'dynamic' | 'length'; readonly field: FormatField }
  | { readonly kind: 'op'; readonly op: string; readonly left: Arg; readonly right: Arg; readonly rank: number };

/** A stretch of a format string. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'number' | 'string' | 'pointer';
      /** The conversion from its % on. */
      readonly conversion: string;
      readonly arg: Arg;
      /** What stands for an asterisk. */
      readonly star: Arg | undefined;
    };

export interface PrintFormat {
  readonly pieces: readonly Piece[];
}
