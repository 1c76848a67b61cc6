/** The steps of a life in the words of KVM developers, with their sums. */
import { MSR, PMC_IDX_FIXED, RDPMC_FIXED, decodePmuMsr, globalBit } from '../arch/msr.ts';
import { EVENTSEL, eventCode, fixedCtrlField } from '../arch/perfevtsel.ts';
import type { KernelFunction } from '../kernel/symbols.ts';
import { eventCodeOf } from '../kernel/x86-events.ts';
import type { ExitReason } from '../kvm/exits.ts';
import { side, type Machine } from '../machine/machine.ts';
import type { Told } from '../sim/probe.ts';
import type { ParsedEvent } from '../perf-events/parsed-event.ts';
import { cycles, type Cycles } from '../units.ts';
import { functionOf, type AccessStep, type MachineStep } from './steps.ts';
import type { LifeStep } from '../results/life.ts';

export interface LifeContext {
  readonly machine: Machine;
  readonly steps: readonly Told<MachineStep>[];
  readonly events: readonly ParsedEvent[];
  /** Also show what the host's perf does while it makes and releases an event. */
  readonly everything: boolean;
  /** Also show who gives the CPU to whom. */
  readonly switches?: boolean;
}

/** Kernel functions that get a line. */
const FUNCTIONS: { readonly [Fn in KernelFunction]?: string } = {
  intel_pmu_handle_irq: 'NMI -> intel_pmu_handle_irq',
  perf_output_sample: 'perf_event_overflow -> perf_output_sample',
  perf_sample_event_took: 'perf_sample_event_took',
  sysvec_perf_guest_mediated_pmi_handler: 'PERF_GUEST_MEDIATED_PMI -> sysvec_perf_guest_mediated_pmi_handler',
  apic_timer_interrupt: 'LOCAL_TIMER -> apic_timer_interrupt',
  perf_mux_hrtimer_handler: 'hrtimer_interrupt -> perf_mux_hrtimer_handler -> perf_rotate_context',
  ctx_sched_out: 'ctx_sched_out',
  x86_pmu_enable: 'x86_pmu_enable',
  __schedule: '__schedule',
  native_smp_send_reschedule: 'try_to_wake_up -> ttwu_queue_remote -> native_smp_send_reschedule',
  reschedule_interrupt: 'RESCHEDULE -> reschedule_interrupt',
  scheduler_ipi: 'scheduler_ipi -> sched_ttwu_pending',
  smp_call_function_single: 'smp_call_function_single',
  native_send_call_func_single_ipi: 'native_send_call_func_single_ipi',
  call_function_single_interrupt: 'CALL_FUNCTION -> call_function_single_interrupt',
  flush_smp_call_function_queue: 'flush_smp_call_function_queue',
  __perf_event_task_sched_out: '__perf_event_task_sched_out(prev)',
  __perf_event_task_sched_in: '__perf_event_task_sched_in(next)',
};

const ACCESSES = ['rdmsr', 'wrmsr', 'rdpmc', 'lvtpc'] as const satisfies readonly AccessStep['kind'][];
/** Work on host events, and moves of a guest's registers. What the host does inside counts as part of it. */
const WORKS = ['create', 'stop', 'release', 'pause', 'resume', 'load', 'put'] as const;
/** Exits caused by an instruction of the guest, whose own line shows them. */
const INTERCEPTED: ReadonlySet<ExitReason> = new Set(['MSR_READ', 'MSR_WRITE', 'RDPMC', 'APIC_WRITE']);

type Kind = MachineStep['kind'];
type ToldOf<K extends Kind> = Told<MachineStep & { readonly kind: K }>;
/** The steps of the given kinds. */
function only<K extends Kind>(steps: readonly Told<MachineStep>[], ...kinds: readonly K[]): ToldOf<K>[] {
  return steps.filter((told): told is ToldOf<K> => (kinds as readonly Kind[]).includes(told.step.kind));
}
const kindsOf = (steps: readonly Told<MachineStep>[]): Kind[] => steps.map(({ step }) => step.kind);

const hex = (n: number): string => `0x${n.toString(16)}`;

