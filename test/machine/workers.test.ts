/** CPUs of one boot that several threads of Node simulate: the same in every respect, whoever has which. */
import { expect } from 'chai';
import { act, join, lock, repeat, spawn, syscall, unlock, work } from '../kernel/scripts.ts';
import { US } from './smp.ts';
import { recordOn, statOn, type Scripts } from './workers.ts';

const MS = 1000 * US;
const sleep = (ns: number) => syscall('nanosleep', { ns });
const fork = (entry: string) => act({ op: 'fork', entry });
const wait = act({ op: 'wait' });
const semaphore = (op: 'post' | 'take', name: string) => act({ op, object: { kind: 'semaphore', name, value: 0 } });
const pipe = (op: 'read' | 'write', bytes: number) =>
  act({ op, object: { kind: 'pipe', name: 'p', capacity: 4096 }, bytes });

const worker = repeat(4, work(MS), lock(), work(20_000), unlock());
const PROGRAMS: Readonly<Record<string, Scripts>> = {
  'threads that compute': { main: [...repeat(5, spawn('worker')), work(MS), join], worker: [work(3 * MS)] },
  'threads that lock': { main: [...repeat(3, spawn('worker')), work(MS), join], worker },
  'threads that pass words on': {
    main: [
      spawn('pong'),
      spawn('reader'),
      ...repeat(40, work(3000), semaphore('post', 'a'), semaphore('take', 'b'), pipe('write', 1000)),
      join,
    ],
    pong: repeat(40, semaphore('take', 'a'), work(3000), semaphore('post', 'b')),
    reader: repeat(40, pipe('read', 1000)),
  },
  processes: {
    main: [...repeat(3, fork('child')), work(MS), wait],
    child: [spawn('leaf'), work(100_000), sleep(300_000), join],
    leaf: [work(MS), sleep(100_000), work(MS)],
  },
  'a process that ends its threads': { main: [...repeat(3, spawn('long')), work(3 * MS)], long: [work(60 * MS)] },
};

describe('CPUs on several threads', () => {
  for (const [what, scripts] of Object.entries(PROGRAMS))
    it(`${what}: perf stat`, () => {
      const one = statOn(scripts, 1);
      expect(one.status).to.be.a('number');
      for (const workers of [2, 3]) expect(statOn(scripts, workers), `${workers}`).to.deep.equal(one);
      expect(statOn(scripts, 4, 250 * US)).to.deep.equal(one);
    });

  for (const [what, scripts] of Object.entries(PROGRAMS))
    for (const systemWide of [false, true])
      it(`${what}: perf record${systemWide ? ' -a' : ''}`, () => {
        const one = recordOn(scripts, 1, Infinity, systemWide);
        expect(one.status).to.be.a('number');
        expect(one.records.length).to.be.greaterThan(50);
        // Windows and numbers of threads are tried on random programs (test/long).
        expect(recordOn(scripts, systemWide ? 3 : 2, Infinity, systemWide)).to.deep.equal(one);
      });

  it('perf stat -I', () => {
    const scripts = PROGRAMS['processes']!;
    const one = statOn(scripts, 1, Infinity, 500_000);
    expect(one.readings!.length).to.be.greaterThan(4);
    for (const workers of [2, 3]) expect(statOn(scripts, workers, Infinity, 500_000)).to.deep.equal(one);
  });
});
