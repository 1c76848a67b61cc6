const { readdirSync, statSync } = require('node:fs');

const named = process.argv.some((word, i, words) => word.endsWith('.test.js') && words[i - 1] !== '--ignore');

const age = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const engine = 'src/workload/engine';
if (readdirSync(engine).some((name) => age(`${engine}/${name}`) > age(`dist/${engine}.wasm`)))
  console.error(`dist/${engine}.wasm is missing or older than its sources: npm run build makes it\n`);

module.exports = {
  // What there is in test/, unless files are named: dist/ keeps the tests of files that are gone.
  ...(!named && {
    spec: readdirSync('test', { recursive: true })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `dist/test/${name.slice(0, -'ts'.length)}js`),
  }),
  require: './test/stacks.cjs',
  reporter: './test/reporter.cjs',
  'node-option': ['enable-source-maps', 'no-use-osr'],
  'forbid-only': true,
  // A net against hangs, not a measure: no test fails because the machine is busy.
  timeout: 600_000,
};
