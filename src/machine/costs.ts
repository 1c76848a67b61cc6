/**
 * What one pass through each of the kernel's functions costs: the table that turns a machine's latencies and these
 * figures into Cpu.spend's times. Only single functions have a cost here; what a PMI, a tick or a context switch takes is
 * their sum, and comes out.
 *
 * Figures are ns at the core clock of broadwell-ep with warm caches, for the function itself without its callees:
 * of the order that perf annotate and ftrace's function graph show on such machines, entry and exit with page-table
 * isolation. IPI_FLUSH_ALL below is fitted to an outcome, and so is one latency of broadwell-ep, inject_nmi. Functions around
 * an MSR access cost next to nothing; the access is the machine's latency, as VM-exits are.
 * Not modelled: cold caches after a sleep, contention.
 */
import { COLUMN, NR_EVENTS, type EventVector } from '../arch/events.ts';
import type { MsrFunctions, Ring0Table } from '../arch/ring0.ts';
import type { HostDraws } from '../kernel/host-global.ts';
import { FN, KERNEL_SYMBOLS, type KernelFunction } from '../kernel/symbols.ts';
import type { KvmDraws } from '../kvm/vpmu.ts';
import { exp, probit } from '../sim/math.ts';
import type { Stream } from '../sim/rng.ts';
import { toCycles, type Cycles, type Hertz } from '../units.ts';
import type { MachinePreset } from './keys.ts';

