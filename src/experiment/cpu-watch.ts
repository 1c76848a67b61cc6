/**
 * Who ran where: a probe of the kernel's context switches that books what each thread of the workload retires in ring 3
 * to the CPU on which it does.
 *
 * It takes no time and changes nothing. What a program executes is the same in every run; where it does is not: another
 * design, load or event deals the threads out otherwise.
 * Not modelled: CPUs that other threads of Node simulate (helpers.ts).
 */
import type { ExecutionCursor } from '../arch/cpu.ts';
import { FIRST_THREAD, clonesIn, type Executable } from '../arch/dso.ts';
import { CYCLES, eventVector, type EventVector } from '../arch/events.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { KernelStep } from '../kernel/steps.ts';
import type { Task } from '../kernel/task.ts';
import type { Machine } from '../machine/machine.ts';
import { CpuBins } from '../profile/cpu-bins.ts';
import { cloneName } from '../profile/lineage.ts';
import type { CpuLanes } from '../profile/profile.ts';
import type { Probe } from '../sim/probe.ts';
import { cycles, nanos, type Cycles, type Nanos } from '../units.ts';

/** One CPU so far. */
interface Place {
  readonly kernel: Kernel;
  /** Since when its task has it. */
  since: Nanos;
  readonly retired: EventVector;
}

interface Running {
  /** Which thread it is (arch/dso.ts). */
  readonly path: string;
  /** What it had retired when it last left a CPU. */
  readonly booked: EventVector;
}

export class CpuWatch {
  readonly #running = new Map<ExecutionCursor, Running>();
  readonly #now = eventVector();
  #places: readonly Place[] = [];
  #bins: CpuBins | undefined;

  /** The executable, with its threads known to this watch. */
  watched(executable: Executable): Executable {
    return {
      ...executable,
      start: (thread = FIRST_THREAD, snapshot?: ArrayBuffer) => {
        const cursor = executable.start(thread, snapshot);
        this.#running.set(cursor, { path: thread.path, booked: cursor.totals(eventVector()) });
        return cursor;
      },
      // It was booked when it left its CPU.
      left: (cursor) => {
        this.#running.delete(cursor);
        executable.left?.(cursor);
      },
      ended: (cursor) => {
        const path = this.#running.get(cursor)?.path;
        const place = this.#places.find(({ kernel }) => kernel.current.program?.thread.path === path);
        if (place !== undefined) this.#book(place, cursor);
        this.#running.delete(cursor);
        executable.ended?.(cursor);
      },
    };
  }

  attach(machine: Machine): void {
    this.#bins = new CpuBins(nanos(machine.kernel.nanosOf(machine.kernel.tick)));
    this.#places = machine.kernels.map((kernel) => {
      const place = { kernel, since: kernel.cpu.nanos(), retired: eventVector() };
      kernel.probe = beside(kernel.probe, (step) => {
        if (step.kind === 'switch') this.#switch(place, step.prev);
      });
      return place;
    });
  }

  /** What threads of the workload have retired in ring 3, by CPU. */
  get retired(): ReadonlyMap<number, EventVector> {
    this.#flush();
    return new Map(this.#places.map(({ kernel, retired }) => [kernel.number, retired]));
  }

  /** User time of the workload on that CPU. */
  workOn(cpu: number): Cycles {
    return cycles(this.retired.get(cpu)?.[CYCLES] ?? 0);
  }

  /** The same over time, by thread. */
  lanes(): CpuLanes | undefined {
    this.#flush();
    return this.#bins?.taken();
  }

  #flush(): void {
    for (const place of this.#places) this.#switch(place, place.kernel.current);
  }

  #switch(place: Place, prev: Task): void {
    const now = place.kernel.cpu.nanos();
    const { since } = place;
    place.since = now;
    if (prev.program === undefined) return;
    const clones = clonesIn(prev.program.thread.path).map((j) => j + 1);
    this.#bins?.ran(place.kernel.number, clones.length === 0 ? prev.comm : cloneName(clones), since, now);
    if (prev.cursor !== undefined) this.#book(place, prev.cursor);
  }

  #book({ retired }: Place, cursor: ExecutionCursor): void {
    const running = this.#running.get(cursor);
    if (running === undefined) return;
    const now = cursor.totals(this.#now);
    for (const [column, n] of now.entries()) {
      retired[column]! += n - running.booked[column]!;
      running.booked[column] = n;
    }
  }
}

/** A probe that tells both. */
function beside(first: Probe<KernelStep> | undefined, told: (step: KernelStep) => void): Probe<KernelStep> {
  const nothing = { end: () => undefined };
  return {
    instant: (step) => {
      first?.instant(step);
      told(step);
    },
    begin: (step) => first?.begin(step) ?? nothing,
  };
}
