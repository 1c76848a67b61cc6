/**
 * A guest as seen by the host's perf: whose interrupt ended the guest's turn, and what events count that exclude the
 * host or its guests. Real perf reads the recording.
 */
import { expect } from 'chai';
import { executable, prepareWorkload } from '../../src/experiment/executable.ts';
import { recordWorkload } from '../../src/experiment/record.ts';
import { runRecord } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { KERNEL_TEXT, KERNEL_TEXT_SIZE } from '../../src/kernel/symbols.ts';
import { recordAttrs, statAttrs, type RecordAttrOptions } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import { PERF_CONTEXT, PERF_RECORD, PERF_RECORD_MISC as MISC, type SampleRecord } from '../../src/uapi/perf-event.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { perfVersion, run, scratch } from '../perfdata/real-perf.ts';

const SECONDS = 0.05;
const GUEST = 'host.guests=1';

async function setUp(vpmu: string, sets: readonly string[]) {
  const spec = await setUpMachine({ vpmu, seed: 'host', sets: ['guest.fresh=on', 'host.fresh=on', ...sets] });
  return { spec, workload: prepareWorkload(await loadWorkload('noploop'), spec, { seconds: SECONDS }) };
}

const attrsOf = (events: string, o: RecordAttrOptions = {}): ReturnType<typeof recordAttrs> =>
  recordAttrs(parseEventList([events], 'record'), { target: 'cpu', ...o });

/** The host's samples of everything that runs, with a guest beside its own workload. */
async function sampled(
  events: string,
  sets: readonly string[] = [],
  o: RecordAttrOptions = {},
): Promise<SampleRecord[]> {
  const { spec, workload } = await setUp('host', [GUEST, ...sets]);
  const records: PerfRecord[] = [];
  const sink = {
    opened: () => undefined,
    write: (batch: readonly PerfRecord[]) => {
      records.push(...batch);
      return 40 * batch.length;
    },
  };
  const job = { evlist: attrsOf(events, o), executable: executable(workload, 'host'), systemWide: true };
  await runRecord(spec, job, sink);
  return records.filter((r): r is SampleRecord => r.type === PERF_RECORD.SAMPLE);
}

const modeOf = ({ misc }: SampleRecord): number => misc & MISC.CPUMODE_MASK;
const isGuest = (sample: SampleRecord): boolean =>
  modeOf(sample) === MISC.GUEST_USER || modeOf(sample) === MISC.GUEST_KERNEL;
const inKernel = ({ ip }: SampleRecord): boolean => ip >= KERNEL_TEXT && ip < KERNEL_TEXT + KERNEL_TEXT_SIZE;

/** What each event counts on the CPU while the workload runs. */
async function counted(vpmu: string, events: string, ...sets: string[]): Promise<number[]> {
  const evlist = statAttrs(parseEventList([events], 'stat'), { target: 'cpu' });
  const { runs } = await countWorkload({ ...(await setUp(vpmu, sets)), evlist, repeat: 1, systemWide: true });
  for (const { supported, ena, run: ran } of runs[0]!.counts) {
    expect(supported).to.equal(true);
    expect(ran).to.equal(ena);
  }
  return runs[0]!.counts.map(({ val }) => val);
}

