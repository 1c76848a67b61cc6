/**
 * Recordings without spread: with costs.spread=0 every pass takes its mean. The kept digests of their data sections were
 * made before costs could spread at all, and move with the model alone.
 */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { decodeFileHeader } from '../../src/perfdata/header.ts';
import { expectKept } from '../kept.ts';
import { place, type Place } from './e2e.ts';

const MACHINES = {
  host: '--vpmu host',
  'host, two CPUs': '--vpmu host --vcpus 2',
  legacy: '--vpmu legacy',
  v2: '--vpmu v2',
  'v2, two vCPUs': '--vpmu v2 --vcpus 2',
  mediated: '--vpmu mediated --machine sapphire-rapids',
} as const;

describe('costs.spread', () => {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  async function digest(options: string, name: string): Promise<string> {
    const { status, stderr } = await at.gperf(`record -F 2000 -o ${name} ${options} ftest-threads 2 0.2`);
    expect(status, stderr).to.equal(0);
    const bytes = at.read(name);
    const { data } = decodeFileHeader(bytes);
    return createHash('sha256')
      .update(bytes.subarray(data.offset, data.offset + data.size))
      .digest('hex')
      .slice(0, 24);
  }

  it('0: the bytes of constant costs, and of no others', async () => {
    const lines: string[] = [];
    for (const [name, options] of Object.entries(MACHINES)) {
      const constant = await digest(`${options} --set costs.spread=0`, 'constant.data');
      expect(await digest(options, 'spread.data'), name).not.to.equal(constant);
      lines.push(`${name}: ${constant}\n`);
    }
    expectKept('fixtures/golden/constant-costs.txt', lines.join(''));
  });
});
