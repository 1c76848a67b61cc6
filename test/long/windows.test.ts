/** Windows over toy cores: what happens, and in which order, depends neither on the windows nor on who runs the cores. */
import { expect } from 'chai';
import fc from 'fast-check';
import { PromiseBroken, Windows, type ActEffect, type SentPost, type Standing } from '../../src/sim/windows.ts';
import { cycles, type Cycles } from '../../src/units.ts';

const LATENCY = cycles(100);
const GRID = cycles(5000);
const NEVER = cycles(Infinity);
/** Cycles that a toy takes to send a post, and to serve one. */
const SENDING = 3;
const SERVING = 7;

type Op =
  | { readonly work: number }
  /** To the core that lies so many further on. */
  | { readonly post: number }
  /** Adds to the list that all share; waits until somebody signals; signals the one who has waited longest. */
  | { readonly act: 'add' | 'wait' | 'signal' }
  /** How far the others were at the last grid line. */
  | { readonly look: true };

interface ToyPost extends SentPost {
  readonly wakes: boolean;
}

interface Mail {
  readonly at: number;
  readonly from: number;
  readonly wakes: boolean;
}

/** What every worker has its own copy of. */
class Replica {
  readonly done: string[] = [];
  readonly #waiting: number[] = [];

  apply(what: string, core: number, at: number): { sleeps: boolean; woken: number | undefined } {
    this.done.push(`${at} ${core} ${what}`);
    if (what === 'wait') this.#waiting.push(core);
    return { sleeps: what === 'wait', woken: what === 'signal' ? this.#waiting.shift() : undefined };
  }
}

/** A core with one task, which works, acts, posts and looks. */
class Toy {
  now = 0;
  act: string | undefined;
  asleep = false;
  /** Whom its act has woken, and not yet told. */
  #woken: number | undefined;
  others = 0;
  readonly log: string[] = [];
  readonly posts: ToyPost[] = [];
  readonly mail: Mail[] = [];
  pc = 0;
  readonly #number: number;
  readonly #of: number;
  readonly #ops: readonly Op[];
  readonly #lies: number;
  #worked = 0;

  /** `lies`: cycles by which it says more than is true. */
  constructor(number: number, of: number, ops: readonly Op[], lies = 0) {
    this.#number = number;
    this.#of = of;
    this.#ops = ops;
    this.#lies = lies;
  }

  receive(mail: Mail): void {
    this.mail.push(mail);
    this.mail.sort((a, b) => a.at - b.at || a.from - b.from);
  }

  run(until: number): void {
    while (this.now < until && this.act === undefined) {
      const first = this.mail[0];
      if (first !== undefined && first.at <= this.now) this.#serve(this.mail.shift()!);
      else this.#step(Math.min(until, first?.at ?? Infinity));
    }
  }

  #serve({ at, from, wakes }: Mail): void {
    this.log.push(`${this.now} mail of ${from}, ${at}`);
    if (wakes) this.asleep = false;
    this.now += SERVING;
  }

  #step(until: number): void {
    const op = this.asleep ? undefined : this.#ops[this.pc];
    if (this.#woken !== undefined) this.#post(this.#woken, true);
    else if (op === undefined) this.now = until;
    else if ('work' in op) {
      const step = Math.min(until - this.now, op.work - this.#worked);
      this.now += step;
      this.#worked += step;
      if (this.#worked === op.work) this.#next();
    } else if ('act' in op) this.act = op.act;
    else if ('post' in op) {
      this.#post((this.#number + op.post) % this.#of, false);
      this.#next();
    } else {
      this.log.push(`${this.now} others ${this.others}`);
      this.#next();
    }
  }

  #post(to: number, wakes: boolean): void {
    this.now += SENDING;
    this.posts.push({ to, sent: cycles(this.now), wakes });
    this.#woken = undefined;
  }

  #next(): void {
    this.pc++;
    this.#worked = 0;
  }

  /** Its act has been applied. */
  goOn(sleeps: boolean, woken: number | undefined): void {
    this.act = undefined;
    this.asleep = sleeps;
    this.#woken = woken;
    this.#next();
  }

  /** Work until it next acts or posts, after `pc`. */
  #work(pc: number): Cycles {
    let work = -this.#worked;
    for (let i = pc; i < this.#ops.length; i++) {
      const op = this.#ops[i]!;
      if ('work' in op) work += op.work;
      else if (!('look' in op)) return cycles(work + this.#lies);
    }
    return NEVER;
  }

