/**
 * How the times of a machine's slow operations and kernel functions spread around their means (costs.ts): for each kind,
 * the least time, and the sigma of the log-normal part on top of it.
 *
 * Published figures seldom have more than a mean. Where a least time (or a standard deviation) stands beside it, the two
 * numbers follow:
 *  - exits: `perf kvm stat report` of a guest that computes ("perf kvm to profile vm_exit", 2020). Its standard errors
 *    give standard deviations. PREEMPTION_TIMER: 5,728 exits, at least 0.51 us, 0.62 us on average, deviation 0.41 us.
 *    CPUID: 2,160, 0.40 us, 0.65 us, 0.39 us. Less the variance of the exits that cost.exit_tail stands for (one in a
 *    thousand, 8 us), they are 0.20 and 0.16 us, a third and a quarter of the mean. Between the least times: 0.75; and for
 *    a sum of five parts, which spread on their own, to deviate by a quarter, each must with a sigma of 1.4.
 *  - register accesses: published latencies of WRMSR, 250 to 400 cycles, taken as the least and as what 99 % do not
 *    exceed, around 308.
 *  - passes through functions: standard deviations of ftrace's function profiles. rcu_preempt_deferred_qs_handler() in
 *    commit 621189a1fe93: 838,746 calls, 0.217 us on average, 0.063 us deviation. alloc_vmap_area() in commit
 *    68ac546f2654: 1,000 calls, 4.13 us, 0.95 us. So a quarter of the mean: with least times of 0.8, a sigma of 0.95.
 *  - the rest is chosen beside these, and says so below.
 * Not modelled: passes that are slow together (a cold cache), spread that depends on load.
 */
import type { PassSpread } from '../arch/ring0.ts';
import type { KernelFunction } from '../kernel/symbols.ts';
import { logNormalTable, type Spread } from '../sim/spread.ts';
import { SUBCYCLES, cycles, type Cycles } from '../units.ts';

/** What spreads alike. */
type Kind = 'pass' | 'exit' | 'register' | 'vector' | 'lock' | 'ipi' | 'allocation' | 'memory' | 'idle';

const KINDS: Readonly<Record<Kind, Spread>> = {
  /** A function whose code and data are in the caches. */
  pass: { least: 0.8, sigma: 0.95 },
  /** A part of a VM-exit and VM-entry. */
  exit: { least: 0.75, sigma: 1.4 },
  /** RDMSR, WRMSR, RDPMC, VMWRITE: microcode, some of which waits for what is in flight. */
  register: { least: 0.81, sigma: 0.45 },
  /** Delivery of an interrupt and the entry code. Chosen: like exits, to which the SDM's description of it compares. */
  vector: { least: 0.75, sigma: 0.8 },
  /** An uncontended mutex: two locked instructions. Chosen: like functions, but the line may be another core's. */
  lock: { least: 0.7, sigma: 1 },
  /** Sending an interrupt, and the handshake of a call. Chosen: like register accesses, which they are. */
  ipi: { least: 0.81, sigma: 0.45 },
  /** Allocations and the lookups around them. Chosen: like functions, with a longer way now and then. */
  allocation: { least: 0.7, sigma: 1 },
  /** Long loops over memory that no cache holds: many misses, whose sum spreads less. Chosen. */
  memory: { least: 0.7, sigma: 0.6 },
  /** Leaving a C-state. Chosen: its latency is a bound, which most exits come near. */
  idle: { least: 0.8, sigma: 0.5 },
};

/** Functions that are not mere passes. */
const OF_KIND: Readonly<Record<Exclude<Kind, 'pass'>, readonly KernelFunction[]>> = {
  exit: [
    'vmx_vmenter',
    'vmx_vcpu_run',
    'vmx_l1d_flush',
    'mds_clear_cpu_buffers',
    'vcpu_enter_guest',
    'vmx_handle_exit',
    'kvm_set_msr_common',
    'vmx_exit_handlers_fastpath',
  ],
  register: [
    'native_write_msr',
    'native_read_msr',
    'native_read_pmc',
    'lapic_next_deadline',
    'vmcs_write64',
    'vmx_inject_nmi',
    'vmx_spec_ctrl_restore_host',
  ],
  vector: [
    'entry_SYSCALL_64',
    'nmi',
    'apic_timer_interrupt',
    'irq_work_interrupt',
    'reschedule_interrupt',
    'call_function_single_interrupt',
    'page_fault',
    'swapgs_restore_regs_and_return_to_usermode',
    'asm_sysvec_perf_guest_mediated_pmi_handler',
  ],
  lock: ['perf_event_ctx_lock_nested'],
  ipi: ['native_smp_send_reschedule', 'native_send_call_func_single_ipi', 'smp_call_function_single'],
  allocation: [
    'perf_event_alloc',
    '__do_sys_perf_event_open',
    'mmap_region',
    '__x64_sys_brk',
    'do_sys_open',
    '_do_fork',
  ],
  memory: [
    'clear_page_erms',
    'copy_page_range',
    'unmap_page_range',
    'copy_process',
    'do_exit',
    'perf_mmap',
    'do_execveat_common',
    'load_elf_binary',
  ],
  idle: ['intel_idle'],
};

const KIND_OF: ReadonlyMap<string, Kind> = new Map(
  (Object.entries(OF_KIND) as [Kind, readonly string[]][]).flatMap(([kind, fns]) => fns.map((fn) => [fn, kind])),
);

/**
 * The spread of each function's cost; `factor` is costs.spread: of each sigma. At 0 every pass takes the mean.
 */
export function passSpreads(factor: number): (fn: KernelFunction, cost: Cycles) => PassSpread | undefined {
  if (factor === 0) return () => undefined;
  const tables = new Map<Kind, Float64Array>();
  return (fn, cost) => {
    const kind = KIND_OF.get(fn) ?? 'pass';
    const { least, sigma } = KINDS[kind];
    let quantiles = tables.get(kind);
    if (quantiles === undefined) tables.set(kind, (quantiles = logNormalTable(sigma * factor)));
    return { least: cycles(Math.round(cost * least * SUBCYCLES) / SUBCYCLES), quantiles };
  };
}
