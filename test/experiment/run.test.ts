/** Runs: the same spec makes the same bytes, and every input that should matter does. */
import { expect } from 'chai';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { recordWorkload, type Recorded, type RecordRequest } from '../../src/experiment/record.ts';
import type { Breathe } from '../../src/experiment/run.ts';
import { countWorkload, type CountedWorkload } from '../../src/experiment/stat.ts';
import { groundTruth } from '../../src/experiment/truth.ts';
import { machineSpec, type MachineSpec } from '../../src/machine/spec.ts';
import type { Sink } from '../../src/perfdata/sink.ts';
import { recordAttrs, statAttrs, type RecordAttrOptions } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { Evsel } from '../../src/perf-events/evsel.ts';
import { branch, call, fault, func, loop, ops, program, syscall, type Program } from '../../src/workload/build.ts';

const MS = 1_000_000;

/** A recording in memory. */
class Memory implements Sink {
  readonly path = 'memory';
  readonly isPipe = false;
  bytes = Buffer.alloc(0);
  aborted = false;
  write(bytes: Uint8Array): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
  }
  patch(bytes: Uint8Array, offset: number): void {
    this.bytes.set(bytes, offset);
  }
  commit(): void {}
  abort(): void {
    this.aborted = true;
  }
}

/** Some 5 ms: chance in branches and misses, the kernel now and then. */
const workload = (rounds = 300): Program =>
  program({
    name: 'mixed',
    about: 'a test',
    misses: { some: { l1: 0.05, l2: 0.3, llc: 0.3 } },
    functions: [
      func('main', [loop(rounds, [call('hot'), fault('write'), syscall('brk')])]),
      func('hot', [
        loop(5000, [ops(20, 'alu'), branch(0.3, [ops(3, 'load', { misses: 'some' })], [], { mispredict: 0.1 })]),
      ]),
    ],
  });

interface Options extends RecordAttrOptions {
  readonly seed?: string;
  readonly vpmu?: string;
  readonly sets?: readonly string[];
  readonly program?: Program;
  readonly breathe?: Breathe;
  readonly mmapPages?: number;
}
const specOf = (o: Options): MachineSpec =>
  machineSpec('broadwell-ep', o.vpmu ?? 'host', o.seed ?? 'test', ['host.cpus=4', 'guest.cpus=1', ...(o.sets ?? [])]);

async function record(events: string, o: Options = {}): Promise<Recorded & { bytes: Buffer; spec: MachineSpec }> {
  const spec = specOf(o);
  const sink = new Memory();
  const { program: what, breathe, mmapPages } = o;
  const request: RecordRequest = {
    spec,
    workload: prepareWorkload(what ?? workload(), spec, {}),
    evlist: recordAttrs(parseEventList([events], 'record'), o),
    cmdline: ['gperf', 'record'],
    sink,
    cacheDir: undefined,
    noCache: true,
    ...(breathe === undefined ? {} : { breathe }),
    ...(mmapPages === undefined ? {} : { mmapPages }),
  };
  return { ...(await recordWorkload(request)), bytes: sink.bytes, spec };
}

async function count(events: string, o: Options & { repeat?: number } = {}): Promise<CountedWorkload> {
  const spec = specOf(o);
  return countWorkload({
    spec,
    workload: prepareWorkload(o.program ?? workload(), spec, {}),
    evlist: statAttrs(parseEventList([events], 'stat')),
    repeat: o.repeat ?? 1,
    ...(o.breathe === undefined ? {} : { breathe: o.breathe }),
  });
}

