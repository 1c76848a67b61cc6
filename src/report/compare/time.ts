/** Drawings of when samples were taken: over the whole run, and one by one for a few ticks. */
import type { ComparedOperand } from '../../profile/compare.ts';
import type { SampledTime } from '../../profile/profile.ts';
import { nanos } from '../../units.ts';
import type { CloseUp, CpuChart, Moments, Series, Table, Timeline } from '../html/model.ts';
import { laneChart, laneTable } from '../shared/cpu-lanes.ts';
import { fixed } from '../shared/format.ts';
import { subjectOf } from '../shared/page-parts.ts';

/** The figures of all profiles that know these times. */
export const timeFigures = (operands: readonly ComparedOperand[]): (Timeline | CloseUp)[] => [
  ...timeline(operands),
  ...closeUp(operands),
];

/** Where threads were sampled, of all profiles that know several CPUs. */
export function laneFigures(operands: readonly ComparedOperand[]): (CpuChart | Table)[] {
  const all = operands.flatMap((operand) => {
    const { lanes } = operand.profile.sampling ?? {};
    return lanes === undefined ? [] : [{ subject: subjectOf(operand), lanes, summary: firstOf(operand) }];
  });
  if (all.length === 0) return [];
  return [laneChart('Threads and samples on CPUs over time', all, true), laneTable('Every CPU', all, true)];
}

const firstOf = ({ runs }: ComparedOperand): string => (runs > 1 ? `the first of ${runs} runs` : '');

/** Bins are merged while they hold fewer samples than this on average, and there are more than FEW_BINS. */
const FEW_SAMPLES = 5;
const FEW_BINS = 32;

/** Merges bins until there is something to see. */
function readable(time: SampledTime): SampledTime {
  const { samples, width } = time;
  const total = samples.reduce((sum, n) => sum + n, 0);
  if (samples.length <= FEW_BINS || total >= FEW_SAMPLES * samples.length) return time;
  const paired = (bins: readonly number[]): number[] =>
    Array.from({ length: Math.ceil(bins.length / 2) }, (_, i) => bins[2 * i]! + (bins[2 * i + 1] ?? 0));
  return readable({
    ...time,
    width: nanos(2 * width),
    samples: paired(samples),
    periods: paired(time.periods),
    stopped: paired(time.stopped),
  });
}

function timeline(operands: readonly ComparedOperand[]): Timeline[] {
  const sampled = operands.filter(({ profile: { sampling } }) => sampling?.time !== undefined);
  if (sampled.length === 0) return [];
  const ticked = sampled.every(({ profile: { sampling } }) => sampling!.tick !== undefined);
  const series = sampled.map((operand): Series => {
    const { sampling, samples } = operand.profile;
    const { start, end, width, samples: counts, periods, stopped } = readable(sampling!.time!);
    const unit = ticked ? sampling!.tick! : 1e9;
    return {
      subject: subjectOf(operand),
      summary: `${operand.runs > 1 ? `${firstOf(operand)}; all together ` : ''}${samples ?? '?'} samples${
        operand.duty === undefined
          ? ''
          : operand.duty === 1
            ? ', never stopped'
            : `, sampling ${fixed(100 * operand.duty, 1)} % of the time`
      }`,
      seconds: (width * counts.length) / 1e9,
      bins: counts.map((n, i) => {
        // The last bin is only partly filled; the little time in it says little about rates.
        const filled = Math.min(width, Math.max(end - start - i * width, ticked ? unit : width / 2));
        return {
          samples: (n * unit) / (ticked ? Math.ceil(filled / unit) * unit : filled),
          period: n > 0 ? periods[i]! / n : undefined,
          stopped: Math.min(1, stopped[i]! / filled),
        };
      }),
    };
  });
  return [
    {
      kind: 'timeline',
      title: 'Samples and period over time',
      seconds: Math.max(...series.map(({ seconds }) => seconds)),
      rate: ticked ? 'samples a tick' : 'samples a second',
      series,
    },
  ];
}

const MS = 1e6;

function closeUp(operands: readonly ComparedOperand[]): CloseUp[] {
  const series = operands.flatMap((operand): Moments[] => {
    const { closeUp: seen, time } = operand.profile.sampling ?? {};
    if (!seen || !time) return [];
    const { start, tick, ticks, samples, stops } = seen;
    return [
      {
        subject: subjectOf(operand),
        summary: `${samples.length} samples in ${ticks} ticks of ${tick / MS} ms, ${fixed((start - time.start) / 1e9, 3)} s into the run`,
        tick: tick / MS,
        samples: samples.map((ns) => ns / MS),
        stops: stops.map(([from, to]) => [from / MS, to / MS] as const),
      },
    ];
  });
  if (series.length === 0) return [];
  const spans = operands.map(({ profile: { sampling } }) =>
    sampling?.closeUp ? sampling.closeUp.tick * sampling.closeUp.ticks : 0,
  );
  return [{ kind: 'close-up', title: 'A dozen ticks, up close', span: Math.max(...spans) / MS, series }];
}
