/** What depends on the terminal. */
import { expect } from 'chai';
import { PassThrough, Writable } from 'node:stream';
import { localeGroups, type Output, progress, wantsColor } from '../../src/cli/term.ts';

const stream = (isTTY: boolean, columns?: number): Output =>
  Object.assign(new PassThrough(), { isTTY, ...(columns !== undefined && { columns }) });

/** What a progress bar writes to a given stderr. */
const written = async (isTTY: boolean, env: NodeJS.ProcessEnv): Promise<string> => {
  let text = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done): void {
      text += chunk.toString();
      done();
    },
  });
  const bar = await progress({ stdout: stream(false), stderr: Object.assign(sink, { isTTY }), env }, 'ftest');
  bar.update(0.5, 'half');
  bar.done();
  return text;
};

describe('terminal', () => {
  it('colours by option, NO_COLOR, FORCE_COLOR and the stream, in this order', () => {
    const [tty, pipe] = [stream(true), stream(false)];
    expect(wantsColor(tty, {})).to.equal(true);
    expect(wantsColor(pipe, {})).to.equal(false);
    expect(wantsColor(tty, { TERM: 'dumb' })).to.equal(false);
    expect(wantsColor(tty, { NO_COLOR: '1', FORCE_COLOR: '1' })).to.equal(false);
    expect(wantsColor(pipe, { FORCE_COLOR: '1', NO_COLOR: '' })).to.equal(true);
    expect(wantsColor(tty, { FORCE_COLOR: '0' })).to.equal(false);
    expect(wantsColor(pipe, { NO_COLOR: '1' }, 'always')).to.equal(true);
    expect(wantsColor(tty, { FORCE_COLOR: '1' }, 'never')).to.equal(false);
  });

  it('groups thousands unless the locale is C or unknown', () => {
    expect(localeGroups({})).to.equal(false);
    expect(localeGroups({ LANG: 'en_US.UTF-8' })).to.equal(true);
    expect(localeGroups({ LANG: 'en_US.UTF-8', LC_ALL: 'C' })).to.equal(false);
    expect(localeGroups({ LANG: 'C', LC_NUMERIC: 'de_DE' })).to.equal(true);
    expect(localeGroups({ LC_ALL: '', LANG: 'C.UTF-8' })).to.equal(false);
    expect(localeGroups({ LANG: 'POSIX' })).to.equal(false);
    expect(localeGroups({ LANG: 'Cornish' })).to.equal(true);
  });

  it('draws a bar for a person and nothing for a program', async () => {
    expect(await written(false, {})).to.equal('');
    expect(await written(true, { CI: 'true' })).to.equal('');
    expect(await written(true, { TERM: 'dumb' })).to.equal('');
    expect(await written(true, {})).to.contain('ftest [');
  });
});
