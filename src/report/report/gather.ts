/**
 * Gathers the samples of a recording into lines by event.
 *
 * Source: tools/perf/builtin-report.c (process_sample_event), util/event.c (machine__resolve); measured on perf 6.1.
 * Not modelled: what sample-filter.ts does not.
 */
import type { Evsel } from '../../perf-events/evsel.ts';
import { TraceEvents } from '../../perfdata/trace/trace-events.ts';
import type { Sym, SymbolSource } from '../../profile/dso.ts';
import { Hists } from '../../profile/hist.ts';
import { type CallFrame, HIST_FILTER } from '../../profile/machine-maps.ts';
import { isSample, type Recording, type Replayed, replaySamples } from '../../profile/session.ts';
import { sortKeys } from '../../profile/sort.ts';
import { PERF_RECORD, PERF_TYPE, type SampleRecord } from '../../uapi/perf-event.ts';
import { hasChains, type Plan } from './plan.ts';
import { filterOf } from './sample-filter.ts';
import { ReadValues } from './thread-counts.ts';

export interface Gathered {
  /** Lines by event. */
  readonly hists: readonly Hists[];
  readonly totalLostSamples: number;
  readonly reads: ReadValues;
  /** What stopped the reading; everything before it is included. */
  readonly fault: unknown;
}

/** Reads the whole recording; `shown` tells which samples count. */
export function gather(
  recording: Recording,
  symbols: SymbolSource,
  plan: Plan,
  shown: (sample: SampleRecord) => boolean,
): Gathered {
  const { options, order, sort, graph, style, pattern } = plan;
  const known = sortKeys(style.verbose);
  const keys = sort.flatMap((field) => ('key' in field ? [known[field.key]] : []));
  const { cumulate } = style;
  const wantsTrace = keys.some(({ name }) => name === 'trace');
  let events: TraceEvents | undefined;
  const traceOf = (sample: SampleRecord, { attr }: Evsel): string | undefined => {
    if (!wantsTrace || attr.type !== PERF_TYPE.TRACEPOINT || !sample.raw) return undefined;
    events ??= new TraceEvents(recording.tracingData);
    return events.text(sample.raw);
  };
  const wantsParent = keys.some(({ name }) => name === 'parent');
  const hists = recording.evlist.map(
    (evsel) => new Hists({ keys, cumulate, useCallchain: graph !== undefined && hasChains(evsel) }),
  );
  const take = ({ record: sample, machine, evsel }: Replayed<SampleRecord>): void => {
    if (!shown(sample)) return;
    const al = machine.resolve(sample);
    if (options.hideUnresolved && !al.sym) return;
    al.filtered = filterOf(al, options);
    let chain: CallFrame[] = [];
    let parent: Sym | undefined;
    if (graph || cumulate || wantsParent) {
      chain = machine.resolveChain(sample, order, options.maxStack);
      if (options.hideUnresolved) chain = chain.filter((frame) => frame.sym);
      if (wantsParent) parent = chain.find((frame) => frame.sym && pattern.test(frame.sym.name))?.sym;
    }
    if (options.excludeOther && !parent) al.filtered |= HIST_FILTER.PARENT;
    hists[evsel]?.add(al, sample, chain, { parent, trace: traceOf(sample, recording.evlist[evsel]!) });
  };
  let totalLostSamples = 0;
  const values = new ReadValues();
  let fault: unknown;
  try {
    for (const replayed of replaySamples(recording, symbols)) {
      if (replayed.record.type === PERF_RECORD.LOST_SAMPLES) totalLostSamples += Number(replayed.record.lost);
      else if (replayed.record.type === PERF_RECORD.READ) values.add(replayed.record, replayed.evsel);
      if (isSample(replayed)) take(replayed);
    }
  } catch (error) {
    fault = error;
  }
  return { hists, totalLostSamples, reads: values, fault };
}
