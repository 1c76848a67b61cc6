/**
 * The kernel's text: which functions time is spent in, and where each lies.
 *
 * Names are Linux 5.0's, sizes are of the order a distribution kernel has; addresses follow from the order below, as
 * a link map's do. What a pass through each costs is the machine's business (machine/costs.ts).
 *
 * Not modelled: modules, KASLR, functions gperf's paths do not visit.
 */
import { address, type Address } from '../units.ts';

/** Address of `_text`. */
export const KERNEL_TEXT = address(-0x7f000000);
/** Bytes from `_text` to `_etext`: what perf's kernel MMAP record spans. */
export const KERNEL_TEXT_SIZE = 0x1000000;

/** name, size in bytes; in link order. The first is where an idle CPU sits. */
const FUNCTIONS = [
  ['intel_idle', 368],
  // entry
  ['entry_SYSCALL_64', 448],
  ['nmi', 512],
  ['apic_timer_interrupt', 224],
  ['irq_work_interrupt', 192],
  ['page_fault', 96],
  ['swapgs_restore_regs_and_return_to_usermode', 176],
  ['do_syscall_64', 304],
  ['exit_to_usermode_loop', 256],
  // arch/x86
  ['do_nmi', 240],
  ['default_do_nmi', 320],
  ['nmi_handle', 272],
  ['smp_apic_timer_interrupt', 320],
  ['smp_irq_work_interrupt', 208],
  ['native_write_msr', 48],
  ['native_read_msr', 48],
  ['native_read_pmc', 32],
  ['lapic_next_deadline', 64],
  ['__switch_to', 912],
  ['switch_mm_irqs_off', 1104],
  ['__do_page_fault', 1248],
  ['clear_page_erms', 32],
  ['copy_user_enhanced_fast_string', 64],
  // arch/x86/events
  ['perf_event_nmi_handler', 128],
  ['intel_pmu_handle_irq', 1136],
  ['intel_pmu_enable_all', 192],
  ['intel_pmu_disable_all', 96],
  ['intel_pmu_enable_event', 320],
  ['intel_pmu_disable_event', 256],
  ['x86_pmu_enable', 848],
  ['x86_pmu_disable', 112],
  ['x86_pmu_add', 448],
  ['x86_pmu_del', 352],
  ['x86_pmu_start', 272],
  ['x86_pmu_stop', 240],
  ['x86_pmu_event_init', 704],
  ['x86_schedule_events', 912],
  ['x86_perf_event_update', 176],
  ['x86_perf_event_set_period', 368],
  ['perf_events_lapic_init', 64],
  ['perf_callchain_kernel', 272],
  ['perf_callchain_user', 512],
  // kernel
  ['irq_enter', 96],
  ['irq_exit', 208],
  ['irq_work_run', 144],
  ['do_idle', 560],
  ['hrtimer_interrupt', 560],
  ['__hrtimer_run_queues', 624],
  ['ktime_get_update_offsets_now', 288],
  ['tick_sched_timer', 128],
  ['update_process_times', 96],
  ['account_process_tick', 256],
  ['rcu_check_callbacks', 1632],
  ['scheduler_tick', 208],
  ['task_tick_fair', 752],
  ['trigger_load_balance', 512],
  ['__schedule', 1920],
  ['pick_next_task_fair', 1232],
  ['finish_task_switch', 576],
  ['try_to_wake_up', 1120],
  ['enqueue_task_fair', 1808],
  ['dequeue_task_fair', 1456],
  ['do_nanosleep', 352],
  ['_do_fork', 976],
  ['copy_process', 7040],
  ['do_exit', 2944],
  ['do_wait', 512],
  // kernel/events
  ['__perf_event_task_sched_out', 1088],
  ['__perf_event_task_sched_in', 512],
  ['ctx_sched_out', 416],
  ['ctx_sched_in', 384],
  ['group_sched_in', 416],
  ['event_sched_in', 496],
  ['event_sched_out', 416],
  ['perf_event_task_tick', 720],
  ['perf_adjust_freq_unthr_context', 448],
  ['perf_adjust_period', 464],
  ['perf_mux_hrtimer_handler', 688],
  ['perf_event_exec', 560],
  ['perf_event_comm', 224],
  ['perf_event_mmap', 912],
  ['perf_event_exit_task', 720],
  ['perf_event_alloc', 1760],
  ['__do_sys_perf_event_open', 2752],
  ['perf_mmap', 1312],
  ['perf_ioctl', 1344],
  ['perf_read', 624],
  ['perf_poll', 160],
  ['__perf_event_overflow', 224],
  ['__perf_event_account_interrupt', 304],
  ['perf_event_output_forward', 160],
  ['perf_prepare_sample', 1408],
  ['perf_output_sample', 2192],
  ['perf_output_begin_forward', 640],
  ['perf_output_end', 144],
  ['perf_log_throttle', 288],
  ['perf_sample_event_took', 288],
  ['perf_swevent_hrtimer', 336],
  ['perf_swevent_event', 256],
  ['get_perf_callchain', 352],
  // mm, fs
  ['handle_mm_fault', 288],
  ['__handle_mm_fault', 3952],
  ['mmap_region', 1808],
  ['unmap_page_range', 2656],
  ['copy_page_range', 3104],
  ['ksys_mmap_pgoff', 432],
  ['__x64_sys_brk', 560],
  ['__x64_sys_mprotect', 32],
  ['do_sys_open', 592],
  ['vfs_read', 352],
  ['vfs_statx', 352],
  ['vfs_write', 416],
  ['generic_perform_write', 512],
  ['ext4_file_write_iter', 960],
  ['pipe_read', 960],
  ['pipe_write', 1104],
  ['do_sys_poll', 1232],
  ['do_execveat_common', 1840],
  ['load_elf_binary', 4896],
  // what in-kernel users of perf events reach
  ['reserve_ds_buffers', 896],
  ['release_ds_buffers', 480],
  ['perf_event_create_kernel_counter', 288],
  ['perf_event_release_kernel', 720],
  ['perf_event_read_value', 144],
  // arch/x86/kvm
  ['vmx_vcpu_run', 1200],
  ['vcpu_enter_guest', 4200],
  ['vmx_handle_exit', 1500],
  ['kvm_set_msr_common', 3100],
  ['kvm_perf_overflow', 240],
  ['kvm_pmu_handle_event', 208],
  ['kvm_pmu_deliver_pmi', 48],
  ['vmx_inject_nmi', 256],
  ['vmx_vcpu_load', 512],
  ['vmx_vcpu_put', 160],
  ['kvm_vcpu_block', 720],
  ['intel_pmu_save_vpmc', 160],
  // kernel/events and kernel/smp.c, for KVM that keeps its events
  ['perf_event_ctx_lock_nested', 192],
  ['perf_event_pause', 128],
  ['perf_event_period', 208],
  ['perf_event_enable', 80],
  ['event_function_call', 304],
  ['kvm_pmu_cleanup', 240],
  // the mediated vPMU: arch/x86/entry, kernel/events, arch/x86/events, arch/x86/kvm
  ['asm_sysvec_perf_guest_mediated_pmi_handler', 32],
  ['sysvec_perf_guest_mediated_pmi_handler', 160],
  ['perf_load_guest_context', 368],
  ['perf_put_guest_context', 336],
  ['perf_load_guest_lvtpc', 80],
  ['perf_put_guest_lvtpc', 64],
  ['kvm_mediated_pmu_load', 512],
  ['kvm_mediated_pmu_put', 480],
  ['kvm_handle_guest_mediated_pmi', 96],
  ['vmx_exit_handlers_fastpath', 192],
] as const;

