/**
 * Damaged ELF files against the reader of symbols: node dist/test/fuzz/elves.js [N] [seed].
 *
 * Each is one of a few programs and libraries, made here or found on this machine, with bytes or words of its headers,
 * tables and notes overwritten, stretches doubled, cut out or cut off. It is placed below a --symfs directory as the
 * program itself, as its separate debug file and under its build-id; symbols are looked up and named. No error may
 * come of that, and neither time nor memory may run away. The same number and seed make the same bytes of the files
 * made here.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withParameters } from '../../src/perfdata/demangle/demangle.ts';
import { encodeElf } from '../../src/perfdata/elf.ts';
import { loadElfSymbols } from '../../src/perfdata/symbol-source.ts';
import { type Stream, stream } from '../../src/sim/rng.ts';
import { buildIdNote, elf, relaPlt, symtab, text } from '../perfdata/elves.ts';
import { FTEST } from '../perfdata/recordings.ts';
import { runAsScript, within } from './harness.ts';

const SYMBOLS = Array.from({ length: 40 }, (_, i) => ({
  name: ['_ZN1A1fEv', 'main', '_RNvC1a1b', 'x'.repeat(60), '_Z1fSsS_'][i % 5]! + (i > 4 ? i : ''),
  value: 0x1000 + 7 * i,
  size: i % 3 === 0 ? 0 : 9,
  type: [2, 0, 10, 1][i % 4]!,
  section: 1,
}));
const BUILD_ID = '0123456789abcdef0123456789abcdef01234567';

/** What is damaged. */
function wholeElves(): Buffer[] {
  const loads = [{ vaddr: 0x1000, offset: 0, size: 4096 }];
  const made = [true, false].map((wide) =>
    elf({
      wide,
      loads,
      extendedNumbers: !wide,
      sections: [
        text(0x1000, 300),
        ...symtab(2, SYMBOLS, wide),
        ...symtab(4, SYMBOLS.slice(0, 9), wide, true),
        { ...text(0x1200, 160), name: '.plt', entsize: 16 },
        relaPlt(4, [1, 2, 3, 9, 10]),
        buildIdNote(BUILD_ID),
        { name: '.gnu_debuglink', type: 1, content: Buffer.from('x\0\0\0\0\0\0\0') },
      ],
    }),
  );
  const found = ['/usr/bin/true', '/lib64/ld-linux-x86-64.so.2', '/usr/lib/x86_64-linux-gnu/libgcc_s.so.1'];
  return [
    ...made,
    Buffer.from(encodeElf(FTEST).bytes),
    ...made,
    ...found.filter(existsSync).map((path) => readFileSync(path)),
  ];
}

const NUMBERS: readonly bigint[] = [
  0n,
  1n,
  8n,
  0xffn,
  0xff00n,
  0xfff1n,
  0xffffn,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n + 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

function damaged(whole: Buffer, random: Stream): Buffer {
  let bytes: Buffer = Buffer.from(whole);
  const below = (n: number): number => Math.min(n - 1, Math.floor(random.uniform() * n));
  for (let left = 1 + below(4); left > 0 && bytes.length > 128; left--) {
    const size = bytes.length;
    // The file's header, the table of sections at its end, or anywhere.
    const from = [0, Math.max(0, size - 2048), 0][below(3)]!;
    const at = from + below(from === 0 && below(2) === 0 ? 120 : size - from - 8);
    const number = NUMBERS[below(NUMBERS.length)]!;
    switch (below(7)) {
      case 0:
        bytes[at]! ^= 1 << below(8);
        break;
      case 1:
        bytes[at] = below(256);
        break;
      case 2:
        bytes.writeUInt32LE(Number(number & 0xffff_ffffn), at - (at % 4));
        break;
      case 3:
        bytes.writeBigUInt64LE(number, at - (at % 8));
        break;
      case 4:
        bytes.writeBigUInt64LE(BigInt(below(2 * size)), at - (at % 8));
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at - below(at + 1), at), bytes.subarray(at)]);
        break;
      default:
        bytes =
          below(4) === 0
            ? bytes.subarray(0, at)
            : Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(64))]);
    }
  }
  return bytes;
}

/** The symbols of /x below `symfs`, found and named. */
function misread(symfs: string, buildId: string | undefined, random: Stream): string | undefined {
  try {
    const symbols = loadElfSymbols('/x', buildId, { symfs, demangle: withParameters });
    if (!symbols) return undefined;
    for (let i = 0; i < 50; i++) {
      const at = Math.floor(random.uniform() * (i < 25 ? 0x1000 : 0x20000));
      const symbol = symbols.find(at);
      if (symbol && (typeof symbol.name !== 'string' || Number.isNaN(symbol.start))) return `at ${at}: ${symbol.name}`;
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.stack : String(error);
  }
}

/** Tries files number `from` to `to` of a seed; yields what is wrong with each, or undefined. */
export function* tried(seed: string, from: number, to: number): Generator<string | undefined> {
  const wholes = wholeElves();
  const symfs = mkdtempSync(join(tmpdir(), 'gperf-fuzz-'));
  const debugDir = join(symfs, 'usr/lib/debug');
  const byId = join(debugDir, '.build-id', BUILD_ID.slice(0, 2));
  mkdirSync(byId, { recursive: true });
  const places = [join(symfs, 'x'), join(debugDir, 'x.debug'), join(byId, `${BUILD_ID.slice(2)}.debug`)];
  try {
    for (let n = from; n < to; n++) {
      const whole = wholes[n % wholes.length]!;
      const random = stream(seed, `file ${n}`);
      for (const path of places) writeFileSync(path, whole);
      writeFileSync(places[n % places.length]!, damaged(whole, random));
      const wrong = within(() => misread(symfs, n % 2 === 0 ? BUILD_ID : undefined, random));
      yield wrong === undefined ? undefined : `file ${n} of seed ${seed}: ${wrong}`;
    }
  } finally {
    rmSync(symfs, { recursive: true, force: true });
  }
}

await runAsScript(import.meta.url, tried, 20_000);
