/**
 * The bytes of recordings, kept: a change in them is a change of format and must be intended. `npm run update`
 * rewrites them.
 */
import { expect } from 'chai';
import { join } from 'node:path';
import { openPerfData, type FileRecord } from '../../src/perfdata/reader.ts';
import { MemorySink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import { nanos } from '../../src/units.ts';
import { PERF_COUNT_HW, PERF_COUNT_SW, PERF_TYPE } from '../../src/uapi/perf-event.ts';
import { expectKept } from '../kept.ts';
import {
  BUILD_IDS,
  callchain,
  ENV,
  epilogue,
  event,
  FTEST_ELF,
  KALLSYMS,
  PID,
  prologue,
  S,
  samples,
  statEvent,
} from './recordings.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../../src/perf-events/tool-record.ts';

const DIR = 'fixtures/perfdata';
const OPTIONS = { env: ENV, buildIds: BUILD_IDS, spec: 'machine: broadwell-ep\n' };

function twoEvents(format: 'file' | 'pipe'): Buffer {
  const sink = new MemorySink(format);
  const type = S.IDENTIFIER | S.IP | S.TID | S.TIME | S.ID | S.CPU | S.PERIOD | S.CALLCHAIN;
  const evlist = [event('cpu-cycles', 0, type), event('instructions', 1, type)];
  const id = { id: 100 };
  const writer = new PerfDataWriter(sink, evlist, OPTIONS);
  writer.write([
    ...prologue(id),
    { type: PERF_RECORD_USER.FINISHED_INIT },
    ...samples(40, (i, s) => ({ id: 100 + (i % 2), callchain: callchain(s) })),
    ...epilogue(id),
  ]);
  writer.finish();
  return sink.bytes;
}

function stat(): Buffer {
  const sink = new MemorySink();
  const evlist = [
    statEvent('task-clock', 0, PERF_TYPE.SOFTWARE, PERF_COUNT_SW.TASK_CLOCK),
    statEvent('cycles', 1, PERF_TYPE.HARDWARE, PERF_COUNT_HW.CPU_CYCLES),
  ];
  const counted = { type: PERF_RECORD_USER.STAT, cpu: -1, thread: 0, ena: 1_304_567_890, run: 1_304_567_890 };
  const records: PerfRecord[] = [
    { type: PERF_RECORD_USER.EVENT_UPDATE, id: 1, update: { kind: 'unit', unit: 'msec' } },
    { type: PERF_RECORD_USER.EVENT_UPDATE, id: 1, update: { kind: 'scale', scale: 1e-6 } },
    { type: PERF_RECORD_USER.THREAD_MAP, threads: [{ pid: PID, comm: 'ftest' }] },
    { type: PERF_RECORD_USER.CPU_MAP, cpus: [-1] },
    { type: PERF_RECORD_USER.STAT_CONFIG, aggr_mode: 1, interval: 0, scale: 1 },
    { ...counted, id: 1, val: 1_304_567_890 },
    { ...counted, id: 2, val: 2_862_345_678 },
    { type: PERF_RECORD_USER.STAT_ROUND, round: 1, time: nanos(1_312_345_678) },
  ];
  const writer = new PerfDataWriter(sink, evlist, { ...OPTIONS, stat: true });
  writer.write(records);
  writer.finish();
  return sink.bytes;
}

/** All records except those that only a pipe has. */
function recordsIn(name: string): FileRecord[] {
  const session = openPerfData(join(DIR, name));
  const records = Array.from(session.records(), ({ record }) => record);
  session.close();
  return records.filter((r) => !('payload' in r) && r.type !== PERF_RECORD_USER.EVENT_UPDATE);
}

describe('fixtures/perfdata', () => {
  const files: Readonly<Record<string, () => Uint8Array>> = {
    'two-events.data': () => twoEvents('file'),
    'two-events.pipe.data': () => twoEvents('pipe'),
    'stat.data': stat,
    'ftest.elf': () => FTEST_ELF.bytes,
    kallsyms: () => Buffer.from(KALLSYMS),
  };
  for (const [name, make] of Object.entries(files))
    it(`${name}: the same bytes`, () => expectKept(join(DIR, name), make()));

  it('file and pipe hold the same records', () => {
    expect(recordsIn('two-events.pipe.data')).to.deep.equal(recordsIn('two-events.data'));
  });
});
