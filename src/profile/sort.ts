/**
 * struct sort_entry: what makes two samples one line of the report.
 *
 * Each key has three parts: an identity (equal: same line), the order of perf's input tree (`collate`), which decides
 * between lines that the output order leaves equal, and the output order (`order`). Missing symbols and dsos come
 * last.
 *
 * Source: tools/perf/util/sort.c; measured on perf 6.1.
 * Not modelled: keys of branch stacks and memory samples, srcline, cgroup, fields of tracepoints; lines that perf prints in
 * parts when it sorts by symbol but not by dso: it compares two addresses without a symbol by number, all others by file
 * first, which is no order where several files have both.
 */
import { compareBytes as compare } from '../perfdata/octets.ts';
import type { Dso, Sym } from './dso.ts';
import type { HistEntry, HistPlace } from './hist-entry.ts';
import type { DsoMap } from './maps.ts';
import { moveAddress } from '../units.ts';

export const SORT_NAMES = ['pid', 'comm', 'dso', 'symbol', 'parent', 'cpu', 'trace'] as const;
export type SortName = (typeof SORT_NAMES)[number];

export interface SortKey {
  readonly name: SortName;
  readonly identity: (place: HistPlace) => string | number | bigint;
  readonly collate: (a: HistEntry, b: HistEntry) => number;
  readonly order: (a: HistEntry, b: HistEntry) => number;
}

/** Undefined sorts last; returns undefined if both are defined. */
function missingLast(a: unknown, b: unknown): number | undefined {
  if (a !== undefined && b !== undefined) return undefined;
  return (a === undefined ? 1 : 0) - (b === undefined ? 1 : 0);
}

const byComm = (a: HistEntry, b: HistEntry): number => compare(a.comm, b.comm);
const bySymbolName = (a: HistEntry, b: HistEntry): number =>
  missingLast(a.sym, b.sym) ?? compare(a.sym!.name, b.sym!.name);
const byParentName = (a: HistEntry, b: HistEntry): number =>
  missingLast(a.parent, b.parent) ?? compare(a.parent!.name, b.parent!.name);
const byTid = (a: HistEntry, b: HistEntry): number => a.thread.tid - b.thread.tid;
const byTrace = (a: HistEntry, b: HistEntry): number => compare(a.trace ?? '', b.trace ?? '');
const byCpu = (a: HistEntry, b: HistEntry): number => a.cpu - b.cpu;

/** All keys. Under -v files are told apart by path, else by base name. */
export function sortKeys(verbose: boolean): Readonly<Record<SortName, SortKey>> {
  const file = (dso: Dso): string => (verbose ? dso.name : dso.shortName);
  const byDso = (a: HistEntry, b: HistEntry): number => {
    const [left, right] = [a.map?.dso, b.map?.dso];
    return missingLast(left, right) ?? compare(file(left!), file(right!));
  };
  /** Symbols of different files differ, by the file's name; those without a name differ by address. */
  const bySymbolAddress = (a: HistEntry, b: HistEntry): number => {
    if (!a.sym && !b.sym) return Number(moveAddress(a.ip, 0, b.ip));
    return byDso(a, b) || (missingLast(a.sym, b.sym) ?? (a.sym!.start - b.sym!.start || a.sym!.end - b.sym!.end));
  };
  const identities = new Map<Sym, string>();
  const symbolIdentity = (sym: Sym, map: DsoMap | undefined): string => {
    let identity = identities.get(sym);
    if (identity === undefined)
      identities.set(sym, (identity = `${map ? file(map.dso) : ''}\0${sym.start}\0${sym.end}`));
    return identity;
  };
  return {
    pid: { name: 'pid', identity: (he) => he.thread.tid, collate: byTid, order: byTid },
    comm: { name: 'comm', identity: (he) => he.comm, collate: byComm, order: byComm },
    dso: { name: 'dso', identity: ({ map }) => (map ? file(map.dso) : ''), collate: byDso, order: byDso },
    symbol: {
      name: 'symbol',
      identity: ({ sym, map, ip }) => (sym ? symbolIdentity(sym, map) : ip),
      collate: bySymbolAddress,
      order: bySymbolName,
    },
    parent: { name: 'parent', identity: (he) => he.parent?.name ?? '', collate: byParentName, order: byParentName },
    trace: { name: 'trace', identity: (he) => he.trace ?? '', collate: byTrace, order: byTrace },
    cpu: { name: 'cpu', identity: (he) => he.cpu, collate: byCpu, order: byCpu },
  };
}
