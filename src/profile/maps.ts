/**
 * struct maps: which file is mapped where in one address space.
 *
 * Source: tools/perf/util/map.c, maps.c (maps__fixup_overlappings: a new mapping cuts what it covers).
 */
import { type Address64, isBelow, moveAddress } from '../units.ts';
import type { Dso } from './dso.ts';

/** struct map: [start, end) shows a dso from offset pgoff on. */
export interface DsoMap {
  readonly start: number | bigint;
  readonly end: number | bigint;
  readonly pgoff: number | bigint;
  readonly dso: Dso;
  /** Addresses are kept unchanged: for the kernel, whose symbols are addresses, and for memory without a file. */
  readonly identity: boolean;
  /** PROT_READ | PROT_WRITE | PROT_EXEC as recorded. */
  readonly prot: number;
  /** MAP_SHARED. */
  readonly shared?: boolean;
}

/** map_ip(): an address in the terms of the dso's symbol table. */
export const mapIp = <A extends number | bigint>(map: DsoMap, ip: A): A | Address64 =>
  map.identity ? ip : moveAddress(ip, map.pgoff, map.start);

/** One address space. Sorted by start, never overlapping. */
export class Maps {
  #maps: DsoMap[];
  /** The last one found: calls mostly stay in one file. */
  #last: DsoMap | undefined;

  constructor(maps: readonly DsoMap[] = []) {
    this.#maps = [...maps];
  }

  /** For a fork: the child has its parent's mappings. */
  clone(): Maps {
    return new Maps(this.#maps);
  }

  [Symbol.iterator](): Iterator<DsoMap> {
    return this.#maps.values();
  }

  find(ip: number | bigint): DsoMap | undefined {
    const last = this.#last;
    if (last && !isBelow(ip, last.start) && isBelow(ip, last.end)) return last;
    const map = this.#maps[this.#after(ip) - 1];
    if (!map || !isBelow(ip, map.end)) return undefined;
    return (this.#last = map);
  }

  /** Inserts a mapping over whatever is there. */
  insert(map: DsoMap): void {
    this.#last = undefined;
    let first = this.#after(map.start) - 1;
    if (first < 0 || !isBelow(map.start, this.#maps[first]!.end)) first++;
    let last = first;
    const before: DsoMap[] = [];
    const after: DsoMap[] = [];
    for (let old; (old = this.#maps[last]) && isBelow(old.start, map.end); last++) {
      if (isBelow(old.start, map.start)) before.push({ ...old, end: map.start });
      if (isBelow(map.end, old.end))
        after.push({ ...old, start: map.end, pgoff: moveAddress(old.pgoff, map.end, old.start) });
    }
    this.#maps.splice(first, last - first, ...before, map, ...after);
  }

  remove(map: DsoMap): void {
    this.#last = undefined;
    const at = this.#maps.indexOf(map);
    if (at >= 0) this.#maps.splice(at, 1);
  }

  /** Puts `map` in the place of `old`. */
  replace(old: DsoMap, map: DsoMap): void {
    this.#last = undefined;
    const at = this.#maps.indexOf(old);
    if (at >= 0) this.#maps[at] = map;
  }

  /** Index of the first mapping that starts above ip. */
  #after(ip: number | bigint): number {
    let [low, high] = [0, this.#maps.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (!isBelow(ip, this.#maps[middle]!.start)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
