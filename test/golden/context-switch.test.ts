/**
 * What perf's part of a context switch costs under every design, from two threads that wake each other up on two CPUs: the
 * letter's table (5) (fixtures/golden; `npm run update` rewrites it).
 */
import { expect } from 'chai';
import { benchRun, specRequest } from '../../src/experiment/bench.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { gridLines, whole, type GridRow } from '../../src/report/shared/grid.ts';
import type { Operation, OperationRow } from '../../src/results/operations.ts';
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

describe('a context switch under perf', () => {
  it('costs what fixtures/golden/context-switch.txt says, on both CPUs', async () => {
    const rows: GridRow[] = [];
    const means = new Map<string, number>();
    for (const operation of SWITCHES) rows.push({ cells: [operation], heading: true });
    for (const { vpmu, machine } of WHERE) {
      const spec = await setUpMachine({
        vpmu,
        vcpus: 2,
        sets: setsFor(vpmu),
        ...(machine !== undefined && { machine }),
      });
      const evlist = statAttrs(parseEventList([FIVE], 'stat'));
      const request = { words: ['pingpong', String(ROUNDS)], mode: 'stat', systemWide: false, evlist, run: 0 } as const;
      const run = await benchRun({ spec: specRequest(spec), ...request });
      const of = (all: readonly OperationRow[], operation: Operation): OperationRow =>
        all.find((row) => row.operation === operation)!;
      const name = machine === undefined ? vpmu : `${vpmu}, ${machine}`;
      for (const [i, operation] of SWITCHES.entries()) {
        const parts = [
          [name, of(run.operations, operation)] as const,
          ...run.cpus.map(({ cpu, operations }) => [`  CPU ${cpu}`, of(operations, operation)] as const),
        ];
        const at = rows.findIndex(({ cells }, k) => k > 0 && cells[0] === SWITCHES[i + 1]);
        const made = parts.map(([who, { calls, mean, p50, p99, max, exits, host }]) => ({
          cells: [`  ${who}`, whole(calls), ...[mean, p50, p99, max].map(whole), exits.toFixed(2), whole(host)],
        }));
        rows.splice(at < 0 ? rows.length : at, 0, ...made);
        means.set(`${name} ${operation}`, of(run.operations, operation).p50);
        for (const { operations } of run.cpus)
          expect(of(operations, operation).calls, name).to.be.within(ROUNDS - 5, ROUNDS + 5);
      }
    }
    const columns = ['', 'calls', 'mean', 'p50', 'p99', 'max', 'exits', 'in host'];
    const title = `perf stat -e ${FIVE} pingpong ${ROUNDS}, on two CPUs: perf's part of a context switch, ns`;
    expectKept('fixtures/golden/context-switch.txt', `${[...gridLines({ title, columns, rows })].join('\n')}\n`);
    for (const operation of SWITCHES) {
      const of = (name: string): number => means.get(`${name} ${operation}`)!;
      // Registers at hand, an exit each, and an exit each with an event made or released behind it.
      expect(of('v2')).to.be.within(4 * of('host'), 20 * of('host'));
      expect(of('legacy')).to.be.greaterThan(5 * of('v2'));
      expect(of('reuse-lazy')).to.be.within(of('v2'), of('legacy'));
    }
  });
});
