/**
 * What the host's perf shows of a guest's counters, and what sharing them with the host does to a guest: the first two
 * items of the letter's NEXT.
 *
 * KVM's events have no file, no buffer and no owner in user space; only code of the host's kernel can read them, as
 * perf_event_read_local() does here: at once and on their CPU.
 * Not modelled: what the reading costs. It changes nothing.
 */
import { COLUMN, eventVector, type EventName } from '../arch/events.ts';
import { perf_event_read_local } from '../kernel/kernel-counter.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { PERF_EVENT_STATE, effective_state, type PerfEvent } from '../kernel/perf-event.ts';
import type { KvmPmc } from '../kvm/vpmu.ts';
import { NOTHING_LEFT, bootMachine, runMachine, type Machine } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import type {
  HooksView,
  HostEvent,
  PhaseReading,
  EventReading,
  SharedCounter,
  SharingView,
} from '../results/host-events.ts';
import { ToolTask } from '../tool/tool-task.ts';
import { nanos } from '../units.ts';
import { NoLifeError } from './explain.ts';

/** Simulated ns: of a phase, of the time that counters are shared, and within which all must be over. */
const PHASE = 10_000_000;
const SHARED = 400_000_000;
const LIMIT = 4_000_000_000;

/** The counter is on, off, and on again. */
const PHASES = [true, false, true] as const;

/** What a task of the guest does, after which there is nothing more to see. Throws NoLifeError. */
function inGuest(spec: MachineSpec, program: (tool: ToolTask, machine: Machine) => Generator<void, void, void>): void {
  let task: ToolTask | undefined;
  const over = (): boolean => task?.status !== undefined;
  const machine = bootMachine(spec, 'explain', NOTHING_LEFT, over);
  task = new ToolTask(machine.kernel, function* (tool) {
    yield* program(tool, machine);
    return 0;
  });
  runMachine(machine, machine.host.cyclesOf(LIMIT), over);
  if (!over()) throw new NoLifeError(`the guest was not through in ${LIMIT / 1e9} s of simulated time`);
}

/** An event that counts for the task itself, on from the start. Throws NoLifeError. */
function openOnSelf({ sys, task }: ToolTask, name: string): PerfEvent {
  const [evsel] = parseEventList([name], 'stat');
  const attr = { ...evsel!.attr, disabled: false, enable_on_exec: false, inherit: false };
  const event = sys.perf_event_open(attr, { task, cpu: -1, group_leader: undefined });
  if (typeof event === 'number') throw new NoLifeError(`the guest's kernel refuses ${name} (errno ${-event})`);
  return event;
}

function readByGuest({ sys }: ToolTask, event: PerfEvent): EventReading {
  const { val, ena, run } = sys.read(event);
  return { count: val, enabled: nanos(ena), running: nanos(run) };
}

/** An event of the host as of now. */
function readByHost(host: Kernel, { core }: Machine, event: PerfEvent): EventReading {
  const { val, ena, run } = perf_event_read_local(host, event, (ecx) => core.pmu.rdpmc(ecx));
  return { count: val, enabled: nanos(ena), running: nanos(run) };
}

function hostEvent(machine: Machine, { perf_event: event }: KvmPmc): HostEvent | undefined {
  if (event === undefined) return undefined;
  const state = effective_state(event);
  const [word = ''] = Object.entries(PERF_EVENT_STATE).find(([, value]) => value === state) ?? [];
  return { ...readByHost(machine.host, machine, event), state: word, pinned: event.attr.pinned === true };
}

/** What the host shows of an event that a task of the guest has on, off and on again. Throws NoLifeError. */
export function hooksView(spec: MachineSpec, event: string): HooksView {
  const phases: PhaseReading[] = [];
  inGuest(spec, function* (tool, machine) {
    const counted = openOnSelf(tool, event);
    // As the guest's driver placed it.
    const pmc = machine.vcpu!.pmu.pmc(counted.hw.idx)!;
    for (const on of PHASES) {
      if (phases.length > 0) tool.sys[on ? 'enable' : 'disable'](counted);
      yield* tool.user('main', PHASE);
      const host = hostEvent(machine, pmc);
      phases.push({ on, guest: readByGuest(tool, counted), host });
    }
  });
  const hooks = spec.values['kvm.hooks'] ? ' kvm.hooks=on' : '';
  return { vpmu: `${spec.vpmu}${hooks}`, lacks: undefined, phases };
}

/** Events of general-purpose counters, of which ring 3's code here has many, with the column of each. */
const GENERAL = ['branches', 'L1-dcache-loads', 'branch-loads', 'L1-dcache-stores'] as const;
const COLUMNS: Readonly<Record<string, EventName>> = { 'branch-loads': 'branches' };

/** A guest that uses all its counters at once, beside other users of the host's perf. Throws NoLifeError. */
export function sharingView(spec: MachineSpec): SharingView {
  const { values: v } = spec;
  const counters: SharedCounter[] = [];
  let own: EventReading | undefined;
  inGuest(spec, function* (tool, machine) {
    const { nrGp, nrFixed } = machine.kernel.cpu.caps;
    const general = Array.from({ length: nrGp }, (_, i) => GENERAL[i % GENERAL.length]!);
    const names = [...['instructions', 'cycles', 'ref-cycles'].slice(0, nrFixed), ...general];
    const events = names.map((name) => openOnSelf(tool, `${name}:u`));
    // What ring 3 has done by then.
    const start = events.map((event) => readByGuest(tool, event).count);
    yield* tool.user('main', SHARED);
    const done = tool.task.cursor!.totals(eventVector());
    const host = events.map(({ hw }) => hostEvent(machine, machine.vcpu!.pmu.pmc(hw.idx)!));
    for (const [i, event] of events.entries()) {
      const name = names[i]!;
      const scale = name === 'ref-cycles' ? v['core.tsc'] / v['core.clock'] : 1;
      const column = COLUMN[name === 'ref-cycles' ? 'cycles' : (COLUMNS[name] ?? (name as EventName))];
      const reading = readByGuest(tool, event);
      counters.push({
        event: `${name}:u`,
        happened: Math.floor(done[column]! * scale),
        guest: { ...reading, count: reading.count - start[i]! },
        host: host[i],
      });
    }
    const [flexible] = machine.host.cpuctx.hw.ctx.flexible_groups;
    if (flexible !== undefined) own = readByHost(machine.host, machine, flexible);
  });
  const others = [
    v['host.watchdog'] ? 'host.watchdog=on' : '',
    v['host.perf'] === 'off' ? '' : `host.perf=${v['host.perf']}`,
  ];
  return { vpmu: spec.vpmu, pinned: v['kvm.pinned'], others: others.filter(Boolean).join(' '), counters, own };
}
