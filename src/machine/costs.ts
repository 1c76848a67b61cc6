/**
 * The cost of one pass through each kernel function, and of each of the machine's own slow instructions. Only single
 * functions have a cost here: the cost of a PMI, a tick or a context switch is a result, the sum of theirs.
 *
 * Each is a spec key, cost.NAME, that a preset or --set may change (`gperf list spec cost`). Figures are ns at the
 * preset's core clock, with warm caches, for the function itself without its callees. At another core.clock a
 * core-bound cost takes the same number of cycles, a cost bound by memory or the bus the same number of ns. Functions
 * around an MSR access cost next to nothing; the access has a cost of its own, and so have VM-exits. Figures that were
 * chosen with published ones in view are in CALIBRATED (calibrated.ts). Each is a mean: how passes spread around it is in
 * spreads.ts. What exits and interrupts put out of the caches comes on top (hw/cache-contents.ts).
 * Not modelled: cold caches after a sleep, contention, functions bound by both core and memory (each is given one
 * bound).
 */
import { KERNEL_SYMBOLS, type KernelFunction } from '../kernel/symbols.ts';
import { recordOf, time, type Bound } from './key-info.ts';

interface Cost {
  readonly ns: number;
  readonly bound: Bound;
  readonly about: string;
  readonly source: string;
  /** Greatest value, ns. */
  readonly most: number;
}

/** Greatest cost, ns: a kernel in which one pass takes longer than ten milliseconds is not usable. */
const MOST = 1e7;
/** Greatest cost of waiting for other CPUs, ns. */
const MOST_WAIT = 1e9;

/** Functions whose costs share a source. */
function passes<K extends KernelFunction>(
  bound: Bound,
  source: string,
  figures: Readonly<Record<K, number>>,
): Readonly<Record<K, Cost>> {
  return recordOf(
    (Object.entries(figures) as [K, number][]).map(([fn, ns]): [K, Cost] => [
      fn,
      { ns, bound, about: `one pass through ${fn}(), its callees apart`, source, most: MOST },
    ]),
  );
}

const GRAPH = "of the order that perf annotate and ftrace's function graph show, warm caches";

