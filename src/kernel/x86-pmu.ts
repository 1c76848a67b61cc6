/**
 * The x86 PMU driver (struct x86_pmu): puts events on counters and serves their interrupts. It makes every register
 * access in Linux's order, because under a hypervisor each one is an exit. Its per-CPU data is in cpu-hw-events.ts.
 *
 * Source: arch/x86/events/core.c and arch/x86/events/intel/core.c, Linux 5.0, for a PMU of version 2 to 5 with late
 * LVTPC acknowledgement (Haswell and later); from 6.1 FIXED_CTR_CTRL is kept in software ("perf/x86/intel: Optimize
 * FIXED_CTR_CTRL access"). Functions carry the kernel's names.
 * Not modelled: PEBS, LBR, BTS, AnyThread, TSX constraints, the hyperthread exclusivity workaround of older cores.
 *
 * In order: checking a new event, putting events on and off counters, the interrupt, the registers, assignment of
 * counters.
 */
import type { Cpu, Regs } from '../arch/cpu.ts';
import { GeneralProtection, MSR, PMC_IDX_FIXED, RDPMC_FIXED, globalBit } from '../arch/msr.ts';
import { EVENTSEL, FIXED_CTRL, withFixedCtrlField } from '../arch/perfevtsel.ts';
import { PERF_TYPE } from '../uapi/perf-event.ts';
import { CHANGES, has } from './changes.ts';
import { atLeast } from './config.ts';
import type { CpuHwEvents } from './cpu-hw-events.ts';
import { EINVAL, ENOENT, ENXIO, EOPNOTSUPP } from './errno.ts';
import type { PerCpu } from './per-cpu.ts';
import {
  PERF_EF,
  PERF_HES,
  groupMembers,
  is_sampling_event,
  type ExtraReg,
  type PerfEvent,
  type Pmu,
} from './perf-event.ts';
import type { SampleRate } from './sampling.ts';
import { FN } from './symbols.ts';
import {
  X86_RAW_EVENT_MASK,
  eventCodeOf,
  freqStartFactor,
  offcoreRspOf,
  unknownEvent,
  validOffcoreRsp,
  type X86Events,
} from './x86-events.ts';
import { perf_assign_events, shareExtraRegs } from './x86-schedule.ts';

const LOOP_LIMIT = 100;

export class X86Pmu implements Pmu {
  readonly name = 'cpu';
  readonly task_ctx_nr = 'hw';
  /** The largest period a counter can be armed for: 2^31-1 through the legacy alias, else half the counter. */
  readonly max_period: number;
  /** GLOBAL_CTRL while enabled: all counters; each also has its own enable bit. */
  readonly intel_ctrl: number;

  readonly #cpu: Cpu;
  readonly #model: X86Events;
  readonly #cpuc: CpuHwEvents;
  readonly #rate: SampleRate;
  readonly #mask: number;
  /** From 6.1 FIXED_CTR_CTRL is kept in software. */
  readonly #keepsFixedCtrl: boolean;
  /** From 6.14 a frequency event starts with an estimated period, before with 1. */
  readonly #estimatesPeriod: boolean;
  /** extra_msr_access: MSR_OFFCORE_RSP_0 and _1 exist (not in a guest). */
  #offcoreRsp = false;
  /** active_events made on this CPU: without any, the handler returns at once. */
  activeEvents = 0;
  /** Counters that KVM took from this driver, and what it wants to know of their overflows (x86_perf_mask_...). */
  #masked: readonly number[] = [];
  #pmi_callback: ((status: number) => void) | undefined;

  constructor(here: PerCpu, rate: SampleRate) {
    const { cpu, config } = here;
    this.#cpu = cpu;
    this.#cpuc = here.cpu_hw_events;
    this.#rate = rate;
    this.#model = config.events;
    this.#keepsFixedCtrl = atLeast(config, 6, 1);
    this.#estimatesPeriod = has(config, CHANGES.freqStartPeriod);
    const { nrGp, nrFixed, width, fullWidthWrite } = cpu.caps;
    this.#mask = 2 ** width;
    this.max_period = fullWidthWrite ? 2 ** (width - 1) - 1 : 2 ** 31 - 1;
    this.intel_ctrl = globalBit(nrGp) - 1 + (globalBit(nrFixed) - 1) * globalBit(PMC_IDX_FIXED);
  }

