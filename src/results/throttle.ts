/** How a kernel reacts to PMIs that take long. Plain data for renderers. */

/** What perf_sample_event_took() does at an average PMI length. */
export interface ThrottleReport {
  readonly release: string;
  readonly hz: number;
  readonly percent: number;
  readonly avg_ns: number;
  readonly before: SampleLimits;
  readonly after: SampleLimits;
  /** PMIs of one event in a tick before the event is stopped until the next. */
  readonly samplesPerTick: number;
  readonly kernelLog: readonly string[];
}

export interface SampleLimits {
  readonly allowed_ns: number;
  readonly max_samples_per_tick: number;
  readonly sample_rate: number;
}
