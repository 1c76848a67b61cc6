/**
 * Which CPUs are on which core: Linux numbers them as firmware lists them, and Intel's servers list the first threads of
 * all cores, socket by socket, then the second threads (so does ACPI's specification, "Multiple APIC Description
 * Table"). Guests under QEMU and some laptops have both threads of a core side by side.
 * Not modelled: dies, NUMA nodes, CPUs that are offline.
 */
import type { SpecValues } from './keys.ts';

export interface Place {
  /** Counted over the whole machine, and within its socket. */
  readonly core: number;
  readonly core_id: number;
  readonly socket: number;
}

/** Where CPUs are, by number. */
export function placesOf(cpus: number, sockets: number, threadsPerCore: number): readonly Place[] {
  const cores = Math.max(1, Math.ceil(cpus / threadsPerCore));
  const perSocket = Math.max(1, Math.ceil(cores / sockets));
  return Array.from({ length: cpus }, (_, cpu) => ({
    core: cpu % cores,
    core_id: (cpu % cores) % perSocket,
    socket: Math.floor((cpu % cores) / perSocket),
  }));
}

/** The CPU of the host that is the other hardware thread of the core. */
export function threadSibling(values: SpecValues, cpu: number): number | undefined {
  const places = placesOf(values['host.cpus'], 1, values['host.threads_per_core']);
  const other = places.findIndex(({ core }, i) => i !== cpu && core === places[cpu]?.core);
  return other < 0 ? undefined : other;
}
