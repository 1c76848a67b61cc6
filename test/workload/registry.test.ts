/** Which file a workload's name leads to, and that a name read from a file never leads to code. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkloadError } from '../../src/workload/fault.ts';
import { ModuleRefused, loadRecordedWorkload, loadWorkload } from '../../src/workload/registry.ts';
import { MOST_BYTES } from '../../src/workload/source.ts';

const ran = globalThis as { codeRan?: number };

describe('the name of a workload', () => {
  let dir: string;
  let home: string;
  const write = (name: string, text: string): void => writeFileSync(join(dir, name), text);
  before(() => {
    home = process.cwd();
    dir = mkdtempSync(join(tmpdir(), 'gperf-'));
    const builder = new URL('../../src/workload/build.js', import.meta.url).href;
    const code = `import { program, func, op } from '${builder}';
      globalThis.codeRan = (globalThis.codeRan ?? 0) + 1;
      export default program({ name: 'code', about: 'made', functions: [func('main', [op('nop')])] });`;
    for (const name of ['true.mjs', 'evil.mjs', 'both.mjs', 'noploop.js']) write(name, code);
    write('both.yaml', 'about: data\nfunctions: { main: [nop] }\n');
    write('secret.yaml', 'about: x\npassword: hunter2\nfunctions: { main: [hunter2] }\n');
    write('big.yaml', `#${'x'.repeat(MOST_BYTES)}`);
    write('outside.yaml', 'about: x\ninclude: ./pipe.yaml\nfunctions: { main: [nop] }\n');
    mkdirSync(join(dir, 'folder'));
    execFileSync('mkfifo', [join(dir, 'pipe.yaml')]);
    process.chdir(dir);
  });
  after(() => {
    process.chdir(home);
    rmSync(dir, { recursive: true });
  });
  beforeEach(() => delete ran.codeRan);

  const refused = async (load: Promise<unknown>): Promise<string> => {
    try {
      await load;
    } catch (error) {
      if (error instanceof WorkloadError || error instanceof ModuleRefused) return error.message;
      throw error;
    }
    throw new Error('it was taken');
  };

  it('without a slash is a built-in one, whatever is in the working directory', async () => {
    for (const name of ['true', 'noploop']) expect((await loadWorkload(name)).name).to.equal(name);
    expect(ran.codeRan).to.equal(undefined);
    for (const name of ['evil', 'evil.mjs', 'both', 'both.yaml'])
      expect(await refused(loadWorkload(name))).to.equal(
        `${name}: there is no such built-in workload; for the file of this directory write ./${name}`,
      );
    expect(ran.codeRan).to.equal(undefined);
  });

  it('with a slash is a file, with or without ending, data before code', async () => {
    expect((await loadWorkload('./both')).about).to.equal('data');
    expect(ran.codeRan).to.equal(undefined);
    expect((await loadWorkload('./true')).name).to.equal('code');
    expect((await loadWorkload(join(dir, 'evil'))).name).to.equal('code');
    expect((await loadWorkload('folder/../evil.mjs')).name).to.equal('code');
    expect(ran.codeRan).to.be.greaterThan(0);
    expect((await loadWorkload('./ftest')).name).to.equal('ftest');
  });

  it('out of a file runs no code and quotes no file', async () => {
    for (const name of ['./evil', './evil.mjs', './true', join(dir, 'noploop'), 'folder/../true.mjs'])
      expect(await refused(loadRecordedWorkload(name))).to.match(
        /is a module: reading a file runs no code that only the file names$/,
      );
    expect(ran.codeRan).to.equal(undefined);
    expect((await loadRecordedWorkload('true')).name).to.equal('true');
    expect((await loadRecordedWorkload('./both')).about).to.equal('data');
    expect(await refused(loadRecordedWorkload('./secret'))).to.equal(
      './secret.yaml: is not, or no longer, a workload that can be simulated: `gperf truth` of it says why',
    );
    expect(await refused(loadRecordedWorkload('/etc/passwd'))).to.match(/^\/etc\/passwd: is neither a workload file/);
    expect(await refused(loadRecordedWorkload('noploop', ['soon']))).to.match(/must be a number/);
  });

  it('leads to no pipe, device, directory or disk image', async () => {
    expect(await refused(loadWorkload('./pipe'))).to.equal('./pipe.yaml: is not a regular file');
    expect(await refused(loadWorkload('/dev/zero'))).to.equal('/dev/zero: is not a regular file');
    expect(await refused(loadWorkload('./folder'))).to.equal('./folder: is a directory, not a workload');
    expect(await refused(loadWorkload('./big'))).to.match(/^\.\/big: has \d+ bytes, more than the \d+ that are read/);
    expect(await refused(loadWorkload('./outside.yaml'))).to.match(
      /cannot read the included file pipe\.yaml: is not a regular file/,
    );
    expect(await refused(loadWorkload(`./${'x'.repeat(300)}`))).to.match(/File name too long$/);
  });
});
