/** Operators and casts in print formats, on 64-bit numbers. */

/** The result of a binary operator, signed or not as its operands are. */
export function calculate(op: string, left: bigint, right: bigint): bigint {
  switch (op) {
    case '|':
      return left | right;
    case '&':
      return left & right;
    case '||':
      return left || right ? 1n : 0n;
    case '&&':
      return left && right ? 1n : 0n;
    case '<<':
      return left << (right & 63n);
    case '>>':
      return left >> (right & 63n);
    case '<':
      return left < right ? 1n : 0n;
    case '>':
      return left > right ? 1n : 0n;
    case '<=':
      return left <= right ? 1n : 0n;
    case '>=':
      return left >= right ? 1n : 0n;
    case '==':
      return left === right ? 1n : 0n;
    case '!=':
      return left === right ? 0n : 1n;
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0n ? 0n : left / right;
    case '%':
      return right === 0n ? 0n : left % right;
    default:
      return 0n;
  }
}

const BITS: Readonly<Record<string, number>> = {
  u8: 8,
  u16: 16,
  u32: 32,
  s8: 8,
  s16: 16,
  s32: 32,
  char: 8,
  short: 16,
  int: 32,
};

/** eval_type_str(): the value cut to a type, never sign-extended; unknown types and pointers keep all of it. */
export function castTo(value: bigint, type: string): bigint {
  const bits = BITS[type.replace(/^unsigned /, '')];
  return bits === undefined ? value : BigInt.asUintN(bits, value);
}
