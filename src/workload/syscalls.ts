/**
 * System calls that a program can make, with their numbers on x86-64: the `mov $nr,%eax` before a `syscall` in its text.
 * Source: arch/x86/entry/syscalls/syscall_64.tbl. Not modelled: all others; the simulated kernel knows these.
 */
export const SYSCALLS: Readonly<Record<string, number>> = {
  read: 0,
  write: 1,
  close: 3,
  fstat: 5,
  mmap: 9,
  mprotect: 10,
  munmap: 11,
  brk: 12,
  access: 21,
  nanosleep: 35,
  arch_prctl: 158,
  clock_nanosleep: 230,
  exit_group: 231,
  openat: 257,
};
