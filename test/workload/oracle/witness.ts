/**
 * A cursor held against the oracle, stop by stop: totals, addresses, call chains, traps, the ledger, and that it goes on from
 * a snapshot as if nothing had happened.
 */
import { EVENT_COLUMNS, eventVector, INSTRUCTIONS, NR_EVENTS } from '../../../src/arch/events.ts';
import type { Address } from '../../../src/units.ts';
import type { CompiledProgram } from '../../../src/workload/compile.ts';
import type { Cursor } from '../../../src/workload/cursor.ts';
import { compile } from '../compiled.ts';
import { Dice, randomProgram } from '../programs.ts';
import { expand, type Trace } from './brute.ts';

/** Compares all that a cursor shows with the trace after `i` instructions. */
class Witness {
  /** Stops compared. */
  stops = 0;
  readonly #image: CompiledProgram;
  readonly #trace: Trace;
  readonly #totals = eventVector();
  readonly #frames: Address[] = [];

  constructor(image: CompiledProgram, trace: Trace) {
    this.#image = image;
    this.#trace = trace;
  }

  agrees(cursor: Cursor, i: number, columns: readonly number[]): void {
    const { instances, running } = this.#trace;
    const { tables: t, layout } = this.#image;
    const fail = (what: string): never => {
      throw new Error(`${this.#image.comm} after ${i} of ${instances.length} instructions: ${what}`);
    };
    this.stops++;
    cursor.totals(this.#totals);
    for (let c = 0; c < NR_EVENTS; c++)
      if (this.#totals[c] !== running[i * NR_EVENTS + c]) fail(`${EVENT_COLUMNS[c]} is ${this.#totals[c]}`);
    for (let a = 0; a < columns.length; a++)
      if (cursor.counts[a] !== running[i * NR_EVENTS + columns[a]!]) fail(`slot ${a} is ${cursor.counts[a]}`);
    if (cursor.finished !== (i === instances.length)) fail('finished');
    const last = instances[i - 1];
    const trap = last === undefined ? undefined : layout.instructions[t.instId[last]!]!.trap;
    if (cursor.trap !== (trap ?? this.#image.acts.get(last ?? -1))) fail('trap');
    const next = instances[i];
    if (next === undefined) return;
    if (cursor.ip !== layout.instructions[t.instId[next]!]!.address) fail('ip');
    this.#frames.length = 0;
    cursor.callchain(this.#frames);
    let n = 0;
    for (let c = t.call[t.instNode[next]!]!; c >= 0; c = t.callOuter[c]!)
      if (this.#frames[n++] !== t.callReturn[c]) fail('callchain');
    if (n !== this.#frames.length) fail('callchain length');
  }
}

/**
 * Runs one execution to its end in single steps, then `runs` times with limits on columns that `dice` picks, restoring
 * snapshots on the way. Compares each stop, and returns how many there were. Throws where the cursor disagrees.
 */
export function checkEveryStop(image: CompiledProgram, seed: string, dice: Dice, runs: number): number {
  const trace = expand(image, seed);
  const witness = new Witness(image, trace);
  const { instances, running } = trace;
  const end = instances.length;
  const final = running.subarray(end * NR_EVENTS);

  const single = image.start(seed);
  single.arm([0, INSTRUCTIONS]);
  witness.agrees(single, 0, [0, INSTRUCTIONS]);
  const limits = new Float64Array(6).fill(Infinity);
  for (let i = 1; i <= end; i++) {
    limits[1] = i;
    if (single.advance(limits) !== 1) throw new Error('a single step did not stop');
    witness.agrees(single, i, [0, INSTRUCTIONS]);
  }
  for (let run = 0; run < runs; run++) {
    let cursor = image.start(seed);
    let at = 0;
    let mark = { at, state: cursor.snapshot() };
    while (at < end) {
      if (dice.int(0, 80) === 0) {
        // In another cursor, or restored in place: it continues as if nothing had happened.
        if (dice.int(0, 1) === 0) cursor.restore(mark.state);
        else {
          mark = { at, state: cursor.snapshot() };
          cursor = image.start(seed);
          cursor.restore(mark.state);
        }
        at = mark.at;
      }
      const columns = [0, ...Array.from({ length: dice.int(0, 5) }, () => dice.int(0, NR_EVENTS - 1))];
      columns.forEach((c, a) => {
        const far = dice.uniform() * dice.uniform() * dice.uniform();
        const step = Math.ceil(far * final[c]! * 2) / 4 + (dice.int(0, 1) === 0 ? 0.25 : 1);
        limits[a] = dice.int(0, 9) === 0 ? Infinity : running[at * NR_EVENTS + c]! + step;
      });
      cursor.arm(columns);
      const fired = cursor.advance(limits);
      let stop = at + 1;
      const first = (i: number): number => columns.findIndex((c, a) => running[i * NR_EVENTS + c]! >= limits[a]!);
      while (stop <= end && first(stop) < 0) stop++;
      if (fired !== (stop > end ? -1 : first(stop))) throw new Error(`${image.comm}: fired ${fired}`);
      at = Math.min(stop, end);
      witness.agrees(cursor, at, columns);
      if (dice.int(0, 60) === 0) checkTruth(image, cursor, trace, at);
    }
    checkTruth(image, cursor, trace, end);
  }
  return witness.stops;
}

/** The ledger against a plain sum over the trace. */
function checkTruth(image: CompiledProgram, cursor: Cursor, trace: Trace, upTo: number): void {
  const { tables: t, layout } = image;
  const expected = new Map<number, Float64Array>();
  for (let i = 0; i < upTo; i++) {
    const { address } = layout.instructions[t.instId[trace.instances[i]!]!]!;
    let v = expected.get(address);
    if (!v) expected.set(address, (v = eventVector()));
    for (let c = 0; c < NR_EVENTS; c++)
      v[c]! += trace.running[(i + 1) * NR_EVENTS + c]! - trace.running[i * NR_EVENTS + c]!;
  }
  const truth = cursor.truthByInstruction();
  if (truth.length !== expected.size) throw new Error('truth knows other instructions');
  const sum = eventVector();
  for (const i of truth) {
    const v = expected.get(i.address)!;
    for (let c = 0; c < NR_EVENTS; c++) {
      if (v[c] !== i.totals[c])
        throw new Error(`${image.comm}: truth of ${EVENT_COLUMNS[c]} at ${i.address.toString(16)}`);
      sum[c]! += v[c]!;
    }
  }
  for (const s of cursor.truth()) s.totals.forEach((x, c) => (sum[c]! -= x));
  if (sum.some((x) => x !== 0)) throw new Error('symbols and instructions differ');
}

/** The same for random programs, until there were `enough` stops. Programs that cannot be expanded quickly are left out. */
export function checkRandomPrograms(enough: number): void {
  const dice = new Dice(2019);
  let stops = 0;
  for (let i = 0; stops < enough; i++) {
    const image = compile(randomProgram(i));
    if (image.tables.entries > 2000) continue;
    const seed = `seed ${i}`;
    const all = image.start(seed);
    all.arm([0, INSTRUCTIONS]);
    all.advance(new Float64Array(2).fill(Infinity));
    if (all.counts[1]! > 20_000) continue;
    stops += checkEveryStop(image, seed, dice, 3);
  }
}
