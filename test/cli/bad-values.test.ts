/** Values that a stranger may try: refused in one sentence that says what was wrong and where it came from. */
import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { place, type Place } from './e2e.ts';

const BIG = '99999999999999999999';

describe('odd values', function () {
  let at: Place;
  before(async () => {
    at = place();
    expect((await at.gperf('record -q --vpmu host -o r.data true')).status).to.equal(0);
  });
  after(() => at.remove());

  const CASES: readonly [words: readonly string[], status: number, told: RegExp][] = [
    [['stat', '-r', BIG, 'true'], 129, /^ Error: switch `r' takes no number as large as 9{20}\n Usage: /],
    [['stat', '-I', BIG, 'true'], 129, /^ Error: switch `I' takes no number as large/],
    [['record', '-c', BIG, 'true'], 129, /^ Error: switch `c' takes no number as large/],
    [['record', '-F', BIG, 'true'], 129, /^-F 9{20}: too large a number\n$/],
    [
      ['stat', '-I', '10', '--interval-count', '-5', 'true'],
      234,
      /^interval-count must be a positive number\n\n Usage: /,
    ],
    [['stat', '--set', '', 'true'], 129, /^--set '': must be KEY=VALUE; 'gperf list spec' shows the keys\n$/],
    [['list', 'spec', 'mispredikt'], 129, /^no spec key has 'mispredikt' in it \(did you mean mispredict\?\)\n$/],
    [
      ['stat', '--set', 'cost.vmx_vmenter=3', 'true'],
      129,
      /^no such spec key: cost\.vmx_vmenter \(there is cost\.vmexit\)\n$/,
    ],
    [['stat', '--set', 'core.mispredikt=3', 'true'], 129, /\(did you mean core\.mispredict\?\)\n$/],
    [['stat', '--set', 'cost.vmexit=1e9', 'true'], 129, /^cost\.vmexit=1e9: must be a number from 0 to 10000000\n$/],
    ...['stat', 'record'].map((command): [readonly string[], number, RegExp] => [
      [command, '--vpmu', 'host', '--set', 'host.cores=2', '--set', 'host.guests=1', '-a', 'true'],
      255,
      /^-a and -C count on the first CPU of the host only, and host\.cores=2 simulates 2: leave them out,/,
    ]),
    [['stat', '--set', '=3', 'true'], 129, /^--set '=3': must be KEY=VALUE/],
    [
      ['stat', '--machine', 'none.yaml', 'true'],
      129,
      /^cannot read the machine file none\.yaml: No such file or directory\n$/,
    ],
    [['stat', '--machine', '', 'true'], 129, /^--machine '': must be one that 'gperf list machine' shows\n$/],
    [['bench', '--vpmu', 'v2,', 'true'], 129, /^--vpmu '': must be one that 'gperf list vpmu' shows\n$/],
    [['truth', '--export-csv', '', 'true'], 129, /^an export needs the name of a file, not ''\n$/],
    [['record', '-o', '', 'true'], 255, /^failed to open '': No such file or directory\n$/],
    [['report', '-i', ''], 255, /^failed to open '': No such file or directory\n$/],
    [['stat', ''], 255, /^'': there is no such workload/],
    [
      ['report', '-i', 'r.data', '-w', 'a,b'],
      129,
      /^--column-widths 'a,b': must be whole numbers up to 9999, joined by commas\n\n Usage: /,
    ],
    [['report', '-i', 'r.data', '-w', '99999999'], 129, /^--column-widths '99999999': /],
    [['report', '-i', 'r.data', '-w', ''], 129, /^--column-widths '': /],
    [['report', '-i', 'r.data', '--percent-limit', ''], 129, /^--percent-limit '': must be a number\n\n Usage: /],
    [
      ['script', '-i', 'r.data', '--pid', 'abc'],
      129,
      /^--pid 'abc': must be whole numbers up to 2147483647, joined by commas\n/,
    ],
    [['script', '-i', 'r.data', '--tid', `1,${BIG}`], 129, /^--tid '1,9{20}': /],
    [['report', '-i', 'r.data', '--time', '2,1'], 255, /^Error:\nInvalid time string: '2,1'\n$/],
    [['script', '-i', 'r.data', '--time', '10%/2'], 255, /^gperf does not model shares of the time /],
    [
      ['script', '-i', 'r.data', '-C', '3-1'],
      255,
      /^(Invalid cpu_list: '3-1'|File does not contain CPU events\..*)\n$/,
    ],
    [['evlist', '-i', 'r.data', 'more'], 129, /^gperf evlist takes no arguments, got 'more'\n$/],
  ];
  for (const [words, status, told] of CASES)
    it(words.map((word) => word || "''").join(' '), async () => {
      const ended = await at.gperf(words);
      expect(ended.stderr).to.match(told);
      expect([ended.status, ended.stdout]).to.deep.equal([status, '']);
      expect(readdirSync(at.path).toSorted()).to.deep.equal(['home', 'r.data']);
    });

  it('name the environment variable that they came from', async () => {
    const cases: [Record<string, string>, string, RegExp][] = [
      [{ GPERF_VPMU: 'v3' }, 'stat true', /^no such vPMU design: v3 \(did you mean v1\?\) \(from GPERF_VPMU\)\n$/],
      [{ GPERF_MACHINE: 'none.yaml' }, 'stat true', /No such file or directory \(from GPERF_MACHINE\)\n$/],
      [
        { GPERF_VPMU: 'v2', GPERF_SET: 'guest.hz=250 guest.hx=1' },
        'stat true',
        /^no such spec key: guest\.hx .* \(from GPERF_SET\)\n$/,
      ],
      [
        { GPERF_VPMU: 'v2', GPERF_SET: 'guest.hz=250' },
        'stat --set guest.hx=1 true',
        /^no such spec key: guest\.hx \(did you mean guest\.hz\?\)\n$/,
      ],
    ];
    for (const [env, words, told] of cases) {
      const ended = await at.gperf(words, { env });
      expect(ended.stderr, words).to.match(told);
      expect(ended.status, words).to.equal(129);
    }
  });

  it('--interval-count 0 sets no limit, as in perf', async () => {
    const { stderr } = await at.gperf('stat -I 10 --interval-count 0 -e cycles noploop 0.05');
    expect(stderr.split('\n').length).to.be.greaterThan(5);
  });
});
