/**
 * perf stat's shadow metrics: the number behind the # of each event, computed from the other events of the list.
 *
 * Metrics combine only events of the same context: equal exclude_user, _kernel, _hv, _host and _idle bits
 * (exclude_guest is ignored). Clocks are the exception: their time serves every context. Events of one kind that
 * appear twice are averaged. Figures and wording are perf 6.1's (tools/perf/util/stat-shadow.c, observed through `perf
 * stat report`).
 * Not modelled: topdown, transactions, SMI cost, metric groups (-M).
 */
import type { Evsel } from '../../perf-events/evsel.ts';
import { PERF_COUNT_HW, PERF_COUNT_SW, PERF_TYPE, type PerfEventAttr } from '../../uapi/perf-event.ts';
import { fixed } from '../shared/format.ts';

/** A number with its words. Without `text` nothing is shown, though JSON still names the unit. */
export interface Metric {
  readonly value: number;
  /** The value as printed, including the blanks of its format. */
  readonly text?: string;
  /** Absent: the event has no metric of its own. */
  readonly unit?: string;
  /** How bad it is, from 0 (fine) to 3 (red on a terminal). */
  readonly severity: number;
}

type Kind = 'nsecs' | 'cycles' | 'branches' | 'cache-refs' | 'stalled-front' | 'stalled-back' | `cache-${number}`;

/** Cache number (config of its read access), and the words for its misses. */
const MISSES_OF: Readonly<Record<number, string>> = {
  0: 'of all L1-dcache accesses',
  1: 'of all L1-icache accesses',
  2: 'of all LL-cache accesses',
  3: 'of all dTLB cache accesses',
  4: 'of all iTLB cache accesses',
};
const READ_MISS = 1 << 16;

/** Percentages above which a ratio turns yellow, magenta and red. */
const CACHE_MISSES = [5, 10, 20];
const STALLED_FRONT = [10, 30, 50];
const STALLED_BACK = [20, 50, 75];
const severity = (ratio: number, levels: readonly number[]): number => levels.filter((level) => ratio > level).length;

const isClock = ({ type, config }: PerfEventAttr): boolean =>
  type === PERF_TYPE.SOFTWARE && (config === PERF_COUNT_SW.CPU_CLOCK || config === PERF_COUNT_SW.TASK_CLOCK);

const context = (a: PerfEventAttr): string =>
  [a.exclude_user, a.exclude_kernel, a.exclude_hv, a.exclude_host, a.exclude_idle].map((bit) => (bit ? 1 : 0)).join('');

const HARDWARE_KINDS: Readonly<Record<number, Kind>> = {
  [PERF_COUNT_HW.CPU_CYCLES]: 'cycles',
  [PERF_COUNT_HW.BRANCH_INSTRUCTIONS]: 'branches',
  [PERF_COUNT_HW.CACHE_REFERENCES]: 'cache-refs',
  [PERF_COUNT_HW.STALLED_CYCLES_FRONTEND]: 'stalled-front',
  [PERF_COUNT_HW.STALLED_CYCLES_BACKEND]: 'stalled-back',
};

/** What an event contributes to other events' metrics. */
function kindOf(attr: PerfEventAttr): Kind | undefined {
  if (isClock(attr)) return 'nsecs';
  if (attr.type === PERF_TYPE.HARDWARE) return HARDWARE_KINDS[Number(attr.config)];
  const config = Number(attr.config);
  if (attr.type === PERF_TYPE.HW_CACHE && config in MISSES_OF) return `cache-${config}`;
  return undefined;
}

/** convert_unit_double(): steps of 1000, a step only when strictly above. */
function perSecond(rate: number): { value: number; unit: string } {
  const prefixes = ['', 'K', 'M', 'G'];
  let value = rate;
  let step = 0;
  while (value > 1000 && step < prefixes.length - 1) {
    value /= 1000;
    step++;
  }
  return { value, unit: `${prefixes[step]!}/sec` };
}

const shown = (value: number, digits: number, unit: string, bad = 0): Metric => ({
  value,
  text: fixed(value, digits).padStart(digits === 3 ? 8 : 7),
  unit,
  severity: bad,
});
const blank = (unit?: string): Metric => ({ value: 0, severity: 0, ...(unit !== undefined && { unit }) });

/** The values of one aggregate (the whole run, a CPU, a thread, a core), by their role in metrics. */
export class ShadowStats {
  readonly #sums = new Map<string, { sum: number; n: number }>();