  /** Until when it is at the same operation. */
  #steady(now: Cycles, served: Cycles): Cycles {
    const op = this.#ops[this.pc];
    if (this.asleep) return served;
    if (op === undefined) return NEVER;
    return 'work' in op ? cycles(now + op.work - this.#worked) : now;
  }

  standing(): Standing<string> {
    const now = cycles(this.now);
    const served = cycles(Math.max(now, this.mail[0]?.at ?? Infinity));
    const promise = this.#woken !== undefined ? now : this.asleep ? served : cycles(now + this.#work(this.pc));
    if (this.act === undefined) return { now, promise, steady: this.#steady(now, served) };
    const after = this.#work(this.pc + 1);
    return { now, promise: now, act: { what: this.act, after, others: NEVER } };
  }
}

interface Setup {
  readonly longest: number;
  readonly workers: number;
  readonly lies?: number;
  readonly lines?: number;
}

/** Runs the programs for a while, and says what happened. */
function simulate(programs: readonly (readonly Op[])[], { longest, workers, lies = 0, lines }: Setup) {
  const toys = programs.map((ops, i) => new Toy(i, programs.length, ops, lies));
  const parties = Array.from({ length: workers }, (_, w) => ({
    windows: new Windows({ latency: LATENCY, grid: GRID, longest: cycles(longest), lines }),
    replica: new Replica(),
    mine: (core: number) => core % workers === w,
  }));
  let windows = 0;
  while (parties[0]!.windows.end < 60_000) {
    windows++;
    const posts = toys.map((toy) => toy.posts.splice(0));
    const standings = toys.map((toy, i) => ({ ...toy.standing(), posts: posts[i]! }));
    const seen = toys.map(({ pc }) => pc);
    for (const { windows: mine, replica, mine: has } of parties) {
      posts.forEach((all, from) =>
        all
          .filter(({ to }) => has(to))
          .forEach(({ to, sent, wakes }) => toys[to]!.receive({ at: sent + LATENCY, from, wakes })),
      );
      mine.next(standings, {
        gridLine: () => {
          for (const [i, toy] of toys.entries()) if (has(i)) toy.others = seen.reduce((sum, pc) => sum + pc, -seen[i]!);
          return false;
        },
        apply: (what, core, at): ActEffect => {
          const { sleeps, woken } = replica.apply(what, core, at);
          if (has(core)) toys[core]!.goOn(sleeps, woken);
          return woken !== undefined ? 'posts' : sleeps ? 'sleeps' : 'works';
        },
      });
    }
    toys.forEach((toy, i) => toy.run(parties[i % workers]!.windows.end));
  }
  const replicas = parties.map(({ replica }) => replica.done);
  return { windows, replicas, logs: toys.map(({ log }) => log) };
}

const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ work: fc.integer({ min: 1, max: 4000 }) }),
  fc.record({ work: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ post: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ act: fc.constantFrom('add' as const, 'wait' as const, 'signal' as const) }),
  fc.constant({ look: true } as const),
);
const programs = fc.array(fc.array(op, { minLength: 5, maxLength: 25 }), { minLength: 2, maxLength: 4 });
const timeOf = (line: string): number => Number(line.split(' ')[0]);

