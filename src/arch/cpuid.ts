/**
 * CPUID leaf 0AH: the PMU that the processor reports.
 * SDM volume 2A "CPUID", leaf 0AH. Figures are in the machine's preset.
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
