/** The built-in workloads: their promises, and how they are found. */
import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COLUMN, CYCLES, INSTRUCTIONS, NR_EVENTS, TRAPS, eventVector } from '../../src/arch/events.ts';
import { SYSCALL_PATHS } from '../../src/kernel/syscalls.ts';
import { compile } from './compiled.ts';
import { WorkloadError } from '../../src/workload/fault.ts';
import { parseText } from '../../src/workload/parse.ts';
import type { Node } from '../../src/workload/program.ts';
import { listWorkloads, loadWorkload } from '../../src/workload/registry.ts';
import { shippedProgram } from '../../src/workload/shipped.ts';
import { SYSCALLS } from '../../src/workload/syscalls.ts';

const NEVER = new Float64Array(2).fill(Infinity);
const GHZ = 2.8e9;

/** Totals of a whole run. */
async function run(name: string, ...args: string[]): Promise<Float64Array> {
  const cursor = compile(await loadWorkload(name, args)).start('test');
  cursor.advance(NEVER);
  return cursor.totals(eventVector());
}

async function refusal(name: string, ...args: string[]): Promise<string> {
  try {
    await loadWorkload(name, args);
  } catch (e) {
    if (e instanceof WorkloadError) return e.message;
    throw e;
  }
  throw new Error(`${name} was taken`);
}

