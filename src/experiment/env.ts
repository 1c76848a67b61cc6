/**
 * The description of the simulated machine in a recording: perf_env from a machine's spec. Nothing in it is about the
 * machine that runs gperf.
 */
import { side } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { placesOf } from '../machine/topology.ts';
import type { PerfEnv } from '../perfdata/perf-env.ts';
import type { CpuPlace } from '../results/stat.ts';
import { GPERF_VERSION } from './version.ts';

/** How many CPUs the kernel has on which perf runs. */
export const nrCpus = (spec: MachineSpec): number => spec.values[`${side(spec)}.cpus`];

/** `cmdline` is what was typed, machine options included, so that it repeats the recording. */
export function perfEnv(spec: MachineSpec, cmdline: readonly string[]): PerfEnv {
  const { identity } = spec.preset;
  const { values: v } = spec;
  const of = side(spec);
  const cpus = nrCpus(spec);
  // Each vCPU is its own socket, as QEMU lays them out.
  const sockets = of === 'guest' ? cpus : identity.sockets;
  const threads = of === 'guest' ? 1 : v['host.threads_per_core'];
  return {
    hostname: 'gperf',
    os_release: v[`${of}.kernel`],
    version: `gperf-${GPERF_VERSION}`,
    arch: 'x86_64',
    nr_cpus_avail: cpus,
    nr_cpus_online: cpus,
    cpu_desc: identity.cpu_desc,
    cpuid: identity.cpuid,
    total_mem: v[`${of}.memory`],
    cmdline,
    pmu_mappings: [
      { type: 4, name: 'cpu' },
      { type: 1, name: 'software' },
    ],
    cpu_topology: topology(cpus, sockets, threads),
  };
}

/** Where CPUs are, by what a header says of them; all are of one NUMA node, -1 if it is not known. */
export function cpuPlaces({ cpu_topology }: Pick<PerfEnv, 'cpu_topology'>, node: number): (cpu: number) => CpuPlace {
  return (cpu) => {
    const { core_id = 0, socket_id = 0, die_id = 0 } = cpu_topology?.cpus?.[cpu] ?? {};
    return { node, socket: socket_id, die: die_id, core: core_id };
  };
}

function topology(cpus: number, sockets: number, threads: number): NonNullable<PerfEnv['cpu_topology']> {
  const all = placesOf(cpus, sockets, threads);
  const distinct = (key: 'core' | 'socket'): string[] => {
    const groups = new Map<number, number[]>();
    for (const [cpu, place] of all.entries()) {
      const group = groups.get(place[key]);
      if (group === undefined) groups.set(place[key], [cpu]);
      else group.push(cpu);
    }
    return [...groups.values()].map(ranges);
  };
  const core_siblings = distinct('socket');
  return {
    core_siblings,
    die_siblings: core_siblings,
    thread_siblings: distinct('core'),
    cpus: all.map(({ core_id, socket }) => ({ core_id, socket_id: socket, die_id: 0 })),
  };
}

/** "0-21,44-65" */
function ranges(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length;) {
    let j = i;
    while (cpus[j + 1] === cpus[j]! + 1) j++;
    parts.push(i === j ? String(cpus[i]) : `${cpus[i]}-${cpus[j]}`);
    i = j + 1;
  }
  return parts.join(',');
}
