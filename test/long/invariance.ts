/**
 * npm run invariance [-- WORD...]: what is recorded shows neither how long windows are nor how many threads of Node simulate
 * the machine. Every vPMU design and bare metal, every workload whose threads talk and random programs, pinned and floating
 * vCPUs, overcommitted or not: one hash each. With words: only rows that have all of them. Takes an hour or so.
 */
import fc from 'fast-check';
import { PLACES, WORKLOADS, guestOf, programOf, recordIn } from '../experiment/guest-run.ts';
import { CAPS, randomPrograms, seen } from '../experiment/invariance.ts';

const WORKERS = [1, 2, 3];
const SIZES = [
  [4, 4],
  [4, 2],
  [8, 4],
] as const;
const HOST = { vpmu: 'host', machine: 'broadwell-ep' };
const RANDOM = 10;
const wanted = process.argv.slice(2);

let [rows, wrong] = [0, 0];
const report = (row: string, all: readonly unknown[]): void => {
  const kinds = new Set(all.map((one) => JSON.stringify(one))).size;
  rows++;
  if (kinds > 1) wrong++;
  console.log(`${kinds === 1 ? 'one hash' : `${kinds} HASHES`}  ${row}, ${all.length} runs`);
};
const isWanted = (row: string): boolean => wanted.every((word) => row.includes(word));

for (const place of [HOST, ...PLACES])
  for (const sched of ['pinned', 'floating'])
    for (const [vcpus, cores] of SIZES) {
      // On bare metal there is somebody to move only with guests.
      const guests = place === HOST && sched === 'floating' ? ['host.guests=3'] : [];
      const spec = await guestOf(place, vcpus, cores, [`host.sched=${sched}`, ...guests]);
      const row = `${place.vpmu}, ${sched}, ${vcpus} vCPUs on ${cores} cores`;
      for (const words of WORKLOADS.filter(([name]) => isWanted(`${row}, ${name}`))) {
        const { workload, program } = await programOf(spec, words);
        const all: unknown[] = [];
        for (const threads of WORKERS)
          for (const longest of CAPS)
            all.push(await seen(recordIn(spec, program, { longest, on: { workload, threads } })));
        report(`${row}, ${words[0]}`, all);
      }
      // Scripts cannot leave their thread of Node.
      if (!isWanted(`${row}, random programs`)) continue;
      for (const [i, made] of fc.sample(randomPrograms, { numRuns: RANDOM, seed: 5 }).entries()) {
        const all: unknown[] = [];
        for (const longest of CAPS) all.push(await seen(recordIn(spec, made(), { longest })));
        report(`${row}, random programs ${i}`, all);
      }
    }
console.log(`${rows} rows, ${wrong} with more than one hash`);
process.exitCode = wrong === 0 ? 0 : 1;
