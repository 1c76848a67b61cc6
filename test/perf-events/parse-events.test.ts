/**
 * Event names, their attrs and perf's error texts, against what perf 6.1 printed (fixtures/perf-events).
 */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { EVENT_WORDS, eventName, lookupEvent } from '../../src/perf-events/event-names.ts';
import { userOnly } from '../../src/perf-events/event-modifiers.ts';
import { EventSyntaxError } from '../../src/perf-events/event-syntax-error.ts';
import {
  recordAttrs,
  recordDefaultEvents,
  statAttrs,
  statDefaultEvents,
  statDetailedEvents,
} from '../../src/perf-events/evsel-config.ts';
import { groupAll, parseEventList, parseEvents } from '../../src/perf-events/parse-events.ts';
import type { ParsedEvent } from '../../src/perf-events/parsed-event.ts';
import { PERF_FORMAT, PERF_SAMPLE, type PerfEventAttr } from '../../src/uapi/perf-event.ts';
import type { U64 } from '../../src/units.ts';

const bits = (value: number, names: Readonly<Record<string, number>>): string =>
  Object.entries(names)
    .filter(([, bit]) => (value & bit) !== 0)
    .map(([word]) => word)
    .join('|');

/** A line of `perf evlist -v`, as far as these attrs go. */
function evlistLine({ name, attr }: ParsedEvent): string {
  const fields: [string, unknown][] = [
    ['type', attr.type],
    ['size', 128],
    ['config', attr.config && `0x${attr.config.toString(16)}`],
    ['{ sample_period, sample_freq }', attr.sample_period],
    ['sample_type', bits(attr.sample_type, PERF_SAMPLE)],
    ['read_format', bits(attr.read_format, PERF_FORMAT)],
  ];
  const flags = (
    'disabled inherit pinned exclusive exclude_user exclude_kernel exclude_hv exclude_idle mmap comm freq inherit_stat ' +
    'enable_on_exec task watermark precise_ip mmap_data sample_id_all exclude_host exclude_guest ' +
    'exclude_callchain_kernel exclude_callchain_user mmap2 comm_exec use_clockid context_switch write_backward ' +
    'namespaces ksymbol bpf_event aux_output cgroup text_poke build_id'
  ).split(' ');
  const values = new Map(Object.entries(attr));
  for (const flag of flags) fields.push([flag, Number(values.get(flag) ?? 0)]);
  fields.push(['{ wakeup_events, wakeup_watermark }', attr.wakeup], ['sample_max_stack', attr.sample_max_stack]);
  const shown = fields.filter(([, value]) => Boolean(value)).map(([key, value]) => `${key}: ${String(value)}`);
  return `${name}: ${shown.join(', ')}`;
}

const AttrFixtures = z.array(
  z.object({
    args: z.string(),
    events: z.array(z.string()),
    /** RecordAttrOptions or StatAttrOptions that mean `args`. */
    options: z.record(z.string(), z.any()),
    defaults: z.record(z.string(), z.any()).optional(),
    evlist: z.array(z.string()),
  }),
);
const NameFixtures = z.array(
  z.object({ type: z.number(), config: z.number(), flags: z.array(z.string()), name: z.string() }),
);
const ErrorFixtures = z.array(z.object({ spec: z.string(), text: z.string() }));
const fixture = (name: string): unknown => JSON.parse(readFileSync(`fixtures/perf-events/${name}.json`, 'utf8'));

const looked = (name: string): unknown => lookupEvent(name);
const cpuConfig = (terms: string): U64 => parseEvents(`cpu/${terms}/`, 'stat')[0]!.attr.config;
const userName = (spec: string): string | undefined => userOnly(parseEvents(spec, 'stat')[0]!)?.name;
const parsed = (spec: string): string =>
  parseEvents(spec, 'stat')
    .map((e) => `${e.name}@${e.leader}`)
    .join(' ');
const error = (spec: string, user: 'stat' | 'record' = 'stat'): EventSyntaxError => {
  try {
    parseEvents(spec, user);
  } catch (e) {
    if (e instanceof EventSyntaxError) return e;
    throw e;
  }
  throw new Error(`${spec} was accepted`);
};

