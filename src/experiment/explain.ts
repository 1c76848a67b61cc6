/**
 * The life of one PMI, one rotation of multiplexed events or one context switch, recorded from a running machine by
 * probes; and what a kernel does about PMIs of a given length.
 *
 * The machine is warm: the host's static key is on and every counter has been used. The life shown is the first that
 * no tick, other interrupt or kernel message falls into.
 * Not modelled: lives of the first event, with its surcharges (run `stat` or `record` on a fresh guest for those).
 */
import type { Cpu } from '../arch/cpu.ts';
import { Overrun } from '../hw/core.ts';
import { NOTHING_LEFT, bootMachine, runMachine, side, type Machine } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { perf_event_create_kernel_counter } from '../kernel/kernel-counter.ts';
import { NR_ACCUMULATED_SAMPLES } from '../kernel/sampling.ts';
import type { KernelFunction } from '../kernel/symbols.ts';
import { Trace, type Told } from '../sim/probe.ts';
import { ToolTask } from '../tool/tool-task.ts';
import { PERF_COUNT_HW, PERF_SAMPLE, PERF_TYPE } from '../uapi/perf-event.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import { cycles, nanos } from '../units.ts';
import { lifeSteps, lifeSummary } from './life-text.ts';
import { functionOf, type MachineStep } from './steps.ts';
import { TappedCpu } from './tapped-cpu.ts';
import type { Life } from '../results/life.ts';
import type { SampleLimits, ThrottleReport } from '../results/throttle.ts';

export const LIVES = ['pmi', 'rotation', 'switch'] as const;
export type LifeKind = (typeof LIVES)[number];

interface Scene {
  readonly title: (events: number, counters: number) => string;
  /** What each task counts or samples on itself, given the number of general-purpose counters. */
  readonly events: (nrGp: number) => readonly string[];
  readonly tasks: number;
  /** Sampling period in events; 0: count. */
  readonly period: number;
  /** The outermost kernel function of the life, and the functions it must pass through to count as one. */
  readonly frame: KernelFunction;
  readonly passes: readonly KernelFunction[];
  /** Lives to skip before one is taken. */
  readonly skip: number;
}

/**
 * Events of general-purpose counters, ordered so that on any model few of any eight in a row need the lower four
 * counters.
 */
const GENERAL = [
  'branches',
  'L1-icache-load-misses',
  'branch-misses',
  'L1-dcache-loads',
  'dTLB-load-misses',
  'cache-references',
  'cache-misses',
  'dTLB-store-misses',
  'branch-loads',
];
/** The first n of them, and cycles, which has a fixed counter. */
const withCycles = (n: number): string[] => GENERAL.slice(0, n).toSpliced(1, 0, 'cycles');
const NUMBERS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

const SCENES: Readonly<Record<LifeKind, Scene>> = {
  pmi: {
    title: () => 'one PMI in a task that computes',
    events: () => ['cycles:u'],
    tasks: 1,
    // More than a tick apart, so that each sample is the first in its tick and none is throttled.
    period: 20_000_003,
    frame: 'nmi',
    passes: ['intel_pmu_handle_irq'],
    skip: 2,
  },
  rotation: {
    title: (events, counters) => `one rotation of ${NUMBERS[events]} events on ${NUMBERS[counters]} counters`,
    events: (nrGp) => withCycles(nrGp + 1),
    tasks: 1,
    period: 0,
    frame: 'apic_timer_interrupt',
    passes: ['perf_mux_hrtimer_handler', 'ctx_sched_out'],
    skip: 0,
  },
  switch: {
    title: (events) => `one context switch between two tasks with ${NUMBERS[events]} events each`,
    events: (nrGp) => withCycles(Math.min(nrGp, 4)),
    tasks: 2,
    period: 0,
    frame: '__schedule',
    passes: ['__perf_event_task_sched_out', '__perf_event_task_sched_in'],
    skip: 1,
  },
};

/** The machine cannot produce the life; `message` is the whole sentence. */
export class NoLifeError extends Error {
  override readonly name = 'NoLifeError';
}

/** Simulated ns between two looks, and within which a life must have been found. */
const LOOK = 2_000_000;
const LIMIT = 2_000_000_000;
/** More pages than any life fills, so that no reader is woken. */
const RING_PAGES = 128;