/** The lines of a life, in order of time. */
export function lifeSteps(context: LifeContext): LifeStep[] {
  const { machine, steps, everything } = context;
  const start = steps[0]!.at;
  const works = only(steps, ...WORKS);
  const lines: { at: Cycles; who: string; text: string }[] = [];
  const entries: { at: Cycles; who: string; text: string }[] = [];
  const flush = (now: Cycles): void => {
    while (entries.length > 0 && entries[0]!.at <= now) lines.push(entries.shift()!);
  };
  for (const told of steps) {
    const { who, step, at, until } = told;
    flush(at);
    const hidden = who === 'host' && works.some((w) => at >= w.at && at < w.until);
    const text = hidden && !everything ? undefined : stepText(told, context);
    if (text !== undefined) lines.push({ at, who, text });
    if (step.kind === 'exit' && !INTERCEPTED.has(step.reason)) entries.push({ at: until, who, text: 'VM-entry' });
  }
  flush(cycles(Infinity));
  return lines.map(({ at, who, text }) => ({ at: machine.host.nanosOf(cycles(at - start)), who, text }));
}

/** A step in words; undefined if it has no line of its own. */
export function stepText(told: Told<MachineStep>, context: LifeContext): string | undefined {
  const { step } = told;
  switch (step.kind) {
    case 'wrap':
      return `${counters(step.global_status)} wraps: GLOBAL_STATUS=${hex(step.global_status)}`;
    case 'exit':
      return INTERCEPTED.has(step.reason) ? undefined : `VM-exit ${step.reason}`;
    case 'inject':
      return `inject ${step.vector}`;
    case 'residue':
      return `${microseconds(told, context)} that no mechanism here explains (cost.pmi_residue)`;
    case 'request':
      return step.request === 'PMU' ? 'KVM_REQ_PMU: kvm_pmu_handle_event' : 'KVM_REQ_PMI: kvm_pmu_deliver_pmi';
    case 'overflow': {
      const requests = step.requests.map((request) => `KVM_REQ_${request}`).join(', ');
      return `kvm_perf_overflow: ${virtual(step.pmc)} GLOBAL_STATUS=${hex(step.global_status)}, ${requests}`;
    }
    case 'mediated_pmi':
      return 'kvm_handle_guest_mediated_pmi: KVM_REQ_PMI';
    case 'create': {
      const made = `perf_event_create_kernel_counter(period=${step.period})`;
      return `reprogram ${virtual(step.pmc)}: ${made}${surcharges(told, context)}`;
    }
    case 'stop':
    case 'release':
      return `${step.kind} ${virtual(step.pmc)}: perf_event_release_kernel${surcharges(told, context)}`;
    case 'pause':
      return `pause ${virtual(step.pmc)}: perf_event_pause${surcharges(told, context)}`;
    case 'resume': {
      const resumed = `perf_event_period(${step.period}), perf_event_enable`;
      return `resume ${virtual(step.pmc)}: ${resumed}${surcharges(told, context)}`;
    }
    case 'load':
    case 'put':
      return `kvm_mediated_pmu_${step.kind}: ${accessesIn(told, context)}`;
    case 'rdmsr':
    case 'wrmsr':
      return `${step.kind} ${msrName(step.msr)} = ${hex(step.value!)}${note(step, context)}`;
    case 'rdpmc':
      return `rdpmc ${pmcName(step.ecx)} = ${hex(step.value!)}${note(step, context)}`;
    case 'lvtpc':
      return `wrmsr LVTPC = ${step.vector}${step.masked ? ', masked' : ''}`;
    case 'timer':
      return told.who === side(context.machine.spec)
        ? `wrmsr IA32_TSC_DEADLINE (${step.armed ? 'on' : 'off'})`
        : undefined;
    case 'call': {
      // A function both entered and passed is shown once, when it is entered.
      const entered = only(context.steps, 'frame').some(
        (s) => s.step.fn === step.fn && s.who === told.who && s.at === told.at,
      );
      return entered ? undefined : FUNCTIONS[step.fn];
    }
    case 'frame':
      return FUNCTIONS[step.fn];
    // Shown in the line of the work that they lengthen.
    case 'surcharge':
      return undefined;
    // Their register accesses have lines of their own.
    case 'sched_out':
    case 'sched_in':
    case 'rotation':
      return undefined;
    case 'switch':
      return context.switches === true ? `__switch_to: ${step.prev.comm} -> ${step.next.comm}` : undefined;
  }
}

