/**
 * Looks: the perf tool's CPU empties the buffers of all CPUs of its boot in one act. Each thread of Node empties those
 * into which its own cores write, and tells the others; the core that looks goes on when all have.
 * Not modelled: nothing; what draining costs, the tool spends (tool/).
 */
import type { ActOutcome } from '../kernel/acts.ts';
import { packRecords, unpackRecords, type PackedRecords } from '../kernel/packed-records.ts';
import { mergeDrained, type Drained, type RingBuffer } from '../kernel/ring-buffer.ts';
import { cycles, type Cycles } from '../units.ts';
import type { Boots } from './boots.ts';

/** What was in the buffers of all CPUs, for the CPU of that boot that waits for it. */
interface Look {
  readonly boot: number;
  readonly number: number;
  readonly drained: Map<number, Drained>;
}

/** What was in a buffer, on its way to another thread of Node. */
export interface PackedDrained {
  readonly id: number;
  readonly bytes: number;
  readonly writes: Drained['writes'];
  readonly records: PackedRecords;
}

const LOOKED: ActOutcome = { call: undefined, sleeps: false, wakes: [], posts: true };

export class Looks {
  readonly #boots: Boots;
  readonly #isMine: (core: number) => boolean;
  readonly #latency: Cycles;
  /** By the core that looks: those that have had their turn, and what they wait for. */
  readonly #waiting = new Map<number, Look>();

  /** `isMine`: whether this thread of Node has a core; `latency`: from core to core. */
  constructor(boots: Boots, isMine: (core: number) => boolean, latency: Cycles) {
    this.#boots = boots;
    this.#isMine = isMine;
    this.#latency = latency;
  }

  /** A core has had its turn, and waits for what other threads have. */
  wait(core: number, look: Look): void {
    this.#waiting.set(core, look);
  }

  waits(core: number): boolean {
    return this.#waiting.has(core);
  }

  /** Empties the buffers into which own CPUs write; these learn of the room a latency later. */
  drain(boot: number, ids: readonly number[], reader: number, at: Cycles): Map<number, Drained> {
    const all = new Map<number, Drained>();
    const told = cycles(at + this.#latency);
    for (const id of ids) {
      const rb = this.#bufferOf(boot, id);
      if (rb.follows !== undefined) {
        all.set(id, rb.drain(at));
        for (const writer of this.#boots[boot]!)
          if (this.#isMine(writer.core))
            writer.receive(told, reader, () => {
              rb.wasRead(writer.kernel.number, at);
              return undefined;
            });
        continue;
      }
      const writer = this.#boots[boot]![rb.writer!]!;
      if (!this.#isMine(writer.core)) continue;
      const part = rb.drain(at);
      all.set(id, part);
      if (part.bytes === 0) continue;
      writer.receive(told, reader, () => {
        rb.data_tail = part.tail;
        return undefined;
      });
    }
    return all;
  }

  /** What was in the buffers of an own core, for cores of other threads that look. */
  say(core: number): PackedDrained[] {
    const said: PackedDrained[] = [];
    for (const [reader, { boot, drained }] of this.#waiting)
      for (const [id, { bytes, records, writes }] of this.#isMine(reader) ? [] : drained)
        if (this.#toldBy(boot, id) === core) said.push({ id, bytes, writes, records: packRecords(records) });
    return said;
  }

  /** What was in the buffers of another thread's core. */
  hear(said: readonly PackedDrained[]): void {
    for (const { id, bytes, writes, records } of said)
      for (const [reader, { drained }] of this.#waiting) {
        if (!this.#isMine(reader)) continue;
        const part = { bytes, writes, records: unpackRecords(records) };
        const own = drained.get(id);
        drained.set(id, own === undefined ? part : mergeDrained([own, part]));
      }
  }

  /** All have been heard: the own cores that look go on. */
  goOn(): void {
    for (const [core, { boot, number, drained }] of this.#waiting)
      if (this.#isMine(core)) this.#boots[boot]![number]!.kernel.turns.acted({ ...LOOKED, drained });
    this.#waiting.clear();
  }

  #bufferOf(boot: number, id: number): RingBuffer {
    return this.#boots[boot]![0]!.kernel.system.buffers.get(id)!;
  }

  /** The core with whose news what was in a buffer goes: its writer's, or the first own one. */
  #toldBy(boot: number, id: number): number {
    const { writer } = this.#bufferOf(boot, id);
    const kernels = this.#boots[boot]!;
    return (writer === undefined ? kernels.find(({ core }) => this.#isMine(core)) : kernels[writer])?.core ?? -1;
  }
}