/** One life on this machine. `everything` also shows what the host's perf does inside for a vPMU. Throws NoLifeError. */
export function lifeOf(spec: MachineSpec, kind: LifeKind, everything = false): Life {
  const scene = SCENES[kind];
  let failure: string | undefined;
  let core: Cpu | undefined;
  const trace = new Trace<MachineStep>(() => core!.now());
  const machine = bootMachine(
    spec,
    'explain',
    NOTHING_LEFT,
    () => failure !== undefined,
    (cpu, of, number) => {
      core ??= cpu;
      if (number > 0) return cpu;
      return new TappedCpu(cpu, trace.probe(of));
    },
  );
  const { kernel, host, vcpu } = machine;
  const { nrGp } = kernel.cpu.caps;
  const names = scene.events(nrGp).join();
  if (nrGp === 0) throw new NoLifeError(`a machine without counters has no ${kind} to explain`);
  machine.core.probe = trace.probe(`cpu${host.number} pmu`);
  if (vcpu !== undefined) vcpu.probe = trace.probe(`kvm ${vcpu.vm.design.name}`);
  const start = (tasks: number): ToolTask =>
    new ToolTask(kernel, function* (tool) {
      failure = openEvents(tool, names, scene);
      if (failure !== undefined) return 1;
      // Not earlier: opening the first event of all blocks, and the next task would then open its own in between.
      if (tasks > 1) start(tasks - 1);
      for (;;) yield* tool.user('main', 1e12);
    });
  start(scene.tasks);
  const limit = host.cyclesOf(LIMIT);
  machine.core.deadline = limit;
  const search: Search = { from: 0, lives: 0 };
  while (machine.core.now() < limit) {
    try {
      runMachine(machine, cycles(machine.core.now() + host.cyclesOf(LOOK)), () => failure !== undefined);
    } catch (error) {
      if (!(error instanceof Overrun)) throw error;
      break;
    }
    if (failure !== undefined) throw new NoLifeError(failure);
    const steps = findLife(trace.steps, machine, scene, search);
    if (steps === undefined) continue;
    const context = { machine, steps, events: parseEventList([names], 'stat'), everything };
    const cpus = machine.kernels.length;
    const where = cpus === 1 ? '' : `, on CPU 0 of ${cpus}`;
    return {
      title: `${scene.title(context.events.length, nrGp + 1)}${where} (--vpmu ${spec.vpmu})`,
      events: scene.period === 0 ? names : `${names}, a sample every ${scene.period}`,
      steps: lifeSteps(context),
      summary: lifeSummary(context),
    };
  }
  throw new NoLifeError(
    `no ${kind} in ${LIMIT / 1e9} s of simulated time: the machine never got through one undisturbed`,
  );
}

/** Opens the scene's events on the task itself; returns why it could not. */
function openEvents({ sys, task }: ToolTask, names: string, { period }: Scene): string | undefined {
  const { IP, TID, TIME, PERIOD } = PERF_SAMPLE;
  for (const evsel of parseEventList([names], 'stat')) {
    const attr = { ...evsel.attr, sample_period: period, sample_type: period > 0 ? IP | TID | TIME | PERIOD : 0 };
    const event = sys.perf_event_open(attr, { task, cpu: -1, group_leader: undefined });
    if (typeof event === 'number') return `the kernel refuses ${evsel.name} on this machine (errno ${-event})`;
    if (period > 0) sys.mmap(event, RING_PAGES);
  }
  return undefined;
}

/** How far a trace was searched, and how many lives were found. */
interface Search {
  from: number;
  lives: number;
}

/** The steps of the first complete, undisturbed life; the next search continues where this one ended. */
function findLife(
  steps: readonly Told<MachineStep>[],
  machine: Machine,
  scene: Scene,
  search: Search,
): readonly Told<MachineStep>[] | undefined {
  const who = side(machine.spec);
  for (; search.from < steps.length; search.from++) {
    const i = search.from;
    const frame = steps[i]!;
    if (frame.who !== who || !isFrame(frame, scene.frame)) continue;
    if (frame.until === Infinity) return undefined;
    const end = steps.findIndex((s, j) => j > i && s.at >= frame.until);
    const inside = steps.slice(i, end < 0 ? undefined : end);
    if (!scene.passes.every((fn) => inside.some((s) => s.who === who && functionOf(s.step) === fn))) continue;
    const life = [...causeOf(steps, i, scene, machine), ...inside];
    if (search.lives++ >= scene.skip && undisturbed(life, machine, scene)) return life;
  }
  return undefined;
}

