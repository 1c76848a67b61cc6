/** Figures in tables. */
import { expect } from 'chai';
import { ratio } from '../../../src/report/shared/grid.ts';

describe('a ratio', () => {
  it('has three significant digits, or is whole, and never has an exponent', () => {
    const shown = [2663.538576899, 999.4, 999.6, 12_345_678.9, 14.75, 0.1412, 0.00000012345, 0];
    expect(shown.map(ratio)).to.deep.equal([
      '2,664',
      '999',
      '1,000',
      '12,345,679',
      '14.8',
      '0.141',
      '0.000000123',
      '0.00',
    ]);
  });

  it('is left out where nothing can be divided', () => {
    expect([NaN, Infinity].map(ratio)).to.deep.equal(['', '']);
  });
});
