/**
 * Whether four threads on four vCPUs get their shares under each design, as a reader sees it (fixtures/golden;
 * `npm run update` rewrites them).
 *
 * Under legacy, a frequency does not: throttled at every tick, the event is off most of the time, and its period is fed
 * back from what it counted while it was on. The few moments at the start, before the kernel has lowered its limit,
 * outweigh the rest, on each vCPU differently. With a fixed period the same design has every share: nothing is lost.
 */
import { expect } from 'chai';
import { expectKept } from '../kept.ts';
import { place, type Place } from '../cli/e2e.ts';

const DESIGNS = '--vpmu host,legacy,v2 --vcpus 4 --seeds 5 ftest-threads 4 0.2';
const COMMANDS = [
  `compare ${DESIGNS}`,
  `compare --by thread ${DESIGNS}`,
  `compare --by thread -c 2000003 ${DESIGNS.replace('host,legacy,v2', 'legacy')}`,
];

describe('shares of threads', () => {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  it('fixtures/golden/thread-shares.txt: by function and by thread, at a frequency and at a fixed period', async () => {
    const texts: string[] = [];
    for (const command of COMMANDS) {
      const { stdout, stderr, status } = await at.gperf(command);
      expect([stderr, status]).to.deep.equal(['', 0]);
      texts.push(`$ gperf ${command}\n${stdout}`);
    }
    expectKept('fixtures/golden/thread-shares.txt', texts.join('\n'));
    const [, byThread, fixedPeriod] = texts;
    // Without the cause there is neither the difference nor the doubt.
    expect(byThread).to.match(/legacy and truth are materially different/);
    expect(byThread).to.match(/#  - the samples of legacy stand for (less than )?[\d.]+ % of what truth has/);
    expect(fixedPeriod).to.match(/legacy and truth are indistinguishable at this n/);
    expect(fixedPeriod).not.to.match(/stand for|from their mean/);
  });
});
