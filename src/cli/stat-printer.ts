/** perf stat's three forms (text, -x, -j), of a whole run and of the intervals of -I. */
import type { Reading } from '../experiment/stat.ts';
import {
  INTERVALS_PER_HEADER,
  intervalHeader,
  intervalStamp,
  resultRows,
  statLines,
  statText,
  type StatTarget,
} from '../report/stat/text.ts';
import { statCsv } from '../report/stat/csv.ts';
import { statJson } from '../report/stat/json.ts';
import { partsOf, threadParts } from '../report/stat/aggregate.ts';
import { since, statRows, unscaled, type StatPart, type StatRow } from '../report/stat/rows.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import type { parseArgs } from './args.ts';
import type { STAT } from './options/stat.ts';
import type { StatOutput } from './stat-output.ts';
import { localeGroups, wantsColor, type Terminal } from './term.ts';
import { parseSeparator } from './values.ts';
import type { AggrMode, CpuPlace, StatRead, StatResult } from '../results/stat.ts';

export type StatOptions = ReturnType<typeof parseArgs<typeof STAT.options>>['options'];

/** -A, --per-core and the like, and where CPUs are. */
interface Aggregates {
  readonly mode: AggrMode;
  readonly placeOf: (cpu: number) => CpuPlace;
  /** --per-thread of all threads that there are. */
  readonly everyone?: boolean;
}

export class StatPrinter {
  readonly #o: StatOptions;
  readonly #out: StatOutput;
  readonly #separator: string | undefined;
  readonly #json: boolean;
  readonly #metricOnly: boolean;
  readonly #scale: boolean;
  readonly #bigNum: boolean;
  readonly #aggregates: Aggregates | undefined;
  readonly #color: boolean;
  #before: Reading | undefined;
  #printed = 0;

  /** `aggregates`: how counts of CPUs are put together; undefined: all in one sum. */
  constructor(o: StatOptions, out: StatOutput, { stderr, env }: Terminal, aggregates?: Aggregates) {
    this.#o = o;
    this.#aggregates = aggregates;
    this.#out = out;
    this.#separator = o['field-separator'] === undefined ? undefined : parseSeparator(o['field-separator']);
    this.#json = o['json-output'] === true;
    this.#metricOnly = o['metric-only'] === true;
    this.#scale = o.scale !== false;
    this.#bigNum = o['big-num'] ?? localeGroups(env);
    const choice = o.color === 'always' || o.color === 'never' ? o.color : 'auto';
    this.#color = (out.live || choice === 'always') && wantsColor(stderr, env, choice);
  }

  /** Prints the counts of a run, or the means of several. */
  result(counted: StatResult, target: StatTarget, nmiWatchdog = false): void {
    const o = this.#o;
    const runs = counted.runs.length;
    const metricOnly = this.#metricOnly;
    const scale = this.#scale;
    const parts = this.#parts(counted.runs);
    const rows = { scale, parts };
    if (this.#separator !== undefined) {
      const summary = o.summary === true && o['interval-print'] !== undefined && o['no-csv-summary'] !== true;
      const stamp = summary ? { stamp: '         summary' } : {};
      this.#out.write(statCsv(resultRows(counted, rows), this.#separator, { runs, metricOnly, ...stamp }));
    } else if (this.#json) this.#out.write(statJson(resultRows(counted, rows), { runs, metricOnly }));
    else
      this.#out.write(
        statText(counted, {
          target,
          bigNum: this.#bigNum,
          color: this.#color,
          metricOnly,
          nullRun: o.null === true && o.event.length === 0,
          table: o.table === true,
          nmiWatchdog,
          ...rows,
        }),
      );
  }

  /** Prints what was counted since the previous reading. */
  interval(evlist: readonly Evsel[], reading: Reading): void {
    // --interval-count 0 means no limit.
    const limit = this.#o['interval-count'] || Infinity;
    if (this.#printed >= limit) return;
    const rows = this.#rows(evlist, reading);
    const stamp = intervalStamp(reading.time);
    const metricOnly = this.#metricOnly;
    if (this.#separator !== undefined) this.#out.write(statCsv(rows, this.#separator, { runs: 1, stamp, metricOnly }));
    else if (this.#json) this.#out.write(statJson(rows, { runs: 1, stamp, metricOnly }));
    else {
      if (this.#printed % INTERVALS_PER_HEADER === 0) this.#out.write(intervalHeader(rows[0]?.aggregate, metricOnly));
      const look = { bigNum: this.#bigNum, color: this.#color, metricOnly };
      this.#out.write(statLines(rows, look, 1, `${stamp} `));
    }
    this.#printed++;
    this.#before = reading;
  }

  #rows(evlist: readonly Evsel[], { time, counts, cpus, threads }: Reading): StatRow[] {
    // Another repetition starts from zero.
    if (this.#before !== undefined && time < this.#before.time) this.#before = undefined;
    const wall = time - (this.#before?.time ?? 0);
    const before = this.#before;
    const passed = {
      cpus: cpus?.map((one, i) => ({ ...one, counts: since(before?.cpus?.[i]?.counts, one.counts) })),
      threads: threads?.map((one, i) => ({ ...one, counts: since(before?.threads?.[i]?.counts, one.counts) })),
    };
    const parts = this.#parts([passed]) ?? [{ runs: [since(before?.counts, counts)] }];
    return statRows(evlist, this.#scale ? parts : parts.map(unscaled), wall);
  }

  /** The aggregates of runs whose counts are known by CPU or thread. */
  #parts(runs: readonly Pick<StatRead, 'cpus' | 'threads'>[]): StatPart[] | undefined {
    if (this.#aggregates === undefined) return undefined;
    const { mode, placeOf, everyone = false } = this.#aggregates;
    if (mode === 'thread') {
      const byThread = runs.map(({ threads }) => threads).filter((threads) => threads !== undefined);
      return byThread.length < runs.length ? undefined : threadParts(byThread, everyone);
    }
    const byCpu = runs.map(({ cpus }) => cpus).filter((cpus) => cpus !== undefined);
    return byCpu.length < runs.length ? undefined : partsOf(mode, byCpu, placeOf);
  }
}
