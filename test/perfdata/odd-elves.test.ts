/** ELF files of odd shapes: a bad part costs only itself, and the other names stay. */
import { expect } from 'chai';
import { SHT_STRTAB, SHT_SYMTAB } from '../../src/perfdata/elf-format.ts';
import { ElfImage } from '../../src/perfdata/elf-read.ts';
import { elfSymbols } from '../../src/perfdata/elf-symbols.ts';
import { elfSymbolTable } from '../../src/perfdata/symbols.ts';
import { buildIdNote, elf, type ElfParts, relaPlt, symtab, text } from './elves.ts';

const ID = '0123456789abcdef0123456789abcdef01234567';
const LOADS = [{ vaddr: 0x40_1000, offset: 0x100, size: 0x1000 }];
const MAIN = { name: 'main', value: 0x40_1010, size: 8, section: 1 };
const namesOf = (parts: ElfParts): string[] => {
  const { symtab: static_, dynsym, plt } = elfSymbols(ElfImage.from(elf(parts)));
  return [...static_, ...dynsym, ...plt].map(({ name }) => name);
};

describe('ELF files of odd shapes', () => {
  it('of 32 and 64 bits, with numbers of sections in 16 bits or not, have their symbols at file offsets', () => {
    for (const wide of [true, false])
      for (const extendedNumbers of [true, false]) {
        const sections = [text(0x40_1000), ...symtab(2, [MAIN], wide), buildIdNote(ID)];
        const image = ElfImage.from(elf({ wide, extendedNumbers, sections, loads: LOADS }));
        expect(image.buildId).to.equal(ID);
        expect(elfSymbolTable(elfSymbols(image)).lookup(0x117)).to.include({ name: 'main', start: 0x110, end: 0x118 });
      }
  });

  it('that are stripped to .dynsym have that and the PLT; without section headers nothing', () => {
    const puts = { name: 'puts', value: 0, section: 0 };
    const plt = { ...text(0x40_1100, 64), name: '.plt', entsize: 16 };
    const sections = [text(0x40_1000), ...symtab(2, [MAIN, puts], true, true), plt, relaPlt(2, [2])];
    expect(namesOf({ sections, loads: LOADS })).to.deep.equal(['main', 'puts@plt']);
    // Relocations that name no table, as static programs have them, name nothing.
    expect(namesOf({ sections: sections.with(4, relaPlt(0, [2])), loads: LOADS })).to.deep.equal(['main']);
    expect(namesOf({ sections, loads: LOADS, withoutSectionHeaders: true })).to.deep.equal([]);
  });

  it('with sections out of the file and notes cut off lose no more than those', () => {
    const away = { name: '.symtab', type: SHT_SYMTAB, offset: 2 ** 40, size: 2 ** 40, link: 3, entsize: 24 };
    const strings = { name: '.strtab', type: SHT_STRTAB, content: new Uint8Array(1) };
    const sections = [text(0x40_1000), away, strings, ...symtab(4, [MAIN], true, true), buildIdNote(ID, 4)];
    expect(namesOf({ sections, loads: LOADS })).to.deep.equal(['main']);
    expect(ElfImage.from(elf({ sections, loads: LOADS })).buildId).to.equal(undefined);
  });

  it('have labels in text and data, none that are hidden or elsewhere', () => {
    const label = { ...MAIN, name: 'label', type: 0 };
    const sections = [
      text(0x40_1000),
      ...symtab(2, [label, { ...label, name: 'hidden', other: 2 }, { ...label, name: 'in_init', section: 4 }]),
      { ...text(0x40_1000), name: '.init' },
    ];
    expect(namesOf({ sections, loads: LOADS })).to.deep.equal(['label']);
  });

  it('whose 60,000 names are ends of one long name cost no more than the file', () => {
    const long = 'x'.repeat(200_000);
    const [table, strings] = symtab(2, [{ ...MAIN, name: long }]);
    const entries = new Uint8Array(60_001 * 24);
    const view = new DataView(entries.buffer);
    for (let i = 1; i <= 60_000; i++) {
      entries.set(table!.content!.subarray(24, 48), 24 * i);
      view.setUint32(24 * i, i, true);
      view.setUint32(24 * i + 8, 0x40_1000 + (i % 50_000), true);
    }
    const image = ElfImage.from(
      elf({ sections: [text(0x40_1000), { ...table!, content: entries }, strings!], loads: LOADS }),
    );
    const { symbols } = elfSymbolTable(elfSymbols(image));
    const bytes = symbols.reduce((sum, { name }) => sum + name.length, 0);
    expect(symbols.length).to.be.greaterThan(1000);
    expect(bytes).to.be.lessThan(2 * 200_000 + 2 ** 17 + 256 * symbols.length);
  });
});
