/** Programs of threads, as scripts: so many cycles, then perhaps a trap. */
import type { ExecutionCursor, Trap } from '../../src/arch/cpu.ts';
import {
  FIRST_THREAD,
  type DsoImage,
  type Executable,
  type LookAhead,
  type LookAheadState,
  type ThreadStart,
} from '../../src/arch/dso.ts';
import { COLUMN, CYCLES, NR_EVENTS, type EventColumn, type EventVector } from '../../src/arch/events.ts';
import type { SyncAct } from '../../src/arch/sync.ts';
import { address, type Address, type Cycles } from '../../src/units.ts';

interface Step {
  readonly cycles: number;
  /** Of the last instruction. */
  readonly trap?: Trap;
}

export const work = (cycles: number): Step => ({ cycles });
export const act = (what: SyncAct): Step => ({ cycles: 100, trap: { kind: 'sync', ...what } });
export const syscall = (name: string, args: Readonly<Record<string, number>> = {}): Step => ({
  cycles: 100,
  trap: { kind: 'syscall', name, args },
});
export const repeat = (times: number, ...steps: readonly Step[]): Step[] =>
  Array.from({ length: times }, () => steps).flat();

export const lock = (name = 'm'): Step => act({ op: 'lock', object: { kind: 'mutex', name } });
export const unlock = (name = 'm'): Step => act({ op: 'unlock', object: { kind: 'mutex', name } });
export const spawn = (entry: string, cpu?: number): Step =>
  act({ op: 'spawn', entry, ...(cpu !== undefined && { cpu }) });
export const join = act({ op: 'join' });

/** Events per cycle; every cycle retires whole instructions. */
const RATES = new Float64Array(NR_EVENTS);
RATES[CYCLES] = 1;
RATES[COLUMN.instructions] = 2;
RATES[COLUMN.branches] = 1;

const TEXT: DsoImage = {
  path: '/bin/threads',
  base: address(0x400000),
  textOffset: 0x1000,
  text: new Uint8Array(4096),
  symbols: [{ name: 'main', offset: 0x1000, size: 4096 }],
};

class ScriptCursor implements ExecutionCursor {
  counts = new Float64Array(1);
  #columns: readonly EventColumn[] = [CYCLES];
  #done = 0;
  readonly #length: number;
  /** The cycle in which each trap comes. */
  readonly #traps: { readonly at: number; readonly trap: Trap }[] = [];
  /** How many of them have come. */
  #trapped = 0;

  constructor(steps: readonly Step[]) {
    let at = 0;
    for (const { cycles, trap } of steps) {
      at += cycles;
      if (trap !== undefined) this.#traps.push({ at, trap });
    }
    this.#length = at;
  }

  get finished(): boolean {
    return this.#done >= this.#length;
  }

  arm(columns: readonly EventColumn[]): void {
    this.#columns = columns;
    this.counts = new Float64Array(columns.length);
    this.#read();
  }

  advance(limits: Float64Array): number {
    let [stop, fired] = [this.#length, -1];
    this.#columns.forEach((column, slot) => {
      const limit = limits[slot]!;
      if (limit === Infinity) return;
      const at =
        column === COLUMN.traps
          ? (this.#traps[limit - 1]?.at ?? Infinity)
          : RATES[column] === 0
            ? Infinity
            : Math.max(this.#done, Math.ceil(limit / RATES[column]!));
      if (at < stop || (at === stop && fired < 0)) [stop, fired] = [at, slot];
    });
    this.#done = stop;
    while ((this.#traps[this.#trapped]?.at ?? Infinity) <= stop) this.#trapped++;
    this.#read();
    return fired;
  }

  totals(into: EventVector): EventVector {
    for (let column = 0; column < NR_EVENTS; column++) into[column] = this.#total(column);
    return into;
  }

  get ip(): Address {
    return address(TEXT.base + TEXT.textOffset + (this.#done % 4096));
  }

  callchain(): void {}

  snapshot(): ArrayBuffer {
    return Float64Array.of(this.#done, this.#trapped, ...this.#columns).buffer;
  }

  restore(snapshot: ArrayBuffer): void {
    const [done, trapped, ...columns] = new Float64Array(snapshot);
    [this.#done, this.#trapped] = [done!, trapped!];
    this.arm(columns);
  }

  get trap(): Trap | undefined {
    const last = this.#traps[this.#trapped - 1];
    return last?.at === this.#done ? last.trap : undefined;
  }

  #total(column: EventColumn): number {
    if (column === COLUMN.traps) return this.#trapped;
    return this.#done * RATES[column]!;
  }

  #read(): void {
    this.#columns.forEach((column, slot) => {
      this.counts[slot] = this.#total(column);
    });
  }
}

/** A program: what its first thread does, and what those do that it spawns or forks. Every started thread is kept. */
export class Threads implements Executable {
  readonly comm = 'threads';
  readonly program = TEXT;
  readonly interpreter = undefined;
  readonly libraries = new Map<string, DsoImage>();
  readonly started = new Map<string, ExecutionCursor>();
  readonly #scripts: Readonly<Record<string, readonly Step[]>>;

  constructor(scripts: { readonly main: readonly Step[]; readonly [entry: string]: readonly Step[] }) {
    this.#scripts = scripts;
  }

  start({ entry = 'main', path }: ThreadStart = FIRST_THREAD, snapshot?: ArrayBuffer): ExecutionCursor {
    const cursor = new ScriptCursor(this.#scripts[entry]!);
    if (snapshot !== undefined) cursor.restore(snapshot);
    this.started.set(path, cursor);
    return cursor;
  }

  scout({ entry = 'main' }: ThreadStart, from?: LookAheadState): LookAhead {
    const cursor = new ScriptCursor(this.#scripts[entry]!);
    cursor.arm([CYCLES, COLUMN.traps]);
    if (from !== undefined) cursor.restore(from.cursor);
    const at = (): LookAhead['next'] => ({ at: cursor.counts[0]! as Cycles, trap: cursor.trap });
    const look = (): LookAhead['next'] => {
      cursor.advance(Float64Array.of(Infinity, cursor.counts[1]! + 1));
      return at();
    };
    let next = from === undefined ? look() : at();
    return {
      get next() {
        return next;
      },
      trapAfter: () => next.at,
      pass: () => (next = look()),
      snapshot: () => ({ cursor: cursor.snapshot(), traps: [], complete: true }),
    };
  }

  /** How often an event has happened in all threads. */
  total(column: EventColumn): number {
    const into = new Float64Array(NR_EVENTS);
    return [...this.started.values()].reduce((sum, cursor) => sum + cursor.totals(into)[column]!, 0);
  }
}
