/**
 * A vPMU design in a file outside gperf: how it is run, what it may be, what is refused, and its contract.
 */
import { expect } from 'chai';
import { SetUpError, setUpMachine } from '../../src/experiment/setup.ts';
import { place, type Place } from './e2e.ts';

/** reuse-lazy, except that a host event, once given to a counter, stays the guest's. */
const NEVER = `export default ({ reusing }) => ({
  name: 'never',
  about: 'a host perf event, paused and resumed while its selector stays, never released',
  source: 'a newcomer',
  ...reusing({ release: 'never' }),
});
`;

/** Its RDPMC returns one too many, and it fails at the seventh KVM_REQ_PMU. */
const BROKEN = `export default ({ reusing }) => {
  const { attach, ...rest } = reusing({ release: 'never' });
  const broken = (port) => {
    const vpmu = attach(port);
    let served = 0;
    const handleEvent = () => {
      if (++served > 6) throw new RangeError('six is enough');
      vpmu.handleEvent();
    };
    return { ...vpmu, handleEvent, rdpmc: (idx) => vpmu.rdpmc(idx) + 1 };
  };
  return { name: 'broken', about: 'one too many', source: 'a newcomer', ...rest, attach: broken };
};
`;

/** The message for an impossible --vpmu. */
async function refusal(vpmu: string): Promise<string> {
  try {
    await setUpMachine({ vpmu, sets: [] });
  } catch (error) {
    if (error instanceof SetUpError) return error.message;
    throw error;
  }
  throw new Error(`${vpmu} is taken`);
}

describe('a vPMU design from a file', () => {
  let there: Place;

  before(() => {
    there = place();
    there.write('never.mjs', NEVER);
    there.write('broken.mjs', BROKEN);
  });
  after(() => there.remove());

  it('takes fifteen lines at most to vary one of ours', () => {
    expect(NEVER.trimEnd().split('\n').length).to.be.at.most(15);
  });

  it('counts, records and compares, in worker threads too', async () => {
    const counts = async (vpmu: string): Promise<string> => {
      const { stderr, status } = await there.gperf(
        `stat --vpmu ${vpmu} --set host.kernel=5.5 -x, -e instructions:u ./workloads/noploop 0.01`,
      );
      expect(status, stderr).to.equal(0);
      return stderr;
    };
    expect(await counts('./never.mjs'))
      .to.contain('instructions:u')
      .and.to.equal(await counts('reuse-lazy'));
    const { stdout, stderr, status } = await there.gperf('compare --vpmu host,./never.mjs ./workloads/noploop 0.05');
    expect(status, stderr).to.equal(0);
    expect(stdout).to.contain('./never.mjs and host');
  });

  it('has lives to explain', async () => {
    const { stdout } = await there.gperf('explain pmi --vpmu ./never.mjs');
    expect(stdout).to.contain('(--vpmu ./never.mjs)').and.to.contain('kvm never');
  });

  it('is checked: what passes, and what fails as it declares', async () => {
    const { stdout, status } = await there.gperf('check ./never.mjs');
    expect(stdout).to.match(
      /^# .\/never.mjs \(never\) on broadwell-ep, Linux 5.0.0 on the host: 25 checks\n22 passed, 3 f/,
    );
    expect(stdout).to.contain('a16eb25b09c0');
    expect(status).to.equal(0);
    const newer = await there.gperf('check --set host.kernel=6.8 ./never.mjs');
    expect(newer.stdout).to.contain('25 passed.\n');
  });

  it('is checked: what fails, by cause', async () => {
    const { stdout, status } = await there.gperf('check ./broken.mjs');
    expect(status).to.equal(1);
    const [, ...causes] = stdout.split('\n\n').map((part) => part.split('\n'));
    expect(causes.map(([cause]) => cause)).to.include.members([
      'a register does not hold what it must:',
      './broken.mjs:7:31: RangeError: six is enough:',
    ]);
    expect(stdout).to.contain('  general-purpose counters: running, event 0xc0 on PMC0: expected ');
  });

  it('is not trusted by bench if it fails the contract; designs that keep it cause no warning', async () => {
    const { stdout, stderr, status } = await there.gperf('bench --vpmu ./never.mjs,./broken.mjs ./workloads/true');
    expect(status, stderr).to.equal(0);
    expect(stdout).to.match(/^# .\/broken.mjs fails \d+ of the 25 checks/m);
    expect(stdout).not.to.contain('never.mjs fails');
  });

  it('is blamed, with the place, for what it throws', async () => {
    const { stderr, status } = await there.gperf('record --vpmu ./broken.mjs -o b.data ./workloads/noploop 0.1');
    expect(stderr).to.contain('broken.mjs:7:31: six is enough').and.not.to.contain('fault of gperf');
    expect(status).to.equal(255);
  });

  it('runs only where it is typed: not for a recording, not for the environment', async () => {
    await there.gperf('record --vpmu ./never.mjs -e cycles:u -o never.data ./workloads/noploop 0.05');
    const read = await there.gperf('compare --truth never.data');
    expect(read.stderr).to.contain('never.data was recorded under the design of ./never.mjs, which is code');
    expect(read.status).to.equal(255);
    const inherited = await there.gperf('stat ./workloads/true', { env: { GPERF_VPMU: './never.mjs' } });
    expect(inherited.stderr).to.contain('GPERF_VPMU=./never.mjs: a design in a file is code');
    expect(inherited.status).to.equal(129);
  });

  for (const [file, text, why] of [
    ['nothing.mjs', undefined, 'nothing.mjs: No such file or directory'],
    ['number.mjs', 'export default 1;', 'its default export must be a design, or a function that returns one'],
    ['half.mjs', "export default { name: 'x', about: 'y', source: 'z' };", 'its design needs guestCaps(), a function'],
    ['thrown.mjs', "\nexport default () => { throw new TypeError('no'); };", 'thrown.mjs:2:30: TypeError: no'],
    [
      'taken.mjs',
      "export default ({ DESIGNS }) => DESIGNS.find(({ name }) => name === 'v2');",
      'its design calls itself v2, which is the name of another',
    ],
    ['text.yaml', 'name: x', 'a design is a module'],
  ] as const)
    it(`is refused in a sentence: ${file}`, async () => {
      const path = text === undefined ? there.file(file) : there.write(file, text);
      expect(await refusal(path))
        .to.match(/^--vpmu [^\n]*$/)
        .and.to.contain(why);
    });

  it('has a slash in its name', async () => {
    expect(await refusal('never.mjs')).to.contain('for the file of this directory write ./never.mjs');
  });

  it('may be TypeScript where Node strips types', async () => {
    const path = there.write('typed.ts', NEVER.replace("'never',\n  about", "'typed' as string,\n  about"));
    if ('typescript' in process.features && process.features.typescript)
      expect((await setUpMachine({ vpmu: path, sets: [] })).design?.name).to.equal('typed');
    else expect(await refusal(path)).to.contain('does not strip types (22.18, 23.6 and later do)');
  });

  it('finds the kit it is given under the name of the package, too', async () => {
    const kit: unknown = await import('@gperf/gperf/vpmu');
    expect(kit).to.include.keys('reusing', 'emulatedRegisters', 'MSR', 'GeneralProtection', 'DESIGNS');
  });

  it('is not the host, which has no contract to check', async () => {
    const { stderr, status } = await there.gperf('check host');
    expect(stderr).to.contain('host is no design');
    expect(status).to.equal(129);
  });
});
