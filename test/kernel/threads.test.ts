/** Threads and processes: how they begin, wait for each other, and end. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { ExecutionCursor } from '../../src/arch/cpu.ts';
import { COLUMN, CYCLES, eventVector } from '../../src/arch/events.ts';
import { Core } from '../../src/hw/core.ts';
import { KERNEL_SYMBOLS, FN, type KernelFunction } from '../../src/kernel/symbols.ts';
import { exitStatus, hasEnded, type Task } from '../../src/kernel/task.ts';
import { PERF_CONTEXT, PERF_RECORD, PERF_SAMPLE } from '../../src/uapi/perf-event.ts';
import { Bench, MS } from './machine.ts';
import { Threads, act, join, lock, repeat, spawn, syscall, unlock, work } from './scripts.ts';

/** Cycles of a millisecond. */
const M = 2.8e6;
const barrier = act({ op: 'arrive', object: { kind: 'barrier', name: 'b', count: 3 } });
const semaphore = { kind: 'semaphore', name: 's', value: 1 } as const;
const pipe = (op: 'read' | 'write', name: string, bytes: number) =>
  act({ op, object: { kind: 'pipe', name, capacity: 65536 }, bytes });
const sleep = syscall('nanosleep', { ns: 5 * MS });

class Run {
  readonly bench: Bench;
  readonly first: Task;
  readonly program: Threads;

  constructor(scripts: ConstructorParameters<typeof Threads>[0], bench = new Bench()) {
    this.bench = bench;
    this.program = new Threads(scripts);
    this.first = this.bench.exec(this.program);
  }

  pass(ms: number): this {
    this.bench.pass(ms * MS);
    return this;
  }

  /** How often the kernel went through a function. */
  passes(fn: KernelFunction): number {
    return this.bench.core.passes[FN[fn]]!;
  }

  /** Threads that live, by what they wait for. */
  get waiting(): string[] {
    return this.bench.kernel.system.tasks.map(({ blocked_on }) => blocked_on?.op ?? '-');
  }

  get ended(): boolean {
    return [...this.program.started.values()].every(({ finished }) => finished);
  }
}

