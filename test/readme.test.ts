/**
 * Output shown in the README is generated: every `$ gperf` command in a console block is run, and its output must
 * follow it; so must the sums of files that these made. `npm run update` rewrites the README.
 */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expectKept } from './kept.ts';

const MAIN = resolve('dist/bundle/cli/main.js');
const BLOCK = /```console\n\$ (?<command>[^\n]*)\n(?<output>[^]*?)```/g;

describe('README', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gperf-readme-'));
  before(() => symlinkSync(resolve('workloads'), join(directory, 'workloads')));
  after(() => rmSync(directory, { recursive: true }));

  /** What sha256sum would print of a file. */
  const sum = (file: string): string =>
    `${createHash('sha256')
      .update(readFileSync(join(directory, file)))
      .digest('hex')}  ${file}`;

  /** What a terminal would show: standard error and output of these commands never interleave. */
  function printed(command: string): string {
    const args = command.split(' ').slice(1);
    const { PATH } = process.env;
    const env = { PATH, HOME: directory, LC_ALL: 'C.UTF-8' };
    const options = { cwd: directory, env, encoding: 'utf8' } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], options);
    // Nor may an update put a failure there.
    expect(status, stderr).to.equal(0);
    return `${stderr}${stdout}`.replace(/[ \t]+$/gm, '').replace(/^\n+|\n+$/g, '');
  }

  it('shows what its commands print', () => {
    const text = readFileSync('README.md', 'utf8');
    const generated = text.replace(BLOCK, (block, command: string) => {
      const [program, file = ''] = command.split(' ');
      if (program !== 'gperf' && program !== 'sha256sum') return block;
      const output = program === 'gperf' ? printed(command) : sum(file);
      return `\`\`\`console\n$ ${command}\n${output}\n\`\`\``;
    });
    expectKept('README.md', generated);
  });
});
