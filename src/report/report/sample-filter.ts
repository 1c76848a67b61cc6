/**
 * Which samples a command shows: those of given tasks, files, functions, CPUs and times.
 *
 * Source: machine__resolve(), thread__is_filtered(), perf_session__cpu_bitmap(), perf_time__ranges_skip_sample() of perf 6.1.
 * Not modelled: shares of the time (10%/2), --addr-range, --socket-filter.
 */
import { HIST_FILTER, type Location } from '../../profile/machine-maps.ts';
import type { Recording } from '../../profile/session.ts';
import { PERF_SAMPLE, type SampleRecord } from '../../uapi/perf-event.ts';
import { type PlaceFilters, ReportError, type SampleFilters } from './options.ts';

/** machine__resolve()'s filters. */
export function filterOf(al: Location, { comms, dsos, symbols, pids, tids }: PlaceFilters): number {
  let filtered = al.filtered;
  const { pid, tid } = al.thread;
  if ((comms && !comms.includes(al.comm)) || (pids && !pids.includes(pid)) || (tids && !tids.includes(tid)))
    filtered |= HIST_FILTER.THREAD;
  const dso = al.map?.dso;
  if (dsos && !(dso && (dsos.includes(dso.shortName) || dsos.includes(dso.name)))) filtered |= HIST_FILTER.DSO;
  if (symbols && !(al.sym && symbols.includes(al.sym.name))) filtered |= HIST_FILTER.SYMBOL;
  return filtered;
}

/** MAX_NR_CPUS. */
const MOST_CPUS = 2048;

/** Whether a CPU is shown; undefined: all are. Records without a CPU are always shown. Throws ReportError. */
export function cpuFilter(
  { cpus }: SampleFilters,
  { evlist, env }: Recording,
): ((cpu: number | undefined) => boolean) | undefined {
  if (cpus === undefined) return undefined;
  const types = new Map(evlist.toReversed().map(({ attr }) => [attr.type, attr]));
  if ([...types.values()].some(({ sample_type }) => !(sample_type & PERF_SAMPLE.CPU)))
    throw new ReportError('File does not contain CPU events. Remove -C option to proceed.');
  const ranges = cpus.split(',').map((word) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(word) ?? [];
    if (first === undefined || Number(first) > Number(last)) throw new ReportError(`Invalid cpu_list: '${cpus}'`);
    return { first: Number(first), last: Number(last) };
  });
  const most = Math.min(env.nr_cpus_avail ?? MOST_CPUS, MOST_CPUS);
  const beyond = ranges.find(({ last }) => last >= most);
  if (beyond) throw new ReportError(`Requested CPU ${beyond.last} too large: the recording is of ${most} CPUs`);
  return (cpu) => cpu === undefined || ranges.some(({ first, last }) => cpu >= first && cpu <= last);
}

interface Range {
  /** ns; 0: no limit. */
  readonly start: bigint;
  readonly end: bigint;
}

/** parse_nsec_time() of both ends; a missing end is 0. */
function rangeOf(word: string): Range | undefined {
  const [, start, end] = /^(\d+(?:\.\d{0,9})?)?,(\d+(?:\.\d{0,9})?)?$/.exec(word) ?? [];
  if (!word.includes(',') || (start === undefined && end === undefined && word !== ',')) return undefined;
  const ns = (text = '0'): bigint => {
    const [seconds = '', fraction = ''] = text.split('.');
    return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  };
  return { start: ns(start), end: ns(end) };
}

/** Whether a time is shown; undefined: all are. Throws ReportError. */
function timeFilter({ times }: SampleFilters): ((time: number | bigint) => boolean) | undefined {
  if (times === undefined) return undefined;
  if (times.includes('%')) throw new ReportError(`gperf does not model shares of the time (--time ${times})`);
  const ranges = times.split(' ').map(rangeOf);
  const valid = ranges.filter((range) => range !== undefined);
  const ordered = valid.every(
    ({ start, end }, i) => (end === 0n || start <= end) && (i === 0 || start >= valid[i - 1]!.end),
  );
  if (valid.length < ranges.length || !ordered) throw new ReportError(`Invalid time string: '${times}'`);
  const last = valid.length - 1;
  if (last > 0 && valid.some(({ end }) => end === 0n))
    throw new ReportError(`gperf does not model several times of which one has no end (--time '${times}')`);
  return (time) =>
    time === 0 ||
    (last === 0
      ? time >= valid[0]!.start && (valid[0]!.end === 0n || time <= valid[0]!.end)
      : valid.some(({ start, end }, i) => time >= start && (i < last ? time < end : time <= end)));
}

/** The time of a sample without one. */
const NO_TIME = 2n ** 64n - 1n;

/** Whether a sample is shown at all. Throws ReportError. */
export function sampleFilter(filters: SampleFilters, recording: Recording): (sample: SampleRecord) => boolean {
  const [cpu, time] = [cpuFilter(filters, recording), timeFilter(filters)];
  return (sample) => (time === undefined || time(sample.time ?? NO_TIME)) && (cpu === undefined || cpu(sample.cpu));
}
