/** gperf diff prints what perf diff 6.1 prints, byte for byte; skipped where that is not installed. */
import { expect } from 'chai';
import { perfVersion } from '../perfdata/real-perf.ts';
import { place, type Place } from './e2e.ts';

describe('gperf diff', function () {
  let p: Place;
  before(async () => {
    p = place();
    const record = (name: string, words: string): Promise<unknown> => p.gperf(`record -q -o ${name} ${words}`);
    await record('a.data', '--vpmu host -F 999 -g -e cycles,branches sqrtloop 0.4');
    await record('b.data', '--vpmu v2 --seed b -F 999 -g -e cycles,branches sqrtloop 0.4');
    await record('s.data', '--vpmu host -F 999 -e {cycles,branches}:S sqrtloop 0.2');
    await record('c.data', '--vpmu v2 -F 999 noploop 0.2');
  });
  after(() => p.remove());

  for (const words of [
    'a.data b.data',
    'b.data a.data',
    'a.data b.data c.data',
    'c.data a.data',
    's.data a.data',
    '-q a.data b.data',
    '-c delta a.data b.data c.data',
    '-c ratio a.data b.data c.data',
    '-c wdiff:1,2 a.data b.data c.data',
    '-s comm,dso a.data b.data',
    '-s symbol b.data c.data',
    '-s comm,dso,sym a.data b.data',
    '-s c,s --percentage absolute a.data b.data',
    '-s +pid,cpu,parent a.data b.data',
    '-d sqrtloop a.data b.data',
    '-S sqrtloop,__random a.data b.data',
    '-C noploop b.data c.data',
  ])
    it(words, async function () {
      if (perfVersion !== '6.1') this.skip();
      const theirs = await p.run('perf', ['diff', ...words.split(' ')]);
      const ours = await p.gperf(`diff ${words}`);
      expect(theirs.stdout).to.match(/^(# Event 'cycles'\n| )/);
      expect(ours.stdout).to.equal(theirs.stdout);
      expect(ours.status).to.equal(0);
    });

  for (const [words, message, code] of [
    ['-c foo a.data b.data', /^Failed: 'foo' is not computation method \(use 'delta','ratio' or 'wdiff'\)$/m, 129],
    ['-c wdiff a.data b.data', /^Failed: wrong weight data, use 'wdiff:w1,w2'$/m, 129],
    ['-s xx a.data b.data', /^Unknown --sort key: `xx'$/m, 129],
    ['-b a.data b.data', /gperf does not model this output of a diff \(-b, --baseline-only\)\./, 129],
    ['', /^failed to open perf\.data\.old: No such file or directory$/m, 255],
  ] as const)
    it(`refuses '${words}'`, async () => {
      const { stderr, status } = await p.gperf(['diff', ...words.split(' ').filter(Boolean)]);
      expect(stderr).to.match(message);
      expect(status).to.equal(code);
    });
});