  /** Adds one reading of an event, scaled for multiplexing; in ns for clocks. */
  add(attr: PerfEventAttr, value: number): void {
    const kind = kindOf(attr);
    if (kind === undefined) return;
    const key = kind === 'nsecs' ? kind : `${kind} ${context(attr)}`;
    const entry = this.#sums.get(key) ?? { sum: 0, n: 0 };
    this.#sums.set(key, { sum: entry.sum + value, n: entry.n + 1 });
  }

  /** The metrics of an event with this mean value (in ns for clocks). `wall` is the elapsed time in ns. */
  metrics({ attr }: Evsel, value: number, wall: number): Metric[] {
    const { type, config } = attr;
    if (isClock(attr)) return [wall > 0 ? shown(value / wall, 3, 'CPUs utilized') : blank('CPUs utilized')];
    if (type === PERF_TYPE.HW_CACHE) {
      const cache = Number(config) - READ_MISS;
      const words = MISSES_OF[cache];
      if (words !== undefined) return [this.#missRatio(`cache-${cache}`, attr, value, words)];
    }
    if (type === PERF_TYPE.HARDWARE) {
      const metrics = this.#hardwareMetrics(attr, value);
      if (metrics !== undefined) return metrics;
    }
    const nsecs = this.#mean('nsecs', attr);
    if (nsecs === undefined) return [blank()];
    const { value: rate, unit } = perSecond(nsecs > 0 ? (1e9 * value) / nsecs : 0);
    return [shown(rate, 3, unit)];
  }

  #hardwareMetrics(attr: PerfEventAttr, value: number): Metric[] | undefined {
    const cycles = this.#mean('cycles', attr) ?? 0;
    switch (attr.config) {
      case PERF_COUNT_HW.CPU_CYCLES: {
        const nsecs = this.#mean('nsecs', attr) ?? 0;
        return [nsecs > 0 ? shown(value / nsecs, 3, 'GHz') : blank('Ghz')];
      }
      case PERF_COUNT_HW.INSTRUCTIONS: {
        const ipc = blank('insn per cycle');
        const metrics = [cycles > 0 ? trailing(shown(value / cycles, 2, 'insn per cycle')) : ipc];
        const stalled = Math.max(this.#mean('stalled-front', attr) ?? 0, this.#mean('stalled-back', attr) ?? 0);
        if (stalled > 0 && value > 0) metrics.push(trailing(shown(stalled / value, 2, 'stalled cycles per insn')));
        return metrics;
      }
      case PERF_COUNT_HW.BRANCH_MISSES:
        return [this.#missRatio('branches', attr, value, 'of all branches')];
      case PERF_COUNT_HW.CACHE_MISSES: {
        const refs = this.#mean('cache-refs', attr);
        if (refs === undefined) return [blank('of all cache refs')];
        const ratio = refs > 0 ? (value * 100) / refs : 0;
        const text = `${fixed(ratio, 3).padStart(8)} %`;
        return [{ value: ratio, text, unit: 'of all cache refs', severity: severity(ratio, CACHE_MISSES) }];
      }
      case PERF_COUNT_HW.STALLED_CYCLES_FRONTEND: {
        const ratio = cycles > 0 ? (value / cycles) * 100 : 0;
        const words = 'frontend cycles idle';
        return [ratio > 0 ? percent(shown(ratio, 2, words, severity(ratio, STALLED_FRONT))) : blank(words)];
      }
      case PERF_COUNT_HW.STALLED_CYCLES_BACKEND: {
        const ratio = cycles > 0 ? (value / cycles) * 100 : 0;
        return [percent(shown(ratio, 2, 'backend cycles idle', severity(ratio, STALLED_BACK)))];
      }
      default:
        return undefined;
    }
  }

  #missRatio(kind: Kind, attr: PerfEventAttr, value: number, words: string): Metric {
    const total = this.#mean(kind, attr);
    if (total === undefined) return blank(words);
    const ratio = total > 0 ? (value / total) * 100 : 0;
    return percent(shown(ratio, 2, words, severity(ratio, CACHE_MISSES)));
  }

  #mean(kind: Kind, attr: PerfEventAttr): number | undefined {
    const entry = this.#sums.get(kind === 'nsecs' ? kind : `${kind} ${context(attr)}`);
    return entry && entry.sum / entry.n;
  }
}

const percent = (metric: Metric): Metric => ({ ...metric, text: `${metric.text ?? ''}%` });
/** The format of these ends with a blank. */
const trailing = (metric: Metric): Metric => ({ ...metric, text: `${metric.text ?? ''} ` });
