/** Parses the workloads that come with gperf into dist/src/workload/shipped/, for src/workload/shipped.ts. After tsc -b. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseText } from '../dist/src/workload/parse.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const workloads = join(root, 'workloads');
const out = join(root, 'dist/src/workload/shipped');

const yaml = (dir) => readdirSync(join(workloads, dir)).filter((name) => name.endsWith('.yaml'));
const read = (source) => [source, readFileSync(join(workloads, source), 'utf8')];
const included = yaml('include').map((name) => read(`include/${name}`));

mkdirSync(out, { recursive: true });
for (const name of yaml('.')) {
  const [, text] = read(name);
  const program = await parseText(join(workloads, name), text, { includeDir: join(workloads, 'include') });
  const sources = Object.fromEntries([[name, text], ...included]);
  writeFileSync(join(out, `${basename(name, '.yaml')}.json`), JSON.stringify({ sources, program }));
}
