const { readdirSync } = require('node:fs');

module.exports = {
  // By what there is in test/: dist/ keeps the tests of files that are gone.
  spec: readdirSync('test', { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `dist/test/${name.slice(0, -'ts'.length)}js`),
  reporter: './test/reporter.cjs',
  'node-option': ['enable-source-maps', 'no-use-osr'],
  'forbid-only': true,
  timeout: 20000,
};
