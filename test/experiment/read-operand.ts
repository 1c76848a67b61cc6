/** Operands of a comparison, read in one go. */
import { openOperand } from '../../src/experiment/operand.ts';
import type { Profile } from '../../src/profile/profile.ts';

/** The profiles of a file. Throws what opening and reading it throw. */
export function readOperand(path: string, options: Parameters<typeof openOperand>[1]): Profile[] {
  const operand = openOperand(path, options);
  try {
    return toTheEnd(operand.read());
  } finally {
    operand.close();
  }
}

/** What a reading returns; its progress is passed over. */
export function toTheEnd<T>(reading: Generator<unknown, T>): T {
  for (;;) {
    const { done, value } = reading.next();
    if (done === true) return value;
  }
}
