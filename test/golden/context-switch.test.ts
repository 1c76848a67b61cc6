/**
 * What perf's part of a context switch costs under every design, from two threads that wake each other up on two CPUs: the
 * letter's table (5) (fixtures/golden; `npm run update` rewrites it).
 */
import { expect } from 'chai';
import { benchRun, specRequest } from '../../src/experiment/bench.ts';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { gridLines, whole, type GridRow } from '../../src/report/shared/grid.ts';
import type { Operation, OperationRow } from '../../src/results/operations.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { expectKept } from '../kept.ts';
import { WITH_COUNTERS, setsFor } from '../kvm/guest.ts';

/** Five, so that all have a counter, and none of the two threads' contexts is the other's: each runs on a CPU of its own. */
const FIVE = 'branches,cycles,L1-icache-load-misses,branch-misses,dTLB-load-misses';
const ROUNDS = 100;
const WHERE = [
  { vpmu: 'host', machine: undefined },
  ...WITH_COUNTERS.map(({ name }) => ({ vpmu: name, machine: undefined })),
  { vpmu: 'mediated', machine: 'sapphire-rapids' },
];
const SWITCHES = ['context_switch, sched_out', 'context_switch, sched_in'] as const;

interface Scene {
  readonly words: readonly [string, ...string[]];
  readonly vcpus: number;
  readonly where: typeof WHERE;
  readonly title: string;
}

/** The table of a scene, and by design and operation its median and its calls on each CPU. */
async function switches({ words, vcpus, where, title }: Scene) {
  const rows = new Map<Operation, GridRow[]>(SWITCHES.map((name) => [name, [{ cells: [name], heading: true }]]));
  const figures = new Map<string, { readonly p50: number; readonly calls: readonly number[] }>();
  for (const { vpmu, machine } of where) {
    const sets = setsFor(vpmu);
    const spec = await setUpMachine({ vpmu, vcpus, sets, ...(machine !== undefined && { machine }) });
    const evlist = statAttrs(parseEventList([FIVE], 'stat'));
    const run = await benchRun({ spec: specRequest(spec), words, mode: 'stat', systemWide: false, evlist, run: 0 });
    const name = machine === undefined ? vpmu : `${vpmu}, ${machine}`;
    for (const operation of SWITCHES) {
      const of = (all: readonly OperationRow[]): OperationRow => all.find((row) => row.operation === operation)!;
      const parts = [
        [name, of(run.operations)] as const,
        ...run.cpus.map(({ cpu, operations }) => [`  CPU ${cpu}`, of(operations)] as const),
      ];
      for (const [who, { calls, mean, p50, p99, max, exits, host }] of parts)
        rows
          .get(operation)!
          .push({
            cells: [`  ${who}`, whole(calls), ...[mean, p50, p99, max].map(whole), exits.toFixed(2), whole(host)],
          });
      const [all, ...each] = parts.map(([, row]) => row);
      figures.set(`${name} ${operation}`, { p50: all!.p50, calls: each.map(({ calls }) => calls) });
    }
  }
  const columns = ['', 'calls', 'mean', 'p50', 'p99', 'max', 'exits', 'in host'];
  const text = [...gridLines({ title, columns, rows: [...rows.values()].flat() })].join('\n');
  return { text: `${text}\n`, figures };
}

describe('a context switch under perf', () => {
  it('costs what fixtures/golden/context-switch.txt says, on both CPUs', async () => {
    const title = `perf stat -e ${FIVE} pingpong ${ROUNDS}, on two CPUs: perf's part of a context switch, ns`;
    const { text, figures } = await switches({ words: ['pingpong', String(ROUNDS)], vcpus: 2, where: WHERE, title });
    expectKept('fixtures/golden/context-switch.txt', text);
    for (const { calls } of figures.values()) for (const n of calls) expect(n).to.be.within(ROUNDS - 5, ROUNDS + 5);
    for (const operation of SWITCHES) {
      const of = (name: string): number => figures.get(`${name} ${operation}`)!.p50;
      // Registers at hand, an exit each, and an exit each with an event made or released behind it.
      expect(of('v2')).to.be.within(4 * of('host'), 20 * of('host'));
      expect(of('legacy')).to.be.greaterThan(5 * of('v2'));
      expect(of('reuse-lazy')).to.be.within(of('v2'), of('legacy'));
    }
  });

  it('costs as much for threads that move between CPUs: fixtures/golden/context-switch-moving.txt', async () => {
    const words = ['server', '4', '60'] as const;
    const where = WHERE.filter(({ vpmu }) => ['host', 'legacy', 'v2'].includes(vpmu));
    const title = `perf stat -e ${FIVE} ${words.join(' ')}, on three CPUs: perf's part of a context switch, ns`;
    const { text, figures } = await switches({ words, vcpus: 3, where, title });
    expectKept('fixtures/golden/context-switch-moving.txt', text);
    for (const { calls } of figures.values()) for (const n of calls) expect(n).to.be.greaterThan(20);
    const spec = await setUpMachine({ vpmu: 'v2', vcpus: 3, sets: [] });
    const workload = prepareWorkload(await loadWorkload(words[0], words.slice(1)), spec, {});
    const evlist = statAttrs(parseEventList(['cpu-migrations'], 'stat'));
    const { runs } = await countWorkload({ spec, workload, evlist, repeat: 1 });
    expect(runs[0]!.counts[0]!.val).to.be.greaterThan(10);
    for (const operation of SWITCHES) {
      const of = (name: string): number => figures.get(`${name} ${operation}`)!.p50;
      expect(of('v2')).to.be.within(4 * of('host'), 20 * of('host'));
      // Somebody else's events are often there already.
      expect(of('legacy')).to.be.within(3 * of('v2'), 10 * of('v2'));
    }
  });
});
