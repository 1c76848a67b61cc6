/**
 * Looks: the perf tool's CPU empties the buffers of all CPUs of its boot in one act. Each thread of Node empties those
 * into which its own cores write, and tells the others; the core that looks goes on when all have.
 * Not modelled: nothing; what draining costs, the tool spends (tool/).
 */
import type { ActOutcome } from '../kernel/acts.ts';
import { packRecords, unpackRecords, type PackedRecords } from '../kernel/packed-records.ts';
import type { Drained } from '../kernel/ring-buffer.ts';
import { cycles, type Cycles } from '../units.ts';
import type { Boots, KernelOnCore } from './boots.ts';

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
    for (const id of ids) {
      const writer = this.#writerOf(boot, id);
      const { core, kernel } = writer;
      if (!this.#isMine(core)) continue;
      const rb = kernel.system.buffers.get(id)!;
      const part = rb.drain(at);
      all.set(id, part);
      if (part.bytes === 0) continue;
      writer.receive(cycles(at + this.#latency), reader, () => {
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
      for (const [id, { bytes, records }] of this.#isMine(reader) ? [] : drained)
        if (this.#writerOf(boot, id).core === core) said.push({ id, bytes, records: packRecords(records) });
    return said;
  }

  /** What was in the buffers of another thread's core. */
  hear(said: readonly PackedDrained[]): void {
    for (const { id, bytes, records } of said)
      for (const [reader, { drained }] of this.#waiting)
        if (this.#isMine(reader)) drained.set(id, { bytes, records: unpackRecords(records) });
  }

  /** All have been heard: the own cores that look go on. */
  goOn(): void {
    for (const [core, { boot, number, drained }] of this.#waiting)
      if (this.#isMine(core)) this.#boots[boot]![number]!.kernel.turns.acted({ ...LOOKED, drained });
    this.#waiting.clear();
  }

  /** The CPU that writes into a buffer. */
  #writerOf(boot: number, id: number): KernelOnCore {
    const kernels = this.#boots[boot]!;
    return kernels[kernels[0]!.kernel.system.buffers.get(id)!.writer!]!;
  }
}