const COSTS: Readonly<Record<KernelFunction, number>> = {
  intel_idle: 1000,
  entry_SYSCALL_64: 140,
  nmi: 180,
  apic_timer_interrupt: 170,
  irq_work_interrupt: 170,
  page_fault: 200,
  swapgs_restore_regs_and_return_to_usermode: 60,
  do_syscall_64: 30,
  exit_to_usermode_loop: 40,
  do_nmi: 30,
  default_do_nmi: 25,
  nmi_handle: 40,
  smp_apic_timer_interrupt: 40,
  smp_irq_work_interrupt: 30,
  native_write_msr: 0,
  native_read_msr: 0,
  native_read_pmc: 0,
  lapic_next_deadline: 110,
  __switch_to: 120,
  switch_mm_irqs_off: 180,
  __do_page_fault: 90,
  clear_page_erms: 110,
  copy_user_enhanced_fast_string: 60,
  perf_event_nmi_handler: 30,
  intel_pmu_handle_irq: 70,
  intel_pmu_enable_all: 12,
  intel_pmu_disable_all: 8,
  intel_pmu_enable_event: 20,
  intel_pmu_disable_event: 18,
  x86_pmu_enable: 35,
  x86_pmu_disable: 10,
  x86_pmu_add: 45,
  x86_pmu_del: 40,
  x86_pmu_start: 20,
  x86_pmu_stop: 18,
  x86_pmu_event_init: 250,
  x86_schedule_events: 90,
  x86_perf_event_update: 25,
  x86_perf_event_set_period: 30,
  perf_events_lapic_init: 8,
  perf_callchain_kernel: 150,
  perf_callchain_user: 250,
  irq_enter: 25,
  irq_exit: 60,
  irq_work_run: 40,
  do_idle: 80,
  hrtimer_interrupt: 70,
  __hrtimer_run_queues: 60,
  ktime_get_update_offsets_now: 35,
  tick_sched_timer: 50,
  update_process_times: 30,
  account_process_tick: 40,
  rcu_check_callbacks: 60,
  scheduler_tick: 80,
  task_tick_fair: 110,
  trigger_load_balance: 40,
  __schedule: 180,
  pick_next_task_fair: 120,
  finish_task_switch: 70,
  try_to_wake_up: 180,
  enqueue_task_fair: 150,
  dequeue_task_fair: 130,
  do_nanosleep: 250,
  _do_fork: 400,
  copy_process: 18000,
  do_exit: 8000,
  do_wait: 200,
  __perf_event_task_sched_out: 50,
  __perf_event_task_sched_in: 50,
  ctx_sched_out: 45,
  ctx_sched_in: 45,
  group_sched_in: 40,
  event_sched_in: 55,
  event_sched_out: 45,
  perf_event_task_tick: 40,
  perf_adjust_freq_unthr_context: 60,
  perf_adjust_period: 35,
  perf_mux_hrtimer_handler: 80,
  perf_event_exec: 200,
  perf_event_comm: 120,
  perf_event_mmap: 250,
  perf_event_exit_task: 300,
  perf_event_alloc: 900,
  __do_sys_perf_event_open: 900,
  perf_mmap: 9000,
  perf_ioctl: 120,
  perf_read: 150,
  perf_poll: 25,
  __perf_event_overflow: 35,
  __perf_event_account_interrupt: 30,
  perf_event_output_forward: 30,
  perf_prepare_sample: 60,
  perf_output_sample: 90,
  perf_output_begin_forward: 60,
  perf_output_end: 25,
  perf_log_throttle: 40,
  perf_sample_event_took: 15,
  perf_swevent_hrtimer: 60,
  perf_swevent_event: 25,
  get_perf_callchain: 40,
  handle_mm_fault: 60,
  __handle_mm_fault: 260,
  mmap_region: 900,
  unmap_page_range: 12000,
  copy_page_range: 25000,
  ksys_mmap_pgoff: 250,
  __x64_sys_brk: 400,
  __x64_sys_mprotect: 60,
  do_sys_open: 900,
  vfs_read: 300,
  vfs_statx: 500,
  vfs_write: 200,
  generic_perform_write: 350,
  ext4_file_write_iter: 450,
  pipe_read: 250,
  pipe_write: 300,
  do_sys_poll: 300,
  do_execveat_common: 60000,
  load_elf_binary: 40000,
  reserve_ds_buffers: 1000,
  release_ds_buffers: 1000,
  // Means, besides their callees, of what is drawn (kvmDraws): half of the letter's table (1), 25,000 and 30,000, which are the
  // longest of a run like all of its table (2). There the longest disable, of four such stops and a fixed one, is the
  // 2,000,000 of the fixed one alone. For comparison: commit a6da0d77e98e ("KVM: x86/vPMU: Reuse perf_event ...") has a mean PMI
  // of a multiplexed recording fall from 104,923 to 48,393, on a machine it does not name; the letter's six events at -F 1000
  // with host.watchdog=on make that 136,000 and 42,000 here.
  perf_event_create_kernel_counter: 8000,
  perf_event_release_kernel: 14200,
  perf_event_read_value: 200,
  // An intercepted access: these four in a row, of which the first is the machine's.
  vmx_vcpu_run: 0,
  vcpu_enter_guest: 260,
  vmx_handle_exit: 110,
  kvm_set_msr_common: 90,
  kvm_perf_overflow: 150,
  kvm_pmu_handle_event: 150,
  kvm_pmu_deliver_pmi: 250,
  vmx_inject_nmi: 0,
  vmx_vcpu_load: 250,
  vmx_vcpu_put: 250,
  kvm_vcpu_block: 600,
  intel_pmu_save_vpmc: 120,
  // Fitted to a published figure: commit e79f49c37ccf ("KVM: x86/pmu: Introduce pmc->is_paused to reduce the call time of
  // perf interfaces") leaves out four pauses, a new period and two reads per PMI of a guest that samples four events, and
  // measures 4,717 ns less. What these five calls have in common is the context's lock; the rest is of the order ftrace shows.
  perf_event_ctx_lock_nested: 820,
  perf_event_pause: 20,
  perf_event_period: 25,
  perf_event_enable: 15,
  event_function_call: 120,
  kvm_pmu_cleanup: 60,
  asm_sysvec_perf_guest_mediated_pmi_handler: 170,
  sysvec_perf_guest_mediated_pmi_handler: 40,
  perf_load_guest_context: 25,
  perf_put_guest_context: 25,
  perf_load_guest_lvtpc: 5,
  perf_put_guest_lvtpc: 5,
  kvm_mediated_pmu_load: 20,
  kvm_mediated_pmu_put: 20,
  kvm_handle_guest_mediated_pmi: 20,
  vmx_exit_handlers_fastpath: 60,
};

/** What kernel code retires per cycle of its own time; columns not named do not happen there. */
const PER_CYCLE: Readonly<Partial<Record<keyof typeof COLUMN, number>>> = {
  instructions: 0.8,
  'uops-retired': 1,
  branches: 0.16,
  'branch-misses': 0.002,
  'cond-branches': 0.11,
  'near-calls': 0.014,
  'near-returns': 0.014,
  'taken-branches': 0.09,
  'L1-dcache-loads': 0.24,
  'L1-dcache-load-misses': 0.006,
  'L1-dcache-stores': 0.12,
  'L1-icache-load-misses': 0.006,
  'LLC-references': 0.002,
  'LLC-misses': 0.0002,
  'LLC-loads': 0.001,
  'LLC-load-misses': 0.0001,
  'dTLB-load-misses': 0.0006,
  'dTLB-store-misses': 0.0002,
  'iTLB-loads': 0.0005,
  'iTLB-load-misses': 0.0002,
  'stalled-cycles-frontend': 0.25,
  'stalled-cycles-backend': 0.3,
};

