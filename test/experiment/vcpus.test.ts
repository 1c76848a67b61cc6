/** Guests with several vCPUs: threads run on all of them, perf counts and samples every one, and time adds up. */
import { expect } from 'chai';
import { runStat } from '../../src/experiment/run.ts';
import { SetUpError, setUpMachine } from '../../src/experiment/setup.ts';
import { trueCounts } from '../../src/experiment/truth.ts';
import { changedValues, machineSpec } from '../../src/machine/spec.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { StatRead } from '../../src/results/stat.ts';
import { PERF_RECORD } from '../../src/uapi/perf-event.ts';
import { PLACES, guestOf, programOf, recordIn } from './guest-run.ts';

const V2 = PLACES.find(({ vpmu }) => vpmu === 'v2')!;
const THREADS = ['ftest-threads', '4', '0.02'] as const;

describe('a guest with several vCPUs', () => {
  for (const place of PLACES) {
    const { vpmu } = place;
    it(`${vpmu}: perf stat counts what all threads retire, however many vCPUs and cores there are`, async () => {
      const evlist = statAttrs(parseEventList(['instructions:u,branches:u'], 'stat'));
      for (const [vcpus, cores] of [
        [2, 2],
        [8, 3],
      ] as const) {
        const spec = await guestOf(place, vcpus, cores);
        const { workload, program } = await programOf(spec, ['lockbound', '4', '100']);
        const { run, ledger } = await runStat(spec, { evlist, executable: program });
        const counted = run.counts.map(({ val }) => val);
        expect(counted, `${vcpus} on ${cores}`).to.deep.equal(trueCounts(spec, workload, evlist));
        expect(ledger.rows.reduce((sum, row) => sum + row.ns, 0)).to.equal(ledger.ns);
      }
    });

    it(`${vpmu}: shows nothing of the windows in which it runs`, async () => {
      const spec = await guestOf(place, 3, 2);
      const { program } = await programOf(spec, ['server', '3', '30']);
      const [whole, cut] = [await recordIn(spec, program), await recordIn(spec, program, { longest: 20 })];
      expect([cut.hash, cut.ledger]).to.deep.equal([whole.hash, whole.ledger]);
    });

    it(`${vpmu}: shows nothing of the threads on which its cores are simulated`, async () => {
      const spec = await guestOf(place, 4, 3, ['guest.background=2000', 'host.guests=1']);
      const { workload, program } = await programOf(spec, ['server', '3', '30']);
      const one = await recordIn(spec, program);
      for (const [threads, longest] of [
        [2, 20],
        [3, Infinity],
      ] as const) {
        const { hash, ledger } = await recordIn(spec, program, { longest, on: { workload, threads } });
        expect([hash, ledger], `${threads}`).to.deep.equal([one.hash, one.ledger]);
      }
    });
  }

  for (const vpmu of ['v2', 'legacy'])
    it(`${vpmu}: perf stat -I misses no thread that moves, and counts none twice`, async () => {
      const evlist = statAttrs(parseEventList(['instructions:u,task-clock'], 'stat'));
      const spec = await guestOf(
        PLACES.find((place) => place.vpmu === vpmu)!,
        3,
        3,
      );
      const { workload, program } = await programOf(spec, ['server', '4', '300']);
      const readings: number[][] = [];
      const report = (_: number, { counts }: StatRead): void => void readings.push(counts.map(({ val }) => val));
      const { run } = await runStat(spec, { evlist, executable: program, interval: { ns: 500_000, report } });
      readings.push(run.counts.map(({ val }) => val));
      expect(readings.length).to.be.greaterThan(100);
      for (const [i, reading] of readings.entries())
        for (const [k, val] of reading.entries())
          expect(val, `reading ${i} of event ${k}`).to.be.at.least(readings[i - 1]?.[k] ?? 0);
      expect(run.counts[0]!.val).to.equal(trueCounts(spec, workload, [evlist[0]!])[0]);
    });

  it('takes longer on the hardware threads of a core than on two cores, for the same work', async () => {
    const events = statAttrs(parseEventList(['instructions:u,cycles:u'], 'stat'));
    const counted = async (place: (typeof PLACES)[number], sets: readonly string[]): Promise<readonly number[]> => {
      const spec = await guestOf(place, 4, 4, sets);
      const { program } = await programOf(spec, ['ftest-threads', '3', '0.02']);
      const { run } = await runStat(spec, { evlist: events, executable: program });
      return [...run.counts.map(({ val }) => val), run.elapsed];
    };
    for (const place of PLACES) {
      const alone = await counted(place, ['host.cpus=8']);
      const together = await counted(place, ['host.cpus=4']);
      expect([place.vpmu, together[0]]).to.deep.equal([place.vpmu, alone[0]]);
      // Two of three threads share a core.
      expect(together[1]! / alone[1]!, place.vpmu).to.be.within(1.3, 1.4);
      expect(together[2]! - alone[2]!, place.vpmu).to.be.above(5e6);
    }
  });

  it('is through with threads earlier the more vCPUs and cores it has', async () => {
    const spans: number[] = [];
    for (const [vcpus, cores] of [
      [4, 4],
      [4, 2],
      [1, 1],
    ] as const) {
      const spec = await guestOf(V2, vcpus, cores);
      const { records } = await recordIn(spec, (await programOf(spec, ['ftest-threads', '3', '0.03'])).program);
      const times = records.map((one) => (one.type === PERF_RECORD.SAMPLE ? Number(one.time) : 0)).filter((t) => t > 0);
      spans.push(Math.max(...times) - Math.min(...times));
    }
    // Three threads of 30 ms: each on a core of its own, two on one, all on one.
    expect(spans[0]! / 1e6).to.be.within(30, 40);
    expect(spans[1]! / spans[0]!).to.be.within(1.6, 2.2);
    expect(spans[2]! / spans[0]!).to.be.within(2.4, 3.2);
  });

  it('leaves no vCPU in HLT while a thread waits on another one: that one kicks it', async () => {
    // Under legacy, enabling six events of a CPU takes so long that main clones before it has left the first one's core.
    const spec = await guestOf(
      PLACES.find(({ vpmu }) => vpmu === 'legacy')!,
      4,
    );
    const { program } = await programOf(spec, ['ftest-threads', '4', '0.1']);
    const names = ['branches', 'cycles', 'instructions', 'branch-misses', 'cache-misses', 'cache-references'];
    const evlist = statAttrs(parseEventList(names, 'stat'), { target: 'cpu' });
    const { run } = await runStat(spec, { evlist, executable: program, systemWide: true });
    // Without, two threads share a vCPU for as long as there are others.
    expect(run.elapsed / 1e6).to.be.within(100, 115);
  });

  it('knows what the vCPUs of a core took from each other (steal)', async () => {
    const spec = await guestOf(V2, 2, 1);
    const { program } = await programOf(spec, ['ftest-threads', '3', '0.1']);
    const evlist = statAttrs(parseEventList(['instructions:u'], 'stat'));
    const { ledger, simulated } = await runStat(spec, { evlist, executable: program });
    const vcpus = ledger.vcpus!;
    expect(vcpus.map(({ vcpu }) => vcpu)).to.deep.equal([0, 1]);
    for (const { ran, stolen, halted } of vcpus) {
      expect(ran + stolen + halted).to.be.closeTo(simulated, 5e6);
      // Of three threads of 100 ms there is always one that waits, so both vCPUs want the core until the last one ends.
      expect(stolen / 1e6).to.be.within(90, 165);
      expect(ran / 1e6).to.be.within(100, 220);
    }
    expect(vcpus.reduce((sum, { ran }) => sum + ran, 0) / 1e6).to.be.within(300, 350);
  });

  it('-a sees all vCPUs, also those that share a core with the perf tool that asks them', async () => {
    for (const cores of [4, 1]) {
      const spec = await guestOf(V2, 4, cores);
      const { workload, program } = await programOf(spec, THREADS);
      const evlist = statAttrs(parseEventList(['instructions:u,branches:u'], 'stat'), { target: 'cpu' });
      const { run } = await runStat(spec, { evlist, executable: program, systemWide: true });
      // The perf tool executes a little, too.
      for (const [i, truth] of trueCounts(spec, workload, evlist).entries())
        expect(run.counts[i]!.val).to.be.within(truth!, truth! * 1.01);
      const { records } = await recordIn(spec, program, { systemWide: true });
      const samples = records.filter((one) => one.type === PERF_RECORD.SAMPLE);
      expect(samples.map(({ cpu }) => cpu)).to.include.members([0, 1, 2, 3]);
    }
  });

  it('cannot have more vCPUs than CPUs, nor the host more cores', async () => {
    const refused = async (vpmu: string, vcpus: number, ...sets: string[]): Promise<string> =>
      setUpMachine({ vpmu, vcpus, sets }).then(
        () => 'taken',
        (error: unknown) => (error instanceof SetUpError ? error.message : 'another error'),
      );
    expect(await refused('v2', 4, 'guest.cpus=2')).to.equal(
      'guest.vcpus=4 is more than guest.cpus=2 (--set guest.cpus=4)',
    );
    expect(await refused('host', 4, 'host.cpus=2')).to.equal(
      'host.cores=4 is more than host.cpus=2 (--set host.cpus=4)',
    );
    expect(await refused('v2', 0)).to.equal('guest.vcpus=0: must be a whole number from 1 to 64');
    expect(await refused('v2', 4, 'guest.cpus=8', 'host.cores=2')).to.equal('taken');
  });

  it('is the same machine again from what its spec says of it', () => {
    for (const vpmu of ['v2', 'host'])
      for (const sets of [
        ['guest.vcpus=4'],
        ['guest.vcpus=4', 'host.cores=1'],
        ['guest.vcpus=4', 'guest.cpus=16'],
        ['host.threads_per_core=1', 'guest.vcpus=3'],
        ['host.threads_per_core=1', 'host.cpus=88'],
      ]) {
        const spec = machineSpec('broadwell-ep', vpmu, 's', sets);
        expect(machineSpec('broadwell-ep', vpmu, 's', changedValues(spec)).values, sets.join()).to.deep.equal(
          spec.values,
        );
      }
  });
});