describe('kernel/threads', () => {
  describe('a mutex', () => {
    it('that nobody else wants does not enter the kernel', () => {
      const run = new Run({ main: repeat(100, lock(), work(1000), unlock()) }).pass(5);
      expect(run.ended).to.equal(true);
      expect([run.passes('do_futex'), run.passes('entry_SYSCALL_64')]).to.deep.equal([0, 1]);
    });

    it('that is held makes a thread wait until it is unlocked', () => {
      const run = new Run({
        main: [lock(), spawn('worker'), sleep, sleep, unlock(), join],
        worker: [lock(), work(M), unlock()],
      });
      run.pass(8);
      expect(run.waiting).to.deep.equal(['-', 'lock']);
      expect(run.passes('futex_wait')).to.equal(1);
      run.pass(10);
      expect(hasEnded(run.first)).to.equal(true);
      // Unlock; the unlock of the one that has waited; the end of a thread.
      expect(run.passes('futex_wake')).to.equal(3);
    });

    it('lets one thread in at a time, whoever takes the CPU meanwhile', () => {
      const loop = repeat(20, lock(), work(3 * M), unlock(), work(M / 2));
      const run = new Run({ main: [...repeat(4, spawn('worker')), join], worker: loop });
      const inside = new Set<Task>();
      for (let i = 0; i < 3000 && !hasEnded(run.first); i++) {
        run.pass(0.1);
        const waiting = run.bench.kernel.system.tasks.filter(({ blocked_on }) => blocked_on?.op === 'lock');
        if (waiting.length === 4) inside.add(run.bench.kernel.current);
      }
      expect(hasEnded(run.first)).to.equal(true);
      expect(inside.size).to.equal(0);
      expect(run.first.signal.ended.sum_exec_runtime / M).to.be.within(4 * 20 * 3.5, 4 * 20 * 3.6);
    });
  });

  it('a barrier holds threads until the last one comes, and again the next time', () => {
    const run = new Run({
      main: [spawn('worker'), spawn('worker'), sleep, barrier, sleep, barrier, join],
      worker: [barrier, barrier],
    });
    run.pass(4);
    expect(run.waiting).to.deep.equal(['-', 'arrive', 'arrive']);
    run.pass(3);
    expect(run.waiting).to.deep.equal(['-', 'arrive', 'arrive']);
    expect(run.passes('futex_wait')).to.equal(4);
    run.pass(5);
    expect(hasEnded(run.first)).to.equal(true);
    expect(run.passes('futex_wait')).to.be.within(4, 5);
  });

  it('a semaphore lets in as many as it was posted, without the kernel if it need not wait', () => {
    const take = act({ op: 'take', object: semaphore });
    const post = act({ op: 'post', object: semaphore });
    const run = new Run({ main: [take, post, take, spawn('worker'), sleep, post, join], worker: [take, work(100)] });
    run.pass(3);
    expect(run.waiting).to.deep.equal(['-', 'take']);
    expect([run.passes('futex_wait'), run.passes('futex_wake')]).to.deep.equal([1, 0]);
    run.pass(5);
    expect(hasEnded(run.first)).to.equal(true);
  });

  describe('a pipe', () => {
    it('makes readers wait for the first byte, and gives them what there is', () => {
      const run = new Run({
        main: [spawn('reader'), sleep, pipe('write', 'p', 10), sleep, pipe('write', 'p', 90), join],
        reader: [pipe('read', 'p', 100), pipe('read', 'p', 100)],
      });
      run.pass(3);
      expect(run.waiting).to.deep.equal(['-', 'read']);
      run.pass(5);
      expect(run.waiting).to.deep.equal(['-', 'read']);
      run.pass(5);
      expect(hasEnded(run.first)).to.equal(true);
    });

    it('makes writers wait while it is full, until all is in', () => {
      const run = new Run({
        main: [
          act({ op: 'fork', entry: 'writer' }),
          sleep,
          ...repeat(5, pipe('read', 'p', 40_000)),
          act({ op: 'wait' }),
        ],
        writer: [pipe('write', 'p', 200_000)],
      });
      run.pass(4);
      expect(run.waiting).to.deep.equal(['-', 'write']);
      run.pass(5);
      expect(hasEnded(run.first)).to.equal(true);
      expect(run.passes('vfs_write')).to.equal(1);
    });

    it('passes a message to and fro with two switches, and each time at least one thread waits', () => {
      const run = new Run({
        main: [spawn('echo'), ...repeat(1000, pipe('write', 'there', 1), pipe('read', 'back', 1)), join],
        echo: repeat(1000, pipe('read', 'there', 1), pipe('write', 'back', 1)),
      }).pass(50);
      expect(hasEnded(run.first)).to.equal(true);
      expect(run.bench.kernel.switches).to.be.within(2000, 2010);
      expect(run.passes('pipe_wait')).to.be.within(1000, 2001);
    });
  });

  describe('a new thread', () => {
    it("shares its process's number and mappings, a forked process does not", () => {
      const run = new Run({
        main: [spawn('idle'), act({ op: 'fork', entry: 'idle' }), sleep],
        idle: [sleep, sleep],
      }).pass(3);
      const [main, thread, process] = run.bench.kernel.system.tasks;
      expect([thread!.tgid - main!.tgid, thread!.pid - main!.pid]).to.deep.equal([0, 1]);
      expect([process!.tgid - main!.tgid, process!.pid - main!.pid]).to.deep.equal([2, 2]);
      expect(thread!.mm).to.equal(main!.mm);
      expect(process!.mm.mmap).to.deep.equal(main!.mm.mmap);
      expect([...run.program.started.keys()]).to.deep.equal(['', '/clone=0', '/clone=1']);
      expect([thread, process].map((task) => task!.comm)).to.deep.equal(['threads', 'threads']);
    });

    it('begins a slice after the one that made it', () => {
      const run = new Run({ main: [spawn('worker'), work(100 * M)], worker: [work(M)] });
      const started = (): boolean => cyclesOf(run.program.started.get('/clone=0')) > 0;
      let ms = 0;
      for (; !started() && ms < 100; ms++) run.pass(1);
      // Half of the latency of 24 ms is the slice of each of two; the tick of 4 ms decides.
      expect(ms).to.be.within(12, 20);
    });
  });

  describe('the end', () => {
    it('of the first thread by exit(2) leaves the others, and the process ends with the last', () => {
      const run = new Run({ main: [spawn('worker'), act({ op: 'exit' })], worker: [sleep, work(M)] });
      run.pass(3);
      expect([run.first.state, hasEnded(run.first)]).to.deep.equal(['dead', false]);
      run.pass(5);
      expect([hasEnded(run.first), exitStatus(run.first)]).to.deep.equal([true, 0]);
      expect(run.passes('unmap_page_range')).to.equal(1);
    });

    it('of main, or exit_group by any thread, ends them all, asleep or not', () => {
      const busy = { sleeper: [act({ op: 'take', object: { ...semaphore, value: 0 } })], spinner: [work(1e12)] };
      const main = [spawn('sleeper'), spawn('spinner'), sleep];
      for (const [scripts, status] of [
        [{ main, ...busy }, 0],
        [{ main: [...main, syscall('exit_group', { status: 4 }), work(M)], ...busy }, 4],
        [
          {
            main: [spawn('killer'), ...main, ...repeat(8, sleep)],
            killer: [syscall('exit_group', { status: 5 })],
            ...busy,
          },
          5,
        ],
      ] as const) {
        const run = new Run(scripts).pass(60);
        expect(run.bench.kernel.system.tasks).to.deep.equal([]);
        expect(exitStatus(run.first)).to.equal(status);
        expect(run.bench.kernel.dead).to.equal(true);
      }
    });

    it('of all threads at a signal', () => {
      const run = new Run({ main: [spawn('spinner'), join], spinner: [work(1e12)] }).pass(3);
      run.bench.kernel.kill(run.first, 15);
      run.pass(30);
      expect([hasEnded(run.first), exitStatus(run.first)]).to.deep.equal([true, 143]);
    });

    it('of children is waited for, and their time is counted', () => {
      const run = new Run({
        main: [...repeat(3, act({ op: 'fork', entry: 'child' })), act({ op: 'wait' }), work(M)],
        child: [spawn('grandchild'), sleep, join],
        grandchild: [work(2 * M)],
      }).pass(40);
      expect(run.ended).to.equal(true);
      expect(run.first.signal.forked.size).to.equal(0);
      expect(run.first.signal.children.sum_exec_runtime / M).to.be.within(6, 7);
    });
  });

  it('a thread that sleeps in a system call shows its frames when it is switched out and in', () => {
    const seen: string[] = [];
    class Watched extends Core {
      override spend(fn: number, times?: number): void {
        super.spend(fn, times);
        if (fn !== FN.__switch_to && fn !== FN.finish_task_switch) return;
        const frames = this.ring0Regs();
        seen.push([frames.ip, ...frames.kernelFrames].map(nameAt).join('<'));
      }
    }
    new Run(
      { main: [lock(), spawn('worker'), sleep, unlock(), join], worker: [lock(), unlock()] },
      new Bench({}, {}, Watched),
    ).pass(20);
    const waits = '__schedule<futex_wait_queue_me<futex_wait<do_futex<do_syscall_64<entry_SYSCALL_64';
    expect(seen.filter((stack) => stack === waits)).to.have.length.within(3, 4);
    expect(new Set(seen)).to.deep.equal(new Set(['__schedule', waits]));
  });

  it('random programs come to their end, and are counted to the last instruction', () => {
    const mutexes = ['a', 'b', 'c'];
    const sem = { kind: 'semaphore', name: 's', value: 0 } as const;
    // What a thread can do alone; semaphores and pipes are filled by main as often as they are emptied.
    const item = fc.oneof(
      fc.integer({ min: 1, max: 20_000_000 }).map((cycles) => [work(cycles)]),
      fc.integer({ min: 1, max: 9_000_000 }).map((ns) => [syscall('nanosleep', { ns })]),
      // In one order, so that nobody waits for each other.
      fc.tuple(fc.subarray(mutexes, { minLength: 1 }), fc.integer({ min: 1, max: 20_000_000 })).map(([names, cycles]) =>
        names
          .map((name) => lock(name))
          .concat(
            work(cycles),
            names.toReversed().map((name) => unlock(name)),
          ),
      ),
      fc.constant([act({ op: 'take', object: sem })]),
      fc.integer({ min: 1, max: 100 }).map((bytes) => [pipe('write', 'p', bytes)]),
    );
    const script = fc.array(item, { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(script, { minLength: 1, maxLength: 6 }), (scripts) => {
        const all = scripts.flat(2).flatMap(({ trap }) => (trap?.kind === 'sync' ? [trap] : []));
        const takes = all.filter(({ op }) => op === 'take').length;
        const bytes = all.reduce((sum, trap) => sum + (trap.op === 'write' ? trap.bytes : 0), 0);
        const run = new Run({
          main: [
            ...scripts.map((_, i) => spawn(`t${i}`)),
            ...repeat(takes, act({ op: 'post', object: sem })),
            // As many bytes as there will be: a read takes what there is.
            ...repeat(bytes, pipe('read', 'p', 1)),
            join,
          ],
          ...Object.fromEntries(scripts.map((steps, i) => [`t${i}`, steps.flat()])),
        });
        const [event] = run.bench.open('instructions:u', run.first, { attr: { inherit: true } });
        for (let i = 0; i < 1000 && !hasEnded(run.first); i++) run.pass(20);
        expect(hasEnded(run.first)).to.equal(true);
        expect(run.ended).to.equal(true);
        expect(run.bench.sys.read(event!).val).to.equal(run.program.total(COLUMN.instructions));
        expect(run.first.signal.ended.sum_exec_runtime).to.be.at.least(
          run.program.total(CYCLES) - cyclesOf(run.program.started.get('')),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('a sample of its switches says in which call it waits', () => {
    const run = new Run({ main: [lock(), spawn('worker'), sleep, unlock(), join], worker: [lock(), unlock()] });
    const attr = { sample_period: 1, sample_type: PERF_SAMPLE.IP | PERF_SAMPLE.CALLCHAIN, inherit: true };
    const [event] = run.bench.open('context-switches', run.first, { attr });
    const rb = run.bench.sys.mmap(event!, 16);
    run.pass(20);
    const chains = rb.drain().records.flatMap((r) => (r.type === PERF_RECORD.SAMPLE ? [r.callchain!] : []));
    const waits = chains.map((chain) =>
      chain
        .slice(
          1,
          chain.findIndex((ip) => ip === PERF_CONTEXT.USER),
        )
        .map((ip) => nameAt(Number(ip))),
    );
    const futex = ['__schedule', 'futex_wait_queue_me', 'futex_wait', 'do_futex', 'do_syscall_64', 'entry_SYSCALL_64'];
    expect(waits.filter((frames) => frames.length > 1)).to.deep.equal([futex, futex]);
  });

  describe('a program that cannot go on says why', () => {
    const failure = (scripts: ConstructorParameters<typeof Threads>[0]): string => {
      try {
        new Run(scripts).pass(100);
      } catch (error) {
        return (error as Error).message;
      }
      return 'no error';
    };
    const cases: [string, ConstructorParameters<typeof Threads>[0], string][] = [
      [
        'two mutexes in two orders',
        { main: [lock('a'), spawn('worker'), sleep, lock('b'), join], worker: [lock('b'), sleep, sleep, lock('a')] },
        'deadlock: main (tid 1000) waits for mutex b, held by worker (tid 1001); ' +
          'worker (tid 1001) waits for mutex a, held by main (tid 1000)',
      ],
      [
        'a mutex that is never unlocked',
        { main: [spawn('worker'), sleep, lock()], worker: [lock()] },
        'deadlock: main (tid 1000) waits for mutex m, held by tid 1001, which has ended',
      ],
      [
        'a mutex whose holder ends while another waits',
        { main: [spawn('worker'), sleep, lock()], worker: [lock(), sleep, sleep, sleep] },
        'deadlock: main (tid 1000) waits for mutex m, held by tid 1001, which has ended',
      ],
      [
        'a reader whose writer ends',
        {
          main: [act({ op: 'fork', entry: 'reader' }), act({ op: 'fork', entry: 'writer' }), act({ op: 'wait' })],
          reader: repeat(2, pipe('read', 'q', 1)),
          writer: [sleep, pipe('write', 'q', 1), sleep],
        },
        'deadlock: main (tid 1000) waits for reader (tid 1001) to end; ' +
          'reader (tid 1001) waits for pipe q, which is empty and which nobody will write',
      ],
      [
        'its own mutex',
        { main: [lock(), lock()] },
        'deadlock: main (tid 1000) waits for mutex m, held by main (tid 1000)',
      ],
      [
        'a pipe that nobody writes',
        { main: [act({ op: 'fork', entry: 'reader' }), act({ op: 'wait' })], reader: [pipe('read', 'q', 1)] },
        'deadlock: main (tid 1000) waits for reader (tid 1001) to end; ' +
          'reader (tid 1001) waits for pipe q, which is empty and which nobody will write',
      ],
      [
        'a barrier that too few reach',
        { main: [spawn('worker'), join], worker: [barrier] },
        'deadlock: main (tid 1000) waits for worker (tid 1001) to end; ' +
          'worker (tid 1001) waits for barrier b, where 1 of 3 have arrived',
      ],
      ['the unlock of a free mutex', { main: [unlock()] }, 'main (tid 1000) unlocks mutex m, which is held by nobody'],
      [
        "the unlock of another's mutex",
        { main: [lock(), spawn('worker'), join], worker: [unlock()] },
        'worker (tid 1001) unlocks mutex m, which is held by main (tid 1000)',
      ],
    ];
    for (const [what, scripts, sentence] of cases) it(what, () => expect(failure(scripts)).to.equal(sentence));
  });
});

const cyclesOf = (cursor: ExecutionCursor | undefined): number => cursor?.totals(eventVector())[CYCLES] ?? 0;
const nameAt = (at: number): string => KERNEL_SYMBOLS.find((s) => at >= s.address && at < s.address + s.size)!.name;
