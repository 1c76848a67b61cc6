/**
 * Real perf 6.1 as the judge of -e: names, errors and their carets, and, on a machine without a PMU, groups that lack
 * a member. Skipped if perf is not installed.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { existsSync } from 'node:fs';
import { UsageError } from '../../src/cli/errors.ts';
import { simulationFailure } from '../../src/cli/open-failure.ts';
import { refuseUnmodelled } from '../../src/cli/simulation.ts';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { OpenError } from '../../src/experiment/run.ts';
import type { MachineSpec } from '../../src/machine/spec.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { EventSyntaxError } from '../../src/perf-events/event-syntax-error.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { statCsv } from '../../src/report/stat/csv.ts';
import { resultRows } from '../../src/report/stat/text.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { perfVersion, run } from '../perfdata/real-perf.ts';

const hasPmu = existsSync('/sys/bus/event_source/devices/cpu');
const perfStat = (spec: string): ReturnType<typeof run> => run('perf', ['stat', '-x', '|', '-e', spec, 'true']);

/** The names of a list according to perf, or its error up to the hint on how to list events. */
function byPerf(spec: string): string {
  const { stderr } = perfStat(spec);
  const at = stderr.indexOf('event syntax error');
  if (at >= 0) return withoutLeftovers(stderr.slice(at, stderr.indexOf("Run 'perf list'")).trimEnd(), spec);
  // A leader missing on the machine ends it, but the names are known.
  if (stderr.startsWith('Error:\n')) return 'unsupported leader';
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => line.split('|')[2])
    .join('|');
}

/** perf's error without what it sometimes reads from behind the end of a list: "'uu,cyclesNUMERIC'". */
function withoutLeftovers(error: string, spec: string): string {
  const [quoted, ...rest] = error.split('\n');
  const end = spec.slice(-10);
  const isWhole = end !== '' && !quoted!.endsWith("..'");
  const at = isWhole ? quoted!.lastIndexOf(end) : -1;
  return [at < 0 ? quoted! : `${quoted!.slice(0, at)}${end}'`, ...rest].join('\n');
}

function byGperf(spec: string): string {
  try {
    const list = parseEventList([spec], 'stat', { cpuPmu: hasPmu });
    return list.map(({ name }) => name).join('|');
  } catch (error) {
    if (!(error instanceof EventSyntaxError)) throw error;
    const { index, reason, validTerms } = error;
    return new EventSyntaxError(spec, index, reason, validTerms && { validTerms }).format();
  }
}

describe('raw events', () => {
  let spec: MachineSpec;
  before(async () => (spec = await setUpMachine({ vpmu: 'host', sets: [] })));
  const refused = (event: string): boolean => {
    try {
      refuseUnmodelled(parseEventList([event], 'stat'), spec);
      return false;
    } catch (error) {
      expect(error).to.be.instanceOf(UsageError);
      expect(String(error)).to.contain(event);
      return true;
    }
  };

  it('are refused if a field is set that would have them count something else', () => {
    for (const bit of [18, 24, 32, 33]) expect(refused(`r${(2 ** bit + 0x1c4).toString(16)}`)).to.equal(true);
    for (const term of ['edge', 'cmask=1', 'inv,cmask=1']) expect(refused(`cpu/event=0xc4,${term}/`)).to.equal(true);
  });

  it('are taken with what has no effect on the selector', () => {
    for (const bit of [16, 17, 19, 20, 22, 34, 40, 52])
      expect(refused(`r${(2 ** bit + 0x1c4).toString(16)}`), `${bit}`).to.equal(false);
    expect(refused('r5101c4')).to.equal(false);
  });
});

