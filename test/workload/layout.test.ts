/** Program text: real instructions, at the addresses the cursor reports, with jumps that match the control flow. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { DsoImage } from '../../src/arch/dso.ts';
import { branch, call, func, loop, op, ops, program } from '../../src/workload/build.ts';
import { compile } from './compiled.ts';
import type { CompiledProgram } from '../../src/workload/compile.ts';
import { OPS } from '../../src/workload/program.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { randomProgram } from './programs.ts';

interface Line {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** What objdump makes of a DSO's text; undefined where there is no objdump. */
function disassemble(dso: DsoImage): Line[] | undefined {
  if (dso.text.length === 0) return [];
  const dir = mkdtempSync(join(tmpdir(), 'gperf-'));
  try {
    const file = join(dir, 'text');
    writeFileSync(file, dso.text);
    const args = ['-D', '-w', '-b', 'binary', '-m', 'i386:x86-64', `--adjust-vma=${dso.textOffset}`, file];
    const { stdout, status } = spawnSync('objdump', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
    if (status !== 0) return undefined;
    return [...stdout.matchAll(/^ +([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(.*)$/gm)].map((m) => ({
      offset: Number.parseInt(m[1]!, 16),
      length: m[2]!.length / 3,
      text: m[3]!.trim(),
    }));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Compares the layout's idea of every instruction with the disassembler's. */
function checkText(image: CompiledProgram): boolean {
  for (const [d, dso] of image.dsos.entries()) {
    const lines = disassemble(dso);
    if (!lines) return false;
    const at = new Map(lines.map((l) => [l.offset, l]));
    for (const i of image.layout.instructions) {
      if (image.layout.functions[i.func]!.dso !== d) continue;
      const line = at.get(i.address - dso.base);
      expect(line, `${image.comm}: no instruction at ${i.address.toString(16)}`).to.not.equal(undefined);
      expect(line!.length, line!.text).to.equal(i.length);
      expect(line!.text).to.not.match(/bad|^(data16|rex|lock)$/);
    }
  }
  return true;
}

const bodyOf = (dso: DsoImage, name: string): { readonly offset: number; readonly bytes: Uint8Array } => {
  const s = dso.symbols.find((x) => x.name === name)!;
  const from = s.offset - dso.textOffset;
  return { offset: s.offset, bytes: dso.text.subarray(from, from + s.size) };
};
const int32 = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getInt32(at, true);

describe('layout', () => {
  it('every instruction disassembles to itself', async function () {
    const everyOp = program({
      name: 'ops',
      about: 'one of each, many times',
      functions: [func('main', [...OPS.flatMap((name) => ops(40, name)), loop(5e9, [op('alu')])])],
    });
    for (const p of [everyOp, await loadWorkload('ftest'), ...[1, 2, 3, 4].map(randomProgram)])
      if (!checkText(compile(p))) this.skip();
  });

  it('loops jump back to their top, branches over their arms, calls to their callee', async () => {
    const [dso] = compile(await loadWorkload('ftest')).dsos;
    const foo = bodyOf(dso!, 'foo');
    // ... jmp test; top: ...; add; test: cmp $8,%ebx; jl top; ...
    const jmp = foo.bytes.indexOf(0xeb);
    const jl = foo.bytes.indexOf(0x7c);
    const test = jmp + 2 + foo.bytes[jmp + 1]!;
    expect([...foo.bytes.subarray(test, test + 6)]).to.deep.equal([0x81, 0xfb, 8, 0, 0, 0]);
    expect(jl).to.equal(test + 6);
    expect(jl + 2 + (foo.bytes[jl + 1]! - 256)).to.equal(jmp + 2);
    // main calls random@plt, foo, bar and qux, and random@plt jumps through a pointer beyond the text.
    const main = bodyOf(dso!, 'main');
    const callees: string[] = [];
    main.bytes.forEach((b, i) => {
      const target = b === 0xe8 && i + 5 <= main.bytes.length ? main.offset + i + 5 + int32(main.bytes, i + 1) : -1;
      const symbol = dso!.symbols.find((s) => s.offset === target);
      if (symbol) callees.push(symbol.name);
    });
    expect(callees).to.deep.equal(['random@plt', 'foo', 'bar', 'qux']);
    const plt = bodyOf(dso!, 'random@plt');
    expect([...plt.bytes.subarray(0, 6)]).to.deep.equal([0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25]);
    expect(plt.offset + 10 + int32(plt.bytes, 6)).to.be.at.least(dso!.textOffset + dso!.text.length);
  });

  it('distant targets get long jumps', function () {
    const image = compile(
      program({
        name: 'far',
        about: 'bodies of more than 127 bytes',
        functions: [func('main', [loop(3, [branch(0.5, [ops(60, 'load')], [call('f')])])]), func('f', [op('alu')])],
      }),
    );
    const { bytes } = bodyOf(image.dsos[0]!, 'main');
    expect([...bytes].some((b, i) => b === 0x0f && (bytes[i + 1]! & 0xf0) === 0x80)).to.equal(true);
    if (!checkText(image)) this.skip();
  });

  it('another DSO is called through the stub that jumps there, or through a pointer', () => {
    const lib = { name: 'lib', path: '/usr/lib64/lib.so', base: 0x7ffff7a00000 };
    const build = (stub: boolean): Uint8Array => {
      const functions = [func('main', [call('f')]), func('f', [op('alu')], { dso: 'lib' })];
      if (stub) functions.push(func('f@plt', [{ kind: 'jump', target: 'f' }]));
      const [own] = compile(program({ name: 'p', about: 'a call', functions, dsos: [lib] })).dsos;
      return bodyOf(own!, 'main').bytes;
    };
    expect([...build(false).subarray(0, 2)]).to.deep.equal([0xff, 0x15]);
    expect(build(true)[0]).to.equal(0xe8);
  });

  it('offsets do not depend on the libc version or on arguments', async () => {
    const ftest = await loadWorkload('ftest');
    const [host, guest] = ['2.17', '2.27'].map((libc) => compile(ftest, { libc }));
    expect(host!.dsos.map((d) => d.path)).to.deep.equal([
      '/usr/local/bin/ftest',
      '/usr/lib64/libc-2.17.so',
      '/usr/lib64/ld-2.17.so',
    ]);
    expect(guest!.dsos[1]!.path).to.equal('/usr/lib64/libc-2.27.so');
    expect(guest!.dsos.map((d) => d.symbols)).to.deep.equal(host!.dsos.map((d) => d.symbols));
    const [one, nine] = await Promise.all(['1', '900'].map((s) => loadWorkload('noploop', [s])));
    expect(compile(nine!).dsos.map((d) => d.symbols)).to.deep.equal(compile(one!).dsos.map((d) => d.symbols));
  });

  it('symbols are in order, aligned and apart', async () => {
    for (const { symbols, text, textOffset } of compile(await loadWorkload('ftest')).dsos) {
      symbols.forEach((s, i) => {
        expect(s.offset % 16).to.equal(0);
        expect(s.offset + s.size).to.be.at.most(symbols[i + 1]?.offset ?? textOffset + text.length);
      });
    }
  });
});
