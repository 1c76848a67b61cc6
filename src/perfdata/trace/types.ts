/** A tracepoint's format once parsed: fields, and how they are printed. */

export interface FormatField {
  readonly name: string;
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  /** Bytes of an array's element, or of the field itself if it is not an array; 0: unknown. */
  readonly elementSize: number;
  readonly signed: boolean;
  readonly isArray: boolean;
  readonly isPointer: boolean;
  readonly isLong: boolean;
  readonly isDynamic: boolean;
  readonly isRelative: boolean;
  /** Text, until a piece of it turns out not to be printable. */
  isString: boolean;
}

export interface EventFormat {
  readonly system: string;
  readonly name: string;
  readonly id: number;
  /** The fields that all tracepoints have, then the event's own. */
  readonly common: readonly FormatField[];
  readonly fields: readonly FormatField[];
  /** Undefined if it cannot be understood: fields are then printed one by one. */
  readonly print: PrintFormat | undefined;
}

/** { value, text } of __print_flags() and __print_symbolic(); -1: a name without a known value. */
export interface Choice {
  readonly value: bigint;
  readonly text: string;
}

export type Arg =
  /** The left side of a unary operator. */
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

/** A piece of a format string. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'number' | 'string' | 'pointer';
      /** The conversion from its % on. */
      readonly conversion: string;
      readonly arg: Arg;
      /** The argument for an asterisk. */
      readonly star: Arg | undefined;
    };

export interface PrintFormat {
  readonly pieces: readonly Piece[];
}
