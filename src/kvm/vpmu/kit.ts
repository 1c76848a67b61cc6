/**
 * Everything a design may use. Designs outside gperf (`--vpmu ./mine.mjs`) are given this module, and get its types
 * from `@gperf/gperf/vpmu`.
 *
 *     export default ({ reusing }) => ({
 *       name: 'never', about: 'a host perf event for good', source: 'mine', ...reusing({ release: 'never' }),
 *     });
 *
 * In order: the contract (VpmuDesign, Vpmu, VpmuPort), KVM's helpers, register names as in the SDM, and the host's perf
 * as KVM calls it.
 */
export {
  NO_FILTER,
  VcpuRefused,
  hasBit,
  type DesignHue,
  type Deviation,
  type KvmDraws,
  type KvmPmc,
  type KvmPmu,
  type LinuxVersion,
  type PmuFilter,
  type Remedy,
  type Vpmu,
  type VpmuDesign,
  type VpmuPort,
} from '../vpmu.ts';
export type { KvmStep, Request } from '../steps.ts';

export { DESIGNS } from './index.ts';
export { versionTwoGuest } from './guest-caps.ts';
export * from './perf-backed.ts';
export { RegisterFile } from './register-file.ts';
export * from './registers.ts';
export { reusing, type Reuse } from './reused.ts';

export type { PmuCaps } from '../../arch/cpuid.ts';
export {
  GeneralProtection,
  MSR,
  PMC_IDX_FIXED,
  RDPMC_FIXED,
  decodePmuMsr,
  globalBit,
  type PmuRegister,
} from '../../arch/msr.ts';
export { EVENTSEL, FIXED_CTRL, eventCode, fixedCtrlField, withFixedCtrlField } from '../../arch/perfevtsel.ts';

export { atLeast, type KernelConfig } from '../../kernel/config.ts';
export {
  perf_event_create_kernel_counter,
  perf_event_enable,
  perf_event_pause,
  perf_event_period,
  perf_event_release_kernel,
} from '../../kernel/kernel-counter.ts';
export { PERF_EVENT_STATE, type PerfEvent } from '../../kernel/perf-event.ts';
export { FN } from '../../kernel/symbols.ts';
