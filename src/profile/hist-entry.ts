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

/** What sort keys look at: the place and task of a sample. */
export interface HistPlace {
  /** The first sample's; `comm` is its name at that time. */
  readonly thread: Thread;
  readonly comm: string;
  readonly map: DsoMap | undefined;
  readonly sym: Sym | undefined;
  /** Address in the dso, or as sampled if there is no dso. */
  readonly ip: number | bigint;
  readonly level: string;
  readonly cpu: number;
  /** The outermost function of the chain that matches --parent. */
  readonly parent: Sym | undefined;
  /** Text of a tracepoint's raw data; absent for other events and if no key asks for it. */
  readonly trace?: string | undefined;
  /** HIST_FILTER bits. */
  readonly filtered: number;
}

/** struct hist_entry: one line. */
export interface HistEntry extends HistPlace {
  /** Samples in the line itself. */
  readonly stat: HistStat;
  /** Samples in it or in what it called; only with `cumulate`. */
  readonly statAcc: HistStat;
  readonly callchain: CallchainRoot;
  /** The same line of the other members of the event's group, by their index in the group. */
  readonly pairs: Map<number, HistEntry>;
  /** Whether its trace has been compared with another sample's. */
  compared: boolean;
}

const noStat = (): HistStat => ({ period: 0, periodSys: 0, periodUs: 0, nrEvents: 0 });

/** An empty line. */
export const newEntry = (place: HistPlace): HistEntry => ({
  ...place,
  stat: noStat(),
  statAcc: noStat(),
  callchain: new CallchainRoot(),
  pairs: new Map(),
  compared: false,
});
