/** For optional fields that must be absent rather than undefined. */

/** The fields that have a value. */
export const given = <T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T =>
  // Still a T: only its optional fields can be undefined.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
