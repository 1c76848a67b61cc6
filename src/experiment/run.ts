/**
 * One run of the perf tool on a simulated machine: from (spec, job) to results. The same inputs give the same results
 * on any machine, any day.
 *
 * A run starts from what a warm-up of the same command left behind, as if it followed at once: each CPU's average PMI
 * length outlives a perf run, and for a second so does the static key that the host enables for task events (a grace
 * period of some 20 ms). host.fresh and guest.fresh in the spec turn this off.
 *
 * Several cores stop at the first grid line after the tool has ended (machine/group.ts). If they are one boot's, what is
 * said about the machine after the run is the sum over its CPUs.
 * Not modelled: what an earlier run left of other guests.
 */
import type { Executable } from '../arch/dso.ts';
import { given } from '../given.ts';
import {
  NOTHING_LEFT,
  bootMachine,
  isOneBoot,
  runMachine,
  side,
  type Leftovers,
  type Machine,
} from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { perfRecord, type RecordJob, type RecordOutcome, type RecordSink } from '../tool/perf-record.ts';
import { perfStat, type StatJob, type StatOutcome } from '../tool/perf-stat.ts';
import { ToolTask, type ToolProgram } from '../tool/tool-task.ts';
import { cycles, type Cycles, type Nanos } from '../units.ts';
import { Overrun, type Core } from '../hw/core.ts';
import type { Party } from '../machine/group.ts';
import { MeetingOver } from '../sim/meeting.ts';
import { beatsWithin } from '../sim/pulse.ts';
import { ledgerOf, metered } from './ledger.ts';
import type { CpuWatch } from './cpu-watch.ts';
import { LiveLock, ProgressWatch } from './live-lock.ts';
import { partOf, type KernelLogLine, type MachinePart } from './machine-part.ts';
import type { OperationWatch } from './operations.ts';
import { LONGEST_START } from './patience.ts';
import { SetUpError } from './setup.ts';
import type { Ledger } from '../results/ledger.ts';

export { LiveLock };
export { OpenError } from '../tool/perf-record.ts';
export { NoSuchProcess, type Attach, type Targets } from '../tool/targets.ts';
export { ProgramError } from '../kernel/futex.ts';

/**
 * Called regularly so that the caller can do other work, with the simulated time and the share of its work that the
 * workload has done (0 to 1; undefined if unknown or warming up). Returning false asks to end the workload (^C).
 */
export type Breathe = (simulated: Nanos, share: number | undefined) => Promise<boolean>;

export interface RunOptions {
  /** Which repetition: draws come from the path "run=k". */
  readonly run?: number;
  readonly breathe?: Breathe;
  /** Times the operations of the kernel on which perf runs. */
  readonly watch?: Pick<OperationWatch, 'tap' | 'attach' | 'start'>;
  /** Books what runs to the CPU it runs on; without helpers. */
  readonly where?: CpuWatch;
  /** The longest window in which several cores run, cycles; changes nothing but the speed. */
  readonly longest?: Cycles;
  /** Starts threads that run the other cores after the warm-up; without, they run here. Changes nothing but the speed. */
  readonly help?: StartHelpers | undefined;
}

/** Threads that run other cores of a machine (helpers.ts). */
export interface Helpers {
  /** What is left for this thread. */
  readonly party: Party;
  /**
   * They have not come to meet for a while: lets the event loop turn, and throws what one of them threw; if the run is no
   * longer wanted, also that nothing happens any more.
   */
  look(wanted: boolean): Promise<void>;
  /** The run has ended: what they have to tell. */
  finish(): Promise<readonly MachinePart[]>;
  /** Ends them if they still run, and waits for that. */
  end(): Promise<void>;
}

/** Starts them for a repetition, after what earlier runs left. */
export type StartHelpers = (repetition: number, left: Leftovers) => Helpers;

/** What is known about the machine after a run, besides the tool's own outcome. */
export interface MachineReport {
  readonly kernelLog: readonly KernelLogLine[];
  /** Average length of a PMI by the kernel's own clock, ns. */
  readonly averagePmi: Nanos;
  readonly pmis: number;
  readonly contextSwitches: number;
  /** Time from boot to the end of the tool. */
  readonly simulated: Nanos;
  /** The workload was ended by a signal from outside. */
  readonly interrupted: boolean;
  /** Where that time went. */
  readonly ledger: Ledger;
}

