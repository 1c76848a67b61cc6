/** perf list, against the rows of perf 6.1. */
import { expect } from 'chai';
import { type ListOptions, listText } from '../../../src/report/list/text.ts';
import { PERF_TYPE } from '../../../src/uapi/perf-event.ts';

const everything: ListOptions = { canOpen: () => true };
const lines = (topics: string[], o: ListOptions = everything): string[] => listText(topics, o).split('\n').slice(0, -1);

describe('perf list', () => {
  it('lists hardware events with their aliases, in order', () => {
    expect(lines(['hw'])).to.deep.equal([
      '  branch-instructions OR branches                    [Hardware event]',
      '  branch-misses                                      [Hardware event]',
      '  bus-cycles                                         [Hardware event]',
      '  cache-misses                                       [Hardware event]',
      '  cache-references                                   [Hardware event]',
      '  cpu-cycles OR cycles                               [Hardware event]',
      '  instructions                                       [Hardware event]',
      '  ref-cycles                                         [Hardware event]',
      '  stalled-cycles-backend OR idle-cycles-backend      [Hardware event]',
      '  stalled-cycles-frontend OR idle-cycles-frontend    [Hardware event]',
    ]);
  });

  it('lists software events and then tool events', () => {
    const sw = lines(['sw']);
    expect(sw).to.have.length(15);
    expect(sw[3]).to.equal('  context-switches OR cs                             [Software event]');
    expect(sw.slice(-3).map((line) => line.trim().split(/ +\[/))).to.deep.equal([
      ['duration_time', 'Tool event]'],
      ['user_time', 'Tool event]'],
      ['system_time', 'Tool event]'],
    ]);
  });

  it('lists cache events by their ASCII order', () => {
    const names = lines(['cache']).map((line) => line.trim().split(' ')[0]);
    expect(names).to.have.length(32);
    expect(names.slice(0, 2)).to.deep.equal(['L1-dcache-load-misses', 'L1-dcache-loads']);
    expect(names.indexOf('branch-loads')).to.be.greaterThan(names.indexOf('LLC-stores'));
  });

  it('lists only what opens', () => {
    const noPmu: ListOptions = { canOpen: (attr) => attr.type === PERF_TYPE.SOFTWARE };
    expect(lines(['hw'], noPmu)).to.deep.equal([]);
    expect(lines([], noPmu)).to.have.length(15 + 2);
    expect(lines(['pmu'])[0]).to.equal('  branch-instructions OR cpu/branch-instructions/    [Kernel PMU event]');
  });

  it('takes patterns', () => {
    expect(lines(['ref-cyc'])).to.deep.equal([
      '  ref-cycles                                         [Hardware event]',
      '  ref-cycles OR cpu/ref-cycles/                      [Kernel PMU event]',
    ]);
    expect(lines(['L1-i*'])).to.have.length(4);
    expect(lines(['[x'])).to.deep.equal([]);
    expect(lines(['nosuch', 'tracepoint'])).to.deep.equal([]);
  });

  it('dumps names for completion', () => {
    expect(listText(['hw'], { ...everything, rawDump: true })).to.equal(
      'branch-instructions branch-misses bus-cycles cache-misses cache-references cpu-cycles instructions ref-cycles ' +
        'stalled-cycles-backend stalled-cycles-frontend \n',
    );
    expect(listText(['nosuch'], { ...everything, rawDump: true })).to.equal('');
    expect(listText([], { ...everything, rawDump: true })).not.to.contain('rNNN');
  });

  it("prints gperf's own lists in the same manner", () => {
    const entries = [
      { name: 'host', description: 'Bare metal' },
      { name: 'guest.hz=250', label: 'Hz' },
    ];
    const sections = [{ topic: 'vpmu', title: 'vPMU designs (to be used in --vpmu)', entries }];
    expect(listText(['vpmu'], { ...everything, sections })).to.equal(
      '\nvPMU designs (to be used in --vpmu):\n\n  host\n       [Bare metal]\n' +
        '  guest.hz=250                                       [Hz]\n',
    );
    expect(listText(['vpmu'], { ...everything, sections, rawDump: true })).to.equal('host guest.hz=250 \n');
  });
});
