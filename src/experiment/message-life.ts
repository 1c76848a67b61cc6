/**
 * What one CPU says to another, step by step on both: an IPI that wakes a thread there (RESCHEDULE), and one that has it
 * read one of its perf events while the sender spins (CALL_FUNCTION).
 *
 * Both come from a run of perf stat with threads on all CPUs, in which the first few are left out. The lines of the two
 * CPUs are in order of time.
 * Not modelled: lives into which something else falls are not left out; they show it.
 */
import type { KernelFunction } from '../kernel/symbols.ts';
import { NOTHING_LEFT, bootMachine, runMachine, side, type Machine } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import { statAttrs } from '../perf-events/evsel-config.ts';
import type { Life, LifeStep } from '../results/life.ts';
import { Trace, type Told } from '../sim/probe.ts';
import { perfStat, type StatJob } from '../tool/perf-stat.ts';
import { ToolTask } from '../tool/tool-task.ts';
import { cycles, type Cycles } from '../units.ts';
import { loadWorkload } from '../workload/registry.ts';
import { executable, prepareWorkload, workloadSeed } from './executable.ts';
import { NoLifeError } from './explain.ts';
import { accessTally, exitTally, stepText, type LifeContext } from './life-text.ts';
import { functionOf, type MachineStep } from './steps.ts';
import { TappedCpu } from './tapped-cpu.ts';

export const MESSAGES = ['ipi', 'call'] as const;
export type MessageKind = (typeof MESSAGES)[number];

interface Message {
  readonly title: string;
  readonly workload: readonly [string, ...string[]];
  /** What perf counts meanwhile, on all CPUs, and how often it reads that, ns. */
  readonly events: string;
  readonly interval: number | undefined;
  /** Sent by this function, on one CPU; received by that interrupt, on another. */
  readonly sent: KernelFunction;
  readonly received: KernelFunction;
  /** Lives to skip before one is taken. */
  readonly skip: number;
}

const KINDS: Readonly<Record<MessageKind, Message>> = {
  ipi: {
    title: 'one IPI that wakes a thread on another CPU',
    workload: ['pingpong', '60'],
    events: '',
    interval: undefined,
    sent: 'native_smp_send_reschedule',
    received: 'reschedule_interrupt',
    skip: 20,
  },
  call: {
    title: 'one call of another CPU: perf reads an event there',
    workload: ['ftest-threads', '3', '0.03'],
    events: 'cycles:u',
    interval: 4_000_000,
    sent: 'native_send_call_func_single_ipi',
    received: 'call_function_single_interrupt',
    skip: 2,
  },
};

/** Simulated ns within which it must have happened. */
const LIMIT = 1_000_000_000;

type Step = Told<MachineStep>;

/** Throws NoLifeError. */
export async function messageLife(spec: MachineSpec, kind: MessageKind): Promise<Life> {
  const message = KINDS[kind];
  const [name, ...args] = message.workload;
  const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
  const traces: Trace<MachineStep>[] = [];
  let tool: ToolTask | undefined;
  const machine = bootMachine(
    spec,
    'explain',
    NOTHING_LEFT,
    () => tool?.status !== undefined,
    (cpu, of, number) => {
      if (of !== side(spec)) return cpu;
      const trace = (traces[number] = new Trace(() => cpu.now()));
      return new TappedCpu(cpu, trace.probe(`cpu${number}`));
    },
  );
  const { kernels, vcpus } = machine;
  if (message.events !== '' && machine.kernel.cpu.caps.nrGp === 0)
    throw new NoLifeError(`a machine without counters has no ${kind} to explain`);
  if (kernels.length === 1) throw new NoLifeError('a machine with one CPU has nobody to send it anything');
  for (const kernel of kernels) kernel.probe = traces[kernel.number]!.probe(`cpu${kernel.number}`);
  for (const vcpu of vcpus) vcpu.probe = traces[vcpu.number]!.probe(`cpu${vcpu.number}`);
  const evlist = parseEventList(message.events === '' ? [] : [message.events], 'stat');
  const job: StatJob = {
    evlist: statAttrs(evlist, { target: 'cpu' }),
    executable: executable(workload, workloadSeed(spec, 0)),
    systemWide: true,
    ...(message.interval === undefined ? {} : { interval: { ns: message.interval, report: () => undefined } }),
  };
  tool = new ToolTask(machine.kernel, (self) => perfStat(self, job, () => undefined));
  runMachine(machine, machine.host.cyclesOf(LIMIT), () => tool.status !== undefined);
  const found = find(
    traces.map(({ steps }) => steps),
    message,
  );
  if (found === undefined) throw new NoLifeError(`no ${kind} in ${LIMIT / 1e9} s of simulated time`);
  const context = { machine, steps: found.steps, events: evlist, everything: true, switches: true };
  return {
    title: `${message.title} (--vpmu ${spec.vpmu})`,
    events: message.events === '' ? 'none' : message.events,
    steps: linesOf(found, context),
    summary: summaryOf(found, machine),
  };
}

