/**
 * Number fields that are doubles from the start.
 *
 * V8 stores a field of all objects of one shape as the values seen so far allow: as a small integer, a double, anything.
 * A field that begins at 0 and later holds fractions, or numbers from 2^31 on, gives these objects another shape in the
 * middle of a run, and every function that was compiled for the old one is compiled again.
 * Not modelled: anything. Values do not change, only when code is compiled.
 */

/** A number that only a double holds. */
export const FRACTION = 0.5;

/** Has V8 keep some number fields of a record, and of all records made in the same way, as doubles; returns the record. */
export function asDoubles<T extends object>(record: T, ...fields: readonly (keyof T)[]): T {
  const numbers = record as Record<keyof T, number>;
  for (const field of fields) {
    const value = numbers[field];
    numbers[field] = FRACTION;
    numbers[field] = value;
  }
  return record;
}
