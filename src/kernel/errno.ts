/**
 * Error numbers of the modelled system calls (include/uapi/asm-generic/errno-base.h). Kernel functions return them
 * negated.
 */
export const ENOENT = 2;
export const ESRCH = 3;
export const ENXIO = 6;
export const EACCES = 13;
export const EBUSY = 16;
export const EINVAL = 22;
export const EOPNOTSUPP = 95;