describe('the host sees a guest', () => {
  it('samples of guest-only events are the guest: its modes, its addresses, its thread', async () => {
    const samples = await sampled('cycles:G', [], { period: 1_000_003 });
    expect(samples.length).to.be.greaterThan(50);
    expect(samples.every(isGuest)).to.equal(true);
    for (const sample of samples) expect(modeOf(sample) === MISC.GUEST_KERNEL).to.equal(inKernel(sample));
    expect(new Set(samples.map(({ pid }) => pid)).size).to.equal(1);
    expect(samples.filter((s) => modeOf(s) === MISC.GUEST_USER).length).to.be.greaterThan(samples.length / 2);
  });

  it('rings are those of the guest', async () => {
    const [user, kernel] = [
      await sampled('cycles:uG', [], { period: 1_000_003 }),
      await sampled('cycles:kG', [], { period: 5003 }),
    ];
    expect(user.length).to.be.greaterThan(50);
    expect(kernel.length).to.be.greaterThan(5);
    // Skid may move an interrupt from one ring to the other.
    expect(user.filter((s) => modeOf(s) === MISC.GUEST_USER).length / user.length).to.be.greaterThan(0.95);
    expect(kernel.every(isGuest)).to.equal(true);
  });

  it('samples of both are of both, of the host of the host but for skids', async () => {
    const both = await sampled('cycles:GH', [], { period: 1_000_003 });
    const guests = both.filter(isGuest);
    expect(guests.length / both.length).to.be.within(0.4, 0.6);
    const host = await sampled('cycles', [], { period: 1_000_003 });
    expect(host.length).to.be.greaterThan(50);
    expect(host.filter(isGuest).length / host.length).to.be.lessThan(0.05);
  });

  it('the timer that ends a turn is the guest too, until 6.13 of events that exclude guests', async () => {
    const guestsOf = async (event: string, kernel: string): Promise<number> => {
      const samples = await sampled(event, [`host.kernel=${kernel}`]);
      return samples.filter(isGuest).length / samples.length;
    };
    for (const kernel of ['5.0.0', '6.12.0']) {
      expect(await guestsOf('cpu-clock', kernel), kernel).to.be.within(0.4, 0.6);
      expect(await guestsOf('cpu-clock:GH', kernel), kernel).to.be.within(0.4, 0.6);
    }
    expect(await guestsOf('cpu-clock', '6.13.0')).to.equal(0);
    expect(await guestsOf('cpu-clock:GH', '6.13.0')).to.be.within(0.4, 0.6);
  });

  it('a guest has no call chain but its markers', async () => {
    const samples = await sampled('cycles:GH', [], { period: 1_000_003, callgraph: true });
    for (const sample of samples.filter(isGuest))
      expect(sample.callchain).to.deep.equal([PERF_CONTEXT.KERNEL, PERF_CONTEXT.USER]);
    for (const sample of samples.filter((s) => !isGuest(s))) expect(sample.callchain!.length).to.be.greaterThan(1);
    const user = await sampled('cycles:G', [], { period: 5_000_011, callgraph: true, user_callchains: true });
    for (const { callchain } of user) expect(callchain).to.deep.equal([PERF_CONTEXT.USER]);
  });

  it('counts of the guest and of the host make the whole', async () => {
    const [guest, host, both, plain] = await counted(
      'host',
      'instructions:uG,instructions:uH,instructions:uGH,instructions:u',
      GUEST,
    );
    expect(guest).to.be.greaterThan(1e6);
    expect(host).to.be.greaterThan(1e6);
    expect(Math.abs(guest! + host! - both!) / both!).to.be.lessThan(1e-4);
    // perf's own default.
    expect(plain).to.equal(host);
  });

  for (const vpmu of ['host', 'legacy', 'v2'])
    it(`${vpmu}: without a guest of one's own, guest-only events count nothing and the others all`, async () => {
      const [guest, host, both, plain] = await counted(
        vpmu,
        'instructions:uG,instructions:uH,instructions:uGH,instructions:u',
      );
      expect(guest).to.equal(0);
      expect(host).to.be.greaterThan(1e6);
      expect([both, plain]).to.deep.equal([host, host]);
    });

  describe('to real perf', function () {
    before(function () {
      if (perfVersion !== '6.1') this.skip();
    });

    it('all of it is the guest, with perf kvm; without, perf passes over it', async () => {
      const at = scratch();
      try {
        const file = at.file('guest.data');
        const recorded = await recordWorkload({
          ...(await setUp('host', [GUEST])),
          evlist: attrsOf('cycles:G'),
          cmdline: ['gperf', 'record'],
          sink: openSink(file),
          systemWide: true,
          cacheDir: undefined,
          noCache: true,
        });
        const report = (...words: readonly string[]): string =>
          run('perf', [...words, 'report', '--stdio', '-q', '-n', '-s', 'sym', '-i', file]).stdout;
        const rows = report('kvm', '--host', '--guest')
          .split('\n')
          .filter((line) => line.trim() !== '');
        expect(rows.length).to.be.greaterThan(3);
        let samples = 0;
        for (const row of rows) {
          const [, n] = /^ *[\d.]+% +(\d+) +\[[ug]\] 0x[\da-f]{16} *$/.exec(row) ?? [];
          expect(n, row).to.not.equal(undefined);
          samples += Number(n);
        }
        expect(samples).to.equal(recorded.samples);
        expect(report().trim()).to.equal('');
      } finally {
        at.remove();
      }
    });
  });
});
