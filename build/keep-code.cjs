/** Writes the code of gperf.js that V8 has compiled by the end of the process to the file KEEP_CODE: for code-cache.mjs. */
const { writeFileSync } = require('node:fs');
const Module = require('node:module');
const { basename, dirname } = require('node:path');
const { Script } = require('node:vm');
const { isMainThread } = require('node:worker_threads');

const compile = Module.prototype._compile;
Module.prototype._compile = function (text, filename) {
  if (!isMainThread || basename(filename) !== 'gperf.js') return compile.call(this, text, filename);
  const script = new Script(Module.wrap(text), { filename });
  process.on('exit', () => writeFileSync(process.env.KEEP_CODE, script.createCachedData()));
  const require = Module.createRequire(filename);
  script.runInThisContext().call(this.exports, this.exports, require, this, filename, dirname(filename));
};
