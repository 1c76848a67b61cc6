/**
 * struct hist_entry: one line of a report, before it is text.
 */
import { CallchainRoot } from './callchain.ts';
import type { Sym } from './dso.ts';
import type { Thread } from './machine-maps.ts';
import type { DsoMap } from './maps.ts';

/** struct he_stat. */
export interface HistStat {
  period: number;
  periodSys: number;
  periodUs: number;
  nrEvents: number;
}

/** What sort keys look at: where and in which task a sample fell. */
export interface HistPlace {
  /** Of the first sample; `comm` is its name then. */
  readonly thread: Thread;
  readonly comm: string;
  readonly map: DsoMap | undefined;
  readonly sym: Sym | undefined;
  /** Address in the dso, or as sampled if there is none. */
  readonly ip: number | bigint;
  readonly level: string;
  readonly cpu: number;
  /** The outermost function of the chain that matches --parent. */
  readonly parent: Sym | undefined;
  /** What a tracepoint's raw data says; absent for other events and where no key asks for it. */
  readonly trace?: string | undefined;
  /** HIST_FILTER bits. */
  readonly filtered: number;
}

/** struct hist_entry: one line. */
export interface HistEntry extends HistPlace {
  /** Samples in the line itself. */
  readonly stat: HistStat;
  /** Samples in it or in what it called; with `cumulate`. */
  readonly statAcc: HistStat;
  readonly callchain: CallchainRoot;
  /** The same line of the other members of the event's group, by their index in the group. */
  readonly pairs: Map<number, HistEntry>;
  /** Its trace has been compared with another sample's. */
  compared: boolean;
}

const noStat = (): HistStat => ({ period: 0, periodSys: 0, periodUs: 0, nrEvents: 0 });

/** A line with nothing in it yet. */
export const newEntry = (place: HistPlace): HistEntry => ({
  ...place,
  stat: noStat(),
  statAcc: noStat(),
  callchain: new CallchainRoot(),
  pairs: new Map(),
  compared: false,
});
