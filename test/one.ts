/** `npm run one -- WORD ...`: the tests whose file or title contains one of the words, ignoring case. */
import Mocha from 'mocha';
import { createRequire } from 'node:module';
import { relative } from 'node:path';

const words = process.argv.slice(2).map((word) => word.toLowerCase());
// .mocharc.cjs looks at these; with none, it names all files.
process.argv.length = 2;
const { spec, reporter, timeout } = createRequire(import.meta.url)('../../.mocharc.cjs') as {
  readonly spec: string[];
  readonly reporter: string;
  readonly timeout: number;
};

/** Removes tests that were not asked for; returns how many are left. */
function keep(suite: Mocha.Suite): number {
  suite.tests = suite.tests.filter((test) => {
    const file = relative('dist', test.file ?? '').replace(/\.js$/, '.ts');
    return words.some((word) => `${file}\n${test.fullTitle()}`.toLowerCase().includes(word));
  });
  return suite.suites.reduce((sum, inner) => sum + keep(inner), suite.tests.length);
}

const mocha = new Mocha({ reporter, timeout });
mocha.files = [...spec];
await mocha.loadFilesAsync();
if (words.length > 0 && keep(mocha.suite) > 0)
  mocha.run((failures) => {
    process.exitCode = failures > 0 ? 1 : 0;
  });
else {
  process.stderr.write('Usage: npm run one -- WORD ...: a part of the name of a file in test/, or of a title there\n');
  process.exitCode = 2;
}
