/**
 * The floors of src/ (README there draws them): who may import whom, no circles (type imports included), and no clock,
 * Math.random or transcendental Math function below cli/, because output is a pure function of its spec.
 */
import { expect } from 'chai';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { DESIGNS } from '../src/kvm/vpmu/index.ts';

const SRC = 'src';

/** floor -> floors it may import from (besides itself). */
const BELOW: Record<string, readonly string[]> = {
  'units.ts': [],
  arch: ['units.ts'],
  sim: ['units.ts', 'arch'],
  'nearest.ts': [],
  'given.ts': [],
  'strerror.ts': [],
  uapi: ['units.ts', 'nearest.ts'],
  workload: ['units.ts', 'given.ts', 'nearest.ts', 'strerror.ts', 'sim', 'arch'],
  hw: ['units.ts', 'sim', 'arch'],
  kernel: ['units.ts', 'sim', 'arch', 'uapi'],
  tool: ['units.ts', 'sim', 'arch', 'uapi', 'kernel'],
  kvm: ['units.ts', 'sim', 'arch', 'uapi', 'hw', 'kernel'],
  machine: ['units.ts', 'sim', 'arch', 'uapi', 'workload', 'hw', 'kernel', 'tool', 'kvm'],
  // The mathematics of sim/ only, which has one exp and log for every floor: see below.
  stats: ['units.ts', 'sim'],
  perfdata: ['units.ts', 'strerror.ts', 'arch', 'uapi'],
  profile: ['units.ts', 'arch', 'uapi', 'stats', 'perfdata'],
  // The mathematics of sim/ only, for logarithmic axes.
  report: ['units.ts', 'sim', 'arch', 'uapi', 'stats', 'perfdata', 'profile'],
  experiment: [
    'units.ts',
    'given.ts',
    'nearest.ts',
    'strerror.ts',
    'sim',
    'arch',
    'uapi',
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
  cli: [
    'units.ts',
    'given.ts',
    'nearest.ts',
    'strerror.ts',
    'arch',
    'uapi',
    'workload',
    'stats',
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
