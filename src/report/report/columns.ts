/**
 * struct perf_hpp_fmt: the columns of perf report, numbers first (overhead, samples, period), then sort keys.
 *
 * Source: tools/perf/ui/hist.c and util/sort.c, measured on perf 6.1. A column is as wide as its title and its widest
 * cell, shown or hidden by --percent-limit; numbers have fixed widths. With -t cells are still filled to their width.
 *
 * Not modelled: columns of branch stacks and memory samples, colours.
 */
import { byteLength, cutBytes } from '../../perfdata/octets.ts';
import type { HistEntry, HistStat } from '../../profile/hist-entry.ts';
import type { SortKey, SortName } from '../../profile/sort.ts';
import { cell, fixed, hex, paddedHex, percentOf } from '../shared/format.ts';
import { compareSums, sumText, unsignedSum } from '../../units.ts';

export const HPP_NAMES = [
  'overhead',
  'overhead_sys',
  'overhead_us',
  'overhead_guest_sys',
  'overhead_guest_us',
  'overhead_children',
  'sample',
  'period',
] as const;
export type HppName = (typeof HPP_NAMES)[number];

/** A unit of output: an event, or a group of events with a column for each. */
export interface BlockTotals {
  /** Total period of every member, leader first. */
  readonly totals: readonly number[];
  readonly members: number;
}

export interface ColumnStyle {
  readonly separator: string | undefined;
  readonly verbose: boolean;
  readonly cumulate: boolean;
  /** -F lists all columns, under their own names. */
  readonly strict: boolean;
  /** A lone --dso filter: the column need not have room for addresses. */
  readonly dsoFiltered: boolean;
  /** -w is given: the same. */
  readonly userWidths: boolean;
}

export interface ReportColumn {
  readonly name: HppName | SortName;
  readonly title: string;
  /** Undefined for numbers. */
  readonly key: SortKey | undefined;
  /** Hidden because every line has the same value. */
  readonly elided: boolean;
  /** From -w. */
  userWidth?: number;
  /** Digits of a number, or the widest text that measure() found. */
  measure(he: HistEntry): void;
  width(block: BlockTotals): number;
  header(block: BlockTotals): string;
  text(he: HistEntry, block: BlockTotals): string;
  /** Below 0, a comes first. */
  order(a: HistEntry, b: HistEntry, block: BlockTotals): number;
}

interface HppColumn {
  readonly title: string;
  readonly length: number;
  readonly percent: boolean;
  readonly value: (stat: HistStat) => number;
}

const HPP: Readonly<Record<HppName, HppColumn>> = {
  overhead: { title: 'Overhead', length: 8, percent: true, value: (stat) => stat.period },
  overhead_sys: { title: 'sys', length: 8, percent: true, value: (stat) => stat.periodSys },
  overhead_us: { title: 'usr', length: 8, percent: true, value: (stat) => stat.periodUs },
  overhead_guest_sys: { title: 'guest sys', length: 9, percent: true, value: () => 0 },
  overhead_guest_us: { title: 'guest usr', length: 9, percent: true, value: () => 0 },
  overhead_children: { title: 'Children', length: 8, percent: true, value: (stat) => stat.period },
  sample: { title: 'Samples', length: 12, percent: false, value: (stat) => stat.nrEvents },
  period: { title: 'Period', length: 12, percent: false, value: (stat) => stat.period },
};

/** The line of each member of the group. */
const members = (he: HistEntry, block: BlockTotals): (HistEntry | undefined)[] =>
  Array.from({ length: block.members }, (_, i) => (i === 0 ? he : he.pairs.get(i)));

export function hppColumn(name: HppName, style: ColumnStyle): ReportColumn {
  const { length, percent, value } = HPP[name];
  const title = name === 'overhead' && style.cumulate && !style.strict ? 'Self' : HPP[name].title;
  const children = name === 'overhead_children';
  const statOf = (he: HistEntry | undefined): number => {
    if (!he) return 0;
    return value(children ? he.statAcc : he.stat);
  };
  return {
    name,
    title,
    key: undefined,
    elided: false,
    measure() {},
    width(block) {
      return Math.max(title.length, this.userWidth ?? length, block.members > 1 ? block.members * length : 0);
    },
    header(block) {
      return title.padStart(this.width(block));
    },
    text(he, block) {
      const width = style.separator === undefined ? (this.userWidth ?? length) : undefined;
      if (children && !style.cumulate) return 'N/A'.padStart(width ?? 0);
      return members(he, block)
        .map((member, i) => {
          const number = statOf(member);
          if (!percent) return ` ${sumText(number).padStart((width ?? 2) - 1)}`;
          const share = fixed(percentOf(unsignedSum(number), block.totals[i] ?? 0), 2);
          return ` ${share.padStart((width ?? 3) - 2)}%`;
        })
        .join('');
    },
    order(a, b, block) {
      // Children are compared by the leader's share only.
      if (children) return compareSums(statOf(b), statOf(a));
      const [left, right] = [members(a, block), members(b, block)];
      for (const [i, he] of left.entries()) {
        const order = compareSums(statOf(right[i]), statOf(he));
        if (order) return order;
      }
      return 0;
    },
  };
}

