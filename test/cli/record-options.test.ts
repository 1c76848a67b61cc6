/** Options of record, judged by the file: it is as real perf 6.1 leaves it. */
import { expect } from 'chai';
import { place, type Place } from './e2e.ts';

describe('gperf record', function () {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  const header = async (options: string): Promise<{ times: string; ids: number; counted: boolean }> => {
    const { status, stderr } = await at.gperf(`record --vpmu host ${options} -o x.data true`.replaceAll(/ +/g, ' '));
    expect(status, stderr).to.equal(0);
    const { stdout } = await at.gperf('report --header-only -i x.data');
    const [, first, last] = /# time of first sample : (\S+)\n# time of last sample : (\S+)\n/.exec(stdout)!;
    return {
      times: first === '0.000000' && last === '0.000000' ? 'zero' : `${first} ${last}`,
      ids: at.read('x.data').toString('latin1').split('/usr/local/bin/true\0').length - 1,
      counted: stderr.includes(' samples)'),
    };
  };

  it('looks through the samples for times and build-ids where perf does', async () => {
    const plain = await header('');
    expect(plain.times).to.match(/^0\.00[1-9]\d* 0\.00[1-9]\d*$/);
    expect(plain.counted).to.equal(true);
    for (const option of ['--timestamp-boundary', '--no-timestamp-boundary', '-N'])
      expect(await header(option), option).to.deep.equal(plain);
    const all = await header('--buildid-all');
    // `true` has no sample in its own file: once mapped, and once more among the build ids.
    expect(all).to.deep.equal({ times: 'zero', ids: plain.ids + 1, counted: false });
    expect(await header('--buildid-all --timestamp-boundary')).to.deep.equal({ ...all, times: plain.times });
    for (const option of ['-B', '-B --timestamp-boundary'])
      expect(await header(option), option).to.deep.include({ times: 'zero', counted: false });
    for (const option of ['-n', '--no-timestamp']) expect((await header(option)).times, option).to.equal('zero');
  });
});
