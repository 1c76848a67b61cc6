/** ELF images from Dsos: read back and accepted by binutils; and the reader on the binaries of this machine. */
import { expect } from 'chai';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import type { DsoImage } from '../../src/arch/dso.ts';
import { encodeElf } from '../../src/perfdata/elf.ts';
import { ElfError, ElfImage, withElf } from '../../src/perfdata/elf-read.ts';
import { elfSymbols } from '../../src/perfdata/elf-symbols.ts';
import { elfSymbolTable } from '../../src/perfdata/symbols.ts';
import { run, scratch } from './real-perf.ts';
import { FTEST, FTEST_ELF } from './recordings.ts';

const symtabOf = (elf: ElfImage): { name: string; offset: number; size: number; binding: number }[] =>
  elfSymbols(elf).symtab.map(({ name, start, end, binding }) => ({ name, offset: start, size: end - start, binding }));
const has = (tool: string): boolean => run(tool, ['--version']).status === 0;

describe('ELF images', () => {
  const dir = scratch();
  const file = dir.file('ftest');
  before(() => writeFileSync(file, FTEST_ELF.bytes, { mode: 0o755 }));
  after(() => dir.remove());

  it('hold the symbols, the text and the build-id', () => {
    const elf = ElfImage.from(FTEST_ELF.bytes);
    expect(symtabOf(elf)).to.deep.equal(
      FTEST.symbols.map(({ name, offset, size }) => ({ name, offset, size, binding: 1 })),
    );
    expect(elf.text?.offset).to.equal(FTEST.textOffset);
    expect(Buffer.from(elf.text?.bytes ?? []).equals(FTEST.text)).to.equal(true);
    expect(elf.buildId).to.equal(FTEST_ELF.buildId);
    expect(withElf(file, (e) => e.buildId)).to.equal(FTEST_ELF.buildId);
  });

  it('have a build-id that is the SHA-1 of everything else', () => {
    const bytes = Buffer.from(FTEST_ELF.bytes);
    const at = bytes.indexOf(Buffer.from(FTEST_ELF.buildId, 'hex'));
    bytes.fill(0, at, at + 20);
    expect(createHash('sha1').update(bytes).digest('hex')).to.equal(FTEST_ELF.buildId);
    const changed = { ...FTEST, text: FTEST.text.map((b, i) => (i === 5 ? b ^ 1 : b)) };
    expect(encodeElf(changed).buildId).not.to.equal(FTEST_ELF.buildId);
    expect(encodeElf({ ...FTEST, path: '/elsewhere' }).bytes).to.deep.equal(FTEST_ELF.bytes);
  });

  it('are fine with readelf', function () {
    if (!has('readelf')) this.skip();
    const { stdout, stderr } = run('readelf', ['-aW', file]);
    expect(stderr).to.equal('');
    expect(stdout).not.to.match(/warning|error|corrupt/i);
    expect(stdout)
      .to.match(/Type:\s+DYN/)
      .and.include(`Build ID: ${FTEST_ELF.buildId}`);
    expect(stdout).to.match(/0000000000001080\s+64 FUNC\s+GLOBAL DEFAULT\s+1 qux/);
  });

  it('are fine with objdump', function () {
    if (!has('objdump')) this.skip();
    const { stdout, stderr } = run('objdump', ['-d', '--no-show-raw-insn', file]);
    expect(stderr).to.equal('');
    expect(stdout)
      .to.include('0000000000001040 <random@plt>:')
      .and.match(/1084:\s+add\s+\$0x1,%rax/);
  });

  it('of any text and symbols read back', () => {
    const symbolName = fc.string({ minLength: 1 }).filter((s) => !s.includes('\0'));
    const shape = fc.record({
      text: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      pages: fc.integer({ min: 1, max: 4 }),
      names: fc.uniqueArray(symbolName),
    });
    const dso = shape.map(({ text, pages, names }): DsoImage => {
      const textOffset = pages * 4096;
      const symbols = names.map((n, i) => ({ name: n, offset: textOffset + i, size: 1 }));
      return { path: FTEST.path, base: FTEST.base, text, textOffset, symbols };
    });
    fc.assert(
      fc.property(dso, (d) => {
        const elf = ElfImage.from(encodeElf(d).bytes);
        expect(symtabOf(elf).map(({ name, offset, size }) => ({ name, offset, size }))).to.deep.equal(d.symbols);
        expect(elf.text?.bytes).to.deep.equal(d.text);
      }),
    );
  });

  it('need room for the headers', () => {
    expect(() => encodeElf({ ...FTEST, textOffset: 0 })).to.throw(RangeError, '/opt/guest/ftest: text at offset 0');
  });

  it('of other makes: symbols as nm sees them', function () {
    const libc = ['/lib/x86_64-linux-gnu/libc.so.6', '/usr/lib64/libc.so.6'].find((p) => existsSync(p));
    if (!libc || !has('nm') || !has('readelf')) this.skip();
    const id = /Build ID: (\w+)/.exec(run('readelf', ['-nW', libc]).stdout)?.[1];
    const table = withElf(libc, (elf) => {
      expect(elf.buildId).to.equal(id);
      return elfSymbolTable(elfSymbols(elf));
    });
    const wanted = /^([0-9a-f]+) ([0-9a-f]+) T malloc\b/m.exec(run('nm', ['-D', '-S', '--defined-only', libc]).stdout);
    const start = parseInt(wanted![1]!, 16);
    expect(table.lookup(start + 1)).to.include({ start, end: start + parseInt(wanted![2]!, 16) });
  });

  it('that are none, or damaged: an ElfError', () => {
    expect(() => ElfImage.from(Buffer.from('#!/bin/sh\n'))).to.throw(ElfError, 'not a little-endian ELF file');
    expect(() => ElfImage.from(new Uint8Array())).to.throw(ElfError);
    const patch = fc.tuple(fc.nat(FTEST_ELF.bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(patch, { maxLength: 5 }), fc.nat(FTEST_ELF.bytes.length), (patches, length) => {
        const bytes = new Uint8Array(FTEST_ELF.bytes).subarray(0, length);
        for (const [at, value] of patches) if (at < length) bytes[at] = value;
        try {
          const elf = ElfImage.from(bytes);
          elfSymbols(elf);
          void elf.buildId;
        } catch (error) {
          expect(error).to.be.instanceOf(ElfError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
