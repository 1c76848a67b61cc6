/**
 * The floors of src/ (README there draws them): who may import whom, no circles (type imports included), one name per thing
 * and one folder per command; and no clock, Math.random or transcendental Math function below cli/, because output is a pure
 * function of its spec.
 */
import { expect } from 'chai';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';
import { DESIGNS } from '../src/kvm/vpmu/index.ts';
import * as uapi from '../src/uapi/perf-event.ts';

const SRC = 'src';

/** floor -> floors it may import from (besides itself). */
const BELOW: Record<string, readonly string[]> = {
  'units.ts': [],
  arch: ['units.ts'],
  sim: ['units.ts'],
  'nearest.ts': [],
  'given.ts': [],
  'strerror.ts': [],
  uapi: ['units.ts'],
  'perf-events': ['units.ts', 'nearest.ts', 'uapi'],
  results: ['units.ts', 'perf-events'],
  workload: ['units.ts', 'given.ts', 'nearest.ts', 'strerror.ts', 'arch'],
  hw: ['units.ts', 'sim', 'arch'],
  kernel: ['units.ts', 'sim', 'arch', 'uapi'],
  tool: ['units.ts', 'sim', 'arch', 'uapi', 'perf-events', 'results', 'kernel'],
  kvm: ['units.ts', 'sim', 'arch', 'uapi', 'hw', 'kernel'],
  machine: ['units.ts', 'sim', 'arch', 'workload', 'hw', 'kernel', 'tool', 'kvm'],
  // Only the mathematics of sim/, whose exp and log all floors use: see below.
  stats: ['sim'],
  perfdata: ['units.ts', 'strerror.ts', 'arch', 'uapi', 'perf-events'],
  profile: ['units.ts', 'uapi', 'perf-events', 'stats', 'perfdata'],
  // Only the mathematics of sim/, for logarithmic axes.
  report: ['units.ts', 'sim', 'uapi', 'perf-events', 'results', 'stats', 'perfdata', 'profile'],
  experiment: [
    'units.ts',
    'given.ts',
    'nearest.ts',
    'strerror.ts',
    'sim',
    'arch',
    'uapi',
    'perf-events',
    'results',
    'workload',
    'hw',
    'kernel',
    'tool',
    'kvm',
    'machine',
    'stats',
    'perfdata',
    'profile',
  ],
  bundle: ['workload', 'kvm', 'experiment', 'cli'],
  cli: [
    'units.ts',
    'given.ts',
    'nearest.ts',
    'strerror.ts',
    'uapi',
    'perf-events',
    'results',
    'workload',
    'perfdata',
    'profile',
    'report',
    'experiment',
  ],
};

function files(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) return files(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

const IMPORT = /^\s*(?:import|export)\b[^;]*?\bfrom\s+'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'\s*\)/gm;
const source = new Map(files(SRC).map((path) => [path, readFileSync(path, 'utf8')]));
const graph = new Map(
  [...source].map(([path, text]) => [
    path,
    [...text.matchAll(IMPORT)].map((m) => normalize(join(dirname(path), (m[1] ?? m[2]) as string))),
  ]),
);
const floorOf = (path: string): string => relative(SRC, path).split('/')[0] as string;
const folderOf = (path: string): string => relative(SRC, path).split('/')[1] as string;

/** Folders of report/ that belong to no command. */
const SHARED: ReadonlySet<string> = new Set(['shared', 'html']);
/** Files of report/ that are named for what they write. */
const FORMATS: ReadonlySet<string> = new Set(['text.ts', 'json.ts', 'csv.ts', 'page.ts']);

/** Programs of their own, compiled apart from all else: no name of theirs can be taken for one of src/. */
const APART = /workload\/engine\/|html\/client\//;

const EXPORTED =
  /^export (?:declare |abstract |async )*(?:const|let|function\*?|class|interface|type|enum) (?:(\w+)|[[{]([^=]*)[\]}] =)/gm;
/** Names that a file defines and exports; of a pattern, those that it binds. */
const exportedNames = (text: string): string[] =>
  [...text.matchAll(EXPORTED)].flatMap(([, name, pattern = '']) =>
    name === undefined ? [...pattern.matchAll(/(?:\w+:\s*)?(\w+)/g)].map((m) => m[1]!) : [name],
  );

