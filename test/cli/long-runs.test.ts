/** Runs that take long through no fault of the kernel. */
import { expect } from 'chai';
import { place, type Place } from './e2e.ts';

describe('long runs', function () {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  it('a program that sleeps long before it works is not taken for one that gets nowhere', async () => {
    at.write(
      'late.yaml',
      [
        'about: sleeps half a minute, then works a little',
        'include: glibc',
        'functions:',
        '  main:',
        '    - push',
        '    - { syscall: clock_nanosleep, args: { ns: 30000000000 } }',
        '    - loop: ${hz * 0.1}',
        '      body: [{ alu: 1, cycles: 1 }]',
        '    - pop',
        '',
      ].join('\n'),
    );
    const { status, stderr } = await at.gperf('stat -e cycles ./late.yaml');
    expect(stderr).to.match(/ 30\.2\d* seconds time elapsed\n/);
    expect(status).to.equal(0);
  });

  it('one that outlasts the clock is told of, not taken for a fault', async () => {
    for (const words of ['stat -e cycles sleep 99999', 'record sleep 999999999']) {
      const { status, stderr } = await at.gperf(words);
      expect(stderr, words).to.match(
        /^The run is too long: gperf keeps time exactly for \d{5} s of this machine, and the workload has not ended by then\.\n$/,
      );
      expect(status, words).to.equal(3);
    }
  });
});