describe('events, judged by perf', function () {
  before(function () {
    if (perfVersion !== '6.1') this.skip();
  });

  /** gperf answers as perf does; for a list that perf could not open, gperf only has to accept it. */
  const agree = (spec: string): void => {
    const real = byPerf(spec);
    const own = byGperf(spec);
    if (real === 'unsupported leader') expect(own, spec).to.not.contain('event syntax error');
    else expect(own, JSON.stringify(spec)).to.equal(real);
  };

  const ERRORS: readonly string[] = [
    '',
    ',',
    'cycles,',
    'cycles,,x',
    'cycles}',
    '{}',
    '{,cycles}',
    '{cycles,}',
    '{cycles,,faults}',
    '{faults,foo}',
    'foo',
    'foo,cycles',
    'r',
    'rzz',
    'r10000000000000000',
    'cycles:q',
    'cycles:uu',
    'cycles:pppp',
    'cycles:u k',
    'cycles/',
    'cycles/u',
    'cycles///',
    'cycles//:u',
    'cycles/period=1/:u',
    'cycles/period=/',
    'cycles/period=abc/',
    'cycles/period=-1/',
    'cycles/=3/',
    'cycles/,/',
    'cycles/period=1,,config=3/',
    'cycles/period',
    'cycles/umask=1/',
    '{cycles,faults}u',
    '{cycles,faults}:z',
    '{cycles,faults}{cs}',
    'LLC-loadss',
    'branches-loads',
    'CYCLES',
    'node-foo',
    'xyz/a/',
    'xyz//',
    'xyz/a=/',
    'xyz/a',
    'system_time/name=x/',
    'page-faults:u cs',
    'instructions:u faults',
  ];
  it('says what is wrong, and where', () => {
    for (const spec of ERRORS) {
      agree(spec);
      expect(byGperf(spec), spec).to.contain('event syntax error');
    }
  });

  it('has no cpu PMU where there is none', function () {
    if (hasPmu) this.skip();
    for (const spec of [
      'cpu/event=0xc0/',
      'cpu/cycles/u',
      'cycles,cpu/foo/',
      '{faults,cpu/cycles/}',
      'cpu//',
      'cpu/',
      'cpu',
    ])
      agree(spec);
    for (const spec of ['cpu/event=/', 'cpu/=3/', 'cpu/event=1', 'cpu/event=1,,umask=2/']) agree(spec);
  });

  it('calls events what was typed, blanks included', () => {
    const words = [
      'cycles',
      'faults',
      'r1',
      'LLC-loads',
      'cpu-clock',
      'software/config=1/',
      'cycles/period=3,name=x/',
      'cs//',
    ];
    const modifiers = ['', 'u', 'k', 'ku', 'G', 'H', 'uu', 'x', 'pp', ' u', 'u '];
    const event = fc
      .tuple(fc.constantFrom('', ' ', '\t'), fc.constantFrom(...words), fc.constantFrom(...modifiers))
      .map(([blank, word, letters]) => `${blank}${word}${letters !== '' && !word.endsWith('/') ? ':' : ''}${letters}`);
    const list = fc.array(event, { minLength: 1, maxLength: 3 }).map((events) => events.join(','));
    const group = fc
      .tuple(list, fc.constantFrom('', ':u', ': S', ':W', ' ', ':z', 'u', ',faults'))
      .map(([events, behind]) => `{${events}}${behind}`);
    fc.assert(fc.property(fc.oneof(list, group), agree), { numRuns: 60 });
  });

  describe('without a PMU', function () {
    before(function () {
      if (hasPmu) this.skip();
    });

    /** What is printed for every event, with counts and times masked, or why nothing is. */
    const outcome = async (spec: string): Promise<string> => {
      const machine = await setUpMachine({ vpmu: 'none', seed: 'judge', sets: ['host.fresh=on'] });
      const workload = prepareWorkload(await loadWorkload('true'), machine, {});
      const evlist = statAttrs(parseEventList([spec], 'stat', { cpuPmu: false }));
      try {
        const counted = await countWorkload({ spec: machine, workload, evlist, repeat: 1 });
        return alike(statCsv(resultRows(counted), '|', { runs: 1 }));
      } catch (error) {
        if (!(error instanceof OpenError)) throw error;
        return `${String(simulationFailure(error)).replace(/^\w*Error: /, '')}\n`;
      }
    };
    const alike = (rows: string): string =>
      rows
        .replace(/^\d[\d.]*(\|[^|]*\|[^|]*)\|\d+\|([\d.]+)\|[\d.]*\|/gm, 'N$1|T|$2|M|')
        .replace(/[KMG]?\/sec$/gm, '/sec');

    for (const spec of [
      'cycles,task-clock',
      '{task-clock,cycles},faults',
      '{task-clock,cycles},faults,task-clock',
      '{task-clock,cycles,page-faults}',
      '{task-clock,cycles,page-faults}:W',
      '{cycles,task-clock}',
      '{cycles}',
      '{cycles:u,instructions},page-faults',
      '{page-faults,task-clock},{cs,r1a8},faults',
      '{page-faults,r1a8}:u,LLC-loads,{LLC-loads,cs}',
    ])
      it(spec, async () => {
        expect(await outcome(spec)).to.equal(alike(perfStat(spec).stderr));
      });
  });
});
