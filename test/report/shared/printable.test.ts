/** Names from data: nothing in them acts on a terminal, a spreadsheet or a page of Markdown. */
import { expect } from 'chai';
import fc from 'fast-check';
import { decodeBytes, encodeBytes } from '../../../src/perfdata/octets.ts';
import { csvName, markdownText, printable, printableText } from '../../../src/report/shared/printable.ts';

/** Bytes, decoded as a reader does; those that act come often. */
const name = fc
  .array(
    fc.oneof(
      fc.constantFrom(0x1b, 0x0a, 0x0d, 0x07, 0x09, 0x7f, 0x9b, 0xc2, 0xe2, 0x80, 0xae, 0x3d, 0x7c, 0x60, 0x3c),
      fc.integer({ min: 0, max: 255 }),
    ),
    { maxLength: 24 },
  )
  .map((bytes) => decodeBytes(Buffer.from(bytes)));

/** What a terminal obeys: bytes below blank but the tab, DEL, C1 as UTF-8 and, in eight-bit terminals, as bytes. */
function acting(text: string): string | undefined {
  for (const character of decodeBytes(encodeBytes(text))) {
    const code = character.codePointAt(0)!;
    const stray = code >= 0xdc80 && code < 0xdca0;
    if (stray || (code < 0x20 && code !== 9) || (code >= 0x7f && code < 0xa0)) return JSON.stringify(character);
  }
  return undefined;
}

describe('names from data', () => {
  it('leave no control character to a terminal, and what is none as it is', () => {
    fc.assert(
      fc.property(name, (text) => {
        const shown = printable(text);
        expect(acting(shown)).to.equal(undefined);
        expect(printable(shown)).to.equal(shown);
        if (acting(text) === undefined && !/[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/.test(text))
          expect(shown).to.equal(text);
        expect(acting(printableText(text).replaceAll('\n', ''))).to.equal(undefined);
        expect(printableText(text).split('\n').length).to.equal(text.split('\n').length);
      }),
      { numRuns: 2000 },
    );
  });

  it('are shown as C would write them', () => {
    expect(printable('a\x1b[31mb\r\n\0\x07\x7f\u009b\u202e\tü表')).to.equal(
      String.raw`a\x1b[31mb\r\n\0\x07\x7f\x9b\u202e` + '\tü表',
    );
    expect(printable(decodeBytes(Buffer.of(0x41, 0x9b, 0xe9)))).to.equal(`A\\x9b${decodeBytes(Buffer.of(0xe9))}`);
    // The second halves of pairs are no bytes.
    expect(printable('😀𝒳')).to.equal('😀𝒳');
  });

  it('are one cell of CSV, and no formula', () => {
    fc.assert(
      fc.property(name, name, (a, b) => {
        const line = `${csvName(a)},${csvName(b)}`;
        // RFC 4180, read by its grammar.
        const cells = [...line.matchAll(/(?<=^|,)(?:"((?:[^"]|"")*)"|([^",\r\n]*))(?=,|$)/g)];
        expect(cells.map(([all]) => all).join(',')).to.equal(line);
        expect(cells).to.have.length(2);
        for (const [, quoted, plain] of cells) {
          const cell = quoted?.replaceAll('""', '"') ?? plain!;
          expect(cell).to.not.match(/^[=+\-@\t\r]/);
          expect(acting(cell.replaceAll(/[\r\n]/g, ''))).to.equal(undefined);
        }
      }),
      { numRuns: 2000 },
    );
    expect(['=1+1', '-[NSObject foo]', '@x', '+y', 'a\rb', 'a"b', 'main', '0.5'].map(csvName)).to.deep.equal([
      "'=1+1",
      "'-[NSObject foo]",
      "'@x",
      "'+y",
      '"a\rb"',
      '"a""b"',
      'main',
      '0.5',
    ]);
  });

  it('are text in Markdown', () => {
    fc.assert(
      fc.property(name, (text) => {
        const shown = markdownText(text);
        expect(shown).to.not.match(/[\r\n]/);
        // Neither ends a cell nor begins code: each such mark has an odd number of backslashes before it.
        for (const { 1: before } of shown.matchAll(/(\\*)[|`*]/g)) expect(before!.length % 2).to.equal(1);
        expect(shown).to.not.match(/<[a-z/!?]/i);
      }),
      { numRuns: 2000 },
    );
    expect(markdownText('<img src=x onerror=alert(1)>')).to.equal('&lt;img src=x onerror=alert(1)>');
    expect(markdownText('a|b\\|c`d*')).to.equal(String.raw`a\|b\\\|c\`d\*`);
    expect(markdownText('[x](javascript:1) &lt;')).to.equal(String.raw`[x]\(javascript:1) &amp;lt;`);
    expect(markdownText('a\n# b')).to.equal(String.raw`a\\n# b`);
    expect(markdownText('p < 0.05, std::vector<3>, __random')).to.equal('p < 0.05, std::vector<3>, __random');
  });
});