/**
 * Simulated ns between two breaths, fewer where several cores take long for them; and how late the machine may be when it
 * waits inside its kernels.
 */
const BREATH = 20_000_000;
const BREATH_OF_GROUP = 2_000_000;
const LATE = 1_000_000_000;
const SIGINT = 2;
/** PMIs after which the 128-deep running average of a warm-up has settled; the longest warm-up, ns. */
const SETTLED_PMIS = 1024;
const LONGEST_WARM_UP = 1_000_000_000;

/** perf stat of a workload. */
export async function runStat(
  spec: MachineSpec,
  job: StatJob,
  options: RunOptions = {},
): Promise<StatOutcome & MachineReport> {
  onFirstCpu(spec, job);
  let outcome: StatOutcome | undefined;
  const { executable, work } = metered(options.where?.watched(job.executable) ?? job.executable);
  const program = (tool: ToolTask): ToolProgram => perfStat(tool, { ...job, executable }, (o) => (outcome = o));
  const report = await run(spec, { ...quietly('stat', job), program, work }, options);
  if (outcome === undefined) throw new Error('perf stat did not finish');
  return { ...outcome, ...report };
}

/** perf record of a workload; records go to `sink` while it runs. */
export async function runRecord(
  spec: MachineSpec,
  job: RecordJob,
  sink: RecordSink,
  options: RunOptions = {},
): Promise<RecordOutcome & MachineReport> {
  onFirstCpu(spec, job);
  let outcome: RecordOutcome | undefined;
  const { executable, work } = metered(options.where?.watched(job.executable) ?? job.executable);
  const program = (tool: ToolTask): ToolProgram => perfRecord(tool, { ...job, executable }, sink, (o) => (outcome = o));
  const report = await run(spec, { ...quietly('record', job), program, work }, options);
  if (outcome === undefined) throw new Error('perf record did not finish');
  return { ...outcome, ...report };
}

/** A command with its output dropped, and the workload. */
interface QuietCommand {
  readonly quiet: (tool: ToolTask) => ToolProgram;
  /** The same in another guest, where it starts its workload: nothing that it could attach to has the same id. */
  readonly elsewhere: (tool: ToolTask) => ToolProgram;
  readonly executable: Executable;
}

const NOWHERE: RecordSink = { opened: () => undefined, write: () => 0 };

function quietly(command: 'stat' | 'record', job: StatJob & RecordJob): QuietCommand {
  const silently =
    (how: StatJob & RecordJob) =>
    (tool: ToolTask): ToolProgram =>
      command === 'stat' ? perfStat(tool, how, () => undefined) : perfRecord(tool, how, NOWHERE, () => undefined);
  const { attach, perThread, started, interval: _, timeout: __, ...elsewhere } = job;
  const here = { ...elsewhere, ...given({ attach, perThread, started }) };
  return { quiet: silently(here), elsewhere: silently(elsewhere), executable: job.executable };
}

/**
 * Runs a thread's part of a machine that another thread runs, with the same command there, until that one's run has
 * ended; returns what is known of its CPUs then. Throws MeetingOver, Overrun, and what the guests' work throws.
 */
export function runOtherCores(
  spec: MachineSpec,
  {
    repetition,
    left,
    command,
    job,
    party: { place, party },
  }: {
    readonly repetition: number;
    readonly left: Leftovers;
    readonly command: 'stat' | 'record';
    readonly job: StatJob & RecordJob;
    readonly party: Party;
  },
): MachinePart {
  const { executable, work } = metered(job.executable);
  const how = { party: { place, party, work } };
  const machine = bootMachine(spec, pathOf(repetition), left, () => false, undefined, how);
  const isMine = (cpu: number): boolean => cpu % place.parties === party;
  // Tasks and programs are known to all; the first CPU, which runs the tool, is another thread's.
  machine.kernel.system.executables.set(executable.program.path, executable);
  const tool = new ToolTask(machine.kernel, quietly(command, { ...job, executable }).quiet);
  occupy(machine, quietly(command, job));
  while (!machine.group!.ended) {
    const went = advance(machine, machine.cpus[party]!.core, BREATH, () => tool.status !== undefined);
    if (went === 'lost') throw new Overrun();
  }
  return partOf(machine.cpus, work(), isMine);
}

