/** The steps of a life in the words of KVM developers, and their sums. */
import { PMC_IDX_FIXED, decodePmuMsr, globalBit, MSR } from '../arch/msr.ts';
import { EVENTSEL, eventCode, fixedCtrlField } from '../arch/perfevtsel.ts';
import { eventCodeOf } from '../kernel/x86-events.ts';
import { side, type Machine } from '../machine/machine.ts';
import type { Step } from '../sim/probe.ts';
import type { LifeStep } from '../uapi/results.ts';
import type { ParsedEvent } from '../uapi/parsed-event.ts';
import { cycles, type Cycles } from '../units.ts';

export interface LifeContext {
  readonly machine: Machine;
  readonly steps: readonly Step[];
  readonly events: readonly ParsedEvent[];
  /** Also what the host's perf does inside making and releasing an event. */
  readonly everything: boolean;
}

/** Kernel functions worth a line. */
const FUNCTIONS: Readonly<Record<string, string>> = {
  intel_pmu_handle_irq: 'NMI -> intel_pmu_handle_irq',
  perf_output_sample: 'perf_event_overflow -> perf_output_sample',
  perf_sample_event_took: 'perf_sample_event_took',
  sysvec_perf_guest_mediated_pmi_handler: 'PERF_GUEST_MEDIATED_PMI -> sysvec_perf_guest_mediated_pmi_handler',
  apic_timer_interrupt: 'LOCAL_TIMER -> apic_timer_interrupt',
  perf_mux_hrtimer_handler: 'hrtimer_interrupt -> perf_mux_hrtimer_handler -> perf_rotate_context',
  ctx_sched_out: 'ctx_sched_out',
  x86_pmu_enable: 'x86_pmu_enable',
  __schedule: '__schedule',
  __perf_event_task_sched_out: '__perf_event_task_sched_out(prev)',
  __perf_event_task_sched_in: '__perf_event_task_sched_in(next)',
};

const ACCESSES = new Set(['wrmsr', 'rdmsr', 'rdpmc', 'lvtpc']);
const isAccess = ({ kind }: Step): boolean => ACCESSES.has(kind);
const COUNTER_WORKS = new Set(['create', 'release', 'pause', 'resume']);
const isCounterWork = ({ kind }: Step): boolean => COUNTER_WORKS.has(kind);
/** A guest's registers are moved. */
const isWorldSwitch = ({ kind }: Step): boolean => kind === 'load' || kind === 'put';
/** Exits that an instruction of the guest is; its own line tells of them. */
const INTERCEPTED = new Set(['MSR_READ', 'MSR_WRITE', 'RDPMC', 'APIC_WRITE']);

export const hex = (n: number): string => `0x${n.toString(16)}`;

/** The lines of a life, in order of time. */
export function lifeSteps(context: LifeContext): LifeStep[] {
  const { machine, steps, everything } = context;
  const start = steps[0]!.at;
  const works = steps.filter((s) => isCounterWork(s) || isWorldSwitch(s));
  const lines: { at: Cycles; who: string; text: string }[] = [];
  const entries: { at: Cycles; who: string; text: string }[] = [];
  const flush = (now: Cycles): void => {
    while (entries.length > 0 && entries[0]!.at <= now) lines.push(entries.shift()!);
  };
  for (const step of steps) {
    flush(step.at);
    const hidden = step.who === 'host' && works.some((w) => step.at >= w.at && step.at < w.until);
    const text = hidden && !everything ? undefined : textOf(step, context);
    if (text !== undefined) lines.push({ at: step.at, who: step.who, text });
    if (step.kind === 'exit' && !INTERCEPTED.has(step.text))
      entries.push({ at: step.until, who: step.who, text: 'VM-entry' });
  }
  flush(cycles(Infinity));
  return lines.map(({ at, who, text }) => ({ at: machine.host.nanosOf(cycles(at - start)), who, text }));
}

function textOf(step: Step, context: LifeContext): string | undefined {
  const { machine } = context;
  const { kind, text, value } = step;
  switch (kind) {
    case 'wrap':
      return `${counters(value!)} wraps: GLOBAL_STATUS=${hex(value!)}`;
    case 'exit':
      return INTERCEPTED.has(text) ? undefined : `VM-exit ${text}`;
    case 'inject':
      return `inject ${text}`;
    case 'overflow':
    case 'request':
      return text;
    case 'create':
    case 'release':
    case 'pause':
    case 'resume':
      return `${text}${surcharges(step, context)}`;
    case 'load':
    case 'put':
      return `${text}: ${accessesIn(step, context)}`;
    case 'rdmsr':
    case 'wrmsr':
    case 'rdpmc':
      return `${kind} ${text} = ${hex(value!)}${note(step, context)}`;
    case 'lvtpc':
      return `wrmsr LVTPC = ${text}`;
    case 'timer':
      return step.who === side(machine.spec) ? `wrmsr IA32_TSC_DEADLINE (${text})` : undefined;
    case 'frame':
    case 'call':
      return isNamed(step, context) ? FUNCTIONS[text] : undefined;
  }
  return undefined;
}