const FUNCTIONS = {
  ...passes('core', `${GRAPH}, with page-table isolation`, {
    entry_SYSCALL_64: 140,
    nmi: 180,
    apic_timer_interrupt: 170,
    irq_work_interrupt: 170,
    reschedule_interrupt: 170,
    call_function_single_interrupt: 170,
    page_fault: 200,
    swapgs_restore_regs_and_return_to_usermode: 60,
    asm_sysvec_perf_guest_mediated_pmi_handler: 170,
  }),
  ...passes('core', GRAPH, {
    do_syscall_64: 30,
    exit_to_usermode_loop: 40,
    do_nmi: 30,
    default_do_nmi: 25,
    nmi_handle: 40,
    smp_apic_timer_interrupt: 40,
    smp_irq_work_interrupt: 30,
    lapic_next_deadline: 110,
    __switch_to: 120,
    switch_mm_irqs_off: 180,
    __do_page_fault: 90,
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
    reserve_ds_buffers: 1000,
    release_ds_buffers: 1000,
    dsalloc_pages: 300,
    ds_update_cea: 300,
    ds_clear_cea: 300,
    flush_tlb_kernel_range: 100,
    wrmsr_on_cpu: 100,
    synchronize_rcu: 100,
    mutex_spin_on_owner: 100,
    __mutex_lock: 100,
    perf_event_read_value: 200,
    kvm_perf_overflow: 150,
    kvm_pmu_handle_event: 150,
    kvm_pmu_deliver_pmi: 250,
    vmx_vcpu_load: 250,
    vmx_vcpu_put: 250,
    kvm_vcpu_block: 600,
    intel_pmu_save_vpmc: 120,
    event_function_call: 120,
    kvm_pmu_cleanup: 60,
    atomic_switch_perf_msrs: 30,
    vmx_exit_handlers_fastpath: 60,
    sysvec_perf_guest_mediated_pmi_handler: 40,
    perf_load_guest_context: 25,
    perf_put_guest_context: 25,
    perf_load_guest_lvtpc: 5,
    perf_put_guest_lvtpc: 5,
    kvm_mediated_pmu_load: 20,
    kvm_mediated_pmu_put: 20,
    kvm_handle_guest_mediated_pmi: 20,
    do_futex: 30,
    futex_wait: 160,
    futex_wait_queue_me: 60,
    futex_wake: 110,
    wake_up_q: 25,
    pipe_wait: 70,
    __wake_up_sync_key: 60,
    perf_event_init_task: 90,
    inherit_event: 180,
    perf_event_exit_event: 260,
    smp_reschedule_interrupt: 30,
    scheduler_ipi: 40,
    sched_ttwu_pending: 50,
    smp_call_function_single_interrupt: 30,
    flush_smp_call_function_queue: 60,
    smp_call_function_single: 60,
    kvm_irq_delivery_to_apic: 120,
    kvm_vcpu_kick: 40,
    kvm_vcpu_on_spin: 120,
    __loaded_vmcs_clear: 150,
    kvm_vcpu_flush_tlb: 140,
    __kvm_migrate_apic_timer: 80,
    select_task_rq_fair: 130,
    load_balance: 900,
    detach_task: 160,
    attach_task: 90,
    migration_cpu_stop: 500,
    sched_setaffinity: 400,
  }),
  ...passes('core', 'a write of an x2APIC register, like lapic_next_deadline', {
    native_smp_send_reschedule: 110,
    native_send_call_func_single_ipi: 110,
  }),
  ...passes('core', 'published instruction latencies: VMWRITE takes 50 to 60 cycles', { vmcs_write64: 20 }),
  ...passes('core', 'published instruction latencies: VMREAD and VMWRITE take 50 to 60 cycles; two or three of them', {
    vmx_complete_atomic_exit: 60,
    vmx_handle_external_intr: 60,
    inject_pending_event: 90,
    vmx_inject_nmi: 50,
    handle_nmi_window: 60,
  }),
  ...passes('core', 'the letter: an intercepted access takes 1,100 ns, in which these are in a row with vmexit', {
    vcpu_enter_guest: 190,
    vmx_handle_exit: 110,
    kvm_set_msr_common: 90,
  }),
  ...passes(
    'core',
    'the letter with the other parts of an exit and the lines that they miss: what these leave of the 1,100 ns for an access, a residue',
    { vmx_vcpu_run: 183 },
  ),
  ...passes('core', 'instructions: two moves for each general-purpose register, and CR2', { __vmx_vcpu_run: 22 }),
  ...passes('core', 'instructions: a loop of 16 rounds with two calls each', { vmx_vmexit: 25 }),
  ...passes('core', 'RDMSR of SPEC_CTRL, like others', { vmx_spec_ctrl_restore_host: 38 }),
  ...passes('core', 'a mispredicted return and the call to it, some 35 cycles', { __x86_indirect_thunk_rax: 12 }),
  ...passes('core', 'chosen: WRMSR of FLUSH_CMD, four cycles for each of 512 lines', { vmx_l1d_flush: 730 }),
  ...passes('core', 'chosen: VERW that overwrites buffers, some 450 cycles', { mds_clear_cpu_buffers: 160 }),
  ...passes('memory', `${GRAPH}; a page written at the bandwidth of memory`, { clear_page_erms: 110 }),
  ...passes('memory', `${GRAPH}; mostly waits for page tables and pages that no cache holds`, {
    copy_page_range: 25000,
    unmap_page_range: 12000,
    copy_process: 18000,
    do_exit: 8000,
    perf_mmap: 9000,
    do_execveat_common: 60000,
    load_elf_binary: 40000,
  }),
  ...passes('bus', 'exit latency of a shallow C-state, which the package paces', { intel_idle: 1000 }),
  // Means of the drawn times (kvmDraws), without callees: half of the 25,000 and 30,000 in the letter's table (1).
  // Those are taken to be the longest of a run, as all of table (2) are: the longest disable there, of four such stops
  // and a fixed one, equals the 2,000,000 of the fixed one alone. For comparison: in commit a6da0d77e98e ("KVM:
  // x86/vPMU: Reuse perf_event ...") the mean PMI of a multiplexed recording falls from 104,923 to 48,393 on an unnamed
  // machine; here it falls from 136,000 to 42,000, for the letter's six events at -F 1000 with host.watchdog=on.
  ...passes('core', "the letter's table (1): a mean, half of what is its longest", {
    perf_event_create_kernel_counter: 8000,
    perf_event_release_kernel: 14200,
  }),
  // For a guest that samples four events, the commit saves four pauses, a new period and two reads per PMI, and
  // measures 4,717 ns less. Nobody but the vCPU's thread takes the mutex of its context, so nothing waits for it, and
  // no mechanism is known for 785 ns of each of these calls: they are a residue.
  ...passes(
    'core',
    'fitted to commit e79f49c37ccf ("KVM: x86/pmu: Introduce pmc->is_paused ..."), 785 ns of it a residue',
    { perf_event_pause: 805, perf_event_period: 810, perf_event_enable: 800 },
  ),
  ...passes(
    'core',
    'an uncontended mutex and a reference, taken and given back: five locked instructions of 20 cycles',
    { perf_event_ctx_lock_nested: 35 },
  ),
};