describe('layers', () => {
  it('sees the imports of src/', () => {
    expect([...graph.values()].flat().length).to.be.greaterThan(20);
  });

  it('imports point downwards only', () => {
    const wrong: string[] = [];
    for (const [path, imports] of graph)
      for (const to of imports) {
        const [from, target] = [floorOf(path), floorOf(to)];
        if (from !== target && !(BELOW[from] ?? []).includes(target)) wrong.push(`${path} -> ${to}`);
        if (!source.has(to)) wrong.push(`${path} -> ${to} (no such file)`);
      }
    expect(wrong).to.deep.equal([]);
  });

  it('uapi/ is perf_event.h, and nothing of the tool', () => {
    expect([...source.keys()].filter((path) => floorOf(path) === 'uapi')).to.deep.equal([
      'src/uapi/perf-event.ts',
      'src/uapi/record-size.ts',
    ]);
    const values = Object.entries(uapi).filter(([, value]) => typeof value === 'object');
    expect(values.map(([name]) => name).filter((name) => !name.startsWith('PERF_'))).to.deep.equal([]);
    // PERF_RECORD_USER_TYPE_START
    expect(Math.max(...Object.values(uapi.PERF_RECORD))).to.be.lessThan(64);
  });

  it('report/ has a folder for each command; what several share is in shared/ and html/', () => {
    const folders = readdirSync(join(SRC, 'report'), { withFileTypes: true });
    expect(folders.filter((entry) => !entry.isDirectory()).map(({ name }) => name)).to.deep.equal([]);
    const commands = readdirSync(join(SRC, 'cli/options')).map((name) => name.replace('.ts', ''));
    // perf report --header's
    const known = new Set([...commands, 'header', ...SHARED]);
    expect(folders.map(({ name }) => name).filter((name) => !known.has(name))).to.deep.equal([]);
    const wrong: string[] = [];
    for (const [path, imports] of graph) {
      if (floorOf(path) !== 'report' || !SHARED.has(folderOf(path))) continue;
      for (const to of imports)
        if (floorOf(to) === 'report' && !SHARED.has(folderOf(to))) wrong.push(`${path} -> ${to}`);
    }
    expect(wrong, 'what is shared knows no command').to.deep.equal([]);
  });

  it('no two exports share a name', () => {
    const homes = new Map<string, Set<string>>();
    for (const [path, text] of source)
      for (const name of APART.test(path) ? [] : exportedNames(text)) {
        // Each command is run.
        if (name === 'run' && /cli\/builtin-[^/]*$/.test(path)) continue;
        homes.set(name, (homes.get(name) ?? new Set()).add(path));
      }
    expect(exportedNames('export const { A: B, C } = x;\nexport function* d(): T;')).to.deep.equal(['B', 'C', 'd']);
    expect(homes.size).to.be.greaterThan(1000);
    const twice = [...homes].filter(([, paths]) => paths.size > 1);
    expect(twice.map(([name, paths]) => `${name}: ${[...paths].join(', ')}`)).to.deep.equal([]);
  });

  it('no two files of a floor share a name, except those of report/ that write the same format', () => {
    const homes = new Map<string, string[]>();
    for (const path of source.keys()) {
      const name = basename(path);
      if (APART.test(path) || (floorOf(path) === 'report' && FORMATS.has(name))) continue;
      const key = `${floorOf(path)}: ${name}`;
      homes.set(key, [...(homes.get(key) ?? []), path]);
    }
    expect([...homes].filter(([, paths]) => paths.length > 1)).to.deep.equal([]);
  });

  it('allows no import that is not made', () => {
    const made = new Set(
      [...graph].flatMap(([path, imports]) => imports.map((to) => `${floorOf(path)} -> ${floorOf(to)}`)),
    );
    const allowed = Object.entries(BELOW).flatMap(([floor, below]) => below.map((to) => `${floor} -> ${to}`));
    expect(allowed.filter((way) => !made.has(way))).to.deep.equal([]);
  });

  it('a vPMU design knows the contract and the two helpers, not the vCPU', () => {
    const wrong: string[] = [];
    for (const [path, imports] of graph) {
      if (!path.startsWith(join(SRC, 'kvm/vpmu/')) || path.endsWith('index.ts')) continue;
      for (const to of imports) if (floorOf(to) === 'kvm' && to.endsWith('vcpu.ts')) wrong.push(`${path} -> ${to}`);
    }
    expect(wrong).to.deep.equal([]);
  });

  it('stats/ and report/ take nothing from sim/ but its mathematics', () => {
    const wrong: string[] = [];
    for (const [path, imports] of graph) {
      if (!['stats', 'report'].includes(floorOf(path))) continue;
      for (const to of imports) if (floorOf(to) === 'sim' && !to.endsWith('math.ts')) wrong.push(`${path} -> ${to}`);
    }
    expect(wrong).to.deep.equal([]);
  });

  it('above kvm/ and machine/ nobody asks for the name of a design or reads a fact out of a sentence', () => {
    const names = DESIGNS.map(({ name }) => name).join('|');
    const asked = new RegExp(
      `[!=]==\\s*'(${names})'|'(${names})'\\s*[!=]==|\\bcase '(${names})'|\\bvpmu\\s*[!=]==\\s*'|includes\\('v`,
    );
    expect(asked.test("if (vpmu === 'legacy') return"), 'finds what it looks for').to.equal(true);
    const wrong: string[] = [];
    for (const [path, text] of source) {
      if (!['experiment', 'report', 'cli'].includes(floorOf(path))) continue;
      text.split('\n').forEach((line, i) => {
        if (asked.test(line)) wrong.push(`${path}:${i + 1}: ${line.trim()}`);
      });
    }
    expect(wrong).to.deep.equal([]);
  });

  it('above kvm/ and machine/ who knows kernel functions asks no regular expression about their names', () => {
    const asks = /\.(test|exec|match|matchAll|search|replace|replaceAll)\(|new RegExp|\[\/[^/*]/;
    expect(asks.test("  [/kvm|vmx|vcpu/, 'kvm'],"), 'finds what it looks for').to.equal(true);
    const wrong: string[] = [];
    for (const [path, imports] of graph) {
      if (!['experiment', 'report', 'cli'].includes(floorOf(path))) continue;
      if (!imports.some((to) => to.endsWith('kernel/symbols.ts'))) continue;
      source
        .get(path)!
        .split('\n')
        .forEach((line, i) => {
          if (asks.test(line)) wrong.push(`${path}:${i + 1}: ${line.trim()}`);
        });
    }
    expect(wrong).to.deep.equal([]);
  });

  it('of the simulator, only meetings and pulses know of threads of Node', () => {
    const thread = /\bAtomics\b|\bSharedArrayBuffer\b|'node:worker_threads'|'piscina'/;
    const wrong = [...source]
      .filter(
        ([path]) =>
          /\/(sim|workload|hw|kernel|kvm|tool|machine)\//.test(path) && !/sim\/(meeting|pulse)\.ts$/.test(path),
      )
      .filter(([, text]) => text.split('\n').some((line) => thread.test(line.replace(/^\s*(\*|\/\/|\/\*).*/, ''))))
      .map(([path]) => path);
    expect(thread.test(source.get(join(SRC, 'sim/meeting.ts'))!), 'finds what it looks for').to.equal(true);
    expect(wrong).to.deep.equal([]);
  });

  it('has no circles, types included', () => {
    const state = new Map<string, 'open' | 'done'>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      state.set(path, 'open');
      for (const to of graph.get(path) ?? []) visit(to, [...trail, path]);
      state.set(path, 'done');
    };
    for (const path of graph.keys()) visit(path, []);
    expect(circles).to.deep.equal([]);
  });

  it('private members are #names', () => {
    // A constructor cannot be one, and AssemblyScript has none.
    const keyword = /^\s+(?:private|protected)\s+(?!constructor\b)[\w[]/;
    expect(keyword.test('  private readonly fd = 3;'), 'finds what it looks for').to.equal(true);
    const wrong: string[] = [];
    for (const path of [...source.keys(), ...files('test')]) {
      if (path.startsWith(join(SRC, 'workload/engine/'))) continue;
      readFileSync(path, 'utf8')
        .split('\n')
        .forEach((line, i) => {
          if (keyword.test(line)) wrong.push(`${path}:${i + 1}: ${line.trim()}`);
        });
    }
    expect(wrong).to.deep.equal([]);
  });

  it('nothing below cli/ reads a clock, Math.random or an engine-dependent Math function', () => {
    const banned =
      /\b(Math\.(random|exp|expm1|log|log2|log10|log1p|pow|sin|cos|tan|cbrt|hypot)|Date\.now|new Date\(\)|performance\.now|process\.hrtime)\b/;
    const wrong: string[] = [];
    for (const [path, text] of source) {
      if (floorOf(path) === 'cli') continue;
      text.split('\n').forEach((line, i) => {
        const code = line.replace(/^\s*(\*|\/\/|\/\*).*/, '');
        if (banned.test(code)) wrong.push(`${path}:${i + 1}: ${line.trim()}`);
      });
    }
    expect(wrong).to.deep.equal([]);
  });
});