export type KernelFunction = (typeof FUNCTIONS)[number][0];

export interface KernelSymbol {
  readonly name: KernelFunction;
  readonly address: Address;
  readonly size: number;
}

/** The functions in link order; a function's place here is its number for Cpu.spend and Cpu.enter. */
export const KERNEL_SYMBOLS: readonly KernelSymbol[] = layOut();

/** Number of each function. */
export const FN = Object.fromEntries(FUNCTIONS.map(([name], i) => [name, i])) as Readonly<
  Record<KernelFunction, number>
>;

function layOut(): KernelSymbol[] {
  let at = KERNEL_TEXT + 0x200000;
  return FUNCTIONS.map(([name, size]) => {
    const symbol = { name, address: address(at), size };
    at += (size + 15) & ~15;
    return symbol;
  });
}

/** The text of /proc/kallsyms for this kernel: what the build-id cache keeps for symbolizers. */
export function kallsyms(): string {
  const line = (a: number, type: string, name: string): string =>
    `${BigInt.asUintN(64, BigInt(a)).toString(16).padStart(16, '0')} ${type} ${name}\n`;
  const last = KERNEL_SYMBOLS[KERNEL_SYMBOLS.length - 1] as KernelSymbol;
  return [
    line(KERNEL_TEXT, 'T', '_text'),
    line(KERNEL_TEXT, 'T', '_stext'),
    ...KERNEL_SYMBOLS.map((s) => line(s.address, 'T', s.name)),
    line(last.address + last.size, 'T', '__visited_end'),
    line(KERNEL_TEXT + KERNEL_TEXT_SIZE, 'T', '_etext'),
  ].join('');
}
