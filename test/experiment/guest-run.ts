/** perf in a guest with several vCPUs, and all that can be seen of a run. */
import { createHash } from 'node:crypto';
import type { Executable } from '../../src/arch/dso.ts';
import { specRequest } from '../../src/experiment/bench.ts';
import { executable, prepareWorkload, workloadSeed, type Workload } from '../../src/experiment/executable.ts';
import { helperThreads } from '../../src/experiment/helpers.ts';
import { runRecord } from '../../src/experiment/run.ts';
import { setUpMachine, type MachineSpec } from '../../src/experiment/setup.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import type { Ledger } from '../../src/results/ledger.ts';
import { cycles } from '../../src/units.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { ELSEWHERE, WITH_COUNTERS, setsFor } from '../kvm/guest.ts';

/** Designs that give guests counters, each with the first machine that can run it. */
export const PLACES = [
  ...WITH_COUNTERS.map(({ name }) => ({ vpmu: name, machine: 'broadwell-ep' })),
  ...new Map(
    ELSEWHERE.toReversed().map(({ design, machine }) => [design.name, { vpmu: design.name, machine: machine.name }]),
  ).values(),
];
export const WORKLOADS = [
  ['ftest-threads', '4', '0.02'],
  ['pingpong', '200'],
  ['lockbound', '3', '300'],
  ['server', '4', '60'],
] as const;

/** Cycles of a microsecond on the slowest of these machines, more on others. */
const US = 2800;

/** A guest with so many vCPUs on so many cores. */
export const guestOf = (
  { vpmu, machine }: (typeof PLACES)[number],
  vcpus: number,
  cores = vcpus,
  sets: readonly string[] = [],
): Promise<MachineSpec> => {
  const said = [...setsFor(vpmu), 'guest.fresh=on', 'host.fresh=on', `host.cores=${cores}`, ...sets];
  return setUpMachine({ vpmu, machine, seed: 'vcpus', vcpus, sets: said });
};

export async function programOf(
  spec: MachineSpec,
  [name, ...args]: readonly [string, ...string[]],
): Promise<{ readonly workload: Workload; readonly program: Executable }> {
  const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
  return { workload, program: executable(workload, workloadSeed(spec, 0)) };
}

interface HowToRecord {
  /** The longest window, us. */
  readonly longest?: number;
  readonly systemWide?: boolean;
  readonly freq?: number;
  readonly mmapPages?: number;
  /** Runs it on so many threads of Node. */
  readonly on?: { readonly workload: Workload; readonly threads: number };
}

export interface Seen {
  readonly records: PerfRecord[];
  /** Of all records. */
  readonly hash: string;
  readonly ledger: Ledger;
}

/** Samples user cycles, at 4 kHz by default. */
export async function recordIn(spec: MachineSpec, program: Executable, how: HowToRecord = {}): Promise<Seen> {
  const { longest = Infinity, systemWide = false, freq = 4000, mmapPages, on } = how;
  const records: PerfRecord[] = [];
  const sink = {
    opened: () => undefined,
    write: (batch: readonly PerfRecord[]): number => {
      records.push(...batch);
      return 0;
    },
  };
  const target = systemWide ? 'cpu' : 'fork';
  const evlist = recordAttrs(parseEventList(['cycles:u'], 'record'), { freq, target });
  const job = { evlist, systemWide, ...(mmapPages !== undefined && { mmapPages }) };
  const command = on && ({ spec: specRequest(spec), program: on.workload.program, command: 'record', job } as const);
  const helpers = command && (await helperThreads(command, spec, on.threads));
  const options = { longest: cycles(longest * US), help: helpers?.start };
  let ledger: Ledger;
  try {
    ({ ledger } = await runRecord(spec, { ...job, executable: program }, sink, options));
  } finally {
    await helpers?.close();
  }
  const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
  const hash = createHash('sha256').update(JSON.stringify(records, plain)).digest('hex');
  return { records, hash, ledger };
}
