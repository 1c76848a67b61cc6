/**
 * Compiles the engine: dist/src/workload/engine.wasm, unless it is younger than all its sources. With --checked, the form that
 * tests use: every access to an array is checked, functions have names, and the draws can be called one by one.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const root = join(dirname(self), '..');
const engine = join(root, 'src/workload/engine');
const checked = process.argv.includes('--checked');
const [entries, out, options] = checked
  ? [['index.ts', 'checked.ts'], 'dist/test/workload/engine-checked.wasm', ['-O1', '--debug']]
  : [['index.ts'], 'dist/src/workload/engine.wasm', ['-O3', '--converge', '--noAssert']];

const age = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
const sources = [self, ...readdirSync(engine).map((name) => join(engine, name))];
const target = join(root, out);
if (sources.some((source) => age(source) > age(target))) {
  mkdirSync(dirname(target), { recursive: true });
  const { default: asc } = await import('assemblyscript/asc');
  const plain = ['--baseDir', root, '--runtime', 'stub', '--use', 'abort=', '--initialMemory', '4', '--enable', 'simd'];
  const { error, stderr } = await asc.main([...entries.map((name) => join(engine, name)), '-o', target, ...plain, ...options]);
  process.stderr.write(stderr.toString());
  if (error) process.exit(1);
}
