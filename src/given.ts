/** Optional fields that are absent, never undefined. */

/** The fields that have a value. */
export const given = <T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T =>
  // What is left of T's fields is T, as only optional ones may be undefined where one is expected.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
