/**
 * What perf counts of each of 64 threads against what that thread retires, under every design, on 1 to 8 vCPUs that take
 * turns on half as many cores, pinned and floating, as a table (fixtures/golden; `npm run update` rewrites it).
 *
 * perf that only counts is exact under every design that has counters: however long a PMI or a switch takes, each count
 * is put away and taken up again to the unit, where threads move between vCPUs, vCPUs between cores, and events between
 * threads (perf_event_context_sched_out).
 *
 * perf that samples loses counts where its events are throttled: these stand still until the next tick, and what the
 * thread retires meanwhile is counted by nobody. Under legacy PMIs take so long that the guest's kernel lowers its limit
 * until that is so at nearly every tick. No other thread may lose anything.
 */
import { expect } from 'chai';
import { DESIGNS } from '../../src/kvm/vpmu/index.ts';
import { PLACES, guestOf } from '../experiment/guest-run.ts';
import { exactness, recordThreads, statThreads, type ThreadCounts } from '../experiment/thread-counts.ts';
import { expectKept } from '../kept.ts';

const WORDS = ['ftest-threads', '64', '0.01'] as const;
const SIZES = [
  [1, 1],
  [2, 1],
  [4, 2],
  [8, 4],
] as const;
/** Sizes at which perf also samples. */
const SAMPLED = new Set<number>([1, 4]);
const ALL = ['host', ...DESIGNS.map(({ name }) => name)].map(
  (vpmu) => PLACES.find((place) => place.vpmu === vpmu) ?? { vpmu, machine: 'broadwell-ep' },
);
/** What each must do, whatever the mechanism says: no event of theirs is throttled at 4 kHz. */
const EXACT = new Set(['host', 'v2', 'mediated']);

const HEAD = `# gperf record -s -e instructions:u,branches:u ${WORDS.join(' ')}, with a period that no thread reaches (counting) and with
# -F 4000 (sampling): threads of which both counts are what they retire, of those that perf tells of (all but one), and
# the count that is furthest off. total: perf stat -e instructions:u,branches:u, against the truth of all 65 threads.
# A thread whose counts are off is always one of those whose events were throttled: they stood still until the next tick.
# Sampling with 1 and 4 vCPUs only. On bare metal CPUs are cores, and floating means: beside three guests.
# vCPUs on one core have nowhere to move.

# design           vCPUs  cores  sched     total  counting  sampling  furthest  threads throttled
`;

const furthest = ({ told }: ThreadCounts): number =>
  [...told.values()]
    .flatMap(({ counted, retired }) => counted.map((n, i) => n / retired[i]! - 1))
    .reduce((far, off) => (Math.abs(off) > Math.abs(far) ? off : far), 0);

describe('counts of 64 threads on vCPUs that take turns', () => {
  const rows: string[] = [];
  for (const place of ALL)
    for (const [vcpus, shared] of SIZES)
      for (const sched of shared === 1 ? ['pinned'] : ['pinned', 'floating']) {
        const isHost = place.vpmu === 'host';
        const cores = isHost ? vcpus : shared;
        it(`${place.vpmu}, ${vcpus} on ${cores} cores, ${sched}`, async () => {
          const guests = isHost && sched === 'floating' ? ['host.guests=3'] : [];
          const spec = await guestOf(place, vcpus, cores, [`host.sched=${sched}`, ...guests]);
          const row = [place.vpmu.padEnd(17), String(vcpus).padStart(7), String(cores).padStart(5), sched.padEnd(8)];
          const total = await statThreads(spec, WORDS);
          expect(total === undefined).to.equal(place.vpmu === 'none');
          if (total === undefined) return void rows.push(`${row.join('  ')}  <not supported>`);
          expect(total.counted).to.deep.equal(total.retired);
          const counting = await recordThreads(spec, WORDS);
          expect([counting.threads, counting.told.size]).to.deep.equal([65, 64]);
          expect(exactness(counting)).to.deep.equal({ exact: 64, off: [] });
          const counts = `${row.join('  ')}  exact  64 of 64`;
          if (!SAMPLED.has(vcpus)) return void rows.push(counts);
          const sampling = await recordThreads(spec, WORDS, 4000);
          expect(sampling.told.size).to.equal(64);
          const { exact, off } = exactness(sampling);
          expect([...sampling.throttled]).to.include.members([...off]);
          if (EXACT.has(place.vpmu)) expect(off).to.deep.equal([]);
          for (const { counted, retired } of sampling.told.values())
            for (const [i, n] of counted.entries()) expect(n).to.be.at.most(retired[i]!);
          const far = `${(furthest(sampling) * 100).toFixed(2)} %`;
          rows.push(
            `${counts}  ${`${exact} of 64`.padStart(8)}  ${far.padStart(8)}  ${String(sampling.throttled.size).padStart(17)}`,
          );
        });
      }

  it('fixtures/golden/thread-counts.txt: all of them', () => {
    expectKept('fixtures/golden/thread-counts.txt', `${HEAD}${rows.map((row) => `  ${row}\n`).join('')}`);
    // Without the cause there is nothing to explain.
    const legacy = rows.filter((row) => row.startsWith('legacy') && row.includes('%'));
    expect(legacy).to.have.length(3);
    for (const row of legacy) expect(row).to.match(/ 0 of 64 +-\d+\.\d\d %/);
  });
});
