/**
 * Damaged recordings against everything that reads them: node dist/test/fuzz/recordings.js [N] [seed].
 *
 * Each is one of a few small recordings with some bytes overwritten, words set to numbers that hurt, records or
 * stretches cut out, doubled, swapped or cut off. The readers of report, script, evlist, header, diff and compare read
 * it in this process: an error must be one of those that have a sentence, and neither time nor memory may run away.
 * The same number and seed make the same bytes.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PERF_RECORD_USER } from '../../src/perf-events/tool-record.ts';
import { ByteWriter } from '../../src/perfdata/bytes.ts';
import { PerfDataFormatError, PerfDataIoError } from '../../src/perfdata/errors.ts';
import { decodeFileHeader, encodeFileHeader, HEADER } from '../../src/perfdata/header.ts';
import { Input } from '../../src/perfdata/input.ts';
import { openPerfData, type Session } from '../../src/perfdata/reader.ts';
import { MemorySink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import { buildProfiles } from '../../src/profile/build.ts';
import type { SymbolSource } from '../../src/profile/dso.ts';
import { fileSymbols } from '../../src/profile/symbolize.ts';
import { evlistLines } from '../../src/report/evlist/text.ts';
import { attrSizeOf, headerLines } from '../../src/report/header/text.ts';
import { ReportError } from '../../src/report/report/options.ts';
import { reportStats, reportTasks } from '../../src/report/report/stats.ts';
import { reportStdio } from '../../src/report/report/text.ts';
import { scriptLines } from '../../src/report/script/text.ts';
import { type Stream, stream } from '../../src/sim/rng.ts';
import { BUILD_IDS, callchain, ENV, epilogue, event, prologue, S, samples } from '../perfdata/recordings.ts';
import { payloadsOf, withFeatures } from '../perfdata/sections.ts';
import { runAsScript, within } from './harness.ts';

const ALL_FIELDS = Object.values(S).reduce((all, bit) => all | bit, 0) & ~S.WEIGHT;

function made(format: 'file' | 'pipe', sample_type: number, attr = {}): Buffer {
  const sink = new MemorySink(format);
  const evlist = [
    event('cycles', 0, sample_type, attr, { leader: 0, groupName: 'pair' }),
    event('instructions', 1, sample_type, attr, { leader: 0 }),
  ];
  const writer = new PerfDataWriter(sink, evlist, { env: ENV, buildIds: BUILD_IDS });
  const regs = { abi: 2, regs: [1n, 2n, 3n] };
  writer.write([
    ...prologue({ id: 100 }),
    { type: PERF_RECORD_USER.FINISHED_ROUND },
    ...samples(12, (i, sample) => ({
      id: 100 + (i % 2),
      callchain: callchain(sample),
      read: { time_enabled: 5, time_running: 5, values: [{ value: 7 + i, id: 100 + (i % 2) }] },
      regs_user: regs,
      regs_intr: regs,
    })),
    { type: PERF_RECORD_USER.FINISHED_ROUND },
    ...epilogue({ id: 100 }),
  ]);
  writer.finish();
  return sink.bytes;
}

/** The same with its records in one compressed record of raw zstd blocks. */
function packed(file: Buffer): Buffer {
  const header = decodeFileHeader(file);
  const { offset, size } = header.data;
  const w = new ByteWriter();
  w.u32(PERF_RECORD_USER.COMPRESSED);
  w.u16(0);
  w.u16(8 + 6 + 3 + size);
  for (const byte of [0x28, 0xb5, 0x2f, 0xfd, 0, 9 << 3]) w.u8(byte);
  w.u16((size << 3) & 0xffff);
  w.u8(size >>> 13);
  w.put(file.subarray(offset, offset + size));
  const bare = Buffer.concat([file.subarray(0, offset), w.taken()]);
  bare.set(encodeFileHeader({ ...header, data: { offset, size: w.pos }, features: [] }));
  const compression = new ByteWriter();
  for (const word of [1, 1, 1, 2, 1 << 16]) compression.u32(word);
  return withFeatures(bare, new Map(payloadsOf(file)).set(HEADER.COMPRESSED, compression.taken()));
}

/** What is damaged: recordings of every form. */
export function wholeRecordings(): Buffer[] {
  const usual = S.IP | S.TID | S.TIME | S.PERIOD | S.CALLCHAIN | S.IDENTIFIER | S.CPU;
  const file = made('file', usual);
  return [
    file,
    made('pipe', usual),
    made('file', ALL_FIELDS, { sample_regs_user: 0b1011, sample_regs_intr: 0b1011, branch_sample_type: 1 }),
    packed(file),
    ...['two-events.data', 'two-events.pipe.data', 'stat.data'].map((name) =>
      readFileSync(join('fixtures/perfdata', name)),
    ),
  ];
}

const NUMBERS: readonly bigint[] = [
  0n,
  1n,
  2n,
  7n,
  8n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xfff8n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n + 1n,
  2n ** 63n,
  2n ** 64n - 8n,
  2n ** 64n - 1n,
];

