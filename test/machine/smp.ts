/** Several cores with Linux on them, and threads that stay where they are put, unless they may move. */
import { FIRST_THREAD } from '../../src/arch/dso.ts';
import { Core } from '../../src/hw/core.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { PerfSyscalls } from '../../src/kernel/perf-syscalls.ts';
import { ProgramBody } from '../../src/kernel/program.ts';
import type { RingBuffer } from '../../src/kernel/ring-buffer.ts';
import { SyncObjects } from '../../src/kernel/sync-objects.ts';
import { System } from '../../src/kernel/system.ts';
import type { Task } from '../../src/kernel/task.ts';
import { CoreGroup, type Party } from '../../src/machine/group.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { Turbo, eventClocks } from '../../src/machine/turbo.ts';
import { stream } from '../../src/sim/rng.ts';
import { PERF_COUNT_HW, PERF_TYPE } from '../../src/uapi/perf-event.ts';
import { cycles } from '../../src/units.ts';
import { BROADWELL, CONFIG, CPU0 } from '../kernel/machine.ts';
import { Threads, type repeat } from '../kernel/scripts.ts';

type Script = ReturnType<typeof repeat>;

/** A thread, and the CPU that it is on. */
export interface Placed {
  readonly cpu: number;
  readonly script: Script;
}

export const US = 2800;
export const TIMES = { latency: cycles(US), grid: cycles(4000 * US) };

const VALUES = { ...broadwellEp.values, 'core.turbo': true };
const TURBO = { ...BROADWELL, clocks: eventClocks(broadwellEp, VALUES) };

/** So many cores of 2.8 GHz with Linux on them; IPIs take a microsecond. */
export class Smp {
  readonly cpus: { readonly core: Core; readonly host: Kernel }[];
  readonly group: CoreGroup;
  readonly tasks: Task[] = [];
  readonly #buffers: RingBuffer[] = [];

  /** `lines`: the most grid lines from one that is not left out to the next; `turbo`: more GHz while few are busy. */
  constructor(cpus: number, longest = Infinity, party?: Party, lines = 1, turbo = false) {
    const system = new System({ ...CONFIG, nrCpus: cpus });
    this.cpus = Array.from({ length: cpus }, (_, number) => {
      const core = new Core(turbo ? TURBO : BROADWELL, stream('test', `core=${number}/skid`));
      const host = new Kernel(system, core, { ...CPU0, number });
      core.setSoftware(host);
      host.boot();
      return { core, host };
    });
    const clocks = turbo ? { turbo: new Turbo(broadwellEp, { ...VALUES, 'host.cores': cpus }, TIMES.grid) } : {};
    this.group = new CoreGroup(this.cpus, { ...TIMES, longest: cycles(longest), lines, ...clocks }, party);
  }

  /** Threads of one program, with the objects that they share. Returns what each runs. `moves`: to other CPUs, too. */
  place(threads: readonly Placed[], moves = false): Threads[] {
    const objects = new SyncObjects();
    return threads.map(({ cpu, script }, i) => {
      const { host } = this.cpus[cpu]!;
      const program = new Threads({ main: script });
      const task = host.spawn(`thread ${i}`, { run: () => undefined });
      task.program = { executable: program, thread: FIRST_THREAD, objects };
      task.body = new ProgramBody(host, task);
      if (moves) task.cpus_allowed = undefined;
      this.tasks.push(task);
      return program;
    });
  }

  /** The same, with each thread sampled. */
  start(threads: readonly Placed[], period = 200_000): this {
    const before = this.tasks.length;
    this.place(threads);
    for (const task of this.tasks.slice(before)) {
      const { host } = this.cpus[task.cpu]!;
      const sys = new PerfSyscalls(host);
      const attr = {
        type: PERF_TYPE.HARDWARE,
        config: PERF_COUNT_HW.CPU_CYCLES,
        sample_period: period,
        sample_type: 7,
        read_format: 0,
      };
      const event = sys.perf_event_open(attr, { task, cpu: -1, group_leader: undefined });
      if (typeof event === 'number') throw new Error(`errno ${-event}`);
      this.#buffers.push(sys.mmap(event, 64));
    }
    return this;
  }

  /** Runs to so many ms after boot, a multiple of 4. */
  runTo(ms: number): this {
    this.group.run(cycles(ms * 1000 * US));
    return this;
  }

  /** Everything that can be seen of it; of its `part`, if others have the rest. */
  get seen(): unknown {
    return this.seenOf(() => true);
  }

  seenOf(part: (cpu: number) => boolean): unknown {
    const cpus = this.cpus.filter(({ host }) => part(host.number));
    const tasks = this.tasks.filter(({ cpu }) => part(cpu));
    return {
      cpus: cpus.map(({ core, host }) => [core.now(), core.idle, [...core.passes], host.switches, host.nmis]),
      tasks: tasks.map((task) => [task.state, task.sum_exec_runtime, task.utime, task.nvcsw, task.nivcsw]),
      records: this.#buffers.filter((_, i) => part(this.tasks[i]!.cpu)).map((buffer) => buffer.drain()),
    };
  }
}
