/** Texts and bytes kept in the repository and made by its tests: `npm run update` rewrites them. */
import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';

/** Expects that the file at `path` holds `made`; with UPDATE=1 writes it instead. */
export function expectKept(path: string, made: string | Uint8Array): void {
  if (process.env['UPDATE'] === '1') writeFileSync(path, made);
  if (typeof made === 'string') expect(made).to.equal(readFileSync(path, 'utf8'));
  else expect(readFileSync(path).equals(made), `${path}: the same bytes`).to.equal(true);
}