describe('event names', () => {
  it('every word stands for an event, and canonical names come back', () => {
    for (const word of EVENT_WORDS) {
      const found = lookupEvent(word);
      expect(found.kind, word).to.equal('event');
      if (found.kind !== 'event') continue;
      const attr: PerfEventAttr = { ...found, sample_period: 0, sample_type: 0, read_format: 0, exclude_guest: true };
      const name = eventName(attr);
      if (name === 'unknown-software' || word.endsWith('_time')) continue;
      expect(lookupEvent(name), word).to.deep.equal(found);
    }
  });

  it('knows the aliases of caches, operations and results', () => {
    expect(looked('l1d-load-miss')).to.deep.equal(looked('L1-dcache-load-misses'));
    expect(looked('L2-speculative-read')).to.deep.equal(looked('LLC-prefetches'));
    expect(looked('bpc-misses')).to.deep.equal(looked('branch-load-misses'));
    expect(looked('Data-TLB-miss-write')).to.deep.equal(looked('dTLB-store-misses'));
    expect(looked('L1-data-load-access')).to.deep.equal(looked('L1-dcache'));
    expect(looked('iTLB-stores')).to.deep.equal({ kind: 'impossible' });
    expect(looked('L1d')).to.deep.equal({ kind: 'unknown' });
  });

  it('calls an attr without a name what perf calls it', () => {
    for (const { type, config, flags, name } of NameFixtures.parse(fixture('event-names'))) {
      const attr: PerfEventAttr = { type, config, sample_period: 0, sample_type: 0, read_format: 0 };
      for (const flag of flags) if (!flag.startsWith('precise')) Object.assign(attr, { [flag]: true });
      attr.precise_ip = (flags.includes('precise_lo') ? 1 : 0) + (flags.includes('precise_hi') ? 2 : 0);
      expect(eventName(attr), flags.join()).to.equal(name);
    }
  });
});

describe('what -d adds', () => {
  it('comes behind the events of -e, each by itself', () => {
    const list = [...parseEventList(['{cycles,faults}'], 'stat'), ...statDetailedEvents(2, 1)];
    expect(list.map((e) => `${e.name}@${e.leader}`).join(' ')).to.equal(
      'cycles@0 faults@0 L1-dcache-loads@2 L1-dcache-load-misses@3 LLC-loads@4 LLC-load-misses@5',
    );
    expect([0, 1, 2, 3, 4].map((d) => statDetailedEvents(0, d).length)).to.deep.equal([0, 4, 10, 12, 12]);
    const last = statDefaultEvents({ detailed: 3 }).slice(-12);
    expect(last.map((e) => e.name)).to.deep.equal(statDetailedEvents(0, 3).map((e) => e.name));
  });
});