/** A message that was sent, what its receiver did about it, and the sender if it waited. */
interface Sent {
  readonly sent: Step;
  /** The sender's call, which lasts until the answer is there; undefined: it does not wait for one. */
  readonly waits: Step | undefined;
  readonly interrupt: Step;
  /** When all is done: the thread has the CPU, or the answer is there. */
  readonly end: Cycles;
  /** Of both CPUs, by time. */
  readonly steps: readonly Step[];
}

const isFrame = ({ step }: Step, fn: KernelFunction): boolean => step.kind === 'frame' && step.fn === fn;

/** `all`: what each CPU told. */
function find(all: readonly (readonly Step[])[], { sent: by, received, skip }: Message): Sent | undefined {
  let lives = 0;
  for (const [from, own] of all.entries())
    for (const [i, sent] of own.entries()) {
      if (functionOf(sent.step) !== by) continue;
      const waits = own
        .slice(0, i)
        .findLast((step) => isFrame(step, 'smp_call_function_single') && step.until > sent.at);
      const to = all.findIndex(
        (other, cpu) => cpu !== from && other.some((step) => isFrame(step, received) && near(step, sent, waits)),
      );
      if (to < 0) continue;
      const interrupt = all[to]!.find((step) => isFrame(step, received) && near(step, sent, waits))!;
      const inside = all[to]!.filter((step) => step.at >= interrupt.at);
      // Only a read of a counter that is on: that is what the title says.
      if (waits !== undefined && !inside.some(({ step, at }) => step.kind === 'rdpmc' && at < interrupt.until))
        continue;
      const end = waits?.until ?? inside.find(({ step }) => step.kind === 'switch')?.at;
      if (end === undefined || lives++ < skip) continue;
      const until = waits === undefined ? end : interrupt.until;
      const there = all[to]!.filter(
        ({ at, step }) => at >= sent.at && at <= until && (at >= interrupt.at || step.kind === 'exit'),
      );
      // A guest's IPI is an exit of its own.
      const exit = own.slice(i).find(({ at, step }) => step.kind === 'exit' && at < interrupt.at);
      const here = [waits, sent, exit].filter((step) => step !== undefined);
      return { sent, waits, interrupt, end, steps: [...here, ...there].toSorted((one, other) => one.at - other.at) };
    }
  return undefined;
}

/** Whether an interrupt can be due to what was sent: it comes after it, and before the answer or not much later. */
const near = ({ at }: Step, sent: Step, waits: Step | undefined): boolean =>
  at > sent.at && at < (waits?.until ?? sent.until + SOON);
/** Cycles within which an IPI arrives, whatever its receiver does. */
const SOON = 100_000;

function linesOf({ steps, waits, end }: Sent, context: LifeContext): LifeStep[] {
  const { host } = context.machine;
  const start = steps[0]!.at;
  const lines: LifeStep[] = [];
  const add = (at: Cycles, who: string, text: string): void => {
    lines.push({ at: host.nanosOf(cycles(at - start)), who, text });
  };
  for (const told of steps) {
    const { step, at } = told;
    // __schedule moves to the next thread's stack.
    if (step.kind === 'frame' && steps.some((other) => other.step.kind === 'switch' && other.at === at)) continue;
    const text = stepText(told, context);
    if (text !== undefined) add(told.at, told.who, text);
  }
  if (waits !== undefined) add(end, waits.who, 'csd_lock_wait: the answer is there');
  return lines;
}

function summaryOf({ sent, waits, interrupt, end, steps }: Sent, { host }: Machine): [string, string][] {
  const ns = (span: number): string => `${host.nanosOf(cycles(span))} ns`;
  const rows: [string, string][] = [
    ['until the interrupt', ns(interrupt.at - sent.at)],
    ['in the interrupt', ns(interrupt.until - interrupt.at)],
  ];
  const exits = steps.filter(({ step }) => step.kind === 'exit');
  for (const cpu of new Set(exits.map(({ who }) => who)))
    rows.push([`VM-exits of ${cpu}`, exitTally(exits.filter(({ who }) => who === cpu))]);
  if (waits === undefined) return [...rows, ['until the thread has the CPU', ns(end - sent.at)]];
  const accesses = steps.filter(({ who }) => who === interrupt.who);
  return [...rows, ['register accesses there', accessTally(accesses)], ['the caller waits', ns(end - waits.at)]];
}