/** A function that is both entered and passed is told once, when it is entered. */
function isNamed({ kind, text, at, who }: Step, { steps }: LifeContext): boolean {
  if (!(text in FUNCTIONS)) return false;
  return kind === 'frame' || !steps.some((s) => s.kind === 'frame' && s.text === text && s.who === who && s.at === at);
}

/** What making or releasing an event took, and what of it the whole host's first or last event cost. */
function surcharges(work: Step, { machine, steps }: LifeContext): string {
  const us = (span: number): string => `${(machine.host.nanosOf(cycles(span)) / 1000).toFixed(1)} us`;
  const extra = steps.filter((s) => s.kind === 'surcharge' && s.at >= work.at && s.at < work.until);
  const parts = extra.map((s) => `, ${s.text} ${us(s.until - s.at)} of it`);
  return `: ${us(work.until - work.at)}${parts.join('')}`;
}

/** "1.1 us, 23 accesses: 12 wrmsr, 11 rdpmc": what moving a guest's registers took. */
function accessesIn({ at, until }: Step, { machine, steps }: LifeContext): string {
  const inside = steps.filter((s) => isAccess(s) && s.at >= at && s.at < until).map(({ kind }) => kind);
  const us = (machine.host.nanosOf(cycles(until - at)) / 1000).toFixed(1);
  return `${us} us, ${tally(inside)}`;
}

/** What a register's value says, in brackets; '' if nothing beyond the number. */
function note(step: Step, { machine, events }: LifeContext): string {
  const { caps } = machine.kernel.cpu;
  const value = step.value!;
  const register = step.kind === 'rdpmc' ? undefined : decodePmuMsr(msrOf(step.text));
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

/** The number behind a name that TappedCpu gave. */
function msrOf(name: string): number {
  const fixed = MSR[name as keyof typeof MSR] as number | undefined;
  if (fixed !== undefined) return fixed;
  const [, stem, idx] = /^(.*?)(\d+)$/.exec(name)!;
  return MSR[`${stem}0` as keyof typeof MSR] + Number(idx);
}

/** "PMC0, FIXED_CTR1" for the bits of a global register. */
function counters(word: number): string {
  const names: string[] = [];
  for (let idx = 0; idx < 2 * PMC_IDX_FIXED; idx++) {
    if (Math.floor(word / globalBit(idx)) % 2 === 1)
      names.push(idx < PMC_IDX_FIXED ? `PMC${idx}` : `FIXED_CTR${idx - PMC_IDX_FIXED}`);
  }
  return names.join(', ');
}

/** Accesses by kind and part, exits by reason, host events, and where the time went. */
export function lifeSummary({ machine, steps }: LifeContext): [string, string][] {
  const { spec, host, vcpu } = machine;
  const who = side(spec);
  const own = steps.filter((s) => s.who === who);
  const accesses = own.filter(isAccess);
  const rows: [string, string][] = [];
  const switched = own.find((s) => s.text === '__perf_event_task_sched_in');
  if (switched === undefined) rows.push(['register accesses', tally(accesses.map((s) => s.kind))]);
  else {
    const [out, into] = [accesses.filter((s) => s.at < switched.at), accesses.filter((s) => s.at >= switched.at)];
    rows.push(
      ['sched-out accesses', tally(out.map((s) => s.kind))],
      ['sched-in accesses', tally(into.map((s) => s.kind))],
    );
  }
  const ns = (span: number): string => `${host.nanosOf(cycles(span))} ns`;
  const from = steps[0]!.at;
  const to = Math.max(...own.filter((s) => s.kind === 'frame' && s.until < Infinity).map((s) => s.until));
  const handler = own.find((s) => s.kind === 'frame' && s.text === 'intel_pmu_handle_irq');
  if (vcpu !== undefined) {
    const exits = steps.filter((s) => s.kind === 'exit');
    const inHost = steps.filter((s) => s.kind === 'exit' || s.kind === 'inject');
    const outside = inHost.reduce((sum, s) => sum + Math.min(s.until, to) - s.at, 0);
    const times = (kind: string): number => steps.filter((s) => s.kind === kind).length;
    const kept = times('pause') + times('resume') > 0 ? `, ${times('pause')} paused, ${times('resume')} resumed` : '';
    rows.push(
      ['VM-exits', tally(exits.map((s) => s.text))],
      ['host perf events', `${times('release')} released, ${times('create')} made${kept}`],
      ['host register accesses', tally(steps.filter((s) => s.who === 'host' && isAccess(s)).map((s) => s.kind))],
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