/** What led to the life: the overflow of a counter, or the exit for a timer interrupt. */
function causeOf(
  steps: readonly Told<MachineStep>[],
  i: number,
  scene: Scene,
  { vcpu }: Machine,
): readonly Told<MachineStep>[] {
  const isCause =
    scene.frame === 'nmi'
      ? ({ step }: Told<MachineStep>): boolean => step.kind === 'wrap'
      : scene.frame === 'apic_timer_interrupt' && vcpu !== undefined
        ? isExternalInterrupt
        : (): boolean => false;
  const cause = steps.findLastIndex((s, j) => j < i && isCause(s));
  return cause < 0 ? [] : steps.slice(cause, i);
}

const isFrame = ({ step }: Told<MachineStep>, fn: KernelFunction): boolean => step.kind === 'frame' && step.fn === fn;
const isExternalInterrupt = ({ step }: Told<MachineStep>): boolean =>
  step.kind === 'exit' && step.reason === 'EXTERNAL_INTERRUPT';
const INTERRUPTS = new Set<KernelFunction>(['nmi', 'apic_timer_interrupt', 'irq_work_interrupt']);

function undisturbed(life: readonly Told<MachineStep>[], { spec, kernel }: Machine, scene: Scene): boolean {
  const who = side(spec);
  const interrupts = life.filter((s) => s.who === who && s.step.kind === 'frame' && INTERRUPTS.has(s.step.fn));
  if (interrupts.length !== (INTERRUPTS.has(scene.frame) ? 1 : 0)) return false;
  const visits = (fn: KernelFunction): boolean => life.some(({ step }) => functionOf(step) === fn);
  if (visits('tick_sched_timer')) return false;
  // One exit is part of the life: that of the timer interrupt, or of a PMI from the guest's own counters.
  const own = scene.frame === 'apic_timer_interrupt' || visits('sysvec_perf_guest_mediated_pmi_handler');
  const external = life.filter(isExternalInterrupt).length;
  if (external > (own ? 1 : 0)) return false;
  const frame = life.find((s) => s.who === who && isFrame(s, scene.frame))!;
  const [from, to] = [kernel.nanosOf(life[0]!.at), kernel.nanosOf(frame.until)];
  return !kernel.log.some(({ time }) => time >= from && time <= to);
}

/**
 * A kernel whose PMIs have so far taken `avg_ns` on average serves one more, and then one event's PMIs until the event
 * is throttled. `spec` is a bare machine, whose host kernel is used.
 */
export function throttleOf(spec: MachineSpec, avg_ns: number): ThrottleReport {
  const { kernel } = bootMachine(
    spec,
    'explain',
    { ...NOTHING_LEFT, running_sample_length: [NR_ACCUMULATED_SAMPLES * avg_ns] },
    () => false,
  );
  const { rate, config } = kernel;
  const { sysctl } = kernel;
  const limits = (): SampleLimits => ({
    allowed_ns: sysctl.sample_allowed_ns,
    max_samples_per_tick: sysctl.max_samples_per_tick,
    sample_rate: sysctl.sysctl_perf_event_sample_rate,
  });
  const before = limits();
  rate.sample_event_took(nanos(avg_ns));
  const attr = {
    type: PERF_TYPE.HARDWARE,
    config: PERF_COUNT_HW.CPU_CYCLES,
    sample_period: 2 ** 30,
    sample_type: 0,
    read_format: 0,
    disabled: true,
  };
  const event = perf_event_create_kernel_counter(
    kernel,
    attr,
    { task: undefined, cpu: kernel.number },
    () => undefined,
  );
  if (typeof event === 'number')
    throw new NoLifeError('a machine with pmu.gp=0 has no PMIs, so nothing is throttled for their length');
  let samplesPerTick = 1;
  while (!rate.account_interrupt(event, true)) samplesPerTick++;
  return {
    release: config.release,
    hz: config.hz,
    percent: config.perf_cpu_time_max_percent,
    avg_ns,
    before,
    after: limits(),
    samplesPerTick,
    kernelLog: kernel.log.map(({ text }) => text),
  };
}
