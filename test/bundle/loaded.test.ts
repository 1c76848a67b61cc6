/** What each command loads: a library or a file more is time that every run pays. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { MAIN, place, type Place } from '../cli/e2e.ts';

/** Tells at the end which files the process has loaded as CommonJS. */
const TELL = `process.on('exit', () => {
  const files = Object.keys(require.cache).filter((path) => path !== __filename);
  require('node:fs').writeFileSync('loaded.json', JSON.stringify(files));
});
`;

const MAIN_ONLY = ['dist/bundle/cli/main.js'];
const ALL = [...MAIN_ONLY, 'dist/bundle/load.js'];

describe('a command loads', () => {
  let there: Place;
  before(async () => {
    there = place();
    there.write('tell.cjs', TELL);
    there.write('loop.yaml', 'about: a loop\nfunctions: { main: [{ loop: 10, body: [load] }] }\n');
    expect(await there.gperf('record -o a.data true')).to.deep.include({ status: 0 });
  });
  after(() => there.remove());

  const loaded = async (words: string): Promise<{ files: string[]; packages: string[] }> => {
    await there.run(process.execPath, ['--require', './tell.cjs', MAIN, ...words.split(' ')]);
    const files = JSON.parse(there.read('loaded.json').toString()) as string[];
    const paths = files.map((path) => relative(process.cwd(), path));
    const packages = paths
      .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
      .filter((name) => name !== undefined);
    return {
      // Where there is no code cache, Node loads gperf.js itself.
      files: paths.filter((path) => !path.includes('node_modules') && !path.endsWith('/gperf.js')),
      packages: [...new Set(packages)].toSorted(),
    };
  };

  for (const words of ['--version', '--help', 'help record', 'record -h', 'reprot'])
    it(`one file for gperf ${words}`, async () => {
      expect(await loaded(words)).to.deep.equal({ files: MAIN_ONLY, packages: [] });
    });

  for (const words of [
    'record true',
    'record --vpmu host -g true',
    'stat true',
    'truth true',
    'report -i a.data',
    'script -i a.data',
    'evlist -i a.data',
    'diff a.data a.data',
    'compare --truth a.data a.data',
    'explain pmi',
    'list',
    'check v2',
  ])
    it(`no library for gperf ${words}`, async () => {
      expect(await loaded(words)).to.deep.equal({ files: ALL, packages: [] });
    });

  it('the libraries that read YAML only for a workload in YAML', async () => {
    expect(await loaded('truth ./loop.yaml')).to.deep.equal({
      files: [...ALL, 'dist/bundle/lib/yaml.js', 'dist/bundle/lib/zod.js'],
      packages: [],
    });
  });

  it('no library for a workload of ours named by its path from here', async () => {
    const path = relative(there.path, 'workloads/true.yaml');
    expect(await loaded(`truth ${path}`)).to.deep.equal({ files: ALL, packages: [] });
  });

  it('a pool of threads only for runs on several', async () => {
    expect((await loaded('compare --vpmu host,v2 --workers 2 true')).packages).to.deep.equal(['piscina']);
  });
});

describe('the bundle holds', () => {
  const sources = JSON.parse(readFileSync('dist/bundle-sources.json', 'utf8')) as Record<string, string[]>;
  const packagesIn = (file: string): string[] =>
    [...new Set(sources[file]!.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]))].filter(
      (name) => name !== undefined,
    );

  it('in main.js the command word and help', () => {
    expect(packagesIn('cli/main.js')).to.deep.equal([]);
    const wrong = sources['cli/main.js']!.filter((path) =>
      /^src\/(kernel|kvm|hw|machine|workload|profile|stats|perfdata)\//.test(path),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('no large library that few runs need', () => {
    expect(packagesIn('gperf.js').filter((name) => ['piscina', 'yaml', 'yargs', 'zod'].includes(name))).to.deep.equal(
      [],
    );
  });
});