describe('sim/windows', () => {
  it('the same happens in the same order for any longest window and any number of workers', () => {
    fc.assert(
      fc.property(
        programs,
        fc.constantFrom(37, 100, 1000, 20_000),
        fc.integer({ min: 1, max: 3 }),
        (ops, longest, workers) => {
          const expected = simulate(ops, { longest: Infinity, workers: 1, lines: 1 });
          const { replicas, logs } = simulate(ops, { longest, workers });
          expect(logs).to.deep.equal(expected.logs);
          for (const replica of replicas) expect(replica).to.deep.equal(expected.replicas[0]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('acts are in order of time, and at one time in order of the cores', () => {
    const both: readonly Op[] = [{ work: 500 }, { act: 'add' }, { work: 700 }, { act: 'add' }];
    const later: readonly Op[] = [{ work: 501 }, { act: 'add' }, { work: 699 }, { act: 'add' }];
    expect(simulate([later, both, both], { longest: Infinity, workers: 1 }).replicas).to.deep.equal([
      ['500 1 add', '500 2 add', '501 0 add', '1200 0 add', '1200 1 add', '1200 2 add'],
    ]);
    fc.assert(
      fc.property(programs, (ops) => {
        const times = simulate(ops, { longest: Infinity, workers: 1 }).replicas[0]!.map(timeOf);
        expect(times).to.deep.equal(times.toSorted((a, b) => a - b));
      }),
    );
  });

  it('a sleeper hears of its wake-up a latency after that was sent', () => {
    const { logs } = simulate(
      [
        [{ act: 'wait' }, { look: true }],
        [{ work: 777 }, { act: 'signal' }],
      ],
      { longest: Infinity, workers: 1 },
    );
    expect(logs[0]).to.deep.equal(['880 mail of 1, 880', '887 others 0']);
  });

  it('cores that only compute meet at grid lines', () => {
    const compute: readonly Op[] = [{ work: 1e6 }];
    // The first window finds out where they stand.
    expect(simulate([compute, compute], { longest: Infinity, workers: 1, lines: 1 }).windows).to.equal(60_000 / GRID);
  });

  it('grid lines are left out where nothing that others see will have changed by then', () => {
    const ends = (ops: readonly Op[]): number =>
      simulate([ops, [{ work: 1e6 }]], { longest: Infinity, workers: 1, lines: 4 }).windows;
    // All of the 60,000 cycles; and all but those until the first one has changed what is seen of it.
    expect([ends([{ work: 1e6 }]), ends([{ work: 31_000 }, { work: 1e6 }])]).to.deep.equal([4, 6]);
    const windows = new Windows({ latency: cycles(10), grid: cycles(1000), lines: 3 });
    const nothing = { gridLine: () => false, apply: () => 'works' as const };
    const lineAfter = (...cores: readonly Partial<Standing<string>>[]): number => {
      const { line } = windows;
      const standing = { now: line, promise: NEVER, steady: NEVER };
      windows.next(
        cores.map((core) => Object.assign({}, standing, core)),
        nothing,
      );
      return windows.line - line;
    };
    expect(lineAfter({}, {})).to.equal(3000);
    expect(lineAfter({}, { steady: cycles(windows.line + 2500) })).to.equal(2000);
    expect(lineAfter({}, { promise: cycles(windows.line + 1999) })).to.equal(1000);
    expect(lineAfter({}, { steady: undefined, promise: windows.line })).to.equal(1000);
    expect(lineAfter({}, { posts: [{ to: 1, sent: windows.line }] })).to.equal(1000);
  });

  it('views are as of the last grid line', () => {
    const looks: readonly Op[] = Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? { work: 1000 } : { look: true }));
    const { logs } = simulate([looks, [{ work: 7000 }, { work: 1000 }]], { longest: Infinity, workers: 1 });
    const seen = logs[0]!.map((line) => line.split(' ').at(-1));
    expect(seen.slice(0, 12).join(' ')).to.equal('0 0 0 0 0 0 0 0 0 2 2 2');
  });

  it('a core that acts earlier than it said is found out', () => {
    const ops: readonly Op[][] = [
      [{ work: 300 }, { act: 'add' }, { work: 300 }, { act: 'add' }],
      [{ work: 310 }, { post: 1 }, { work: 300 }, { post: 1 }],
    ];
    expect(() => simulate(ops, { longest: Infinity, workers: 1 })).not.to.throw();
    expect(() => simulate(ops, { longest: Infinity, workers: 1, lies: 250 })).to.throw(
      PromiseBroken,
      'promise broken: core 0 affects another at 300, but not before 550, it had said',
    );
  });

  it('a look at all cores waits until they have come as far', () => {
    const windows = new Windows({ latency: cycles(10), grid: cycles(1000) });
    const seen: string[] = [];
    const between = {
      gridLine: () => false,
      apply: (what: string) => {
        seen.push(what);
        return 'works' as const;
      },
    };
    const act = { what: 'look', after: cycles(100), others: NEVER, looks: true };
    const looking = { now: cycles(50), promise: cycles(50), act };
    windows.next([looking, { now: cycles(20), promise: NEVER }], between);
    expect([seen, windows.end]).to.deep.equal([[], 60]);
    windows.next([looking, { now: cycles(60), promise: NEVER }], between);
    expect([seen, windows.end]).to.deep.equal([['look'], 160]);
  });
});