/** The functions that stand for a machine's own slow instructions, with its latencies. */
export function ring0Table(preset: MachinePreset, clock: Hertz): Ring0Table {
  const { wrmsr, rdmsr, rdpmc, vmexit, inject_nmi } = preset.latencies;
  const machine: Partial<Record<KernelFunction, number>> = {
    native_write_msr: wrmsr,
    native_read_msr: rdmsr,
    native_read_pmc: rdpmc,
    vmx_vcpu_run: vmexit,
    vmx_inject_nmi: inject_nmi,
  };
  return KERNEL_SYMBOLS.map((symbol, index) => {
    const cost = toCycles(machine[symbol.name] ?? COSTS[symbol.name], clock);
    return {
      index,
      name: symbol.name,
      address: symbol.address,
      size: symbol.size,
      cost,
      events: eventsOf(index, cost),
    };
  });
}

export const MSR_FUNCTIONS: MsrFunctions = {
  rdmsr: FN.native_read_msr,
  wrmsr: FN.native_write_msr,
  rdpmc: FN.native_read_pmc,
};

/** Whole events of one pass; the share of one that is left over falls to every k-th function, so that rates hold over many. */
function eventsOf(index: number, cost: Cycles): EventVector {
  const events = new Float64Array(NR_EVENTS);
  events[COLUMN.cycles] = cost;
  for (const [name, rate] of Object.entries(PER_CYCLE)) {
    const column = COLUMN[name as keyof typeof COLUMN];
    events[column] = Math.floor(cost * rate + ((index * 0.618034 + column * 0.381966) % 1));
  }
  return events;
}

/**
 * The calibrated constant of the first and last hardware event on the host: ns that all TLB-flush IPIs of one reserve or one
 * release take on 88 CPUs. `warm` is fitted to the letter's 5198 samples under the legacy vPMU; `cold` to its tables (2), (4).
 */
const IPI_FLUSH_ALL = { warm: { mean: 232_500, sigma: 0.75 }, cold: { mean: 1_710_000, sigma: 0.05 } } as const;
const IPI_CPUS = 88;
/** static_branch_enable() and synchronize_rcu(), ns: the letter's table (1), "30,000,000". */
const STATIC_KEY = { least: 15_000_000, most: 30_000_000 } as const;

/** A log-normal draw of that mean, ns. */
const logNormal = (random: Stream, mean: number, sigma: number): number =>
  mean * exp(sigma * probit(random.uniform() || 0.5) - (sigma * sigma) / 2);

/** Draws of the host-wide surcharges (kernel/host-global.ts). */
export function hostDraws(random: Stream, clock: Hertz, cpus: number, scenario: string): HostDraws {
  const { mean, sigma } = scenario === 'cold' ? IPI_FLUSH_ALL.cold : IPI_FLUSH_ALL.warm;
  return {
    ipi_flush_all: () => toCycles(logNormal(random, mean * (cpus / IPI_CPUS), sigma), clock),
    static_branch_enable: () =>
      toCycles(STATIC_KEY.least + random.uniform() * (STATIC_KEY.most - STATIC_KEY.least), clock),
  };
}

/** One exit in a thousand takes longer: host interrupts and cold lines, 17 to 36 us at the letter's maxima. */
const TAIL = { share: 0.001, mean: 8_000 } as const;

/** The longest of a run's 10,000 to 60,000 creates and stops is then twice the mean, as table (1) has them. */
const KERNEL_COUNTER_SIGMA = 0.2;

/** Draws of KVM's own (kvm/vpmu.ts), each from a stream of its own. */
export function kvmDraws(streamOf: (name: string) => Stream, clock: Hertz): KvmDraws {
  const exit = streamOf('exit');
  const kernelCounter = (fn: 'perf_event_create_kernel_counter' | 'perf_event_release_kernel') => {
    const random = streamOf(fn);
    return () => toCycles(logNormal(random, COSTS[fn], KERNEL_COUNTER_SIGMA), clock);
  };
  return {
    exit_tail: () => toCycles(exit.uniform() < TAIL.share ? exit.exponential(TAIL.mean) : 0, clock),
    perf_event_create_kernel_counter: kernelCounter('perf_event_create_kernel_counter'),
    perf_event_release_kernel: kernelCounter('perf_event_release_kernel'),
  };
}
