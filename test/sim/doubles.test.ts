import { expect } from 'chai';
import { asDoubles } from '../../src/sim/doubles.ts';

describe('asDoubles', () => {
  it('returns the record with every value as it was', () => {
    const record = { count: 0, left: -3, time: 2 ** 40, name: 'cycles' };
    expect(asDoubles(record, 'count', 'left', 'time')).to.equal(record);
    expect(record).to.deep.equal({ count: 0, left: -3, time: 2 ** 40, name: 'cycles' });
    expect(Object.is(record.count, 0)).to.equal(true);
  });
});