/** "0x" with sixteen digits, and what -v adds to a symbol: its address and the letter of its origin. */
const ADDRESS_DIGITS = 16;
const VERBOSE_EXTRA = ADDRESS_DIGITS + 2 + 3;
const LEVEL = '[.] '.length;

interface KeyColumn {
  readonly title: string;
  readonly length: (he: HistEntry, style: ColumnStyle) => number;
  readonly text: (he: HistEntry, width: number, style: ColumnStyle) => string;
}

const dsoName = (he: HistEntry, style: ColumnStyle): string =>
  he.map ? (style.verbose ? he.map.dso.name : he.map.dso.shortName) : '[unknown]';

const KEYS: Readonly<Record<SortName, KeyColumn>> = {
  pid: {
    title: '    Pid:Command',
    length: (he) => byteLength(he.thread.comm) + 'Pid:    '.length,
    text: (he, width) => `${String(he.thread.tid).padStart(7)}:${cell(he.thread.comm, Math.max(width, 8) - 8)}`,
  },
  comm: { title: 'Command', length: (he) => byteLength(he.thread.comm), text: (he, width) => cell(he.comm, width) },
  dso: {
    title: 'Shared Object',
    length: (he, style) => {
      if (he.map) return byteLength(dsoName(he, style));
      const unresolved = !style.separator && !style.userWidths && !style.dsoFiltered;
      return unresolved ? ADDRESS_DIGITS : 0;
    },
    text: (he, width, style) => cell(dsoName(he, style), width),
  },
  symbol: {
    title: 'Symbol',
    length: ({ sym }, { verbose }) =>
      sym ? byteLength(sym.name) + LEVEL + (verbose ? VERBOSE_EXTRA : 0) : ADDRESS_DIGITS + LEVEL + 2,
    text: ({ sym, map, ip, level }, width, { verbose }) => {
      const origin = map ? (map.dso.table?.origin ?? '!') : '!';
      const address = ip === 0 ? '0' : `0x${hex(ip)}`;
      const head = `${verbose ? `${address.padEnd(ADDRESS_DIGITS + 2)} ${origin} ` : ''}[${level}] `;
      if (sym) return head + cutBytes(sym.name, Math.max(0, width - head.length));
      return head + paddedHex(ip, ADDRESS_DIGITS);
    },
  },
  parent: {
    title: 'Parent symbol',
    length: (he) => byteLength(he.parent?.name ?? ''),
    text: (he, width) => cell(he.parent?.name ?? '[other]', width),
  },
  trace: {
    title: 'Trace output',
    // perf formats a trace only to compare it with another: a trace that was never compared has no width.
    length: ({ trace, compared }) => (compared ? byteLength(trace ?? '') : 0),
    text: ({ trace }, width) => cutBytes(trace ?? 'N/A', width),
  },
  cpu: {
    title: 'CPU',
    length: () => 3,
    text: (he) => (he.cpu < 0 ? '-' : '') + String(Math.abs(he.cpu)).padStart(3, '0'),
  },
};

export function keyColumn(key: SortKey, elided: boolean, style: ColumnStyle): ReportColumn {
  const { title, length, text } = KEYS[key.name];
  let widest = title.length;
  return {
    name: key.name,
    title,
    key,
    elided,
    measure(he) {
      widest = Math.max(widest, length(he, style));
      // An address in one line makes room for addresses in the dso column too.
      if (key.name === 'dso' && !he.sym && he.map)
        widest = Math.max(widest, KEYS.dso.length({ ...he, map: undefined }, style));
    },
    width() {
      return this.userWidth ?? widest;
    },
    header(block) {
      return cell(title, this.width(block));
    },
    text(he, block) {
      const full = text(he, this.width(block), style);
      return style.separator === undefined ? full : full.replaceAll(style.separator, '.');
    },
    order: key.order,
  };
}
