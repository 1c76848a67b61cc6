/**
 * Makes V8's code cache for each command: runs the command and keeps what V8 compiled (src/bundle/load.ts uses it). `npm run build` does
 * without, as each run takes a while; `npm install` and `npm pack` do it. A cache goes when gperf.js is made anew.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const bundle = join(here, '../dist/bundle');
const place = mkdtempSync(join(tmpdir(), 'gperf-code-'));

/** What runs for each command: short, and through as much as a usual run. The recording of the first is read by others. */
const RUNS = {
  record: 'record -g -o a.data true',
  bench: 'bench --workers 1 true',
  check: 'check v2',
  compare: 'compare a.data a.data',
  diff: 'diff a.data a.data',
  evlist: 'evlist -i a.data',
  explain: 'explain pmi',
  list: 'list',
  report: 'report --stdio -i a.data',
  script: 'script -i a.data',
  stat: 'stat true',
  truth: 'truth true',
};

try {
  for (const [what, words] of Object.entries(RUNS)) {
    const file = join(bundle, `gperf.${what}.${process.versions.v8}-${process.arch}.cache`);
    if (existsSync(file)) continue;
    const env = { ...process.env, HOME: place, KEEP_CODE: join(place, 'code'), NODE_OPTIONS: '' };
    const args = ['--require', join(here, 'keep-code.cjs'), join(bundle, 'cli/main.js'), ...words.split(' ')];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: place, env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`gperf ${words} failed: ${stderr}`);
    copyFileSync(join(place, 'code'), file);
  }
} finally {
  rmSync(place, { recursive: true, force: true });
}
