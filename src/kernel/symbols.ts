/**
 * The kernel's text: the functions that time is spent in, their purposes and their addresses.
 *
 * Names are from Linux 5.0, sizes roughly those of a distribution kernel. Addresses follow from the order below, as in
 * a link map. The cost of a pass through each function belongs to the machine (machine/costs.ts).
 *
 * Not modelled: modules, KASLR, functions that gperf's paths do not visit.
 */
import { address, type Address } from '../units.ts';

/** Address of `_text`. */
export const KERNEL_TEXT = address(-0x7f000000);
/** Bytes from `_text` to `_etext`: what perf's kernel MMAP record spans. */
export const KERNEL_TEXT_SIZE = 0x1000000;

/**
 * What time in a function is spent on: VM-exits themselves, KVM's work, register accesses, perf's events, interrupts
 * and ticks, tasks with their system calls, faults and scheduling, or waiting for a mutex of the host's.
 */
export type Purpose =
  | 'exits'
  | 'kvm'
  | 'registers'
  | 'perf'
  | 'interrupts'
  | 'tasks'
  | 'pmc_reserve_mutex'
  | 'perf_sched_mutex';

/** name, size in bytes, purpose; in link order. The first is where an idle CPU sits. */
const FUNCTIONS = [
  ['intel_idle', 368, 'tasks'],
  // entry
  ['entry_SYSCALL_64', 448, 'tasks'],
  ['nmi', 512, 'perf'],
  ['apic_timer_interrupt', 224, 'interrupts'],
  ['irq_work_interrupt', 192, 'interrupts'],
  ['page_fault', 96, 'tasks'],
  ['swapgs_restore_regs_and_return_to_usermode', 176, 'tasks'],
  ['do_syscall_64', 304, 'tasks'],
  ['exit_to_usermode_loop', 256, 'tasks'],
  // arch/x86
  ['do_nmi', 240, 'perf'],
  ['default_do_nmi', 320, 'perf'],
  ['nmi_handle', 272, 'perf'],
  ['smp_apic_timer_interrupt', 320, 'interrupts'],
  ['smp_irq_work_interrupt', 208, 'interrupts'],
  ['native_write_msr', 48, 'registers'],
  ['native_read_msr', 48, 'registers'],
  ['native_read_pmc', 32, 'registers'],
  ['lapic_next_deadline', 64, 'interrupts'],
  ['__switch_to', 912, 'tasks'],
  ['switch_mm_irqs_off', 1104, 'interrupts'],
  ['__do_page_fault', 1248, 'tasks'],
  ['clear_page_erms', 32, 'tasks'],
  ['copy_user_enhanced_fast_string', 64, 'tasks'],
  // arch/x86/events
  ['perf_event_nmi_handler', 128, 'perf'],
  ['intel_pmu_handle_irq', 1136, 'perf'],
  ['intel_pmu_enable_all', 192, 'perf'],
  ['intel_pmu_disable_all', 96, 'perf'],
  ['intel_pmu_enable_event', 320, 'perf'],
  ['intel_pmu_disable_event', 256, 'perf'],
  ['x86_pmu_enable', 848, 'perf'],
  ['x86_pmu_disable', 112, 'perf'],
  ['x86_pmu_add', 448, 'perf'],
  ['x86_pmu_del', 352, 'perf'],
  ['x86_pmu_start', 272, 'perf'],
  ['x86_pmu_stop', 240, 'perf'],
  ['x86_pmu_event_init', 704, 'perf'],
  ['x86_schedule_events', 912, 'perf'],
  ['x86_perf_event_update', 176, 'perf'],
  ['x86_perf_event_set_period', 368, 'perf'],
  ['perf_events_lapic_init', 64, 'perf'],
  ['perf_callchain_kernel', 272, 'perf'],
  ['perf_callchain_user', 512, 'perf'],
  // kernel
  ['irq_enter', 96, 'interrupts'],
  ['irq_exit', 208, 'interrupts'],
  ['irq_work_run', 144, 'interrupts'],
  ['do_idle', 560, 'tasks'],
  ['hrtimer_interrupt', 560, 'interrupts'],
  ['__hrtimer_run_queues', 624, 'interrupts'],
  ['ktime_get_update_offsets_now', 288, 'interrupts'],
  ['tick_sched_timer', 128, 'interrupts'],
  ['update_process_times', 96, 'interrupts'],
  ['account_process_tick', 256, 'interrupts'],
  ['rcu_check_callbacks', 1632, 'interrupts'],
  ['scheduler_tick', 208, 'interrupts'],
  ['task_tick_fair', 752, 'interrupts'],
  ['trigger_load_balance', 512, 'interrupts'],
  ['__schedule', 1920, 'tasks'],
  ['pick_next_task_fair', 1232, 'tasks'],
  ['finish_task_switch', 576, 'tasks'],
  ['try_to_wake_up', 1120, 'tasks'],
  ['enqueue_task_fair', 1808, 'tasks'],
  ['dequeue_task_fair', 1456, 'tasks'],
  ['do_nanosleep', 352, 'tasks'],
  ['_do_fork', 976, 'tasks'],
  ['copy_process', 7040, 'tasks'],
  ['do_exit', 2944, 'tasks'],
  ['do_wait', 512, 'tasks'],
  // kernel/events
  ['__perf_event_task_sched_out', 1088, 'perf'],
  ['__perf_event_task_sched_in', 512, 'perf'],
  ['ctx_sched_out', 416, 'perf'],
  ['ctx_sched_in', 384, 'perf'],
  ['group_sched_in', 416, 'perf'],
  ['event_sched_in', 496, 'perf'],
  ['event_sched_out', 416, 'perf'],
  ['perf_event_task_tick', 720, 'perf'],
  ['perf_adjust_freq_unthr_context', 448, 'perf'],
  ['perf_adjust_period', 464, 'perf'],
  ['perf_mux_hrtimer_handler', 688, 'perf'],
  ['perf_event_exec', 560, 'perf'],
  ['perf_event_comm', 224, 'perf'],
  ['perf_event_mmap', 912, 'perf'],
  ['perf_event_exit_task', 720, 'perf'],
  ['perf_event_alloc', 1760, 'perf'],
  ['__do_sys_perf_event_open', 2752, 'perf'],
  ['perf_mmap', 1312, 'perf'],
  ['perf_ioctl', 1344, 'perf'],
  ['perf_read', 624, 'perf'],
  ['perf_poll', 160, 'perf'],
  ['__perf_event_overflow', 224, 'perf'],
  ['__perf_event_account_interrupt', 304, 'perf'],
  ['perf_event_output_forward', 160, 'perf'],
  ['perf_prepare_sample', 1408, 'perf'],
  ['perf_output_sample', 2192, 'perf'],
  ['perf_output_begin_forward', 640, 'perf'],
  ['perf_output_end', 144, 'perf'],
  ['perf_log_throttle', 288, 'perf'],
  ['perf_sample_event_took', 288, 'perf'],
  ['perf_swevent_hrtimer', 336, 'perf'],
  ['perf_swevent_event', 256, 'perf'],
  ['get_perf_callchain', 352, 'perf'],
  // mm, fs
  ['handle_mm_fault', 288, 'tasks'],
  ['__handle_mm_fault', 3952, 'tasks'],
  ['mmap_region', 1808, 'tasks'],
  ['unmap_page_range', 2656, 'tasks'],
  ['copy_page_range', 3104, 'tasks'],
  ['ksys_mmap_pgoff', 432, 'tasks'],
  ['__x64_sys_brk', 560, 'tasks'],
  ['__x64_sys_mprotect', 32, 'tasks'],
  ['do_sys_open', 592, 'tasks'],
  ['vfs_read', 352, 'tasks'],
  ['vfs_statx', 352, 'tasks'],
  ['vfs_write', 416, 'tasks'],
  ['generic_perform_write', 512, 'perf'],
  ['ext4_file_write_iter', 960, 'tasks'],
  ['pipe_read', 960, 'tasks'],
  ['pipe_write', 1104, 'tasks'],
  ['do_sys_poll', 1232, 'tasks'],
  ['do_execveat_common', 1840, 'tasks'],
  ['load_elf_binary', 4896, 'tasks'],
  // kernel/events and arch/x86/events, for in-kernel users
  ['reserve_ds_buffers', 896, 'perf'],
  ['release_ds_buffers', 480, 'perf'],
  ['perf_event_create_kernel_counter', 288, 'perf'],
  ['perf_event_release_kernel', 720, 'perf'],
  ['perf_event_read_value', 144, 'perf'],
  // arch/x86/kvm
  ['vmx_vcpu_run', 1200, 'exits'],
  ['vcpu_enter_guest', 4200, 'exits'],
  ['vmx_handle_exit', 1500, 'kvm'],
  ['kvm_set_msr_common', 3100, 'kvm'],
  ['kvm_perf_overflow', 240, 'kvm'],
  ['kvm_pmu_handle_event', 208, 'kvm'],
  ['kvm_pmu_deliver_pmi', 48, 'kvm'],
  ['vmx_inject_nmi', 256, 'kvm'],
  ['vmx_vcpu_load', 512, 'kvm'],
  ['vmx_vcpu_put', 160, 'kvm'],
  ['kvm_vcpu_block', 720, 'kvm'],
  ['intel_pmu_save_vpmc', 160, 'kvm'],
  // kernel/events and kernel/smp.c, for a KVM that reuses its events
  ['perf_event_ctx_lock_nested', 192, 'perf'],
  ['perf_event_pause', 128, 'perf'],
  ['perf_event_period', 208, 'perf'],
  ['perf_event_enable', 80, 'perf'],
  ['event_function_call', 304, 'perf'],
  ['kvm_pmu_cleanup', 240, 'kvm'],
  // the mediated vPMU: arch/x86/entry, kernel/events, arch/x86/events, arch/x86/kvm
  ['asm_sysvec_perf_guest_mediated_pmi_handler', 32, 'kvm'],
  ['sysvec_perf_guest_mediated_pmi_handler', 160, 'kvm'],
  ['perf_load_guest_context', 368, 'perf'],
  ['perf_put_guest_context', 336, 'perf'],
  ['perf_load_guest_lvtpc', 80, 'perf'],
  ['perf_put_guest_lvtpc', 64, 'perf'],
  ['kvm_mediated_pmu_load', 512, 'kvm'],
  ['kvm_mediated_pmu_put', 480, 'kvm'],
  ['kvm_handle_guest_mediated_pmi', 96, 'kvm'],
  ['vmx_exit_handlers_fastpath', 192, 'kvm'],
  // threads: kernel/futex.c, fs/pipe.c, kernel/sched, kernel/events
  ['do_futex', 448, 'tasks'],
  ['futex_wait', 480, 'tasks'],
  ['futex_wait_queue_me', 208, 'tasks'],
  ['futex_wake', 352, 'tasks'],
  ['wake_up_q', 128, 'tasks'],
  ['pipe_wait', 144, 'tasks'],
  ['__wake_up_sync_key', 96, 'tasks'],
  ['perf_event_init_task', 544, 'perf'],
  ['inherit_event', 416, 'perf'],
  // several CPUs: arch/x86/entry, arch/x86/kernel/smp.c, kernel/sched/core.c
  ['reschedule_interrupt', 192, 'interrupts'],
  ['smp_reschedule_interrupt', 128, 'interrupts'],
  ['native_smp_send_reschedule', 64, 'tasks'],
  ['scheduler_ipi', 224, 'interrupts'],
  ['sched_ttwu_pending', 240, 'tasks'],
  // kernel/events, when a thread ends
  ['perf_event_exit_event', 528, 'perf'],
  // arch/x86/entry, kernel/smp.c
  ['call_function_single_interrupt', 192, 'interrupts'],
  ['smp_call_function_single_interrupt', 128, 'interrupts'],
  ['flush_smp_call_function_queue', 304, 'interrupts'],
  ['smp_call_function_single', 288, 'perf'],
  ['native_send_call_func_single_ipi', 64, 'perf'],
  // arch/x86/kvm, virt/kvm: interrupts between vCPUs, vCPUs that wait for each other
  ['kvm_irq_delivery_to_apic', 464, 'kvm'],
  ['kvm_vcpu_kick', 112, 'kvm'],
  ['kvm_vcpu_on_spin', 400, 'kvm'],
  // tasks that move between CPUs: kernel/sched
  ['select_task_rq_fair', 2304, 'tasks'],
  ['load_balance', 2720, 'tasks'],
  ['detach_task', 160, 'tasks'],
  ['attach_task', 80, 'tasks'],
  ['migration_cpu_stop', 352, 'tasks'],
  ['sched_setaffinity', 480, 'tasks'],
  // arch/x86/kvm: what differs between the host's GLOBAL_CTRL and the guest's, put into the VMCS at each entry
  ['atomic_switch_perf_msrs', 288, 'kvm'],
  ['vmcs_write64', 48, 'kvm'],
  // arch/x86/kvm: what KVM does for an interrupt that made the guest exit, and for an NMI that it injects
  ['vmx_complete_atomic_exit', 176, 'kvm'],
  ['vmx_handle_external_intr', 112, 'kvm'],
  ['inject_pending_event', 560, 'kvm'],
  ['handle_nmi_window', 80, 'kvm'],
  // arch/x86/events/intel/ds.c and what it calls: arch/x86/mm/tlb.c, arch/x86/lib/msr-smp.c
  ['dsalloc_pages', 96, 'perf'],
  ['ds_update_cea', 144, 'perf'],
  ['ds_clear_cea', 112, 'perf'],
  ['flush_tlb_kernel_range', 192, 'perf'],
  ['wrmsr_on_cpu', 128, 'perf'],
  // arch/x86/kvm/vmx, arch/x86/lib: parts of an exit. mds_clear_cpu_buffers() is inlined in real kernels.
  ['vmx_vmenter', 32, 'exits'],
  ['vmx_vmexit', 128, 'exits'],
  ['__vmx_vcpu_run', 352, 'exits'],
  ['vmx_spec_ctrl_restore_host', 96, 'exits'],
  ['vmx_l1d_flush', 208, 'exits'],
  ['mds_clear_cpu_buffers', 16, 'exits'],
  ['__x86_indirect_thunk_rax', 32, 'exits'],
  // arch/x86/kvm: a vCPU that gets another CPU than before
  ['__loaded_vmcs_clear', 176, 'kvm'],
  ['kvm_vcpu_flush_tlb', 64, 'kvm'],
  ['__kvm_migrate_apic_timer', 96, 'kvm'],
  // kernel/rcu, kernel/locking/mutex.c: who waits for one that runs (it reserves buffers) spins, others sleep
  ['synchronize_rcu', 96, 'perf'],
  ['mutex_spin_on_owner', 112, 'pmc_reserve_mutex'],
  ['__mutex_lock', 1408, 'perf_sched_mutex'],
] as const satisfies readonly (readonly [name: string, size: number, purpose: Purpose])[];

export type KernelFunction = (typeof FUNCTIONS)[number][0];

export interface KernelSymbol {
  readonly name: KernelFunction;
  readonly address: Address;
  readonly size: number;
  readonly purpose: Purpose;
}

/** The functions in link order; the index is the function's number for Cpu.spend and Cpu.enter. */
export const KERNEL_SYMBOLS: readonly KernelSymbol[] = layOut();

/** Each function's number, by name. */
export const FN = Object.fromEntries(FUNCTIONS.map(([name], i) => [name, i])) as Readonly<
  Record<KernelFunction, number>
>;

function layOut(): KernelSymbol[] {
  let at = KERNEL_TEXT + 0x200000;
  return FUNCTIONS.map(([name, size, purpose]) => {
    const symbol = { name, address: address(at), size, purpose };
    at += (size + 15) & ~15;
    return symbol;
  });
}

/** The text of /proc/kallsyms for this kernel, which the build-id cache keeps for symbolization. */
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
