/**
 * System calls and page faults of programs: which functions of the kernel each visits, and what it does besides taking time.
 *
 * Not modelled: files (a read returns as from the page cache), memory contents, errors.
 */
import type { KernelFunction } from './symbols.ts';

/** Functions one call visits, in order, within do_syscall_64. */
export const SYSCALL_PATHS: Readonly<Record<string, readonly KernelFunction[]>> = {
  access: ['vfs_statx'],
  arch_prctl: [],
  brk: ['__x64_sys_brk'],
  close: [],
  clock_nanosleep: ['do_nanosleep'],
  exit_group: [],
  fstat: ['vfs_statx'],
  mmap: ['ksys_mmap_pgoff', 'mmap_region'],
  mprotect: ['__x64_sys_mprotect', 'mmap_region'],
  munmap: ['unmap_page_range'],
  nanosleep: ['do_nanosleep'],
  openat: ['do_sys_open'],
  read: ['vfs_read', 'copy_user_enhanced_fast_string'],
  write: ['vfs_write', 'copy_user_enhanced_fast_string'],
};

/** Functions a minor fault visits. */
export const PAGE_FAULT_PATH: readonly KernelFunction[] = [
  '__do_page_fault',
  'handle_mm_fault',
  '__handle_mm_fault',
  'clear_page_erms',
];
