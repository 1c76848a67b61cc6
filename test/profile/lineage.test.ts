/** Names of threads by who made them. */
import { expect } from 'chai';
import { Lineage } from '../../src/profile/lineage.ts';
import { PERF_RECORD, type TaskRecord } from '../../src/uapi/perf-event.ts';
import { nanos } from '../../src/units.ts';

const fork = (ptid: number, tid: number, time = 1): TaskRecord => ({
  type: PERF_RECORD.FORK,
  misc: 0,
  pid: tid,
  tid,
  ppid: ptid,
  ptid,
  time: nanos(time),
});

describe('profile/lineage', () => {
  it('counts the clones of each thread, in whatever order they are made', () => {
    const names = (...forks: readonly TaskRecord[]): Record<number, string> => {
      const lineage = new Lineage();
      for (const record of forks) lineage.add(record);
      return Object.fromEntries([10, ...forks.map(({ tid }) => tid)].map((tid) => [tid, lineage.nameOf(tid)]));
    };
    expect(names(fork(10, 11), fork(11, 12), fork(10, 13), fork(11, 14), fork(14, 15))).to.deep.equal({
      10: 'main',
      11: 'clone 1',
      12: 'clone 1.1',
      13: 'clone 2',
      14: 'clone 1.2',
      15: 'clone 1.2.1',
    });
    expect(names(fork(10, 11), fork(10, 13), fork(11, 12))).to.deep.include({ 13: 'clone 2', 12: 'clone 1.1' });
  });

  it('asks no record that the tool made up, and none about an end', () => {
    const lineage = new Lineage();
    lineage.add(fork(10, 11, 0));
    lineage.add({ ...fork(10, 12), type: PERF_RECORD.EXIT });
    expect([11, 12].map((tid) => lineage.nameOf(tid))).to.deep.equal(['main', 'main']);
  });
});
