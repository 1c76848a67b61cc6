/** What a VM-exit and the next VM-entry consist of on a machine. Plain data for renderers. */
export interface ExitPartsReport {
  readonly machine: string;
  readonly release: string;
  readonly groups: readonly {
    /** "at each exit" */
    readonly when: string;
    readonly parts: readonly ExitPart[];
  }[];
  /** An intercepted register access and back, without what it is for, ns. */
  readonly access: number;
}

export interface ExitPart {
  readonly fn: string;
  readonly times: number;
  /** All passes: least, mean, and the 99th percentile of one pass times the passes, ns. */
  readonly least: number;
  readonly mean: number;
  readonly p99: number;
  readonly about: string;
}
