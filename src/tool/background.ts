/**
 * Background activity in a guest: a task that sleeps, wakes at random times, computes a little and sleeps again. It
 * exists for its context switches: each switches the workload's events out and in.
 *
 * Not modelled: the effect of such tasks on caches, more than one of them, system calls other than nanosleep.
 */
import type { Cpu, TaskBody } from '../arch/cpu.ts';
import type { DsoImage } from '../arch/dso.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Task } from '../kernel/task.ts';
import type { Stream } from '../sim/rng.ts';
import { address, type Cycles } from '../units.ts';
import { StraightLine } from './straight-line.ts';

/** How long it computes each time, ns. */
const BURST = 20_000;
const NSEC_PER_SEC = 1e9;
/** To the task and back. */
const SWITCHES_PER_WAKE = 2;

const TEXT_OFFSET = 0x1000;
const SIZE = 4096;
export const BACKGROUND_BINARY: DsoImage = {
  path: '/usr/sbin/backgroundd',
  base: address(0x55d000000000),
  textOffset: TEXT_OFFSET,
  text: new Uint8Array(SIZE).fill(0x90),
  symbols: [{ name: 'main', offset: TEXT_OFFSET, size: SIZE }],
};
const MAIN = { address: address(BACKGROUND_BINARY.base + TEXT_OFFSET), size: SIZE };

class Background implements TaskBody {
  task!: Task;
  readonly #kernel: Kernel;
  readonly #switches: number;
  readonly #random: Stream;
  #code: StraightLine | undefined;

  constructor(kernel: Kernel, switches: number, random: Stream) {
    this.#kernel = kernel;
    this.#switches = switches;
    this.#random = random;
  }

  run(cpu: Cpu, until: Cycles): void {
    if (this.#code !== undefined && !this.#code.finished) cpu.execute(this.#code, until);
    if (this.#code?.finished === false) return;
    this.#kernel.nanosleep(this.#random.exponential((SWITCHES_PER_WAKE * NSEC_PER_SEC) / this.#switches));
    this.#code = new StraightLine(MAIN, this.#kernel.cyclesOf(BURST));
    this.task.cursor = this.#code;
  }
}

/** Starts the task, with `switches` context switches a second on average; 0: no task. */
export function startBackground(kernel: Kernel, switches: number, random: Stream): void {
  if (switches === 0) return;
  const body = new Background(kernel, switches, random);
  body.task = kernel.spawn('backgroundd', body);
  body.task.mm.mmap = [BACKGROUND_BINARY];
}
