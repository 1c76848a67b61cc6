/**
 * Which kernel functions the system calls and page faults of programs visit.
 *
 * Not modelled: files (reads are served from the page cache), memory contents, errors.
 */
import type { KernelFunction } from './symbols.ts';

/** Functions visited within do_syscall_64, in order; a call not listed only enters and leaves. */
export const SYSCALL_PATHS: Readonly<Partial<Record<string, readonly KernelFunction[]>>> = {
  access: ['vfs_statx'],
  brk: ['__x64_sys_brk'],
  clock_nanosleep: ['do_nanosleep'],
  fstat: ['vfs_statx'],
  mmap: ['ksys_mmap_pgoff', 'mmap_region'],
  mprotect: ['__x64_sys_mprotect', 'mmap_region'],
  munmap: ['unmap_page_range'],
  nanosleep: ['do_nanosleep'],
  newfstatat: ['vfs_statx'],
  open: ['do_sys_open'],
  openat: ['do_sys_open'],
  pread64: ['vfs_read', 'copy_user_enhanced_fast_string'],
  read: ['vfs_read', 'copy_user_enhanced_fast_string'],
  stat: ['vfs_statx'],
  write: ['vfs_write', 'copy_user_enhanced_fast_string'],
  writev: ['vfs_write', 'copy_user_enhanced_fast_string'],
};

/** Functions a minor fault visits. */
export const PAGE_FAULT_PATH: readonly KernelFunction[] = [
  '__do_page_fault',
  'handle_mm_fault',
  '__handle_mm_fault',
  'clear_page_erms',
];