describe('experiment/run', () => {
  describe('determinism', () => {
    for (const vpmu of ['host', 'legacy', 'v2', 'none'])
      it(`the same spec makes the same file under ${vpmu}`, async () => {
        const o = { vpmu, program: workload(60) };
        const events = vpmu === 'none' ? 'cpu-clock' : 'cycles';
        const [a, b] = [await record(events, o), await record(events, o)];
        expect(a.samples).to.be.greaterThan(3);
        expect(a.bytes.equals(b.bytes)).to.equal(true);
        const { bytes: _, written: __, ...said } = a;
        expect(b).to.deep.include(said);
      });

    it('another seed makes another', async () => {
      const [a, b] = [await record('cycles'), await record('cycles', { seed: 'other' })];
      expect(a.bytes.equals(b.bytes)).to.equal(false);
      const [c, d] = [await count('instructions:u'), await count('instructions:u', { seed: 'other' })];
      expect(c.runs[0]!.counts[0]!.val).to.not.equal(d.runs[0]!.counts[0]!.val);
    });

    it('watching it run changes nothing', async () => {
      const breaths: number[] = [];
      const breathe: Breathe = (now, share) => {
        // Breaths without a share belong to the warm-up, whose time starts at zero.
        if (share !== undefined) breaths.push(now);
        return Promise.resolve(true);
      };
      // Long enough for several breaths.
      const longer = { program: workload(2000) };
      const [alone, watched] = [await record('cycles:u', longer), await record('cycles:u', { ...longer, breathe })];
      expect(watched.bytes.equals(alone.bytes)).to.equal(true);
      expect(breaths.length).to.be.greaterThan(0);
      expect(breaths).to.deep.equal(breaths.toSorted((a, b) => a - b));
    });

    it('run 0 of a repetition is the single run; the others differ from it and each other', async () => {
      const single = await count('instructions:u,cycles:u');
      const { runs } = await count('instructions:u,cycles:u', { repeat: 3 });
      expect(runs).to.have.length(3);
      expect(runs[0]).to.deep.equal(single.runs[0]);
      expect(new Set(runs.map((r) => r.counts[0]!.val)).size).to.equal(3);
    });
  });

  it('every design observes one execution: instructions:u are the same, and the truth', async () => {
    const o = { program: workload(40) };
    const vals: number[] = [];
    for (const vpmu of ['host', 'legacy', 'v2']) {
      // A guest has another libc, but this program uses none.
      const { runs } = await count('instructions:u', { ...o, vpmu });
      vals.push(runs[0]!.counts[0]!.val);
    }
    const spec = specOf(o);
    const evlist: readonly Evsel[] = statAttrs(parseEventList(['instructions:u'], 'stat'));
    const [truth] = groundTruth(spec, prepareWorkload(o.program, spec, {}), evlist);
    const exact = [...truth!.weights.values()].reduce((a, b) => a + b);
    expect(vals).to.deep.equal([exact, exact, exact]);
  });

  describe('what the spec says', () => {
    it('host.hz: frequency feedback and throttling go by it', async () => {
      const sets = ['host.max_sample_rate=4000', 'host.cpu_time_max_percent=0'];
      const o = { program: workload(3000), period: 50_000 };
      const [slow, fast] = [
        await record('cycles:u', { ...o, sets }),
        await record('cycles:u', { ...o, sets: [...sets, 'host.hz=1000'] }),
      ];
      // 16 and 4 samples a tick, the same rate: throttled once a tick.
      expect(fast.samples / slow.samples).to.be.within(0.9, 1.1);
      expect(fast.throttled / slow.throttled).to.be.within(3.5, 4.5);
      expect(slow.throttled).to.be.closeTo(slow.elapsed / (4 * MS), 2);
    });

    it('host.fresh: the average PMI starts from nothing, or from where earlier runs left it', async () => {
      const o = { freq: 20_000 };
      const [cold, warm] = [await record('cycles:u', { ...o, sets: ['host.fresh=on'] }), await record('cycles:u', o)];
      expect(warm.averagePmi).to.be.greaterThan(500);
      // A hundred PMIs and a half do not fill a mean over 128.
      expect(cold.averagePmi).to.be.lessThan(0.8 * warm.averagePmi);
    });

    it('host.watchdog: cycles are counted on another counter, and the log says why', async () => {
      const { report } = await count('cycles', { sets: ['host.watchdog=on'] });
      expect(report.kernelLog.map((l) => l.text)).to.deep.equal([
        'NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.',
      ]);
    });

    it('pmu.gp: fewer counters, and events take turns', async () => {
      const { runs } = await count('branches,branch-misses', { sets: ['pmu.gp=1'], program: workload(2000) });
      for (const { ena, run } of runs[0]!.counts) expect((100 * run) / ena).to.be.within(40, 60);
    });
  });

  describe('recording', () => {
    it('at a fixed period takes one sample a period', async () => {
      const sets = ['core.cold=off'];
      const { runs } = await count('cycles:u', { sets });
      const cycles = runs[0]!.counts[0]!.val;
      const { samples } = await record('cycles:u', { period: 100_000, sets });
      // The next period excludes what passes between overflow and interrupt; each interrupt's return adds 200 cycles.
      expect(samples).to.be.within(Math.floor(cycles / 100_120), (cycles + 200 * samples) / 100_000);
    });

    it('at a frequency takes as many a second as asked', async () => {
      const { samples, elapsed, lost } = await record('cycles:u', { program: workload(3000), freq: 10_000 });
      expect(samples / (elapsed / 1e9)).to.be.within(9500, 10_300);
      expect(lost).to.equal(0);
    });

    it('of several events gives each its samples', async () => {
      const o = { program: workload(6000) };
      const both = await record('cycles:u,instructions:u', o);
      const one = await record('cycles:u', o);
      expect(both.samples / one.samples).to.be.within(1.9, 2.1);
    });

    it('keeps what was gathered when the caller ends it', async () => {
      let breaths = 0;
      const breathe: Breathe = (_, share) => Promise.resolve(share === undefined || ++breaths < 3);
      const { interrupted, status, samples, sampleTime, bytes } = await record('cycles:u', {
        program: workload(1e6),
        breathe,
      });
      expect({ interrupted, status }).to.deep.equal({ interrupted: true, status: 130 });
      expect(samples).to.be.within(150, 260);
      expect(sampleTime![1] / MS).to.be.within(50, 61);
      expect(bytes.length).to.be.greaterThan(40 * samples);
    });

    it('holds next to nothing when it is ended while the machine warms up', async () => {
      const shares: (number | undefined)[] = [];
      const breathe: Breathe = (_, share) => {
        shares.push(share);
        return Promise.resolve(false);
      };
      const { interrupted, status, samples } = await record('cycles:u', { program: workload(1e6), breathe });
      expect({ interrupted, status }).to.deep.equal({ interrupted: true, status: 130 });
      expect(shares[0]).to.equal(undefined);
      expect(samples).to.be.lessThan(100);
    });

    it('leaves no file if an event cannot be opened', async () => {
      const spec = specOf({});
      const sink = new Memory();
      const evlist = recordAttrs(parseEventList(['stalled-cycles-frontend'], 'record'), {});
      const request = { spec, workload: prepareWorkload(workload(1), spec, {}), evlist, cmdline: [], sink };
      const failed = await recordWorkload({ ...request, cacheDir: undefined, noCache: true }).catch((e: unknown) => e);
      expect(String(failed)).to.contain('stalled-cycles-frontend');
      expect(sink.aborted).to.equal(true);
    });
  });
});
