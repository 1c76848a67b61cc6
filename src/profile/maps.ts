/**
 * struct maps: which file is mapped where in one address space.
 *
 * Source: tools/perf/util/map.c, maps.c (maps__fixup_overlappings: a new mapping cuts what it covers).
 */
import type { Dso } from './dso.ts';

/** struct map: [start, end) shows a dso from offset pgoff on. */
export interface DsoMap {
  readonly start: number;
  readonly end: number;
  readonly pgoff: number;
  readonly dso: Dso;
  /** Addresses are kept as they are: the kernel, whose symbols are addresses, and memory without a file. */
  readonly identity: boolean;
  /** PROT_READ | PROT_WRITE | PROT_EXEC as recorded. */
  readonly prot: number;
}

/** map_ip(): an address as the dso's symbol table counts. */
export const mapIp = (map: DsoMap, ip: number): number => (map.identity ? ip : ip - map.start + map.pgoff);

/** One address space. Sorted by start, never overlapping. */
export class Maps {
  #maps: DsoMap[];

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

  find(ip: number): DsoMap | undefined {
    const map = this.#maps[this.#after(ip) - 1];
    return map && ip < map.end ? map : undefined;
  }

  /** Puts a mapping over whatever is there. */
  insert(map: DsoMap): void {
    let first = this.#after(map.start) - 1;
    if (first < 0 || this.#maps[first]!.end <= map.start) first++;
    let last = first;
    const parts: DsoMap[] = [];
    for (let old; (old = this.#maps[last]) && old.start < map.end; last++) {
      if (old.start < map.start) parts.push({ ...old, end: map.start });
      if (old.end > map.end) parts.push({ ...old, start: map.end, pgoff: old.pgoff + (map.end - old.start) });
    }
    const before = parts.filter((part) => part.start < map.start);
    const after = parts.filter((part) => part.start >= map.end);
    this.#maps.splice(first, last - first, ...before, map, ...after);
  }

  /** Puts `map` in the place of `old`. */
  replace(old: DsoMap, map: DsoMap): void {
    const at = this.#maps.indexOf(old);
    if (at >= 0) this.#maps[at] = map;
  }

  /** Index of the first mapping that starts above ip. */
  #after(ip: number): number {
    let [low, high] = [0, this.#maps.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#maps[middle]!.start <= ip) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
