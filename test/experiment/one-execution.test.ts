/**
 * One execution, many observers: for a given seed, what a program retires in ring 3 does not depend on who counts it.
 * Bare metal's counters, a guest's under every design, and the ledger agree to the last unit.
 */
import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { recordWorkload } from '../../src/experiment/record.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { groundTruth } from '../../src/experiment/truth.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import { statText } from '../../src/report/stat/text.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { ELSEWHERE, WITH_COUNTERS, setsFor } from '../kvm/guest.ts';

const EVENTS = ['instructions:u', 'branches:u'];
/** Bare metal, and every design that gives guests counters on this machine. */
const OBSERVERS = ['host', ...WITH_COUNTERS.map(({ name }) => name)];
/** And the designs that need more than Broadwell has, on each machine that has it. */
const PLACES = [
  { machine: 'broadwell-ep', observers: OBSERVERS },
  ...[...new Set(ELSEWHERE.map(({ machine }) => machine.name))].map((machine) => ({
    machine,
    observers: ['host', ...ELSEWHERE.filter((e) => e.machine.name === machine).map(({ design }) => design.name)],
  })),
];
const WORKLOADS: readonly (readonly [name: string, params: Record<string, number>])[] = [
  ['ftest', {}],
  ['sqrtloop', { seconds: 0.3 }],
];

async function setUp(vpmu: string, name: string, params: Record<string, number>, machine = 'broadwell-ep') {
  const sets = ['guest.fresh=on', 'host.fresh=on'];
  const spec = await setUpMachine({ machine, vpmu, seed: 'one execution', sets: [...sets, ...setsFor(vpmu)] });
  return { spec, workload: prepareWorkload(await loadWorkload(name), spec, params) };
}

const count = async (vpmu: string, name: string, params: Record<string, number>, machine?: string) =>
  countWorkload({ ...(await setUp(vpmu, name, params, machine)), evlist: parseEventList(EVENTS, 'stat'), repeat: 1 });

describe('one execution', () => {
  it('is that of caches that keep everything: what is displaced costs cycles of the user', async () => {
    for (const vpmu of ['host', 'v2']) {
      const counts = async (cold: string) => {
        const spec = await setUpMachine({ vpmu, seed: 'cold', sets: [`core.cold=${cold}`] });
        const workload = prepareWorkload(await loadWorkload('ftest'), spec, {});
        const evlist = parseEventList(['instructions:u', 'cycles:u'], 'stat');
        return (await countWorkload({ spec, workload, evlist, repeat: 1 })).runs[0]!.counts.map(({ val }) => val);
      };
      const [on, off] = [await counts('on'), await counts('off')];
      expect(on[0], vpmu).to.equal(off[0]);
      // Some 1,300 ticks of a host, and twice as many with a guest.
      expect((on[1]! - off[1]!) / 1300, vpmu).to.be.within(50, 2000);
    }
  });

  for (const { machine, observers } of PLACES)
    for (const [name, params] of WORKLOADS)
      it(`${name} on ${machine}: truth, ${observers.join(', ')} count the same`, async () => {
        const { spec, workload } = await setUp('host', name, params, machine);
        const truth = groundTruth(spec, workload, parseEventList(EVENTS, 'stat')).map(({ weights }) =>
          [...weights.values()].reduce((a, b) => a + b),
        );
        expect(Math.min(...truth)).to.be.greaterThan(1e7);
        for (const vpmu of observers) {
          const counts = (await count(vpmu, name, params, machine)).runs[0]!.counts;
          expect(
            counts.map(({ val }) => val),
            vpmu,
          ).to.deep.equal(truth);
          for (const { ena, run } of counts) expect(run, `${vpmu}: not multiplexed`).to.equal(ena);
        }
      });

  it('none: nothing is supported, and the text says so', async () => {
    const counted = await count('none', 'sqrtloop', { seconds: 0.01 });
    for (const { supported } of counted.runs[0]!.counts) expect(supported).to.equal(false);
    const text = statText(counted, { target: { kind: 'command', argv: ['sqrtloop'] } });
    for (const event of EVENTS) expect(text).to.match(new RegExp(`<not supported> +${event}`));
  });

  for (const { machine, observers } of PLACES)
    for (const vpmu of observers)
      it(`${vpmu} on ${machine}: two recordings are the same bytes`, async () => {
        const directory = mkdtempSync(join(tmpdir(), 'gperf-twice-'));
        try {
          const record = async (file: string): Promise<Buffer> => {
            const path = join(directory, file);
            await recordWorkload({
              ...(await setUp(vpmu, 'sqrtloop', { seconds: 0.1 }, machine)),
              evlist: recordAttrs(parseEventList(['cycles'], 'record'), { all_user: true }),
              cmdline: ['gperf', 'record'],
              sink: openSink(path),
              cacheDir: undefined,
              noCache: true,
            });
            return readFileSync(path);
          };
          const [first, second] = [await record('a'), await record('b')];
          expect(first.length).to.be.greaterThan(2000);
          expect(second.equals(first)).to.equal(true);
        } finally {
          rmSync(directory, { recursive: true });
        }
      });
});
