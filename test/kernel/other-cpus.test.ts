/** Events on CPUs that are not simulated: time passes for them, nothing else. */
import { expect } from 'chai';
import { PERF_EVENT_STATE, type PerfEvent } from '../../src/kernel/perf-event.ts';
import { PerfSyscalls } from '../../src/kernel/perf-syscalls.ts';
import { cycles } from '../../src/units.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { Bench } from './machine.ts';

describe('events on other CPUs', () => {
  it('are enabled, disabled and read, count time and never turn', () => {
    const bench = new Bench({ nrCpus: 4 });
    const { kernel } = bench;
    const sys = new PerfSyscalls(kernel);
    const open = (name: string, disabled: boolean): PerfEvent => {
      const [evsel] = parseEventList([name], 'stat');
      const event = sys.perf_event_open(
        { ...evsel!.attr, disabled },
        { task: undefined, cpu: 2, group_leader: undefined },
      );
      return event as PerfEvent;
    };
    const pass = (): void => kernel.run(cycles(kernel.cpu.now() + kernel.cyclesOf(10_000_000)));
    const [clock, ...counters] = ['cpu-clock', 'b', 'b', 'b', 'b', 'b', 'b'].map((name) =>
      open(name === 'b' ? 'branches' : name, true),
    );
    pass();
    expect(sys.read(clock!)).to.include({ val: 0, ena: 0, run: 0 });
    for (const event of [clock!, ...counters]) sys.enable(event);
    pass();
    const { val, ena, run } = sys.read(clock!);
    expect(val).to.be.within(10_000_000, 10_200_000);
    expect([ena, run]).to.deep.equal([val, val]);
    for (const event of counters)
      expect(sys.read(event))
        .to.include({ val: 0 })
        .and.to.satisfy((c: typeof event & { ena: number; run: number }) => c.ena === c.run && c.ena > 0);
    expect(kernel.perf.rotations).to.equal(0);
    sys.disable(clock!);
    const stopped = sys.read(clock!);
    pass();
    expect(sys.read(clock!)).to.deep.equal(stopped);
    for (const event of [clock!, ...counters]) sys.close(event);
    expect(clock!.state).to.equal(PERF_EVENT_STATE.DEAD);
  });
});