interface Command extends QuietCommand {
  readonly program: (tool: ToolTask) => ToolProgram;
  /** User time of the workload so far. */
  readonly work: () => Cycles;
}

/** Events of other CPUs would count nothing, as if these idled. Throws SetUpError. */
function onFirstCpu(spec: MachineSpec, { systemWide }: { readonly systemWide?: boolean }): void {
  const cores = spec.values['host.cores'];
  if (systemWide !== true || side(spec) !== 'host' || cores === 1 || isOneBoot(spec)) return;
  throw new SetUpError(
    `-a and -C count on the first CPU of the host only, and host.cores=${cores} simulates ${cores}: leave them out, or the other guests, or use perf in a guest (--vpmu)`,
  );
}

async function run(spec: MachineSpec, command: Command, options: RunOptions): Promise<MachineReport> {
  const before = beatsWithin(LONGEST_START);
  try {
    return await runToEnd(spec, command, options);
  } finally {
    beatsWithin(before);
  }
}

async function runToEnd(spec: MachineSpec, command: Command, options: RunOptions): Promise<MachineReport> {
  const { breathe, run: repetition = 0 } = options;
  let tool: ToolTask | undefined;
  const timed = options.watch;
  const { left, wanted } = await leftBy(spec, command, options);
  // What is given up before it begins takes no help.
  const helpers = wanted ? options.help?.(repetition, left) : undefined;
  const party = helpers && { ...helpers.party, work: command.work };
  const how = { longest: options.longest, party };
  const machine = bootMachine(spec, pathOf(repetition), left, () => tool?.status !== undefined, timed?.tap, how);
  timed?.attach(machine);
  options.where?.attach(machine);
  const { cpus, kernels, kernel, core, group } = machine;
  const work = (): Cycles => cycles(command.work() + (group?.othersWork ?? 0));
  tool = new ToolTask(kernel, function* (self) {
    timed?.start();
    return yield* command.program(self);
  });
  occupy(machine, command);
  const watch = new ProgressWatch(machine);
  const { expected } = command.executable;
  const share = (): number | undefined => (expected === undefined ? undefined : Math.min(1, work() / expected));
  let interrupted = false;
  const breath = group === undefined ? BREATH : BREATH_OF_GROUP;
  let goOn = wanted;
  let checked = 0;
  let others: readonly MachinePart[] = [];
  try {
    while (tool.status === undefined) {
      const went = advance(machine, core, breath, () => tool.status !== undefined);
      if (went === 'lost') watch.overrun(work());
      if (went === 'late') await helpers!.look(goOn);
      const workload = kernel.system.descendants(tool.task);
      if (tool.status !== undefined) break;
      if (core.nanos() - checked >= BREATH) {
        watch.check(workload, work());
        checked = core.nanos();
      }
      if (cpus.every((cpu) => cpu.host.dead && cpu.core.lapic.ipiAt === Infinity))
        throw new Error('every task sleeps and nothing is due: the simulated machine can never continue');
      if (breathe !== undefined) goOn = (await breathe(core.nanos(), share())) && goOn;
      if (goOn || interrupted || workload.length === 0) continue;
      interrupted = true;
      const processes = workload.filter((task) => task === task.group_leader);
      if (kernels.length > 1)
        group!.kill(
          processes.map(({ pid }) => pid),
          SIGINT,
        );
      else for (const task of processes) kernel.kill_here(task, SIGINT);
    }
    others = (await helpers?.finish()) ?? [];
  } catch (error) {
    if (error instanceof Overrun) watch.overrun(work());
    throw error;
  } finally {
    await helpers?.end();
  }
  const isOwn = (cpu: number): boolean => party === undefined || cpu % party.place.parties === party.party;
  const parts = [partOf(cpus, command.work(), isOwn), ...others];
  const all = parts.flatMap((part) => part.cpus).toSorted((one, other) => one.number - other.number);
  const perfs = kernels.length > 1 ? all.flatMap((one) => one.kernels) : [kernel];
  const worked = cycles(parts.reduce((sum, part) => sum + part.work, 0));
  return {
    kernelLog: perfs.flatMap(({ log }) => log).toSorted((one, other) => one.time - other.time),
    averagePmi: kernel.rate.averagePmi,
    pmis: perfs.reduce((sum, { nmis }) => sum + nmis, 0),
    contextSwitches: perfs.reduce((sum, { switches }) => sum + switches, 0),
    simulated: core.nanos(),
    interrupted,
    ledger: ledgerOf(machine, worked, all, options.where),
  };
}