const microseconds = ({ at, until }: Told<MachineStep>, { machine }: LifeContext): string =>
  `${(machine.host.nanosOf(cycles(until - at)) / 1000).toFixed(1)} us`;

/** How long it took to make or release an event, and how much of that was the whole host's first or last event. */
function surcharges(work: Told<MachineStep>, { machine, steps }: LifeContext): string {
  const us = (span: number): string => `${(machine.host.nanosOf(cycles(span)) / 1000).toFixed(1)} us`;
  const within = (outer: Told<MachineStep>) => (s: Told<MachineStep>) => s.at >= outer.at && s.at < outer.until;
  const took = (s: Told<MachineStep & { readonly fn: KernelFunction }>): string => `${s.step.fn} ${us(s.until - s.at)}`;
  const all = only(steps, 'surcharge').filter(within(work));
  const buffers = only(steps, 'frame').filter((s) => within(work)(s) && s.step.fn.endsWith('_ds_buffers'));
  const own = all.filter((s) => !buffers.some((frame) => within(frame)(s))).map((s) => `, ${took(s)} of it`);
  const first = buffers.map((frame) => {
    const parts = all.filter(within(frame)).map(took);
    return `, ${took(frame)} of it (${parts.join(', ')})`;
  });
  return `: ${us(work.until - work.at)}${[...own, ...first].join('')}`;
}

/** "1.1 us, 23 accesses: 12 wrmsr, 11 rdpmc": the cost of moving a guest's registers. */
function accessesIn({ at, until }: Told<MachineStep>, { machine, steps }: LifeContext): string {
  const inside = only(steps, ...ACCESSES).filter((s) => s.at >= at && s.at < until);
  const us = (machine.host.nanosOf(cycles(until - at)) / 1000).toFixed(1);
  return `${us} us, ${tally(kindsOf(inside))}`;
}

/** What a register's value means, in brackets; '' if it is just a number. */
function note(step: Exclude<AccessStep, { kind: 'lvtpc' }>, { machine, events }: LifeContext): string {
  const { caps } = machine.kernel.cpu;
  const value = step.value!;
  const register = step.kind === 'rdpmc' ? undefined : decodePmuMsr(step.msr);
  switch (register?.reg) {
    case undefined:
    case 'PMC':
    case 'FIXED_CTR': {
      const narrow = step.kind === 'wrmsr' && register?.reg === 'PMC' && !register.fullWidth;
      const modulus = 2 ** (narrow ? 32 : caps.width);
      return value >= modulus / 2 ? ` (${value - modulus})` : '';
    }
    case 'PERFEVTSEL': {
      const code = eventCode(value);
      const { driver } = machine.spec.preset;
      const named = events.find(({ attr }) => eventCodeOf(driver, attr.type, Number(attr.config))?.code === code);
      return ` (${named?.name ?? `r${code.toString(16).padStart(4, '0')}`} ${(value & EVENTSEL.ENABLE) === 0 ? 'off' : 'on'})`;
    }
    case 'FIXED_CTR_CTRL': {
      const on = Array.from({ length: caps.nrFixed }, (_, i) => i).filter((i) => fixedCtrlField(value, i) !== 0);
      return on.length === 0 ? ' (all off)' : ` (${on.map((i) => `FIXED_CTR${i}`).join(', ')} on)`;
    }
    case 'GLOBAL_STATUS':
    case 'GLOBAL_OVF_CTRL':
    case 'GLOBAL_STATUS_SET':
    case 'GLOBAL_INUSE':
      return value === 0 ? '' : ` (${counters(value)})`;
    case 'GLOBAL_CTRL':
    case 'OFFCORE_RSP':
    case 'PERF_CAPABILITIES':
      return '';
  }
}

const MSR_NAMES = new Map(Object.entries(MSR).map(([name, number]) => [number as number, name]));

