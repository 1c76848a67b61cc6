/**
 * struct hists and struct hist_entry: gathers samples of one event into lines by sort keys.
 *
 * With `cumulate` (perf report's --children) every function of a sample's call chain has a line, to which the sample's
 * period is added as "children"; a function that is on the chain twice counts once.
 *
 * Source: tools/perf/util/hist.c (hist_entry_iter), measured on perf 6.1.
 * Not modelled: entries from branch stacks and memory samples, decay (perf top).
 */
import { PERF_RECORD_MISC, type SampleRecord } from '../uapi/perf-event.ts';
import { signedU64 } from '../units.ts';
import { type HistEntry, type HistPlace, type HistStat, newEntry } from './hist-entry.ts';
import type { CallFrame, Location } from './machine-maps.ts';
import type { SortKey } from './sort.ts';

export interface HistOptions {
  readonly keys: readonly SortKey[];
  readonly cumulate: boolean;
  /** Whether lines keep call chains. */
  readonly useCallchain: boolean;
}

function addStat(stat: HistStat, cpumode: number, period: number): void {
  stat.period += period;
  if (cpumode === PERF_RECORD_MISC.KERNEL) stat.periodSys += period;
  if (cpumode === PERF_RECORD_MISC.USER) stat.periodUs += period;
  stat.nrEvents++;
}

/** What keys may need from a sample besides its place. */
export type SampleDetails = Partial<Pick<HistPlace, 'parent' | 'trace'>>;

/** Lines of one event. */
export class Hists {
  readonly entries = new Map<string, HistEntry>();
  /** All samples, and those that no filter hides. */
  nrSamples = 0;
  nrNonFiltered = 0;
  readonly #options: HistOptions;
  /**
   * Keys that are compared before the trace, and the first line of each of their values; unset if no key is the trace.
   */
  readonly #beforeTrace: readonly SortKey[] | undefined;
  readonly #firstBeforeTrace = new Map<string, HistEntry>();

  constructor(options: HistOptions) {
    this.#options = options;
    const at = options.keys.findIndex(({ name }) => name === 'trace');
    this.#beforeTrace = at < 0 ? undefined : options.keys.slice(0, at);
  }

  /** Sum of periods of all samples, hidden ones included: 100 %. Kept as units.ts keeps sums that wrap. */
  get totalPeriod(): number {
    let total = 0;
    for (const he of this.entries.values()) total += he.stat.period;
    return total;
  }

  /** The same for samples that no filter hides: 100 % under --percentage relative. */
  get nonFilteredPeriod(): number {
    let total = 0;
    for (const he of this.entries.values()) if (!he.filtered) total += he.stat.period;
    return total;
  }

  /** hist_entry_iter__add(): one sample, found at `al`, with its call chain in display order. */
  add(al: Location, sample: SampleRecord, chain: readonly CallFrame[], more: SampleDetails = {}): void {
    const { cumulate, useCallchain } = this.#options;
    const period = signedU64(sample.period);
    this.nrSamples++;
    if (!al.filtered) this.nrNonFiltered++;
    const self = this.#entry(al, sample, more);
    addStat(self.stat, al.cpumode, period);
    if (cumulate) addStat(self.statAcc, al.cpumode, period);
    if (useCallchain) self.callchain.append(chain, 0, period);
    if (!cumulate) return;
    const seen = new Set([self]);
    const at: Location = { ...al };
    for (const [i, frame] of chain.entries()) {
      moveTo(at, frame);
      const he = this.#entry(at, sample, more);
      if (seen.has(he)) continue;
      seen.add(he);
      addStat(he.statAcc, at.cpumode, period);
      if (useCallchain) he.callchain.append(chain, i, period);
    }
  }

  #entry(al: Location, sample: SampleRecord, { parent, trace }: SampleDetails): HistEntry {
    const { thread, comm, map, sym, addr: ip, level, filtered } = al;
    const place = { thread, comm, map, sym, ip, level, cpu: sample.cpu ?? -1, parent, trace, filtered };
    const identity = this.#identity(place);
    let he = this.entries.get(identity);
    if (!he) this.entries.set(identity, (he = newEntry(place)));
    if (this.#beforeTrace) this.#compare(he, this.#identity(place, this.#beforeTrace));
    return he;
  }

  #compare(he: HistEntry, before: string): void {
    const first = this.#firstBeforeTrace.get(before);
    if (first) he.compared = first.compared = true;
    else this.#firstBeforeTrace.set(before, he);
  }

  #identity(place: HistPlace, keys = this.#options.keys): string {
    let identity = '';
    for (const key of keys) identity += `${key.identity(place)}\0`;
    return identity;
  }

  /**
   * hists__match() and hists__link(): attaches another member's lines to the leader's; missing ones are added empty.
   */
  link(member: Hists, index: number): void {
    for (const [identity, other] of member.entries) {
      let he = this.entries.get(identity);
      if (!he) this.entries.set(identity, (he = newEntry(other)));
      he.pairs.set(index, other);
    }
  }

  /** Lines in the order of perf's input tree. */
  collated(): HistEntry[] {
    return [...this.entries.values()].toSorted((a, b) => {
      for (const key of this.#options.keys) {
        const order = key.collate(a, b);
        if (order) return order;
      }
      return 0;
    });
  }
}

/** fill_callchain_info(): an unknown address keeps the level of the frame before it. */
function moveTo(at: Location, frame: CallFrame): void {
  at.map = frame.map;
  at.sym = frame.sym;
  at.addr = frame.ip;
  if (!frame.map && !frame.sym) return;
  at.cpumode = frame.kernel ? PERF_RECORD_MISC.KERNEL : PERF_RECORD_MISC.USER;
  at.level = frame.kernel ? 'k' : '.';
}
