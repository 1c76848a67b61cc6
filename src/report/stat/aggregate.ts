/**
 * Counts by CPU or thread, put together as -A, --per-core, --per-die, --per-socket, --per-node and --per-thread of perf
 * stat show them.
 *
 * Source: tools/perf/util/cpumap.c (aggr_cpu_id__*), tools/perf/util/stat-display.c (aggr_printout), 6.1.
 */
import type { AggrMode, CpuCounts, CpuPlace, ThreadCounts } from '../../results/stat.ts';
import { sumOfCpus, type Aggregate, type StatPart } from './rows.ts';

type CpuMode = Exclude<AggrMode, 'cpu' | 'thread'>;

const ID: Readonly<Record<CpuMode, (place: CpuPlace) => string>> = {
  socket: ({ socket }) => `S${socket}`,
  die: ({ socket, die }) => `S${socket}-D${die}`,
  core: ({ socket, die, core }) => `S${socket}-D${die}-C${core}`,
  node: ({ node }) => `N${node}`,
};

/** What stands before its first number. */
const inOrder = (a: CpuPlace, b: CpuPlace): number =>
  a.node - b.node || a.socket - b.socket || a.die - b.die || a.core - b.core;

/** The parts of the counts, one for each aggregate. `runs`: of each repetition, what each CPU counted. */
export function partsOf(
  mode: CpuMode | 'cpu',
  runs: readonly (readonly CpuCounts[])[],
  placeOf: (cpu: number) => CpuPlace,
): StatPart[] {
  const cpus = (runs[0] ?? []).map(({ cpu }) => cpu);
  if (mode === 'cpu')
    return cpus.map((cpu, i) => ({ aggregate: { kind: 'cpu', cpu }, runs: runs.map((run) => run[i]!.counts) }));
  const members = new Map<string, number[]>();
  for (const cpu of cpus.toSorted((a, b) => inOrder(placeOf(a), placeOf(b)) || a - b)) {
    const id = ID[mode](placeOf(cpu));
    members.set(id, [...(members.get(id) ?? []), cpu]);
  }
  return [...members].map(([id, of]) => {
    const aggregate: Aggregate = { kind: mode, id, cpus: of.length };
    const sums = (run: readonly CpuCounts[]): StatPart['runs'][number] => {
      const parts = run.filter(({ cpu }) => of.includes(cpu));
      return parts[0]!.counts.map((_, i) => sumOfCpus(parts.map(({ counts }) => counts[i]!)));
    };
    return { aggregate, runs: runs.map(sums) };
  });
}

/**
 * The parts of the counts, one for each thread. `runs`: of each repetition, what each thread counted; `everyone`: they are
 * all threads that there were, so that those that counted nothing are left out.
 */
export const threadParts = (runs: readonly (readonly ThreadCounts[])[], everyone: boolean): StatPart[] =>
  (runs[0] ?? []).map(({ comm, tid }, i) => ({
    aggregate: { kind: 'thread', comm, tid, everyone },
    runs: runs.map((run) => run[i]!.counts),
  }));