/** Costs of the machine's own instructions, and of waiting for other CPUs. */
const MACHINE = {
  wrmsr: {
    ns: 110,
    bound: 'core',
    about: 'WRMSR of a PMU register (native_write_msr)',
    source: 'published instruction latencies: 250 to 400 cycles',
    most: MOST,
  },
  rdmsr: {
    ns: 40,
    bound: 'core',
    about: 'RDMSR of a PMU register (native_read_msr)',
    source: 'published instruction latencies: about 100 cycles',
    most: MOST,
  },
  rdpmc: {
    ns: 14,
    bound: 'core',
    about: 'RDPMC (native_read_pmc)',
    source: 'published instruction latencies: 35 to 40 cycles',
    most: MOST,
  },
  vmexit: {
    ns: 280,
    bound: 'core',
    about: 'VM-exit and VM-entry themselves, as hardware does them (vmx_vmenter)',
    source:
      'of the order of the latencies in Agesen, Mattson, Rugina, Sheldon: "Software Techniques for Avoiding Hardware Virtualization Exits" (2012): some 800 cycles',
    most: MOST,
  },
  pmi_residue: {
    ns: 8020,
    bound: 'memory',
    about: 'what an NMI costs a guest besides all that is modelled: a residue, not a mechanism',
    source: "fitted to the letter's 22550 samples under v2; what it consists of is unknown",
    most: MOST,
  },
  exit_tail: {
    ns: 8000,
    bound: 'bus',
    about: 'mean of what one exit in a thousand takes beyond the usual: host interrupts and cold lines',
    source: "the letter's maxima, 17 to 36 us",
    most: MOST,
  },
  invlpg: {
    ns: 100,
    bound: 'core',
    about: 'INVLPG of one page (__flush_tlb_one_kernel)',
    source: 'arch/x86/mm/tlb.c, at tlb_single_page_flush_ceiling: each single flush is about 100 ns',
    most: MOST,
  },
  ipi_broadcast: {
    ns: 1430,
    bound: 'bus',
    about: 'calling other CPUs and their answer, however many they are (smp_call_function_many)',
    source: 'host.ipi_latency, and the functions on both sides of a call_function_single',
    most: MOST,
  },
  ipi_target: {
    ns: 21,
    bound: 'bus',
    about: 'each CPU that is called: its csd, its turn on the bus, its answer',
    source: "fitted to the letter's tables (2) and (4), with 88 CPUs",
    most: MOST,
  },
  static_branch_enable: {
    ns: 30_000_000,
    bound: 'bus',
    about: 'longest static_branch_enable() and synchronize_rcu(), of which each draw takes half or more',
    source: 'the letter\'s table (1), "30,000,000"',
    most: MOST_WAIT,
  },
} as const satisfies Readonly<Record<string, Cost>>;

type CostName = keyof typeof MACHINE | keyof typeof FUNCTIONS;
export type CostKey = `cost.${CostName}`;

/** Functions that stand for the machine's own slow instructions, with the names of those costs. */
const OF_MACHINE = {
  native_write_msr: 'wrmsr',
  native_read_msr: 'rdmsr',
  native_read_pmc: 'rdpmc',
  vmx_vmenter: 'vmexit',
} as const satisfies Readonly<Record<Exclude<KernelFunction, keyof typeof FUNCTIONS>, keyof typeof MACHINE>>;

/** The key of a function's cost. */
export const costKeyOf = (fn: KernelFunction): CostKey =>
  `cost.${fn in OF_MACHINE ? OF_MACHINE[fn as keyof typeof OF_MACHINE] : (fn as keyof typeof FUNCTIONS)}`;

/** The machine's own first, then functions in link order. */
const COSTS: readonly (readonly [CostKey, Cost])[] = [
  ...(Object.keys(MACHINE) as (keyof typeof MACHINE)[]).map((name) => [`cost.${name}`, MACHINE[name]] as const),
  ...KERNEL_SYMBOLS.flatMap(({ name }) =>
    name in OF_MACHINE ? [] : [[costKeyOf(name), FUNCTIONS[name as keyof typeof FUNCTIONS]] as const],
  ),
];

export const COST_KEYS = recordOf(
  COSTS.map(([key, { about, bound, most }]) => [key, time('ns', about, bound, most)] as const),
);

/** Defaults for all presets: broadwell-ep's costs, since most is published about that machine. */
export const COST_NUMBERS = recordOf(COSTS.map(([key, { ns, source }]) => [key, [ns, source] as const] as const));

/** The right key for a function whose cost has another name. */
export const costInstead = (key: string): CostKey | undefined =>
  Object.hasOwn(OF_MACHINE, key.replace(/^cost\./, ''))
    ? costKeyOf(key.replace(/^cost\./, '') as KernelFunction)
    : undefined;
