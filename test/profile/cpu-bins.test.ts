/** Lanes of CPUs in bounded memory: nothing is lost when bins are merged. */
import { expect } from 'chai';
import { CpuBins } from '../../src/profile/cpu-bins.ts';
import { nanos } from '../../src/units.ts';

const MS = 1_000_000;

describe('cpu-bins', () => {
  it('spreads what ran over the bins it lies in', () => {
    const bins = new CpuBins(nanos(4 * MS));
    bins.ran(1, 'a', nanos(9 * MS), nanos(17 * MS));
    bins.ran(1, 'b', nanos(17 * MS), nanos(18 * MS));
    bins.ran(0, 'a', nanos(18 * MS), nanos(19 * MS));
    const { start, end, width, threads, cpus } = bins.taken()!;
    expect([start, end, width]).to.deep.equal([8 * MS, 19 * MS, 4 * MS]);
    expect(threads).to.deep.equal(['a', 'b']);
    expect(cpus.map(({ cpu }) => cpu)).to.deep.equal([0, 1]);
    expect(cpus[1]!.bins.map((bin) => bin.threads)).to.deep.equal([
      [[0, 3 * MS]],
      [[0, 4 * MS]],
      [
        [0, MS],
        [1, MS],
      ],
    ]);
    expect(cpus[0]!.bins.map((bin) => bin.threads)).to.deep.equal([[], [], [[0, MS]]]);
  });

  it('counts samples, and stops where they began', () => {
    const bins = new CpuBins(nanos(MS));
    bins.sampled(0, 'a', nanos(0));
    bins.stop(0, 7, nanos(0.25 * MS));
    bins.stop(1, 8, nanos(0.5 * MS));
    bins.start(0, 7, nanos(1.5 * MS));
    bins.start(0, 9, nanos(2 * MS));
    bins.sampled(0, 'b', nanos(1.75 * MS));
    const { cpus } = bins.taken()!;
    expect(cpus).to.have.length(1);
    expect(cpus[0]!.bins).to.deep.equal([
      { threads: [[0, 1]], samples: 1, stopped: 0.75 * MS },
      { threads: [[1, 1]], samples: 1, stopped: 0.5 * MS },
    ]);
  });

  it('ends a stop after two ticks: then its thread sleeps', () => {
    const bins = new CpuBins(nanos(MS));
    bins.sampled(0, 'a', nanos(0));
    bins.stop(0, 7, nanos(0.5 * MS));
    bins.start(0, 7, nanos(90 * MS));
    bins.sampled(0, 'a', nanos(90 * MS));
    const stopped = bins.taken()!.cpus[0]!.bins.map((bin) => bin.stopped);
    expect(stopped.slice(0, 4)).to.deep.equal([0.5 * MS, MS, 0.5 * MS, 0]);
    expect(bins.meanStopped).to.equal(2 * MS);
  });

  it('counts a time once in which several events of a CPU were stopped', () => {
    const bins = new CpuBins(nanos(4 * MS));
    bins.stop(1, 7, nanos(0));
    bins.stop(1, 8, nanos(MS));
    bins.start(0, 8, nanos(2 * MS));
    bins.start(0, 7, nanos(3 * MS));
    bins.sampled(0, 'a', nanos(3 * MS));
    expect(bins.taken()!.cpus[1]!.bins).to.deep.equal([{ threads: [], samples: 0, stopped: 3 * MS }]);
    expect(bins.meanStopped).to.equal(1.5 * MS);
  });

  it('merges bins without losing anything', () => {
    const bins = new CpuBins(undefined);
    const ms = 5000;
    for (let i = 0; i < ms; i++) {
      bins.ran(i % 3, `thread ${i % 5}`, nanos(i * MS), nanos((i + 1) * MS));
      bins.sampled(i % 3, 'sampled', nanos((i + 0.5) * MS));
    }
    const { threads, cpus, width, end } = bins.taken()!;
    expect(end).to.equal(ms * MS);
    const all = cpus.flatMap((lane) => lane.bins);
    for (const { bins: some } of cpus) expect(some.length * width).to.be.within(ms * MS - 2 * width, ms * MS + width);
    expect(all.length).to.be.at.most(3 * 256);
    expect(all.reduce((sum, { samples }) => sum + samples, 0)).to.equal(ms);
    const sum = (name: string): number =>
      all.flatMap((bin) => bin.threads).reduce((n, [i, ns]) => (threads[i] === name ? n + ns : n), 0);
    for (let t = 0; t < 5; t++) expect(sum(`thread ${t}`)).to.be.closeTo((ms * MS) / 5, 1);
  });

  it('has nothing to show of nothing', () => {
    expect(new CpuBins(undefined).taken()).to.equal(undefined);
  });
});