describe('workloads', () => {
  it('run as the build parsed them, as long as that is what their files say', async () => {
    const builtin = listWorkloads();
    expect(builtin.length).to.be.greaterThan(10);
    for (const { name } of builtin) {
      const path = `workloads/${name}.yaml`;
      const text = readFileSync(path, 'utf8');
      const parsed = await parseText(path, text, { includeDir: 'workloads/include' });
      expect(shippedProgram(path, text), `${name}: npm run build parses it`).to.deep.equal(parsed);
      expect(shippedProgram(path, `${text}\n`)).to.equal(undefined);
    }
    expect(shippedProgram('workloads/none.yaml', '')).to.equal(undefined);
  });

  it('are listed with what each is good for', async () => {
    const list = listWorkloads();
    expect(list.map((w) => w.name)).to.include.members([
      'brstack',
      'datasym',
      'ftest',
      'ftest-threads',
      'leafloop',
      'lockbound',
      'noploop',
      'pingpong',
      'server',
      'sleep',
      'sqrtloop',
      'true',
    ]);
    for (const { about, name } of list) expect(about, name).to.match(/^\S.{20,110}$/);
  });

  it('have the shape that files must have', async () => {
    for (const { name } of listWorkloads()) {
      const file = `workloads/${name}.yaml`;
      const options = { includeDir: 'workloads/include' };
      const checked = await parseText(file, readFileSync(file, 'utf8'), options);
      expect(checked).to.deep.equal(await loadWorkload(name));
    }
  });

  it('start as dynamically linked programs do, and end in exit_group', async () => {
    for (const { name } of listWorkloads()) {
      const loaded = await loadWorkload(name);
      const image = compile(loaded);
      expect(image.comm).to.equal(name);
      expect(image.dsos[0]!.path).to.equal(`/usr/local/bin/${name}`);
      const mapped: string[] = [];
      const cursor = image.start('test');
      cursor.arm([CYCLES, TRAPS]);
      const faults: string[] = [];
      const calls: string[] = [];
      let spawned = 0;
      const limits = NEVER.slice();
      while (!cursor.finished) {
        limits[1] = cursor.counts[1]! + 1;
        if (cursor.advance(limits) < 0) break;
        const trap = cursor.trap!;
        if (trap.kind === 'page_fault') faults.push(trap.write ? 'write' : 'read');
        if (trap.kind === 'sync' && trap.op === 'spawn') spawned++;
        if (trap.kind !== 'syscall') continue;
        calls.push(trap.name);
        if (trap.args['dso'] !== undefined) {
          const library = String(trap.args['dso']);
          mapped.push(library);
          expect(cursor.truth().some((s) => loaded.dsos[s.dso]!.name === library)).to.equal(false);
        }
      }
      for (const library of mapped)
        expect(cursor.truth().some((s) => loaded.dsos[s.dso]!.name === library)).to.equal(true);
      expect(mapped).to.deep.equal(loaded.dsos.some((d) => d.name === 'pthread') ? ['libc', 'pthread'] : ['libc']);
      // The stack of a new thread is two pages that nobody has touched.
      expect(faults.length - 2 * spawned, name).to.be.within(45, 60);
      expect(calls.slice(0, 3)).to.deep.equal(['brk', 'access', 'openat']);
      expect(calls.filter((c) => c === 'mmap').length).to.be.greaterThan(4);
      expect(calls.at(-1)).to.equal('exit_group');
      expect(cursor.finished).to.equal(true);
    }
  });

  it('can ask the kernel for all that it models', () => {
    expect(Object.keys(SYSCALLS)).to.include.members(Object.keys(SYSCALL_PATHS));
  });

  it('ftest has the profile and the length of the reference run', async () => {
    const HOST: Readonly<Record<string, number>> = {
      qux: 37.87,
      foo: 15.78,
      main: 13.18,
      bar: 12.14,
      __random_r: 9.85,
      __random: 9.59,
      'random@plt': 1.59,
    };
    const image = compile(await loadWorkload('ftest'));
    for (const seed of ['one', 'two']) {
      const cursor = image.start(seed);
      cursor.advance(NEVER);
      const totals = cursor.totals(eventVector());
      expect(totals[CYCLES]! / GHZ).to.be.closeTo(5.118, 0.005);
      for (const s of cursor.truth()) {
        const share = (100 * s.totals[CYCLES]!) / totals[CYCLES]!;
        if (s.symbol in HOST) expect(share, s.symbol).to.be.closeTo(HOST[s.symbol]!, 0.02);
        else expect(share, s.symbol).to.be.lessThan(0.005);
      }
      const rate = (name: keyof typeof COLUMN): number => (totals[COLUMN[name]]! / totals[CYCLES]!) * GHZ;
      expect(totals[INSTRUCTIONS]! / totals[CYCLES]!).to.be.within(1.5, 2);
      expect(rate('branches')).to.be.within(0.9e9, 1.1e9);
      expect(rate('branch-misses') / rate('branches')).to.be.within(0.001, 0.02);
      expect(rate('L1-dcache-load-misses') / rate('L1-dcache-loads')).to.be.within(0.0001, 0.01);
      for (let c = 0; c < NR_EVENTS; c++) expect(totals[c]).to.be.greaterThan(0);
    }
  });

  it('ftest-threads is ftest in every thread', async () => {
    const body = async (name: string, of: string): Promise<readonly Node[]> =>
      (await loadWorkload(name)).functions.find((f) => f.name === of)!.body;
    const loopOf = (nodes: readonly Node[]): readonly Node[] =>
      nodes.map((node) => (node.kind === 'loop' ? { ...node, times: 1 } : node));
    expect(loopOf(await body('ftest-threads', 'worker'))).to.deep.equal(loopOf(await body('ftest', 'main')));
    const expected = (await run('ftest'))[CYCLES]!;
    const image = compile(await loadWorkload('ftest-threads', ['2']));
    const worker = image.withEntry('spawn worker').start('test');
    worker.advance(NEVER);
    expect(worker.totals(eventVector())[CYCLES]! / expected).to.be.within(0.999, 1.001);
  });

  it('take their arguments', async () => {
    expect((await run('noploop'))[CYCLES]! / GHZ).to.be.closeTo(1, 0.002);
    expect((await run('noploop', '0.25'))[CYCLES]! / GHZ).to.be.closeTo(0.25, 0.001);
    for (const name of ['leafloop', 'sqrtloop', 'datasym'])
      expect((await run(name, '2'))[CYCLES]! / GHZ, name).to.be.closeTo(2, 0.004);
    const cursor = compile(await loadWorkload('sleep', ['1.5'])).start('test');
    cursor.arm([CYCLES, TRAPS]);
    const limits = NEVER.slice();
    for (;;) {
      limits[1] = cursor.counts[1]! + 1;
      cursor.advance(limits);
      const { trap } = cursor;
      if (trap?.kind !== 'syscall' || trap.name !== 'clock_nanosleep') continue;
      expect(trap.args).to.deep.equal({ ns: 1.5e9 });
      break;
    }
    expect((await run('brstack', '1000'))[COLUMN['near-calls']]).to.be.lessThan(8000);
  });

  it('say what is wrong with a name or an argument', async () => {
    expect(await refusal('ftset')).to.match(/^ftset: there is no such workload \(did you mean "ftest"\?\)/);
    expect(await refusal('./nowhere/thing')).to.match(/there is no such workload; `gperf list workload`/);
    expect(await refusal(process.execPath)).to.match(/is an executable, and gperf simulates: describe the program/);
    expect(await refusal('noploop', 'soon')).to.match(/seconds \(how long to spin\) must be a number .* got "soon"/);
    expect(await refusal('noploop', '1', '2')).to.match(/takes \[seconds\], got "1 2"/);
    expect(await refusal('ftest', '1')).to.match(/takes no arguments, got "1"$/);
    expect(await refusal('ftest', '-e', 'cycles')).to.equal(
      'ftest: takes no arguments, got "-e cycles" (options stand before the workload: -e cycles ftest)',
    );
    expect(await refusal('noploop', '1', '--vpmu', 'v2')).to.match(/before the workload: --vpmu v2 noploop 1\)$/);
    expect(await refusal('noploop', '-a')).to.match(/got "-a" \(options stand before the workload: -a noploop\)$/);
    expect(await refusal('noploop', '-1')).to.match(/got "-1"$/);
  });

  it('are found by path, with or without ending, and as modules', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'gperf-'));
    try {
      writeFileSync(join(dir, 'mine.yaml'), 'about: mine\nfunctions: { main: [{ nop: 7 }] }\n');
      const builder = new URL('../../src/workload/build.js', import.meta.url).href;
      const module = `import { program, func, ops } from '${builder}';
        export default (n = '3') => program({ name: 'code', about: 'made', functions: [func('main', [ops(+n, 'nop')])] });`;
      writeFileSync(join(dir, 'code.mjs'), module);
      const including = (file: string): string => `import { call, func, join, program, spawn } from '${builder}';
        export default program({ name: 'code', about: 'made', include: ['pthread', '${file}'],
          functions: [func('main', [spawn('mine'), join()])] });`;
      writeFileSync(join(dir, 'threads.mjs'), including('./own.yaml'));
      writeFileSync(join(dir, 'wrong.mjs'), including('./none.yaml'));
      writeFileSync(join(dir, 'own.yaml'), 'about: mine\nfunctions: { mine: [{ nop: 7 }] }\n');
      writeFileSync(join(dir, 'empty.mjs'), 'export default 3;');
      writeFileSync(join(dir, 'ftest'), '\x7fELF and so on');
      expect((await run(join(dir, 'mine.yaml')))[INSTRUCTIONS]).to.equal(8);
      expect((await run(join(dir, 'mine')))[INSTRUCTIONS]).to.equal(8);
      expect((await run(join(dir, 'code'), '9'))[INSTRUCTIONS]).to.equal(10);
      const threads = await loadWorkload(join(dir, 'threads'));
      expect(threads.entry).to.equal('_start@ld');
      expect(compile(threads).withEntry('spawn mine').start('a').ip).to.be.greaterThan(0);
      expect(await refusal(join(dir, 'wrong'))).to.match(/cannot read the included file .*none\.yaml: No such file/);
      expect(await refusal(join(dir, 'empty'))).to.match(/does not export a Program by default/);
      writeFileSync(join(dir, 'alone.mjs'), `import { program } from '@gperf/gperf/workload';\n`);
      expect(await refusal(join(dir, 'alone'))).to.match(
        /package '@gperf\/gperf' imported from .*: install gperf's package in the module's folder/,
      );
      // A real ./ftest is not the built-in one.
      expect(await refusal(join(dir, 'ftest'))).to.match(/is an executable/);
      expect((await loadWorkload('./ftest')).name).to.equal('ftest');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