  /** init_hw_perf_events() on this CPU: registers probed, counters off, LVTPC opened. */
  init_hw_perf_events(): void {
    this.#offcoreRsp = this.#check_msr(MSR.MSR_OFFCORE_RSP_0) && this.#check_msr(MSR.MSR_OFFCORE_RSP_1);
    this.#cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
    this.#cpu.setLvtpc('NMI');
  }

  /** check_msr(): whether a register exists and keeps what is written. */
  #check_msr(msr: number): boolean {
    const cpu = this.#cpu;
    try {
      const old = cpu.rdmsr(msr);
      const probe = old - (old % 32) + ((old % 32) ^ 0x11);
      cpu.wrmsr(msr, probe);
      const kept = cpu.rdmsr(msr) === probe;
      if (kept) cpu.wrmsr(msr, old);
      return kept;
    } catch (error) {
      if (error instanceof GeneralProtection) return false;
      throw error;
    }
  }

  /** x86_pmu_event_init() and x86_pmu_hw_config(). */
  event_init(event: PerfEvent): number {
    const { attr, hw } = event;
    if (attr.type !== PERF_TYPE.HARDWARE && attr.type !== PERF_TYPE.HW_CACHE && attr.type !== PERF_TYPE.RAW)
      return -ENOENT;
    if (this.#cpu.caps.nrGp === 0) return -ENOENT;
    this.#cpu.spend(FN.x86_pmu_event_init);
    const model = this.#model;
    const [config, period] = [Number(attr.config), Number(attr.sample_period)];
    const code = eventCodeOf(model, attr.type, config);
    if ((attr.precise_ip ?? 0) > 0) return -EOPNOTSUPP;
    if (code === undefined) return unknownEvent(model, attr.type, config);
    hw.config = EVENTSEL.INT;
    if (attr.exclude_user !== true) hw.config |= EVENTSEL.USR;
    if (attr.exclude_kernel !== true) hw.config |= EVENTSEL.OS;
    hw.config = (hw.config | (code.code & X86_RAW_EVENT_MASK)) >>> 0;
    if (attr.type === PERF_TYPE.RAW && (config & EVENTSEL.ANY) !== 0) {
      // intel_pmu_hw_config(). Version 5 deprecates AnyThread, and no format attribute offers it then.
      const { version } = this.#cpu.caps;
      if (version < 3 || version >= 5) return -EINVAL;
      hw.config = (hw.config | EVENTSEL.ANY) >>> 0;
    }
    if (period > 0 && this.#limit(hw.config, period) > period) return -EINVAL;
    const idx = offcoreRspOf(model, code.code);
    if (idx !== undefined) {
      const rsp = attr.type === PERF_TYPE.RAW ? Number(attr.config1 ?? 0) : code.extra;
      if (!validOffcoreRsp(model, rsp)) return -EINVAL;
      if (!this.#offcoreRsp) return -ENXIO;
      hw.extra_reg = { config: rsp, idx, alloc: false };
    }
    if (!is_sampling_event(event)) {
      hw.sample_period = this.max_period;
      hw.last_period = hw.sample_period;
      hw.period_left = hw.sample_period;
    } else if (attr.freq === true && this.#estimatesPeriod) {
      const start = Math.min(freqStartFactor(attr) / period, this.max_period + 1);
      hw.sample_period = this.#limit(hw.config, Math.ceil(start) - 1);
      hw.last_period = hw.sample_period;
      hw.period_left = hw.sample_period;
    }
    return this.#validateGroup(event);
  }

  /** x86_pmu_check_period() */
  check_period({ hw }: PerfEvent, value: number): number {
    return this.#limit(hw.config, value) > value ? -EINVAL : 0;
  }

  /** validate_group(): would the group fit if it had the PMU to itself? */
  #validateGroup(event: PerfEvent): number {
    const group = event.group_leader === event ? [event] : [...groupMembers(event.group_leader), event];
    const hardware = group.filter((e) => e.pmu.name === this.name);
    return this.#x86_schedule_events(hardware, true) === undefined ? -EINVAL : 0;
  }

  /** x86_pmu_disable(), the outermost one. */
  pmu_disable(): void {
    const cpuc = this.#cpuc;
    if (cpuc.disable_count++ > 0 || !cpuc.enabled) return;
    this.#cpu.spend(FN.x86_pmu_disable);
    cpuc.n_added = 0;
    cpuc.enabled = false;
    this.#intel_pmu_disable_all();
  }

  /** x86_pmu_enable(): moves and starts events that changed since the disable, then opens the counters. */
  pmu_enable(): void {
    const cpuc = this.#cpuc;
    if (--cpuc.disable_count > 0 || cpuc.enabled) return;
    const cpu = this.#cpu;
    cpu.enter(FN.x86_pmu_enable);
    cpu.spend(FN.x86_pmu_enable);
    if (cpuc.n_added > 0) {
      const running = cpuc.n_events - cpuc.n_added;
      cpuc.event_list.slice(0, running).forEach((event, i) => {
        const { hw } = event;
        if (hw.idx === -1 || cpuc.match_prev_assignment(event, i)) return;
        if ((hw.state & PERF_HES.STOPPED) !== 0) hw.state |= PERF_HES.ARCH;
        this.stop(event, PERF_EF.UPDATE);
      });
      cpuc.event_list.forEach((event, i) => {
        if (!cpuc.match_prev_assignment(event, i)) this.#x86_assign_hw_event(event, i);
        else if (i < running) return;
        if ((event.hw.state & PERF_HES.ARCH) === 0) this.start(event, PERF_EF.RELOAD);
      });
      cpuc.n_added = 0;
      this.#perf_events_lapic_init();
    }
    cpuc.enabled = true;
    this.#intel_pmu_enable_all();
    cpu.leave();
  }

  /** x86_pmu_add(): a place among the counters, or -EINVAL; nothing is written to hardware yet. */
  add(event: PerfEvent, flags: number): number {
    this.#cpu.spend(FN.x86_pmu_add);
    const cpuc = this.#cpuc;
    const wanted = [...cpuc.event_list, event];
    const { nrGp, nrFixed } = this.#cpu.caps;
    if (wanted.length > nrGp + nrFixed) return -EINVAL;
    event.hw.state = PERF_HES.UPTODATE | PERF_HES.STOPPED;
    if ((flags & PERF_EF.START) === 0) event.hw.state |= PERF_HES.ARCH;
    if (!cpuc.in_txn) {
      const assign = this.#x86_schedule_events(wanted);
      if (assign === undefined) return -EINVAL;
      cpuc.assign = assign;
    }
    cpuc.collect(event);
    return 0;
  }

  /** x86_pmu_del() */
  del(event: PerfEvent): void {
    this.#cpu.spend(FN.x86_pmu_del);
    // Inside a transaction nothing was started: cancel_txn drops what was collected.
    if (this.#cpuc.in_txn) return;
    this.stop(event, PERF_EF.UPDATE);
    if (this.#cpuc.drop(event) && event.hw.extra_reg !== undefined) event.hw.extra_reg.alloc = false;
  }

  start_txn(): void {
    this.pmu_disable();
    this.#cpuc.start_txn();
  }

  commit_txn(): number {
    const assign = this.#x86_schedule_events(this.#cpuc.event_list);
    if (assign === undefined) return -EINVAL;
    this.#cpuc.commit_txn(assign);
    this.pmu_enable();
    return 0;
  }

  cancel_txn(): void {
    this.#cpuc.cancel_txn();
    this.pmu_enable();
  }

  /** x86_pmu_start() */
  start(event: PerfEvent, flags: number): void {
    const { hw } = event;
    if ((hw.state & PERF_HES.STOPPED) === 0 || hw.idx === -1) return;
    this.#cpu.spend(FN.x86_pmu_start);
    if ((flags & PERF_EF.RELOAD) !== 0) this.#x86_perf_event_set_period(event);
    hw.state = 0;
    this.#cpuc.events.set(hw.idx, event);
    this.#cpuc.setSides(event, true);
    this.#intel_pmu_enable_event(event);
  }

  /** x86_pmu_stop() */
  stop(event: PerfEvent, flags: number): void {
    const { hw } = event;
    const cpuc = this.#cpuc;
    if (cpuc.events.get(hw.idx) === event) {
      this.#cpu.spend(FN.x86_pmu_stop);
      cpuc.events.delete(hw.idx);
      cpuc.setSides(event, false);
      this.#intel_pmu_disable_event(event);
      hw.state |= PERF_HES.STOPPED;
    }
    if ((flags & PERF_EF.UPDATE) !== 0 && (hw.state & PERF_HES.UPTODATE) === 0) {
      this.#x86_perf_event_update(event);
      hw.state |= PERF_HES.UPTODATE;
    }
  }

  /** x86_pmu_read() */
  read(event: PerfEvent): void {
    this.#x86_perf_event_update(event);
  }

  /** intel_pmu_handle_irq(): serves every overflow that the status register shows, and returns how many there were. */
  intel_pmu_handle_irq(regs: Regs): number {
    const cpu = this.#cpu;
    const cpuc = this.#cpuc;
    cpu.enter(FN.intel_pmu_handle_irq);
    cpu.spend(FN.intel_pmu_handle_irq);
    const { enabled } = cpuc;
    cpuc.enabled = false;
    this.#intel_pmu_disable_all();
    let handled = 0;
    let status = cpu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS);
    for (let loops = 0; status !== 0;) {
      cpu.wrmsr(MSR.IA32_PERF_GLOBAL_OVF_CTRL, status);
      if (++loops > LOOP_LIMIT) break;
      const theirs = this.#masked.length > 0 ? bitsOf(this.#masked, status) : 0;
      if (theirs > 0) {
        this.#pmi_callback?.(theirs);
        handled++;
      }
      for (let left = status - theirs; left !== 0;) {
        const idx = lowestBit(left);
        left -= BIT[idx]!;
        handled++;
        const event = cpuc.events.get(idx);
        if (event === undefined || !this.#intel_pmu_save_and_restart(event)) continue;
        if (this.#rate.overflow(event, regs, event.hw.last_period, true)) this.stop(event, 0);
      }
      status = cpu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS);
    }
    cpuc.enabled = enabled;
    if (enabled) this.#intel_pmu_enable_all();
    cpu.setLvtpc('NMI');
    cpu.leave();
    return handled;
  }

  #intel_pmu_save_and_restart(event: PerfEvent): boolean {
    this.#x86_perf_event_update(event);
    return event.ownedByKvm || this.#x86_perf_event_set_period(event);
  }

  #intel_pmu_disable_all(): void {
    this.#cpu.spend(FN.intel_pmu_disable_all);
    this.#cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
  }

  #intel_pmu_enable_all(): void {
    const cpuc = this.#cpuc;
    this.#cpu.spend(FN.intel_pmu_enable_all);
    if (cpuc.fixed_ctrl_val !== cpuc.active_fixed_ctrl_val) {
      this.#cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, cpuc.fixed_ctrl_val);
      cpuc.active_fixed_ctrl_val = cpuc.fixed_ctrl_val;
    }
    this.#cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, this.intel_ctrl - cpuc.intel_ctrl_guest_mask);
  }

  /**
   * intel_guest_get_msrs(): GLOBAL_CTRL for host and guest; KVM switches it at VM-entry and VM-exit. `differ`: whether
   * Linux' two values do, which are those of an enabled PMU.
   */
  intel_guest_get_msrs(): { readonly host: number; readonly guest: number; readonly differ: boolean } {
    const { enabled, intel_ctrl_guest_mask, intel_ctrl_host_mask } = this.#cpuc;
    return {
      host: enabled ? this.intel_ctrl - intel_ctrl_guest_mask : 0,
      guest: this.intel_ctrl - intel_ctrl_host_mask,
      differ: intel_ctrl_guest_mask !== intel_ctrl_host_mask,
    };
  }

  /**
   * x86_perf_mask_perf_counters(), of a series that was never merged (kvm/vpmu/v1.ts): these counters belong to
   * somebody else. An event that has one of them is not moved, since none was added.
   */
  x86_perf_mask_perf_counters(indices: readonly number[]): void {
    const cpuc = this.#cpuc;
    if (this.#masked.length === 0 && indices.length > 0) this.activeEvents++;
    else if (this.#masked.length > 0 && indices.length === 0) this.activeEvents--;
    const used = bitsOf(indices, cpuc.intel_ctrl_host_mask) > 0;
    if (used) this.pmu_disable();
    this.#masked = indices;
    cpuc.intel_ctrl_guest_mask = indices.reduce((mask, idx) => mask + globalBit(idx), 0);
    if (used) this.pmu_enable();
  }

  /** x86_perf_register_pmi_callback() and, with undefined, x86_perf_unregister_pmi_callback() */
  x86_perf_register_pmi_callback(callback: ((status: number) => void) | undefined): void {
    this.#pmi_callback = callback;
    if (callback !== undefined) this.#cpu.setLvtpc('NMI');
  }

  #intel_pmu_enable_event(event: PerfEvent): void {
    const { hw } = event;
    const cpu = this.#cpu;
    // KVM drives this counter itself (vpmu/v2.ts): its registers are off limits.
    if (event.ownedByKvm) return;
    cpu.spend(FN.intel_pmu_enable_event);
    if (hw.idx >= PMC_IDX_FIXED) {
      let bits: number = FIXED_CTRL.PMI;
      if ((hw.config & EVENTSEL.USR) !== 0) bits |= FIXED_CTRL.USR;
      if ((hw.config & EVENTSEL.OS) !== 0) bits |= FIXED_CTRL.OS;
      this.#setFixedField(hw.idx - PMC_IDX_FIXED, bits);
      return;
    }
    if (hw.extra_reg !== undefined) cpu.wrmsr(MSR.MSR_OFFCORE_RSP_0 + hw.extra_reg.idx, hw.extra_reg.config);
    cpu.wrmsr(hw.config_base, (hw.config | EVENTSEL.ENABLE) >>> 0);
  }

  #intel_pmu_disable_event(event: PerfEvent): void {
    const { hw } = event;
    const cpu = this.#cpu;
    if (event.ownedByKvm) return;
    cpu.spend(FN.intel_pmu_disable_event);
    if (hw.idx >= PMC_IDX_FIXED) this.#setFixedField(hw.idx - PMC_IDX_FIXED, 0);
    else cpu.wrmsr(hw.config_base, hw.config);
  }

  #setFixedField(i: number, field: number): void {
    if (this.#keepsFixedCtrl) {
      this.#cpuc.fixed_ctrl_val = withFixedCtrlField(this.#cpuc.fixed_ctrl_val, i, field);
      return;
    }
    const ctrl = this.#cpu.rdmsr(MSR.IA32_FIXED_CTR_CTRL);
    this.#cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, withFixedCtrlField(ctrl, i, field));
  }

  /** To be called after a write of FIXED_CTR_CTRL that bypasses the driver, as v2 makes for a counter of its own. */
  fixedCtrlWritten(value: number): void {
    if (this.#keepsFixedCtrl) this.#cpuc.fixed_ctrl_val = this.#cpuc.active_fixed_ctrl_val = value;
  }

  #perf_events_lapic_init(): void {
    this.#cpu.spend(FN.perf_events_lapic_init);
    this.#cpu.setLvtpc('NMI');
  }

  /** x86_perf_event_set_period(): arms the counter for what is left of the period; true if a whole one had elapsed. */
  #x86_perf_event_set_period(event: PerfEvent): boolean {
    const { hw } = event;
    this.#cpu.spend(FN.x86_perf_event_set_period);
    const period = hw.sample_period;
    let left = hw.period_left;
    let due = false;
    if (left <= -period) {
      left = period;
      due = true;
    } else if (left <= 0) {
      left += period;
      due = true;
    }
    if (due) {
      hw.period_left = left;
      hw.last_period = period;
    }
    left = this.#limit(hw.config, Math.min(Math.max(left, 2), this.max_period));
    // KVM arms this register itself; count from its present value.
    hw.prev_count = event.ownedByKvm ? this.#cpu.rdpmc(hw.event_base_rdpmc) : -left;
    if (!event.ownedByKvm) this.#cpu.wrmsr(hw.event_base, this.#counterValue(hw.event_base, -left));
    return due;
  }

  #limit(config: number, left: number): number {
    return this.#model.limit_period?.(config, left) ?? left;
  }

  /** The register value that makes the counter hold `value` modulo its width. */
  #counterValue(msr: number, value: number): number {
    return this.#cpu.caps.fullWidthWrite || msr >= MSR.IA32_FIXED_CTR0 ? value + this.#mask : value + 2 ** 32;
  }

  /** x86_perf_event_update(): adds what the counter has moved since it was last read. */
  #x86_perf_event_update(event: PerfEvent): void {
    const { hw } = event;
    if (hw.idx === -1) return;
    this.#cpu.spend(FN.x86_perf_event_update);
    const raw = this.#cpu.rdpmc(hw.event_base_rdpmc);
    const delta = modulo(raw - hw.prev_count, this.#mask);
    hw.prev_count = raw;
    event.count += delta;
    hw.period_left -= delta;
  }

  #x86_assign_hw_event(event: PerfEvent, i: number): void {
    const { hw } = event;
    const idx = this.#cpuc.take(event, i);
    if (idx >= PMC_IDX_FIXED) {
      hw.config_base = MSR.IA32_FIXED_CTR_CTRL;
      hw.event_base = MSR.IA32_FIXED_CTR0 + idx - PMC_IDX_FIXED;
      hw.event_base_rdpmc = RDPMC_FIXED + idx - PMC_IDX_FIXED;
    } else {
      hw.config_base = MSR.IA32_PERFEVTSEL0 + idx;
      hw.event_base = (this.#cpu.caps.fullWidthWrite ? MSR.IA32_A_PMC0 : MSR.IA32_PMC0) + idx;
      hw.event_base_rdpmc = idx;
    }
  }

  /** x86_schedule_events(): a counter for each event, or undefined. `fake`: only a check, which changes no event. */
  #x86_schedule_events(events: readonly PerfEvent[], fake = false): number[] | undefined {
    this.#cpu.spend(FN.x86_schedule_events);
    const { nrGp, nrFixed } = this.#cpu.caps;
    const fresh: ExtraReg[] = [];
    const model = this.#model;
    const shared = shareExtraRegs(model, events, fake, fresh);
    const assign = shared ? perf_assign_events(model, events, nrGp, nrFixed, fake ? [] : this.#masked) : undefined;
    if (assign === undefined) for (const reg of fresh) reg.alloc = false;
    return assign;
  }
}

const modulo = (a: number, m: number): number => (a < 0 ? a + m : a >= m ? a - m : a);

/** Values of the bits of a global register. */
const BIT: readonly number[] = Array.from({ length: 64 }, (_, idx) => 2 ** idx);

/** Index of the lowest set bit of a global register: general-purpose counters come before fixed ones. */
function lowestBit(status: number): number {
  const low = status >>> 0;
  const bits = low === 0 ? Math.floor(status / 2 ** 32) : low;
  return (low === 0 ? PMC_IDX_FIXED : 0) + 31 - Math.clz32(bits & -bits);
}

/** The bits of these counters that are set in a global register. */
const bitsOf = (indices: readonly number[], register: number): number =>
  indices.reduce((bits, idx) => (Math.floor(register / globalBit(idx)) % 2 === 1 ? bits + globalBit(idx) : bits), 0);
