/**
 * What a package ships (dist/bundle) does what the modules do that it is made of (dist/src): output, exit codes and files, byte
 * for byte; what is imported by name; errors that name a place.
 */
import { expect } from 'chai';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MAIN, pairwise, place, type Ended, type Place } from '../cli/e2e.ts';

const MODULES = resolve('dist/src/cli/main.js');
const RECORD = 'record -o made.data -e cpu-cycles --all-user';

const DESIGN = `import { VcpuRefused, reusing } from '@gperf/gperf/vpmu';
export default {
  name: 'mine', about: 'refuses when asked to', source: 'mine', ...reusing({ release: 'never' }),
  ...(process.env.REFUSE && { attach() { throw new VcpuRefused('it was asked to'); } }),
};
`;
const WORKLOAD = `import { func, loop, op, ops, program } from '@gperf/gperf/workload';
export default (times = '1000') =>
  program({ name: 'twice', about: 'a loop', functions: [func('main', [loop(+times, [ops(3, 'alu'), op(times === '7' ? 'jump' : 'load')])])] });
`;
const YAML = `about: a loop
functions: { main: [{ loop: 1000, body: [load, alu] }] }
`;

/** Commands, each with the name of the file that it writes, if any. */
const COMMANDS: readonly (readonly [words: string, file?: string])[] = [
  ['--version'],
  ['record --help'],
  ['completion'],
  ['list'],
  ['reprot'],
  [`${RECORD} --vpmu host true`, 'made.data'],
  [`${RECORD} --vpmu host -g -c 100003 noploop 0.01`, 'made.data'],
  [`${RECORD} --vpmu legacy -F 20000 noploop 0.05`, 'made.data'],
  [`${RECORD} --vpmu v2 -g ./loop.yaml`, 'made.data'],
  [`${RECORD} --vpmu reuse-lazy --machine cascadelake-ap true`, 'made.data'],
  [`${RECORD} --vpmu ./mine.mjs ./twice.mjs 500`, 'made.data'],
  [`${RECORD} ./twice.mjs 7`],
  [`${RECORD} -e nonsense true`],
  ['stat --vpmu mediated -r 2 true'],
  ['truth --vpmu none true'],
  ['report --stdio -i given.data'],
  ['compare --export-html made.html given.data given.data', 'made.html'],
  ['script -i given.data'],
  ['evlist -v -i given.data'],
  ['diff given.data given.data'],
  ['compare --truth given.data given.data'],
  ['compare --vpmu host,v2 --seeds 2 --workers 2 true'],
  ['bench --workers 2 --vpmu legacy,v2'],
  ['explain pmi'],
  ['check v2'],
  ['report -i missing.data'],
];

describe('the bundle', () => {
  const both: Place[] = [];
  before(async () => {
    for (let i = 0; i < 2; i++) {
      const there = place();
      both.push(there);
      there.write('mine.mjs', DESIGN);
      there.write('twice.mjs', WORKLOAD);
      there.write('loop.yaml', YAML);
      mkdirSync(join(there.path, 'node_modules/@gperf'), { recursive: true });
      symlinkSync(resolve('.'), join(there.path, 'node_modules/@gperf/gperf'));
    }
    // Each puts symbols into a cache of its own.
    for (const there of both) {
      const { stderr, status } = await there.gperf('record -g -o given.data noploop 0.02');
      expect(status, stderr).to.equal(0);
    }
  });
  after(() => both.forEach((there) => there.remove()));

  /** One command with the bundle and with the modules. */
  const run = async (words: string, env: Record<string, string> = {}): Promise<Ended[]> =>
    pairwise([MAIN, MODULES], async (main) =>
      both[main === MAIN ? 0 : 1]!.run(process.execPath, [main, ...words.split(' ')], { env }),
    );
  /** Directories have names of their own. */
  const plain = ({ stdout, stderr, status }: Ended, { path }: Place): Ended => ({
    stdout: stdout.replaceAll(path, '.'),
    stderr: stderr.replaceAll(path, '.'),
    status,
  });

  for (const [words, file] of COMMANDS)
    it(`does what the modules do: ${words}`, async () => {
      const [bundle, modules] = (await run(words)).map((ended, i) => plain(ended, both[i]!));
      expect(bundle).to.deep.equal(modules);
      expect(bundle!.stderr).not.to.contain('internal error');
      if (file === undefined) return;
      expect(bundle!.status, bundle!.stderr).to.equal(0);
      expect(both[0]!.read(file).equals(both[1]!.read(file)), file).to.equal(true);
    });

  it('shares its classes with a design that imports them', async () => {
    const [bundle, modules] = await run(`${RECORD} --vpmu ./mine.mjs true`, { REFUSE: '1' });
    expect(bundle).to.deep.equal(modules);
    expect(bundle!.stderr).to.contain('KVM refuses a vCPU, as it was asked to');
  });

  it('exports by name what the modules export', async () => {
    for (const [name, path] of [
      ['vpmu', 'kvm/vpmu/kit'],
      ['workload', 'workload/build'],
    ]) {
      const exported: unknown = await import(`@gperf/gperf/${name}`);
      const own: unknown = await import(`../../src/${path}.js`);
      expect(Object.keys(exported as object)).to.deep.equal(Object.keys(own as object));
    }
  });

  it('names the sources in the stack of a fault', async () => {
    const blocked = both[0]!;
    // Of standard output, which only the command itself asks for.
    const fault = `const fs = process.getBuiltinModule('fs');
const { fstatSync } = fs;
fs.fstatSync = (fd) => (fd === 1 ? undefined : fstatSync(fd));
`;
    blocked.write('fault.cjs', fault);
    const words = ['--require', './fault.cjs', MAIN, 'record', 'true'];
    const { stderr } = await blocked.run(process.execPath, words, { env: { GPERF_DEBUG: '1' } });
    expect(stderr)
      .to.contain('gperf: internal error: ')
      .and.to.match(/^    at .*src\/cli\/builtin-record\.ts:\d+:\d+\)$/m);
  });

  it('runs without a code cache, and with one that V8 refuses', async () => {
    const words = `${RECORD} --vpmu host true`;
    const [plainly] = await run(words);
    const made = both[0]!.read('made.data');
    // Flags are a part of what V8 checks.
    const other = await both[0]!.run(process.execPath, ['--no-flush-bytecode', MAIN, ...words.split(' ')]);
    expect(other).to.deep.equal(plainly);
    expect(both[0]!.read('made.data').equals(made)).to.equal(true);
  });
});
