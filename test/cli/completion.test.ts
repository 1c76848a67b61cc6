/** Completion, as bash itself does it with the output of `gperf completion`. */
import { expect } from 'chai';
import { MAIN, place, type Place } from './e2e.ts';

describe('gperf completion', function () {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  /** The completions of the last word. */
  const completed = async (...words: readonly string[]): Promise<string[]> => {
    at.write(
      'ask.sh',
      `gperf() { '${process.execPath}' '${MAIN}' "$@"; }
       source <(gperf completion)
       COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
       _gperf_yargs_completions
       printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    const { stdout, stderr } = await at.run('bash', ['ask.sh', 'gperf', ...words], { env: { SHELL: '/bin/bash' } });
    expect(stderr).to.equal('');
    return stdout.trim().split('\n');
  };

  it('knows the commands, and the options and choices of each', async () => {
    expect(await completed('re')).to.deep.equal(['record', 'report', 'reproduce']);
    expect(await completed('record', '--max')).to.deep.equal(['--max-size']);
    expect(await completed('stat', '-r', '3', '--int')).to.deep.equal(['--interval-print', '--interval-count']);
    expect(await completed('report', '--percentage', 'a')).to.deep.equal(['absolute']);
    // Hidden options and those that gperf refuses are not offered.
    expect(await completed('list', '--raw')).to.deep.equal(['']);
    expect(await completed('stat', '--topd')).to.deep.equal(['']);
  });
});
