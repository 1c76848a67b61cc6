/**
 * The same machine as several threads of Node would have it, each with some of its cores, but all in one thread: they
 * take turns, from one meeting to the next.
 */
import { placeFor } from '../../src/machine/group.ts';
import { cycles } from '../../src/units.ts';
import { Smp } from './smp.ts';

/** `set`: what each of them does before time passes. Runs until the first machine's `ended`, or to that many ms. */
export function shared<T>(
  workers: number,
  { cpus, longest }: { readonly cpus: number; readonly longest: number },
  set: (smp: Smp, party: number) => T,
  ended: (first: T) => boolean,
  ms: number,
): { readonly machines: readonly Smp[]; readonly made: readonly T[] } {
  const place = placeFor(workers, cpus, 0);
  const machines = Array.from({ length: workers }, (_, party) => new Smp(cpus, longest, { place, party, patience: 0 }));
  const made = machines.map((smp, party) => set(smp, party));
  const until = cycles(ms * 2_800_000);
  const running = new Set(machines);
  while (running.size > 0)
    for (const smp of running) if (smp.group.run(until, () => ended(made[0]!))) running.delete(smp);
  return { machines, made };
}
