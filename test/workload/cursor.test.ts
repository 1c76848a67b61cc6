/** The engine against the oracle, stop by stop: totals, addresses, call chains, traps, truth, snapshots. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { COLUMN, EVENT_COLUMNS, eventVector, INSTRUCTIONS, NR_EVENTS } from '../../src/arch/events.ts';
import type { Address } from '../../src/units.ts';
import { occurrencesBefore } from './oracle/brute.ts';
import { checkEveryStop, checkRandomPrograms } from './oracle/witness.ts';
import { branch, call, func, loop, op, program } from '../../src/workload/build.ts';
import { BROADWELL_TIMING, compile } from './compiled.ts';
import { LOOP } from '../../src/workload/image.ts';
import { Instructions } from '../../src/workload/instructions.ts';
import type { Node } from '../../src/workload/program.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { compileEngine, engineModule, TABLE_FIELDS } from '../../src/workload/engine.ts';
import { Dice, randomProgram } from './programs.ts';

describe('cursor', () => {
  it('agrees with the oracle at every stop of a small ftest', async () => {
    const dice = new Dice(1);
    const ftest = await loadWorkload('ftest');
    const shrink = (body: readonly Node[], by: number): Node[] =>
      body.map((n): Node => {
        if (n.kind !== 'loop' || typeof n.times !== 'number') return n;
        return loop(Math.min(n.times, by), shrink(n.body, by), { mispredict: n.mispredict ?? 0 });
      });
    const image = compile({
      ...ftest,
      functions: ftest.functions.map((f) => func(f.name, shrink(f.body, f.name === 'main' ? 40 : 13), f)),
    });
    expect(checkEveryStop(image, 'ftest', dice, 2)).to.be.greaterThan(10_000);
  });

  it('agrees with the oracle at every stop of random programs', () => checkRandomPrograms(50_000));

  it('keeps the seed contract: the same program and seed execute the same for ever', () => {
    const image = compile(randomProgram(14));
    const cursor = image.start('golden');
    cursor.arm([0, INSTRUCTIONS]);
    const rows: string[] = [];
    for (let limit = 500; !cursor.finished && rows.length < 6; limit += 500) {
      cursor.advance(Float64Array.of(limit, Infinity));
      rows.push(`${cursor.counts.join()} ${(cursor.ip - image.dsos[0]!.base).toString(16)}`);
    }
    rows.push(cursor.totals(eventVector()).join());
    expect(rows).to.deep.equal(GOLDEN);
  });

  it('agrees with the oracle far inside loops that nobody can expand', () => {
    const MARK = COLUMN['iTLB-load-misses'];
    const body = [
      op('load', { misses: { l1: 0.01, l2: 0.1, tlb: 1e-6 } }),
      branch(0.5, [op('load', { misses: { l1: 0.003 } })], [branch(0.9, [op('mul')], [op('div')])], {
        mispredict: 0.3,
      }),
      loop(13, [op('store'), branch(0.25, [op('alu')], [], { mispredict: 0.02 })]),
      op('nop', { events: { 'iTLB-load-misses': 1 } }),
    ];
    const dice = new Dice(7);
    for (const n of [1e3, 123_457, 1e7, 1e9, 5e10]) {
      const image = compile(program({ name: 'far', about: 'a long loop', functions: [func('main', [loop(n, body)])] }));
      const { tables: t } = image;
      const far = t.kind.indexOf(LOOP, 1);
      const inside = t.children[t.child0[far]!]!;
      const main = t.children[t.child0[t.children[t.child0[0]!]!]!]!;
      const [first] = t.children.subarray(t.child0[main]);
      const cursor = image.start('far');
      cursor.arm([0, MARK]);
      let k = 0;
      for (let stop = 0; stop < 150 && k < n; stop++) {
        k = Math.min(n, k + 1 + Math.floor(dice.uniform() ** 6 * n * 0.2));
        expect(cursor.advance(Float64Array.of(Infinity, k))).to.equal(1);
        const totals = cursor.totals(eventVector());
        const counts = occurrencesBefore(image, 'far', far, k);
        for (let c = 0; c < NR_EVENTS; c++) {
          let sum = t.plain[first! * NR_EVENTS + c]! + k * t.plain[inside * NR_EVENTS + c]!;
          counts.forEach((x, i) => (sum += x * t.weight[(t.s0[far]! + i) * NR_EVENTS + c]!));
          // The marker is the last but one: the loop's own increment comes after it.
          const increment = new Instructions(BROADWELL_TIMING).retires('alu')[c]!;
          if (totals[c] !== sum - increment) throw new Error(`${EVENT_COLUMNS[c]} after ${k} of ${n}`);
        }
      }
    }
  });

  it('refuses limits that are met, programs that are over, and snapshots of others', () => {
    const image = compile(randomProgram(2));
    const cursor = image.start('a');
    cursor.arm([0, INSTRUCTIONS]);
    expect(cursor.advance(Float64Array.of(Infinity, 0))).to.equal(1);
    expect([cursor.counts[1], cursor.ip, cursor.trap]).to.deep.equal([0, image.entry, undefined]);
    expect(cursor.advance(Float64Array.of(Infinity, Infinity))).to.equal(-1);
    expect(cursor.finished).to.equal(true);
    expect(cursor.advance(Float64Array.of(Infinity, Infinity))).to.equal(-1);
    expect(cursor.advance(Float64Array.of(1, 1))).to.equal(0);
    const frames: Address[] = [];
    cursor.callchain(frames);
    expect(frames).to.deep.equal([]);
    const snapshot = cursor.snapshot();
    expect(() => image.start('b').restore(snapshot)).to.throw(/another execution/);
    const other = new Int32Array(snapshot.slice(0));
    other[0]!++;
    for (const foreign of [snapshot.slice(0, 20), snapshot.slice(0, -8), other.buffer])
      expect(() => cursor.restore(foreign)).to.throw(/another execution/);
    expect(() => compile(randomProgram(3)).resume(snapshot)).to.throw(/another execution/);
    expect(cursor.finished).to.equal(true);
  });

  it('goes on in another thread from a snapshot, with the module this one compiled', async () => {
    const image = compile(randomProgram(14));
    const cursor = image.start('elsewhere');
    cursor.arm([0, INSTRUCTIONS]);
    cursor.advance(Float64Array.of(700, Infinity));
    const snapshot = cursor.snapshot();
    const worker = new Worker(new URL('./elsewhere.js', import.meta.url), {
      workerData: { engine: engineModule(), program: 14, snapshot, limit: 1500 },
      transferList: [snapshot],
    });
    const there = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(snapshot.byteLength).to.equal(0);
    cursor.advance(Float64Array.of(1500, Infinity));
    expect(there).to.deep.equal({ ip: cursor.ip, counts: cursor.counts, totals: cursor.totals(eventVector()) });
  });

  it('has its tables in the order in which the engine finds them', () => {
    const source = readFileSync('src/workload/engine/tables.ts', 'utf8');
    const [, record] = /class Tables \{([^@]*)/.exec(source)!;
    const fields = [...record!.matchAll(/^ {2}(\w+): (?:Bytes|Ints|Doubles);/gm)].map(([, name]) => name);
    expect(fields).to.deep.equal([...TABLE_FIELDS]);
  });

  it('says what to do where there is no engine', () => {
    expect(() => compileEngine(new URL('file:///nowhere/engine.wasm'))).to.throw(
      '/nowhere/engine.wasm: no such file: npm run build makes it',
    );
  });

  it('arms one column, many, and one twice', () => {
    const image = compile(randomProgram(5));
    const all = Array.from({ length: NR_EVENTS }, (_, c) => c);
    for (const columns of [[0], [0, 0], all, [...all.slice(0, 20), 1, 1]]) {
      const cursor = image.start('a');
      cursor.arm(columns);
      const limits = new Float64Array(columns.length).fill(Infinity);
      limits[0] = 400;
      expect(cursor.advance(limits)).to.equal(0);
      const totals = cursor.totals(eventVector());
      expect([...cursor.counts]).to.deep.equal(columns.map((c) => totals[c]));
    }
  });

  it('goes a hundred nested loops and calls deep', () => {
    let body: Node[] = [op('alu'), branch(0.5, [op('load')])];
    const functions = [];
    for (let i = 0; i < 50; i++) {
      functions.push(func(`f${i}`, [loop(i < 20 ? 2 : 1, body)]));
      body = [call(`f${i}`), branch(0.25, [op('mul')])];
    }
    const image = compile(program({ name: 'deep', about: 'a tower', functions: [...functions, func('main', body)] }));
    const cursor = image.start('deep');
    cursor.arm([0, INSTRUCTIONS]);
    const frames: Address[] = [];
    for (let limit = 10_007; cursor.advance(Float64Array.of(limit, Infinity)) === 0; limit += 10_007) {
      frames.length = 0;
      cursor.callchain(frames);
      const copy = image.start('deep');
      copy.restore(cursor.snapshot());
      expect([copy.ip, copy.counts[0]]).to.deep.equal([cursor.ip, cursor.counts[0]]);
    }
    expect(cursor.finished).to.equal(true);
  });
});

const GOLDEN: readonly string[] = [
  '500.5,430 1033',
  '1026.5,894 103b',
  '1500.75,1402 104b',
  '2028.25,1803 1017',
  '2323,2103 2aaaa24ad027',
  '2323,2103,231,7,188,1,2,192,190,29,488,0,16,0,16,0,11,0,0,0,2595,112,768,0',
];
