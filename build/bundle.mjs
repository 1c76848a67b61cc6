/**
 * Bundles what a package ships into dist/bundle, from src/, unless that is younger than all its sources: cli/main.js (the command word,
 * and help), gperf.js (all the rest) and load.js, which loads that (src/bundle/load.ts says how). The other entries of a
 * package, the file of a worker thread and the modules that designs and workloads import, ask load.js for their part.
 *
 * The folders are those of dist/src, so that paths beside a module lead to the same files from both. The files are CommonJS, which
 * Node starts faster, but for those that are imported by name.
 */
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const self = fileURLToPath(import.meta.url);
const root = join(dirname(self), '..');
const src = join(root, 'src');
const out = join(root, 'dist/bundle');
/** Written last, so that its age tells whether all was made. */
const last = join(out, 'package.json');

/** import.meta.url is that of the module's place in dist/bundle; load.js imports what is named only at run time. */
const places = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const url = `urlOf(${JSON.stringify(relative(src, path))})`;
      const contents = text.replaceAll('import.meta.url', url).replaceAll(/\bimport\((?!')/g, 'importModule(');
      return contents === text ? undefined : { contents, loader: 'ts' };
    });
  },
};
const urlOf = (up) =>
  `const urlOf = (path) => require('node:url').pathToFileURL(require('node:path').join(__dirname, '${up}', path)).href;`;

/** main.js runs commands by the code in gperf.js. */
const apart = {
  name: 'apart',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/builtins\.ts$/ }, () => ({ path: 'builtins', namespace: 'apart' }));
    onLoad({ filter: /./, namespace: 'apart' }, () => ({
      contents: `export const runBuiltin = async (name, argv, context) =>
        (await require('../load.js').loadParts(name).builtins()).runBuiltin(name, argv, context);`,
    }));
  },
};

const common = {
  absWorkingDir: root,
  outdir: out,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  minify: true,
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  metafile: true,
};
/** Libraries that few runs need: those of many files become one file each, in lib/; the others are loaded from node_modules. */
const libraries = ['yaml', 'zod'];
const apartFrom = ['piscina', 'yargs'];
const inLib = {
  name: 'inLib',
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^(${libraries.join('|')})$`) }, ({ path }) => ({
      path: `./lib/${path}.js`,
      external: true,
    }));
  },
};

const age = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
const sources = readdirSync(src, { recursive: true }).map((name) => join(src, name));
if ([self, join(root, 'package-lock.json'), ...sources].some((path) => age(path) > age(last))) await bundle();
// What is opened beside the modules.
for (const path of ['workload/engine.wasm', 'workload/shipped', 'report/html/client'])
  cpSync(join(root, 'dist/src', path), join(out, path), { recursive: true, filter: (from) => !from.endsWith('.d.ts') });

async function bundle() {
  rmSync(out, { recursive: true, force: true });
  const made = await Promise.all([
    build({
      ...common,
      entryPoints: { 'cli/main': 'src/cli/main.ts' },
      external: [...apartFrom, '../load.js'],
      banner: { js: urlOf('..') },
      plugins: [places, apart],
    }),
    build({
      ...common,
      entryPoints: { gperf: 'src/bundle/parts.ts' },
      external: [...apartFrom, './load.js'],
      banner: { js: `${urlOf('.')} const { importModule } = require('./load.js');` },
      supported: { 'dynamic-import': false },
      plugins: [places, inLib],
    }),
    build({ ...common, entryPoints: { load: 'src/bundle/load.ts' } }),
    build({ ...common, entryPoints: libraries, outdir: join(out, 'lib'), sourcemap: false }),
  ]);
  // load.js reads it so, and V8 needs half the memory for it.
  if (/[^\0-\x7f]/.test(readFileSync(join(out, 'gperf.js'), 'utf8')))
    throw new Error('gperf.js is not ASCII: esbuild escapes nothing in a tagged template');
  write('experiment/worker.js', [
    `const work = require('../load.js').loadParts('record').worker();`,
    `module.exports = async (task) => (await work).default(task);`,
  ]);
  write('cli/command-thread.js', [
    `const { workerData } = require('node:worker_threads');`,
    `void require('../load.js').loadParts(workerData.name).commandThread();`,
  ]);
  for (const [path, part] of [
    ['kvm/vpmu/kit', 'vpmu'],
    ['workload/build', 'workload'],
  ]) {
    const names = Object.keys(await import(join(root, `dist/src/${path}.js`))).join(', ');
    write(`${path}.mjs`, [
      `import load from '${relative(dirname(path), 'load.js')}';`,
      `const own = globalThis[Symbol.for('@gperf/gperf/${part}')] ?? (await load.loadParts('record').${part}());`,
      `export const { ${names} } = own;`,
    ]);
  }
  // Which sources are in which file, for tests.
  const inputs = made.flatMap(({ metafile }) =>
    Object.entries(metafile.outputs)
      .filter(([path]) => path.endsWith('.js'))
      .map(([path, output]) => [relative(out, join(root, path)), Object.keys(output.inputs)]),
  );
  writeFileSync(join(root, 'dist/bundle-sources.json'), JSON.stringify(Object.fromEntries(inputs)));
  write(relative(out, last), ['{ "type": "commonjs" }']);
}

function write(path, lines) {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  writeFileSync(join(out, path), `${lines.join('\n')}\n`);
}
