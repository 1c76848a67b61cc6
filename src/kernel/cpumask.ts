/**
 * Sets of CPUs.
 *
 * Source: lib/bitmap.c (bitmap_parselist), kernel/sched/core.c (sched_setaffinity), Linux 5.0.
 * Not modelled: strides in lists.
 */

/** The numbers in a list like "0,2-3"; undefined: it is none. */
export function cpulist_parse(list: string): number[] | undefined {
  const cpus: number[] = [];
  for (const part of list.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined || Number(last) < Number(first)) return undefined;
    for (let cpu = Number(first); cpu <= Number(last); cpu++) cpus.push(cpu);
  }
  return cpus;
}

/** Those that are there; undefined if none is (EINVAL). */
export function cpu_active(cpus: readonly number[], active: ReadonlyMap<number, unknown>): Set<number> | undefined {
  const there = cpus.filter((cpu) => active.has(cpu));
  return there.length === 0 ? undefined : new Set(there);
}
