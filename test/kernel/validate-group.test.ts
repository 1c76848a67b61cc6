/**
 * validate_group(): a group opens if all of it, alone on the PMU, finds counters. Tested on every machine: as many
 * events as fit and one more, with and without the fixed counters, and with events limited to few counters.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { PMC_IDX_FIXED } from '../../src/arch/msr.ts';
import { startWatchdog } from '../../src/kernel/watchdog.ts';
import { eventConstraint, offcoreRspOf } from '../../src/kernel/x86-events.ts';
import type { MachinePreset } from '../../src/machine/keys.ts';
import { MACHINES } from '../../src/machine/spec.ts';
import { PERF_TYPE } from '../../src/uapi/perf-event.ts';
import { hertz } from '../../src/units.ts';
import { Bench, MS, coreSpec } from './machine.ts';

const EINVAL = 22;
const HARDWARE = ['cycles', 'instructions', 'ref-cycles'];

const bench = (preset: MachinePreset): Bench => new Bench({ events: preset.driver }, coreSpec(preset));

/** How many members of a group open before one does not, and what the kernel says of that one. */
function opens(machine: Bench, events: readonly string[]): { readonly fit: number; readonly errno: number } {
  const task = machine.spinner();
  for (let n = 1; n <= events.length; n++) {
    try {
      machine.open(events.slice(0, n).join(), task, { group: true });
    } catch (error) {
      const [, errno] = /errno (\d+)$/.exec(String(error)) ?? [];
      return { fit: n - 1, errno: Number(errno) };
    }
  }
  return { fit: events.length, errno: 0 };
}

describe('kernel/x86-pmu: validate_group', () => {
  for (const preset of MACHINES) {
    const { caps } = coreSpec(preset);
    const { nrGp, nrFixed } = caps;
    const countersOf = (code: number): readonly number[] => eventConstraint(preset.driver, code, nrGp, nrFixed).indices;
    const raw = (code: number): string => `r${code.toString(16)}`;
    const codes = Array.from({ length: 0x100 }, (_, select) => 0x100 | select).filter(
      (code) => offcoreRspOf(preset.driver, code) === undefined && (code & 0xff) !== 0,
    );
    const anywhere = codes.filter((code) => countersOf(code).length === nrGp);

    describe(preset.name, () => {
      it(`${nrGp} events that may be anywhere, and not one more`, () => {
        const events = Array.from({ length: nrGp + 1 }, (_, i) => raw(anywhere[i]!));
        expect(opens(bench(preset), events)).to.deep.equal({ fit: nrGp, errno: EINVAL });
      });

      it('three more that have fixed counters', () => {
        const events = [...HARDWARE, ...Array.from({ length: nrGp + 1 }, (_, i) => raw(anywhere[i]!))];
        expect(opens(bench(preset), events)).to.deep.equal({ fit: nrGp + 3, errno: EINVAL });
        expect(opens(bench(preset), events.toReversed())).to.deep.equal({ fit: nrGp, errno: EINVAL });
      });

      it('no more of an event than it may have counters', () => {
        const few = codes.filter((code) => countersOf(code).length < nrGp);
        expect(few).to.not.equal([]);
        for (const code of few) {
          const { length } = countersOf(code);
          const events = Array.from({ length: length + 1 }, () => raw(code));
          expect(opens(bench(preset), events), raw(code)).to.deep.equal({ fit: length, errno: EINVAL });
        }
      });

      it('software events take no place, and a hardware event takes their group along', () => {
        const full = Array.from({ length: nrGp }, (_, i) => raw(anywhere[i]!));
        const events = ['task-clock', 'page-faults', ...full, 'context-switches', raw(anywhere[nrGp]!)];
        expect(opens(bench(preset), events)).to.deep.equal({ fit: nrGp + 3, errno: EINVAL });
      });

      it('any group opens if, and only if, its events can be matched with counters', () => {
        fc.assert(
          fc.property(
            fc.array(fc.constantFrom(...codes, 0x3c, 0xc0), { minLength: 1, maxLength: nrGp + nrFixed }),
            (group) => {
              expect(opens(bench(preset), group.map(raw)).fit === group.length).to.equal(
                matched(group.map(countersOf)) === group.length,
              );
            },
          ),
          { numRuns: 60 },
        );
      });

      it('the watchdog does not keep a group from opening, but from being counted', () => {
        const machine = bench(preset);
        startWatchdog(machine.kernel, hertz(2.2e9));
        const task = machine.spinner();
        const events = ['cycles', ...Array.from({ length: nrGp }, (_, i) => raw(anywhere[i]!))];
        const group = machine.open(events.join(), task, { group: true });
        machine.pass(5 * MS);
        for (const event of group) {
          machine.sys.read(event);
          expect(event.total_time_enabled).to.be.greaterThan(MS);
          expect(event.total_time_running).to.equal(0);
        }
      });
    });
  }

  it('knows raw events by their type', () => {
    const [event] = new Bench().open('r1c4', undefined, { cpu: 0 });
    expect([event!.attr.type, event!.hw.idx < PMC_IDX_FIXED]).to.deep.equal([PERF_TYPE.RAW, true]);
  });
});

/** The largest number of events that can have a counter each, by augmenting paths. */
function matched(choices: readonly (readonly number[])[]): number {
  const owner = new Map<number, number>();
  const place = (event: number, seen: Set<number>): boolean =>
    choices[event]!.some((counter) => {
      if (seen.has(counter)) return false;
      seen.add(counter);
      const other = owner.get(counter);
      if (other !== undefined && !place(other, seen)) return false;
      owner.set(counter, event);
      return true;
    });
  return choices.filter((_, event) => place(event, new Set())).length;
}