describe('event syntax', () => {
  it('echoes names as typed', () => {
    expect(parsed('cpu-cycles,cs,faults:u,cycles/period=1000/u,r1a8')).to.equal(
      'cpu-cycles@0 cs@1 faults:u@2 cycles/period=1000/u@3 r1a8@4',
    );
    expect(parsed("cycles/name=foo/u,cpu/event=0x3c,umask=0x0,name='a b'/")).to.equal('foo@0 a b@1');
    expect(parsed('L1-dcache-load-misses:u')).to.equal('L1-dcache-load-misses@0');
    expect(parsed(' cycles ,\tfaults: u , LLC-loads :u ')).to.equal(' cycles @0 \tfaults: u @1 LLC-loads@2');
    expect(parsed('{cycles , faults } : u,cs k')).to.equal('cycles @0  faults @0 cs k@2');
  });

  it('puts groups under their leaders', () => {
    const list = parseEventList(['cycles,{branches,branch-misses}:u', 'g1{cs,faults},{instructions}'], 'stat');
    expect(list.map((e) => [e.name, e.leader, e.groupName])).to.deep.equal([
      ['cycles', 0, undefined],
      ['branches', 1, ''],
      ['branch-misses', 1, undefined],
      ['cs', 3, 'g1'],
      ['faults', 3, undefined],
      ['instructions', 5, undefined],
    ]);
    expect(list[2]!.attr).to.include({ exclude_kernel: true, exclude_hv: true, exclude_guest: true });
    expect(groupAll(list).map((e) => [e.leader, e.groupName])).to.deep.equal([
      [0, ''],
      ...Array.from({ length: 5 }, () => [0, undefined]),
    ]);
  });

  it("computes the cpu PMU's config from terms, events and raw codes", () => {
    expect(cpuConfig('event=0x3c')).to.equal(0x3c);
    expect(cpuConfig('event=0xd0,umask=0x81,inv,cmask=255,edge=1,any')).to.equal(0xffa481d0);
    expect(cpuConfig('cache-misses')).to.equal(0x412e);
    expect(cpuConfig('r1a8')).to.equal(0x1a8);
    expect(cpuConfig('config=0x1234,event=0x56')).to.equal(0x1256);
    expect(error('cpu/umask=256/').format()).to.contain('value too big for format, maximum is 255');
    expect(error('cpu/cpu-cycels/').hint).to.equal("Did you mean 'cpu-cycles'?");
  });

  it('has no cpu PMU where the kernel found none', () => {
    const none = { cpuPmu: false };
    const told = (spec: string): string => {
      try {
        return parseEventList([spec], 'stat', none)
          .map(({ name }) => name)
          .join();
      } catch (e) {
        return e instanceof EventSyntaxError ? e.format() : String(e);
      }
    };
    const missing = "                     \\___ Cannot find PMU `cpu'. Missing kernel support?";
    for (const spec of ['cpu/event=0xc0/', 'cpu/cycles/u', 'cycles,cpu/event=1/', '{faults,cpu/foo=3/}', 'cpu//'])
      expect(told(spec)).to.equal(`event syntax error: '${spec}'\n${missing}`);
    expect(told('cpu/event=')).to.contain('parser error');
    expect(told('cycles,r1a8,software/config=1/')).to.equal('cycles,r1a8,software/config=1/');
  });

  it('gives clocks a unit, and tool events nanoseconds', () => {
    const units = parseEvents('task-clock,cycles,duration_time', 'stat').map((e) => [e.unit, e.scale]);
    expect(units).to.deep.equal([
      ['msec', 1e-6],
      ['', 1],
      ['ns', 1],
    ]);
  });

  it("prints perf's errors", () => {
    for (const { spec, text } of ErrorFixtures.parse(fixture('event-errors'))) {
      const e = error(spec);
      const own = e.format();
      expect(e.hint === undefined ? own : own.slice(0, -e.hint.length - 1), spec).to.equal(text);
    }
  });

  it('names the nearest event, and refuses what has no counterpart in one sentence', () => {
    expect(error('cylces').hint).to.equal("Did you mean 'cycles'?");
    expect(error('L1-dcache-laod-misses').hint).to.equal("Did you mean 'L1-dcache-load-misses'?");
    expect(error('qwertyuiop').hint).to.equal(undefined);
    expect(error('sched:sched_switch').reason).to.equal('gperf does not model tracepoints');
    expect(error('mem:0x1000:rw').reason).to.equal('gperf does not model breakpoints');
    expect(error('probe_libc:malloc').reason).to.equal('gperf does not model probes');
    expect(error('cycles/freq=99/').reason).to.equal("'freq' is not usable in 'gperf stat'");
    expect(error('cycles/call-graph=dwarf/', 'record').reason).to.equal('gperf does not model call-graph=dwarf');
    expect(error('cycles/overwrite/', 'record').reason).to.equal("gperf does not model the term 'overwrite'");
    expect(error('rffffffffffffffff').reason).to.equal('gperf holds event codes below 2^53');
  });

  for (const spec of [
    '',
    ',',
    'cycles,',
    '{}',
    '{cycles',
    'cycles}',
    '{{cycles}}',
    'cycles/',
    'cycles/name=x',
    ':u',
    '{cycles}:u:k',
  ]) {
    it(`refuses '${spec}'`, () => {
      expect(error(spec).format()).to.contain('\\___ parser error');
    });
  }

  it('leaves the kernel out when it must, and says so in the name', () => {
    expect([
      userName('cycles'),
      userName('cycles:p'),
      userName('cycles/period=9/'),
      userName('cycles:k'),
    ]).to.deep.equal(['cycles:u', 'cycles:pu', 'cycles/period=9/u', undefined]);
  });
});

describe("perf's attrs", () => {
  for (const { args, events, options, evlist } of AttrFixtures.parse(fixture('record-attrs'))) {
    it(`record ${[args, ...events].join(' ')}`, () => {
      const list = events.length === 0 ? recordDefaultEvents() : parseEventList(events, 'record');
      expect(recordAttrs(list, options).map(evlistLine)).to.deep.equal(evlist);
    });
  }
  for (const f of AttrFixtures.parse(fixture('stat-attrs'))) {
    it(`stat ${[f.args, ...f.events].join(' ')}`, () => {
      const list = f.events.length === 0 ? statDefaultEvents(f.defaults) : parseEventList(f.events, 'stat');
      expect(statAttrs(list, f.options).map(evlistLine)).to.deep.equal(f.evlist);
    });
  }
});