/** Damages a recording; all of it is drawn from the stream. */
export function damaged(whole: Buffer, random: Stream): Buffer {
  let bytes: Buffer = Buffer.from(whole);
  const below = (n: number): number => Math.min(n - 1, Math.floor(random.uniform() * n));
  for (let left = 1 + below(4); left > 0; left--) {
    const size = bytes.length;
    if (size < 16) break;
    const at = below(size - 8);
    const aligned = at - (at % 4);
    const length = 1 + below(64);
    switch (below(9)) {
      case 0:
        bytes[at]! ^= 1 << below(8);
        break;
      case 1:
        for (let i = 0; i < Math.min(length, 8); i++) bytes[at + i] = below(256);
        break;
      case 2:
        bytes.writeUInt32LE(Number(NUMBERS[below(NUMBERS.length)]! & 0xffff_ffffn), aligned);
        break;
      case 3:
        bytes.writeBigUInt64LE(NUMBERS[below(NUMBERS.length)]!, aligned);
        break;
      case 4:
        bytes.writeUInt16LE(Number(NUMBERS[below(NUMBERS.length)]! & 0xffffn), at - (at % 2));
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(size, at + length))]);
        break;
      case 6:
        bytes = Buffer.concat([
          bytes.subarray(0, aligned),
          bytes.subarray(aligned - (aligned % 8), aligned + 8 * length),
          bytes.subarray(aligned),
        ]);
        break;
      case 7:
        if (below(4) === 0) bytes = bytes.subarray(0, at);
        break;
      default:
        // The header, where the sizes are.
        bytes.writeBigUInt64LE(
          (NUMBERS[below(NUMBERS.length)]! + BigInt(below(64)) * 8n) & (2n ** 64n - 1n),
          Math.min(8 * below(13), size - 8),
        );
    }
  }
  return bytes;
}

const isSaid = (error: unknown): boolean =>
  error instanceof PerfDataFormatError || error instanceof PerfDataIoError || error instanceof ReportError;

type Reading = (session: Session, symbols: SymbolSource) => Iterable<unknown>;
const EVENTS = { showMmapEvents: true, showTaskEvents: true, showSwitchEvents: true, showLostEvents: true };
/** The commands' ways of reading a recording. */
const READINGS: Readonly<Record<string, Reading>> = {
  header: (session) => headerLines(session, { capturedOn: '', full: true }),
  evlist: (session) => evlistLines(session.evlist, attrSizeOf(session), { verbose: true }),
  groups: (session) => evlistLines(session.evlist, attrSizeOf(session), { group: true }),
  script: (session, symbols) => scriptLines(session, symbols, EVENTS),
  report: (session, symbols) => reportStdio(session, symbols, {}),
  'report -g caller -s …': (session, symbols) =>
    reportStdio(session, symbols, {
      callGraph: 'graph,0.5,caller',
      sort: 'pid,comm,dso,sym,cpu',
      showTotalPeriod: true,
    }),
  'report --stats': reportStats,
  'report --mmaps': (session, symbols) => reportTasks(session, symbols, true),
  compare: (session, symbols) => buildProfiles(session, symbols, { label: 'x', by: 'instruction', stacks: true }),
};

/** Reads a recording in every way; returns what is wrong with the reader, if anything. */
export function misread(bytes: Uint8Array, places: { readonly dir: string }): string | undefined {
  return within(() => {
    for (const [name, reading] of Object.entries(READINGS)) {
      const symbols = name === 'script' ? fileSymbols({ ...places, symfs: places.dir }) : (): undefined => undefined;
      const wrong = misreadBy(reading, bytes, symbols);
      if (wrong !== undefined) return `${name}: ${wrong}`;
    }
    return undefined;
  });
}

function misreadBy(reading: Reading, bytes: Uint8Array, symbols: SymbolSource): string | undefined {
  let session: Session | undefined;
  try {
    session = openPerfData(new Input({ path: 'x.data', bytes }));
    // oxlint-disable-next-line no-unused-vars
    for (const _ of reading(session, symbols)) continue;
    return undefined;
  } catch (error) {
    return isSaid(error) ? undefined : error instanceof Error ? error.stack : String(error);
  } finally {
    session?.close();
  }
}

/** Tries recordings number `from` to `to` of a seed; yields what is wrong with each, or undefined. */
export function* tried(seed: string, from: number, to: number): Generator<string | undefined> {
  const wholes = wholeRecordings();
  const dir = mkdtempSync(join(tmpdir(), 'gperf-fuzz-'));
  try {
    for (let n = from; n < to; n++) {
      const bytes = damaged(wholes[n % wholes.length]!, stream(seed, `recording ${n}`));
      const wrong = misread(bytes, { dir });
      yield wrong === undefined ? undefined : `recording ${n} of seed ${seed}: ${wrong}`;
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

await runAsScript(import.meta.url, tried, 100_000);
