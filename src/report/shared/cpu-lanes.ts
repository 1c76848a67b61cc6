/** Who was on which CPU, for a page: lanes of several profiles on one time axis, and a table by CPU. */
import type { CpuLane, CpuLanes } from '../../profile/profile.ts';
import type { Cell, Column, CpuBin, CpuChart, CpuPanel, Subject, Table } from '../html/model.ts';
import { fixed, percentOf } from './format.ts';
import { whole } from './grid.ts';

/** Threads with a colour of their own. */
const COLOURS = 6;
/** Threads named in a cell. */
const NAMED = 4;

export interface LanesOf {
  readonly subject?: Subject | undefined;
  readonly lanes: CpuLanes;
  /** What it says beside the subject's name. */
  readonly summary: string;
}

interface CpuSum {
  readonly cpu: number;
  /** By name: ns, or samples. */
  readonly threads: readonly (readonly [name: string, sum: number])[];
  readonly busy: number;
  readonly samples: number;
  readonly stopped: number;
}

function sumOf({ cpu, bins }: CpuLane, { threads }: CpuLanes): CpuSum {
  const sums = new Map<string, number>();
  let [busy, samples, stopped] = [0, 0, 0];
  for (const bin of bins) {
    samples += bin.samples;
    stopped += bin.stopped;
    for (const [thread, n] of bin.threads) {
      const name = threads[thread]!;
      sums.set(name, (sums.get(name) ?? 0) + n);
      busy += n;
    }
  }
  return { cpu, threads: [...sums].toSorted(([, a], [, b]) => b - a), busy, samples, stopped };
}

/** Bins are merged while there are more than this. */
const MOST_BINS = 128;

function fewer(lanes: CpuLanes): CpuLanes {
  const most = Math.max(...lanes.cpus.map(({ bins }) => bins.length));
  if (most <= MOST_BINS) return lanes;
  const paired = ({ cpu, bins }: CpuLane): CpuLane => ({
    cpu,
    bins: Array.from({ length: Math.ceil(bins.length / 2) }, (_, i) => {
      const two = bins.slice(2 * i, 2 * i + 2);
      const threads = new Map<number, number>();
      for (const bin of two) for (const [thread, n] of bin.threads) threads.set(thread, (threads.get(thread) ?? 0) + n);
      const sum = (of: (bin: CpuLane['bins'][number]) => number): number => two.reduce((all, bin) => all + of(bin), 0);
      return { threads: [...threads], samples: sum(({ samples }) => samples), stopped: sum(({ stopped }) => stopped) };
    }),
  });
  return fewer({ ...lanes, width: (2 * lanes.width) as CpuLanes['width'], cpus: lanes.cpus.map(paired) });
}

/** `sampled`: threads are known by their samples, which are drawn as strokes; otherwise all of the time is known. */
export function laneChart(title: string, all: readonly LanesOf[], sampled: boolean, note?: string): CpuChart {
  const weights = new Map<string, number>();
  for (const { lanes } of all)
    for (const lane of lanes.cpus)
      for (const [name, n] of sumOf(lane, lanes).threads) weights.set(name, (weights.get(name) ?? 0) + n);
  const names = [...weights].toSorted(([, a], [, b]) => b - a).map(([name]) => name);
  const others = names.length > COLOURS;
  const own = names.slice(0, others ? COLOURS - 1 : COLOURS);
  const threads = own.concat(others ? [`${names.length - own.length} others`] : []);
  const index = new Map(names.map((name, i) => [name, Math.min(i, threads.length - 1)]));
  const panels = all.map(({ subject, lanes: fine, summary }): CpuPanel => {
    const lanes = fewer(fine);
    const { width } = lanes;
    const bins = Math.max(...lanes.cpus.map((cpu) => cpu.bins.length));
    const most = Math.max(1, ...lanes.cpus.flatMap((cpu) => cpu.bins.map(({ samples }) => samples)));
    return {
      subject,
      summary,
      seconds: (width * bins) / 1e9,
      bins,
      lanes: lanes.cpus.map((lane) => ({
        name: `CPU ${lane.cpu}`,
        summary: summaryOf(sumOf(lane, lanes), sampled),
        bins: lane.bins.map((bin, at): CpuBin => {
          // The last bin is only partly filled.
          const filled = Math.min(width, lanes.end - lanes.start - at * width);
          const parts = new Map<number, number>();
          for (const [thread, n] of bin.threads) {
            const i = index.get(lanes.threads[thread]!)!;
            parts.set(i, (parts.get(i) ?? 0) + n / (sampled ? bin.samples : filled));
          }
          return { threads: [...parts], stroke: bin.samples / most, stopped: Math.min(1, bin.stopped / filled) };
        }),
      })),
    };
  });
  return {
    kind: 'cpus',
    title,
    seconds: Math.max(...panels.map(({ seconds }) => seconds)),
    threads,
    others,
    ...(sampled && { strokes: 'samples' }),
    panels,
    note,
  };
}

const listOf = (threads: CpuSum['threads']): string => {
  const names = threads.slice(0, NAMED).map(([name]) => name);
  return `${names.join(', ')}${threads.length > NAMED ? ` and ${threads.length - NAMED} more` : ''}`;
};

const summaryOf = ({ threads, samples, busy }: CpuSum, sampled: boolean): string =>
  sampled ? `${whole(samples)} samples, of ${listOf(threads)}` : `${fixed(busy / 1e6, 3)} ms, ${listOf(threads)}`;

/** A row for each CPU of each subject. */
export function laneTable(title: string, all: readonly LanesOf[], sampled: boolean): Table {
  const named = all.some(({ subject }) => subject !== undefined);
  const columns: Column[] = [
    { title: 'CPU', kind: 'name' },
    ...(named ? [{ title: 'profile', kind: 'text' as const }] : []),
    { title: sampled ? 'samples' : 'busy, ms', kind: 'number' },
    {
      title: sampled ? 'of all, %' : 'of the time, %',
      kind: 'number',
      meaning: sampled ? 'part of the samples on all CPUs' : 'part of the run in which the workload had it',
    },
    ...(sampled ? [{ title: 'stopped, %', kind: 'number' as const, meaning: 'part of the time, by throttling' }] : []),
    { title: 'threads', kind: 'number' },
    { title: 'which, by their part', kind: 'prose' },
  ];
  const rows = all.flatMap(({ subject, lanes }) => {
    const sums = lanes.cpus.map((lane) => sumOf(lane, lanes));
    const total = sums.reduce((sum, { samples }) => sum + samples, 0);
    const span = lanes.end - lanes.start;
    const share = (part: number, of: number): Cell => ({
      text: fixed(percentOf(part, of), 2),
      value: percentOf(part, of),
    });
    return sums.map((sum): Cell[] => {
      const first: Cell = { text: `CPU ${sum.cpu}`, value: sum.cpu };
      const figures: Cell[] = sampled
        ? [{ text: whole(sum.samples), value: sum.samples }, share(sum.samples, total), share(sum.stopped, span)]
        : [{ text: fixed(sum.busy / 1e6, 3), value: sum.busy }, share(sum.busy, span)];
      const threads: Cell[] = [
        { text: String(sum.threads.length), value: sum.threads.length },
        { text: listOf(sum.threads) },
      ];
      return named
        ? [first, { text: subject?.label ?? '' }].concat(figures, threads)
        : [first].concat(figures, threads);
    });
  });
  return { kind: 'table', title, columns, rows };
}
