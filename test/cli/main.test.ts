/** The command word, run as a process because exit codes and streams are part of the promise. */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { z } from 'zod';

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}
const gperf = (...args: string[]): Outcome => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/bundle/cli/main.js', ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};

describe('gperf', () => {
  it('says its version', () => {
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));
    expect(gperf('--version')).to.deep.equal({ status: 0, stdout: `gperf version ${version}\n`, stderr: '' });
  });

  it('carries in its package what it needs to run', () => {
    const { dependencies, bundleDependencies } = z
      .object({ dependencies: z.record(z.string(), z.string()), bundleDependencies: z.array(z.string()) })
      .parse(JSON.parse(readFileSync('package.json', 'utf8')));
    expect(bundleDependencies.toSorted()).to.deep.equal(Object.keys(dependencies).toSorted());
  });

  it('lists its commands, and exits with 1 if none was given', () => {
    const bare = gperf();
    expect(bare.status).to.equal(1);
    expect(bare.stdout)
      .to.match(/^\n usage: gperf \[--version\]/)
      .and.to.contain('   stat            Run a workload');
    expect(gperf('--help')).to.deep.equal({ ...bare, status: 0 });
  });

  it('explains a command', () => {
    const { status, stdout } = gperf('help', 'stat');
    expect(status).to.equal(0);
    expect(stdout).to.contain(' Usage: gperf stat ');
    expect(gperf('stat', '--help')).to.deep.include({ status: 0, stdout });
    expect(gperf('stat', '-h')).to.deep.equal({ status: 129, stdout: '', stderr: stdout });
    expect(gperf('stat', '-h', 'repeat').stderr)
      .to.contain('--repeat')
      .and.not.to.contain('--event');
  });

  it('corrects a mistyped command', () => {
    expect(gperf('stta', 'x')).to.deep.equal({
      status: 1,
      stdout: '',
      stderr: "gperf: 'stta' is not a gperf-command. See 'gperf --help'.\n\nDid you mean this?\n\tstat\n",
    });
    expect(gperf('xyzzyx').stderr).to.equal("gperf: 'xyzzyx' is not a gperf-command. See 'gperf --help'.\n");
  });

  it("refuses perf's commands without counterpart", () => {
    expect(gperf('top')).to.deep.equal({ status: 129, stdout: '', stderr: "gperf does not model 'perf top'.\n" });
    expect(gperf('help', 'trace').status).to.equal(129);
  });

  it('takes options before the command', () => {
    expect(gperf('--no-pager', '--buildid-dir', '/nowhere', 'version').status).to.equal(0);
    expect(gperf('-v').stdout).to.match(/^gperf version /);
    expect(gperf('--buildid-dir').stderr).to.match(/^No directory given for --buildid-dir\.\n\n Usage: gperf /);
    const unknown = gperf('--bogus', 'stat');
    expect(unknown.status).to.equal(129);
    expect(unknown.stderr).to.match(/^Unknown option: --bogus\n\n Usage: gperf /);
  });

  it('loads only a handful of small modules for --version', () => {
    const seen = new Set<string>();
    const outside = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const [, to] of readFileSync(path, 'utf8').matchAll(/^import (?!type)[^;]*? from '([^']+)'/gms)) {
        if (to!.startsWith('.')) visit(normalize(join(dirname(path), to!)));
        else outside.add(to!);
      }
    };
    visit('src/cli/main.ts');
    // Node's own modules are loaded already.
    expect([...outside].filter((name) => !name.startsWith('node:'))).to.deep.equal([]);
    expect(seen.size).to.be.at.most(8);
  });
});
