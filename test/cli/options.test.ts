/** No option is silently ignored: it does something, or one sentence says why not. */
import { expect } from 'chai';
import { chownSync } from 'node:fs';
import { place, type Place } from './e2e.ts';

describe('options that would do nothing', function () {
  let at: Place;
  before(async () => {
    at = place();
    for (const words of ['record -q --vpmu host -o r.data true', 'stat record --vpmu host -o s.data true'])
      expect((await at.gperf(words)).status).to.equal(0);
  });
  after(() => at.remove());

  it('are refused', async () => {
    const cases: [string, number, RegExp][] = [
      [
        'script -v -i r.data',
        129,
        /^ {2}Error: gperf does not model messages on the look-up of symbols \(-v, --verbose\)/,
      ],
      ['stat -j -x, true', 234, /^cannot use both --json-output and --field-separator\n/],
      ['stat -r 3 report -i s.data', 129, /^--repeat does not go with stat report, which runs nothing\n/],
      ['stat -v report -i s.data', 129, /^--verbose does not go with stat report/],
      ['stat -e cycles report -i s.data', 129, /^--event does not go with stat report/],
      ['stat record --append -o s.data true', 129, /^a file of counts holds one run: nothing can be added to it/],
      ['explain throttle --avg-ns 9000 -v', 129, /^--verbose belongs to 'explain pmi', 'rotation' and 'switch'\n/],
      ['explain hooks -v', 129, /^--verbose belongs to 'explain pmi', 'rotation' and 'switch'\n/],
      ['explain hooks --hz 100', 129, /^--hz belongs to 'explain throttle'\n/],
      ['explain hooks --vpmu host', 129, /^explain hooks takes a guest, and --vpmu host has none\n/],
      ['explain pinned --vpmu v2', 129, /^explain pinned takes --vpmu legacy, whose events can be flexible\n/],
      ['list --seed x', 129, /unknown option `seed'/],
      ['--paginate list', 129, /^ {2}Error: gperf does not model a pager \(-p, --paginate\)\.\n$/],
    ];
    for (const [words, status, text] of cases) {
      const ended = await at.gperf(words);
      expect(ended.stderr, words).to.match(text);
      expect([ended.status, ended.stdout], words).to.deep.equal([status, '']);
    }
  });

  it('are none where a recording is only printed: its form is heeded, the environment has no say', async () => {
    const { stderr, status } = await at.gperf('stat -x; report -i s.data', { env: { GPERF_VPMU: 'nosuch' } });
    expect(status).to.equal(0);
    expect(stderr).to.match(/^[\d.]+;msec;task-clock;/);
  });

  it('another user’s recording is read with -f only', async function () {
    if (process.getuid?.() !== 0) this.skip();
    chownSync(at.file('r.data'), 1000, 1000);
    for (const words of ['report -i', 'script -i', 'evlist -i', 'diff r.data']) {
      const refused = await at.gperf(`${words} r.data`);
      expect([refused.status, refused.stderr], words).to.deep.equal([
        255,
        'File r.data not owned by current user or root (use -f to override)\n',
      ]);
      expect((await at.gperf(`${words} r.data -f`)).status, words).to.equal(0);
    }
  });
});