/** The SDM's name of a PMU register. */
function msrName(msr: number): string {
  const name = MSR_NAMES.get(msr);
  if (name !== undefined) return name;
  const register = decodePmuMsr(msr);
  if (register === undefined) return `MSR ${hex(msr)}`;
  const idx = 'idx' in register ? register.idx : 0;
  return `${MSR_NAMES.get(msr - idx)!.slice(0, -1)}${idx}`;
}

const pmcName = (ecx: number): string => (ecx >= RDPMC_FIXED ? `FIXED_CTR${ecx - RDPMC_FIXED}` : `PMC${ecx}`);
/** A guest's counter. */
const virtual = (idx: number): string => (idx >= PMC_IDX_FIXED ? `vFIXED${idx - PMC_IDX_FIXED}` : `vPMC${idx}`);

/** "PMC0, FIXED_CTR1": the counters whose bits are set in a global register. */
function counters(word: number): string {
  const names: string[] = [];
  for (let idx = 0; idx < 2 * PMC_IDX_FIXED; idx++) {
    if (Math.floor(word / globalBit(idx)) % 2 === 1)
      names.push(idx < PMC_IDX_FIXED ? `PMC${idx}` : `FIXED_CTR${idx - PMC_IDX_FIXED}`);
  }
  return names.join(', ');
}

/** "2: 1 rdpmc, 1 wrmsr": the register accesses among some steps. */
export const accessTally = (steps: readonly Told<MachineStep>[]): string => tally(kindsOf(only(steps, ...ACCESSES)));

/** The same of exits, by reason. */
export const exitTally = (steps: readonly Told<MachineStep>[]): string =>
  tally(only(steps, 'exit').map(({ step }) => step.reason));

/** Accesses by kind and part, exits by reason, host events, and where the time went. */
export function lifeSummary({ machine, steps }: LifeContext): [string, string][] {
  const { spec, host, vcpu } = machine;
  const who = side(spec);
  const own = steps.filter((s) => s.who === who);
  const accesses = only(own, ...ACCESSES);
  const rows: [string, string][] = [];
  const switched = own.find(({ step }) => functionOf(step) === '__perf_event_task_sched_in');
  if (switched === undefined) rows.push(['register accesses', tally(kindsOf(accesses))]);
  else {
    const [out, into] = [accesses.filter((s) => s.at < switched.at), accesses.filter((s) => s.at >= switched.at)];
    rows.push(['sched-out accesses', tally(kindsOf(out))], ['sched-in accesses', tally(kindsOf(into))]);
  }
  const ns = (span: number): string => `${host.nanosOf(cycles(span))} ns`;
  const from = steps[0]!.at;
  const frames = only(own, 'frame');
  const to = Math.max(...frames.filter((s) => s.until < Infinity).map((s) => s.until));
  const handler = frames.find((s) => s.step.fn === 'intel_pmu_handle_irq');
  if (vcpu !== undefined) {
    const exits = only(steps, 'exit').map(({ step }) => step.reason);
    const outside = only(steps, 'exit').reduce((sum, s) => sum + Math.min(s.until, to) - s.at, 0);
    const times = (...kinds: readonly Kind[]): number => only(steps, ...kinds).length;
    const kept = times('pause', 'resume') > 0 ? `, ${times('pause')} paused, ${times('resume')} resumed` : '';
    rows.push(
      ['VM-exits', tally(exits)],
      ['host perf events', `${times('stop', 'release')} released, ${times('create')} made${kept}`],
      ['host register accesses', tally(kindsOf(only(steps, ...ACCESSES).filter((s) => s.who === 'host')))],
      ['time in guest', ns(to - from - outside)],
      ['time in host', ns(outside)],
    );
  }
  if (handler !== undefined) rows.push(['intel_pmu_handle_irq', ns(handler.until - handler.at)]);
  rows.push(['from first to last', ns(to - from)]);
  return rows;
}

const KIND_NAMES: Readonly<Record<string, string>> = { lvtpc: 'LVTPC' };

/** "8: 4 wrmsr, 2 rdmsr" */
function tally(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const parts = [...counts].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const text = parts.map(([word, n]) => `${n} ${KIND_NAMES[word] ?? word}`).join(', ');
  return words.length === 0 ? '0' : `${words.length}: ${text}`;
}
