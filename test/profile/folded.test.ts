import { expect } from 'chai';
import { FoldedParser } from '../../src/profile/folded.ts';
import { parseProfileKey } from '../../src/profile/profile.ts';

function parse(text: string, by: 'symbol' | 'callchain' = 'symbol'): FoldedParser {
  const parser = new FoldedParser(by);
  for (const line of text.split('\n')) parser.feed(line);
  return parser;
}

describe('folded stacks', () => {
  const text = 'a;main;f 3\na;main;g_[k] 2\na;main 1\n\na;other;f 4\n';

  it('count for their innermost function, without annotations', () => {
    const { samples, weights } = parse(text).profile('x');
    expect(samples).to.equal(10);
    expect([...weights].map(([key, weight]) => [parseProfileKey(key).symbol, weight])).to.deep.equal([
      ['f', 7],
      ['g', 2],
      ['main', 1],
    ]);
  });

  it('are rows of their own by call chain', () => {
    expect(parse(text, 'callchain').profile('x').weights.size).to.equal(4);
  });

  for (const [what, line] of [
    ['prose', 'Captured and wrote 12'],
    ['a differential file', 'a;f 12 13'],
    ['a table', '12.00% a a [.] f'],
  ])
    it(`are not ${what}`, () => {
      expect(parse(`${line}\n`).found).to.equal(false);
    });

  it('say where a count is beyond counting', () => {
    for (const [count, told] of [
      ['9'.repeat(400), 'a number of 400 digits'],
      ['9007199254740993', '9007199254740993'],
    ] as const) {
      const parser = new FoldedParser('symbol', false, 'x.folded');
      for (const line of ['a;b 1', `  a;c ${count} `]) parser.feed(line);
      expect(parser.found).to.equal(true);
      expect(() => parser.profile('x')).to.throw(`x.folded:2:7: ${told} is no count (at most 9007199254740991)`);
    }
  });

  it('have frames with blanks, and counts however they are set off', () => {
    const { weights } = parse(
      'operator new(unsigned long);std::vector<int, A>::at 3\ncc1plus;f\t2  \r\n[unknown] 1',
    ).profile('x');
    expect([...weights].map(([key, weight]) => [parseProfileKey(key).symbol, weight])).to.deep.equal([
      ['std::vector<int, A>::at', 3],
      ['f', 2],
      ['[unknown]', 1],
    ]);
  });

  it('are read in one pass, whatever a line looks like', () => {
    // Anything quadratic or cubic in a line's length would not finish.
    const size = 400_000;
    for (const line of [
      `${'a '.repeat(size)};b 1`,
      `${' '.repeat(size)}x`,
      `${' 1'.repeat(size)}x`,
      `a ${'1'.repeat(size)}x`,
      `${'a;'.repeat(size)} 5`,
    ])
      parse(line);
  });
});
