/**
 * CPUID leaf 0AH: what PMU the processor says it has.
 * SDM volume 2A "CPUID", leaf 0AH; figures of a machine live in its preset.
 */
export interface PmuCaps {
  /** Architectural performance monitoring version. */
  readonly version: number;
  readonly nrGp: number;
  readonly nrFixed: number;
  /** Counter width in bits. */
  readonly width: number;
  /** IA32_PERF_CAPABILITIES[13]: counters can be written at full width through IA32_A_PMCx. */
  readonly fullWidthWrite: boolean;
}
