/**
 * The reader against real perf's own recordings: the same records, event for event, that `perf report --stats` counts, and
 * every record back to the same bytes.
 */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { PERF_RECORD_USER } from '../../src/perf-events/tool-record.ts';
import { ByteWriter } from '../../src/perfdata/bytes.ts';
import { openPerfData, type Session } from '../../src/perfdata/reader.ts';
import { RecordCodec } from '../../src/perfdata/records.ts';
import { PERF_RECORD } from '../../src/uapi/perf-event.ts';
import { canRecord, run, scratch } from './real-perf.ts';

const NAMES = new Map<number, string>(
  Object.entries({ ...PERF_RECORD, ...PERF_RECORD_USER }).map(([name, type]) => [type, name]),
);
/** Where an EXIT or FORK record has its own time. */
const OWN_TIME = 24;
/** What --stats calls records that have another name in the header. */
const STATS_NAMES: Readonly<Record<string, string>> = { HEADER_ATTR: 'ATTR' };

function counts(session: Session): Record<string, number> {
  const n: Record<string, number> = {};
  for (const { record } of session.records()) {
    const name = NAMES.get(record.type) ?? `type ${record.type}`;
    n[STATS_NAMES[name] ?? name] = (n[STATS_NAMES[name] ?? name] ?? 0) + 1;
  }
  return n;
}

/** The first block of `perf report --stats`. */
function perfCounts(path: string): Record<string, number> {
  const { stdout } = run('perf', ['report', '--stats', '--stdio', '-i', path]);
  const block = stdout.slice(stdout.indexOf('Aggregated stats:')).split('\n\n')[0]?.split('\n').slice(1) ?? [];
  const n: Record<string, number> = {};
  for (const line of block) {
    const match = /^\s*(\S+) events:\s+(\d+)/.exec(line);
    if (!match) break;
    if (match[1] !== 'TOTAL') n[match[1]!] = Number(match[2]);
  }
  return n;
}

describe('reader on real recordings', function () {
  const dir = scratch();
  const WORK = ['sh', '-c', 'i=0; while [ $i -lt 10000 ]; do i=$((i+1)); done'];
  const recordings: readonly (readonly [string, readonly string[]])[] = [
    ['clock', ['-e', 'cpu-clock']],
    ['callchains', ['-e', 'cpu-clock', '-g']],
    ['system wide', ['-e', 'cpu-clock', '-a', '--switch-events']],
    ['two events', ['-e', 'cpu-clock,page-faults']],
    ['group', ['-e', "'{cpu-clock,task-clock}:S'"]],
    ['every field', ['-e', 'cpu-clock', '--call-graph', 'dwarf,512', '-d', '--phys-data', '-W', '--intr-regs=ax,ip']],
    ['build ids in MMAP2', ['-e', 'cpu-clock', '--buildid-mmap']],
  ];
  const path = (name: string): string => dir.file(name.replaceAll(' ', '-'));

  before(function () {
    if (!canRecord) this.skip();
    // Each takes a second of waiting, so all at once.
    const commands = [
      ...recordings.map(([name, args]) => `perf record -q -o ${path(name)} ${args.join(' ')} -- "$@"`),
      `perf stat record -e task-clock,page-faults -I 20 -o ${path('stat')} -- "$@"`,
      `perf record -q -e cpu-clock,page-faults -o - -- "$@" | cat >${path('pipe')}`,
    ];
    run('sh', ['-c', `${commands.map((c) => `(${c}) &`).join('\n')}\nwait`, 'sh', ...WORK]);
  });
  after(() => dir.remove());

  for (const name of [...recordings.map(([n]) => n), 'stat', 'pipe'])
    it(`${name}: counts what perf counts, and encodes to the same bytes`, () => {
      const session = openPerfData(path(name));
      expect(counts(session)).to.deep.equal(perfCounts(path(name)));
      session.close();

      const again = openPerfData(path(name));
      const file = readFileSync(path(name));
      const codec = new RecordCodec(again.evlist);
      for (const { record, offset } of again.records()) {
        const w = new ByteWriter();
        codec.encode(w, record);
        const original = Buffer.from(file.subarray(offset, offset + file.readUInt16LE(offset + 6)));
        // The kernel reads the clock twice for one EXIT or FORK; one time is kept.
        if (record.type === PERF_RECORD.EXIT || record.type === PERF_RECORD.FORK)
          w.taken().copy(original, OWN_TIME, OWN_TIME, OWN_TIME + 8);
        // Frame pointers of code without frames lead to garbage, which a double does not hold exactly.
        if (record.type === PERF_RECORD.SAMPLE && record.callchain?.some((ip) => !Number.isSafeInteger(ip))) continue;
        expect(w.taken().toString('hex'), `${NAMES.get(record.type)} at ${offset}`).to.equal(original.toString('hex'));
      }
      again.close();
    });

  it('knows the events and the machine', () => {
    const session = openPerfData(path('group'));
    expect(session.evlist.map((e) => e.name)).to.deep.equal(['cpu-clock', 'task-clock']);
    expect(session.evlist.map((e) => e.leader)).to.deep.equal([0, 0]);
    expect(session.evlist[0]).to.include({ unit: 'msec', scale: 1e-6, groupName: '' });
    expect(session.env.cmdline?.slice(1, 3)).to.deep.equal(['record', '-q']);
    expect(session.env.arch).to.equal(run('uname', ['-m']).stdout.trim());
    expect(session.buildIds.map((b) => b.filename)).to.include(run('readlink', ['-f', '/bin/sh']).stdout.trim());
    session.close();
  });

  it('gives samples in time order with their event', () => {
    const session = openPerfData(path('two events'));
    let last = 0;
    const seen = new Set<string>();
    for (const { record, evsel } of session.records())
      if (record.type === PERF_RECORD.SAMPLE) {
        expect(record.time).to.be.at.least(last);
        last = Number(record.time);
        seen.add(evsel?.name ?? 'none');
        expect(evsel?.ids).to.include(record.id);
      }
    expect([...seen].toSorted()).to.deep.equal(['cpu-clock', 'page-faults']);
    session.close();
  });
});
