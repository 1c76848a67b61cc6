/**
 * What reserve_ds_buffers() and release_ds_buffers() do: for each possible CPU, a buffer for BTS and one for PEBS, mapped
 * into that CPU's cpu_entry_area, which every CPU may have in its TLB. So each buffer takes a flush_tlb_kernel_range(),
 * an IPI to all CPUs: on N of them 2 N broadcasts with N - 1 targets each, for the first event and again for the last.
 *
 * In order. Reserve: for each CPU and buffer dsalloc_pages(), whose pages are zeroed; ds_update_cea(), which sets a PTE for
 * each page (__set_pte_vaddr() flushes it on this CPU at once); flush_tlb_kernel_range(). Then init_debug_store_on_cpu():
 * wrmsr_on_cpu(MSR_IA32_DS_AREA) for each CPU. Release: fini_debug_store_on_cpu() for each CPU, then ds_clear_cea() and
 * flush_tlb_kernel_range() for each CPU and buffer; pages are freed as they are.
 *
 * Work of one kind is added up here: where it is done within the call does not show.
 *
 * Source: arch/x86/events/intel/ds.c, arch/x86/mm/tlb.c (16 pages are below tlb_single_page_flush_ceiling, so each is
 * flushed by an INVLPG), arch/x86/mm/init_64.c (__set_pte_vaddr), kernel/smp.c, Linux 5.0 to 7.0. From 5.13 on_each_cpu()
 * flushes here while the others do (a32a4d8a815c), before that after them.
 * Not modelled: the buffer for PEBS' fixups, which processors before Haswell need; architectural PEBS; possible CPUs that are
 * offline; time that the flushes take the other CPUs.
 */
import { atLeast, type KernelConfig } from './config.ts';
import type { KernelFunction } from './symbols.ts';

/** BTS_BUFFER_SIZE and PEBS_BUFFER_SIZE in pages, and how many of these buffers a CPU has. */
const DS_BUFFER_PAGES = 16;
const DS_BUFFERS = 2;

/** What the work consists of, each at a cost of its own. */
export interface DsPrimitives {
  /** A page is zeroed (clear_page_erms). */
  readonly clear_page: number;
  /** One INVLPG. */
  readonly invlpg: number;
  /** A call of other CPUs and their answer, however many they are (smp_call_function_many). */
  readonly broadcast: number;
  /** Each CPU that is called. */
  readonly target: number;
  /** WRMSR of IA32_DS_AREA. */
  readonly wrmsr: number;
}

export type DsOperation = 'reserve_ds_buffers' | 'release_ds_buffers';

/** Work of one kind: how often which primitive. */
export interface DsWork {
  /** The kernel function that does it. */
  readonly fn: KernelFunction;
  readonly primitive: keyof DsPrimitives;
  readonly times: number;
  /** Grows with the number of CPUs, or with its square. */
  readonly grows: 'linear' | 'quadratic';
}

/** All work of a call on a host with so many possible CPUs, all online. */
export function dsWork(operation: DsOperation, cpus: number, config: Pick<KernelConfig, 'release'>): readonly DsWork[] {
  const buffers = DS_BUFFERS * cpus;
  const pages = buffers * DS_BUFFER_PAGES;
  const others = cpus - 1;
  const reserves = operation === 'reserve_ds_buffers';
  const linear = (fn: KernelFunction, primitive: keyof DsPrimitives, times: number): DsWork => ({
    fn,
    primitive,
    times,
    grows: 'linear',
  });
  // The slowest of the others flushes its 16 pages; then this CPU, or meanwhile.
  const flushes = others === 0 || atLeast(config, 5, 13) ? 1 : 2;
  return [
    ...(reserves ? [linear('dsalloc_pages', 'clear_page', pages)] : []),
    linear(reserves ? 'ds_update_cea' : 'ds_clear_cea', 'invlpg', pages),
    linear('flush_tlb_kernel_range', 'invlpg', flushes * pages),
    linear('flush_tlb_kernel_range', 'broadcast', others === 0 ? 0 : buffers),
    { fn: 'flush_tlb_kernel_range', primitive: 'target', times: buffers * others, grows: 'quadratic' },
    linear('wrmsr_on_cpu', 'broadcast', others),
    linear('wrmsr_on_cpu', 'target', others),
    linear('wrmsr_on_cpu', 'wrmsr', cpus),
  ];
}
