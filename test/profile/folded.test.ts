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
});
