/** The engine against the oracle at very many stops, and with every access to an array checked. */
import { engineModule, useEngine } from '../../src/workload/engine.ts';
import { checkedEngine } from '../workload/checked-engine.ts';
import { checkRandomPrograms } from '../workload/oracle/witness.ts';

describe('cursor, at length', () => {
  it('agrees with the oracle at a million stops of random programs', () => checkRandomPrograms(1_000_000));

  it('touches no memory but what an array holds', () => {
    const module = engineModule();
    useEngine(checkedEngine());
    try {
      checkRandomPrograms(100_000);
    } finally {
      useEngine(module);
    }
  });
});
