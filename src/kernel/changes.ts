/**
 * Changes of Linux' perf that stable trees took as well: which releases have them.
 *
 * Source: each change's commit, and the stable reviews that it was part of (stable@vger.kernel.org, "[PATCH 6.6 088/166]"
 * of 6.6.84-rc1 and the like).
 * Not modelled: what distributions took into their own kernels.
 */
import type { KernelConfig } from './config.ts';

export interface Change {
  readonly commit: string;
  readonly subject: string;
  /** The first mainline release with it. */
  readonly mainline: readonly [major: number, minor: number];
  /** The first release with it of each older tree that took it. */
  readonly stable: readonly (readonly [major: number, minor: number, patch: number])[];
}

export const CHANGES = {
  throttleAboveLimit: {
    commit: '15def34e2635',
    subject: 'perf/core: Fix hardlockup failure caused by perf throttle',
    mainline: [6, 4],
    stable: [
      [5, 4, 243],
      [5, 10, 180],
      [5, 15, 111],
      [6, 1, 28],
      [6, 2, 15],
      [6, 3, 2],
    ],
  },
  smallNegativePeriod: {
    commit: '62c0b1061593',
    subject: 'perf/core: Fix small negative period being ignored',
    mainline: [6, 12],
    stable: [
      [5, 4, 285],
      [5, 10, 227],
      [5, 15, 168],
      [6, 1, 113],
      [6, 6, 55],
      [6, 10, 14],
      [6, 11, 3],
    ],
  },
  freqStartPeriod: {
    commit: 'a26b24b2e21f',
    subject: 'perf/x86/intel: Use better start period for frequency mode',
    mainline: [6, 14],
    stable: [
      [6, 1, 132],
      [6, 6, 84],
      [6, 12, 20],
      [6, 13, 8],
    ],
  },
  throttleFirstPmi: {
    commit: 'f51972e6f8b9',
    subject: 'perf/core: Fix broken throttling when max_samples_per_tick=1',
    mainline: [6, 16],
    stable: [
      [5, 4, 295],
      [5, 10, 239],
      [5, 15, 186],
      [6, 1, 142],
      [6, 6, 94],
      [6, 12, 34],
      [6, 15, 3],
    ],
  },
} as const satisfies Record<string, Change>;

/** Whether a boot's release has a change. */
export function has({ release }: Pick<KernelConfig, 'release'>, { mainline, stable }: Change): boolean {
  const [major = 0, minor = 0, patch = 0] = release.split('.').map(Number);
  if (major !== mainline[0] ? major > mainline[0] : minor >= mainline[1]) return true;
  return stable.some(([a, b, first]) => a === major && b === minor && patch >= first);
}
