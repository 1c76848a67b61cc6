/** Messages, streams and exit codes of errors. */
import { expect } from 'chai';
import { resolve } from 'node:path';
import { blamingInput, HelpRequest, InputError, reportError, UsageError } from '../../src/cli/errors.ts';
import { optionUsage } from '../../src/cli/help.ts';
import { STAT } from '../../src/cli/options/stat.ts';
import { parseCallGraph, parseFreq, parseMmapPages, parseSeparator, parseWords } from '../../src/cli/values.ts';
import { parseEvents } from '../../src/perf-events/parse-events.ts';

function reported(error: unknown, env: NodeJS.ProcessEnv = {}): { code: number; out: string; err: string } {
  let [out, err] = ['', ''];
  const streams = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
  };
  const code = reportError(error, streams, env);
  return { code, out, err };
}
async function thrown(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
class SpecTrouble extends Error {}

describe('errors', () => {
  it('come with a message and usage, and no stack', () => {
    expect(reported(new UsageError('wrong', ' Usage: x\n'))).to.deep.equal({
      code: 129,
      out: '',
      err: 'wrong\n Usage: x\n',
    });
    expect(reported(new InputError('no such file'))).to.deep.equal({ code: 255, out: '', err: 'no such file\n' });
    expect(reported(new InputError('stuck', 3)).code).to.equal(3);
    expect(reported(new InputError('x'), { GPERF_DEBUG: '1' }).err).to.contain('errors.test');
  });

  it('are called a fault of gperf when they are', () => {
    const bug = reported(new TypeError('undefined is not a function'));
    expect(bug.code).to.equal(255);
    expect(bug.err).to.equal(
      'gperf: internal error: undefined is not a function\n' +
        'This is a fault of gperf. Set GPERF_DEBUG=1 to see where it happened.\n',
    );
    expect(reported(new TypeError('x'), { GPERF_DEBUG: '1' }).err).to.contain('errors.test');
    expect(reported('just text').err).to.contain('internal error: just text');
  });

  it('of the system are told in its words, wherever they come from', () => {
    const failed = (code: string, syscall: string, path?: string): string => {
      const { code: exit, err } = reported(Object.assign(new Error(`${code}: x`), { code, syscall, path }));
      expect(exit).to.equal(255);
      return err;
    };
    expect(failed('EACCES', 'stat', 'a/b')).to.equal('failed to open a/b: Permission denied\n');
    expect(failed('EMFILE', 'open', 'a')).to.equal('failed to open a: Too many open files\n');
    expect(failed('EAGAIN', 'read')).to.equal('failed to read: Resource temporarily unavailable\n');
    expect(failed('ENOENT', 'uv_cwd')).to.equal('failed to find the working directory: No such file or directory\n');
  });

  it("of packages that could not be opened while they were loaded are the system's too", () => {
    const notFound = (path: string): string =>
      reported(
        Object.assign(new Error(`Cannot find package '${path}' imported from /x/args.js`), {
          code: 'ERR_MODULE_NOT_FOUND',
        }),
      ).err;
    // Node's error if package.json cannot be opened for lack of descriptors.
    const yaml = resolve('node_modules/yaml');
    expect(notFound(`${yaml}/index.js`)).to.equal(`failed to open ${yaml}/package.json: Too many open files\n`);
    expect(notFound('/nowhere/yaml/index.js')).to.contain('internal error: Cannot find package');
    expect(notFound('yaml')).to.contain('internal error: Cannot find package');
  });

  it('let help through to its stream', () => {
    expect(reported(new HelpRequest('help\n', 0))).to.deep.equal({ code: 0, out: 'help\n', err: '' });
    expect(reported(new HelpRequest('help\n', 129))).to.deep.equal({ code: 129, out: '', err: 'help\n' });
  });

  it("print perf's words about events, with gperf's hint", async () => {
    const usage = optionUsage(STAT, 'event');
    const error = await thrown(() => blamingInput(() => parseEvents('cylces', 'stat'), [], usage));
    expect(reported(error).err).to.equal(
      "event syntax error: 'cylces'\n" +
        '                     \\___ parser error\n' +
        "Did you mean 'cycles'?\n" +
        "Run 'gperf list' for a list of valid events\n" +
        '\n Usage: gperf stat [<options>] <workload> [<args>]\n' +
        '    or: gperf stat record [-o <file>] [<options>] <workload> [<args>]\n' +
        '    or: gperf stat report [-i <file>]\n\n' +
        "    -e, --event <event>   events to count; 'gperf list' shows what there is\n",
    );
  });

  it("turn lower floors' complaints into the user's", async () => {
    const trouble = await thrown(() =>
      blamingInput(async () => {
        throw new SpecTrouble('unknown key');
      }, [SpecTrouble]),
    );
    expect(trouble).to.be.instanceOf(InputError).with.property('message', 'unknown key');
    const bug = await thrown(() =>
      blamingInput(() => {
        throw new TypeError('oops');
      }, [SpecTrouble]),
    );
    expect(bug).to.be.instanceOf(TypeError);
    expect(await blamingInput(() => 3, [])).to.equal(3);
  });
});

describe('values of options', () => {
  it('reads frequencies', () => {
    expect([parseFreq('99'), parseFreq('max')]).to.deep.equal([99, 'max']);
    expect(() => parseFreq('x'))
      .to.throw(UsageError, 'frequency and count are zero, aborting')
      .with.property('exitCode', 234);
  });

  it('reads buffer sizes, rounding as perf does', () => {
    expect(parseMmapPages('8', '')).to.deep.equal({ pages: 8 });
    expect(parseMmapPages('3', '')).to.deep.equal({ pages: 4, note: 'rounding mmap pages size to 16K (4 pages)' });
    expect(parseMmapPages('1M', '')).to.deep.equal({ pages: 256 });
    expect(parseMmapPages('300', '')).to.deep.include({ note: 'rounding mmap pages size to 2M (512 pages)' });
    for (const bad of ['0x', '', '0', '-1', '1T'])
      expect(() => parseMmapPages(bad, '')).to.throw('Invalid argument for --mmap_pages/-m');
    expect(() => parseMmapPages('8,8', '')).to.throw('AUX area tracing');
  });

  it('reads call-graph modes, separators and lists', () => {
    expect(parseCallGraph('fp', '')).to.equal('fp');
    expect(() => parseCallGraph('dwarf,4096', '')).to.throw('gperf does not model --call-graph dwarf.');
    expect(() => parseCallGraph('foo', '')).to.throw('callchain: Unknown --call-graph option value: foo');
    expect([parseSeparator(','), parseSeparator(String.raw`\t`)]).to.deep.equal([',', '\t']);
    expect([parseWords('a,,b'), parseWords(undefined)]).to.deep.equal([['a', 'b'], undefined]);
  });
});
