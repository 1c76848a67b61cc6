/**
 * What cores tell in numbers when they meet: where they stand, and what others may see of them at a grid line.
 * Not modelled: nothing; this only lays numbers out.
 */
import type { HostCounts } from '../kernel/host-global.ts';
import type { SamplingLimits } from '../kernel/sysctl.ts';
import { meetingPlace, type MeetingPlace } from '../sim/meeting.ts';
import type { HostCpu } from './boots.ts';

/**
 * What a core tells all threads: its clock, Infinity if it stands still, and its promise; its part of the host's counts;
 * whether its run has ended; its clock in any case; how far the workload was at the grid line on the cores of its thread,
 * of which the first one tells; until when others see the same of it; its time in HLT; of each kernel on it, how many tasks
 * are runnable, and its limits of sampling.
 */
export const SLOT = {
  now: 0,
  promise: 1,
  counts: 2,
  ended: 5,
  clock: 6,
  work: 7,
  steady: 8,
  idle: 9,
  views: 10,
} as const;
const COUNTS = [
  'hardwareEvents',
  'perf_sched_count',
  'include_guest_events',
] as const satisfies readonly (keyof HostCounts)[];
const LIMITS = [
  'sysctl_perf_event_sample_rate',
  'max_samples_per_tick',
  'sample_allowed_ns',
] as const satisfies readonly (keyof SamplingLimits)[];

const VIEW = 1 + LIMITS.length;

/** Where so many threads meet who simulate so many cores, and on these so many vCPUs of the guest. */
export const placeFor = (parties: number, cores: number, vcpus: number): MeetingPlace =>
  meetingPlace(parties, cores, SLOT.views + VIEW * (1 + Math.ceil(vcpus / cores)));

/** Writes what others may see of a core and of the kernels on it. */
export function writeViews(slots: Float64Array, { core, host, guests = [] }: HostCpu): void {
  slots[SLOT.idle] = core.idle;
  for (const [i, name] of COUNTS.entries()) slots[SLOT.counts + i] = host.global?.own[name] ?? 0;
  for (const [i, { nr_running, sysctl }] of [host, ...guests.map(({ kernel }) => kernel)].entries()) {
    const at = SLOT.views + VIEW * i;
    slots[at] = nr_running;
    for (const [limit, name] of LIMITS.entries()) slots[at + 1 + limit] = sysctl[name];
  }
}

/** A core's part of the host's counts. */
export const countsIn = (slots: Float64Array): HostCounts => recordOf(COUNTS, (i) => slots[SLOT.counts + i]!);

/** The sum of what all cores but one have contributed to the host's counts. */
export const sumOfOthers = (counts: readonly (HostCounts | undefined)[], core: number): HostCounts =>
  recordOf(COUNTS, (i) =>
    counts.reduce((total, own, other) => total + (other === core ? 0 : (own?.[COUNTS[i]!] ?? 0)), 0),
  );

/** How many tasks are runnable on a kernel of the core, and its limits of sampling. */
export const runningIn = (slots: Float64Array, index: number): number => slots[SLOT.views + VIEW * index]!;
export const limitsIn = (slots: Float64Array, index: number): SamplingLimits =>
  recordOf(LIMITS, (i) => slots[SLOT.views + VIEW * index + 1 + i]!);

const recordOf = <K extends string>(names: readonly K[], value: (i: number) => number): Record<K, number> =>
  Object.fromEntries(names.map((name, i) => [name, value(i)])) as Record<K, number>;