const pathOf = (repetition: number): string => `run=${repetition}`;

/**
 * Simulates `ns` more, by the clock of a core, or less if threads with other cores are late; lost if the machine did not come back within that.
 */
function advance(machine: Machine, core: Core, ns: number, stop: () => boolean): 'done' | 'late' | 'lost' {
  const { cpus, host } = machine;
  const until = cycles(core.now() + host.cyclesOf(ns));
  for (const cpu of cpus) cpu.core.deadline = cycles(until + host.cyclesOf(LATE));
  try {
    return runMachine(machine, until, stop) ? 'done' : 'late';
  } catch (error) {
    // Whoever ended the meeting says why.
    if (error instanceof MeetingOver && core === cpus[0]!.core) return 'late';
    if (error instanceof Overrun) return 'lost';
    throw error;
  }
}

/** What a previous run of the same command leaves behind; `wanted` is false once the caller gave up. */
async function leftBy(
  spec: MachineSpec,
  command: Command,
  { breathe, longest }: RunOptions,
): Promise<{ left: Leftovers; wanted: boolean }> {
  const fresh = { cpu: spec.values[`${side(spec)}.fresh`], host: spec.values['host.fresh'] };
  if (fresh.cpu && fresh.host) return { left: NOTHING_LEFT, wanted: true };
  let tool: ToolTask | undefined;
  const settled = ({ kernels }: Machine): boolean =>
    tool?.status !== undefined || kernels.some(({ nmis }) => nmis >= SETTLED_PMIS);
  // How far several cores are apart between grid lines depends on the windows.
  const stop = (machine: Machine): boolean =>
    machine.group === undefined ? settled(machine) : tool?.status !== undefined;
  const machine = bootMachine(spec, 'warm-up', NOTHING_LEFT, stop, undefined, { longest, lines: 1 });
  const { group, host, kernels, kernel, core } = machine;
  tool = new ToolTask(kernel, command.quiet);
  occupy(machine, command);
  let wanted = true;
  const span = group === undefined ? BREATH : 0;
  // A machine that does not come back has also warmed up enough.
  while (wanted && !settled(machine) && core.nanos() < LONGEST_WARM_UP) {
    if (advance(machine, core, span, () => stop(machine)) === 'lost') break;
    if (breathe !== undefined) wanted = await breathe(core.nanos(), undefined);
  }
  const left = {
    running_sample_length: fresh.cpu ? [] : kernels.map((one) => one.running_sample_length),
    perf_sched_events: !fresh.host && host.global!.perf_sched_events,
  };
  return { left, wanted };
}

/** The other guests repeat the same work all the time: the workload, under perf or without. */
function occupy({ spec, others }: Machine, { elsewhere, executable }: QuietCommand): void {
  const underPerf = spec.values['host.guests_perf'];
  function* again(tool: ToolTask): ToolProgram {
    for (;;) {
      // Its own PMIs may have lowered the limit, and perf would refuse to start again.
      tool.kernel.sysctl.perf_proc_update_handler();
      yield* underPerf ? elsewhere(tool) : plainRun(tool, executable);
    }
  }
  others.forEach((kernel) => new ToolTask(kernel, again));
}

/** A shell that runs a program and waits for it. */
function* plainRun(tool: ToolTask, executable: Executable): ToolProgram {
  const workload = yield* tool.forkWorkload(executable);
  workload.go();
  let status: number | undefined;
  while ((status = tool.sys.wait4(workload.child)) === undefined) yield;
  return status;
}
