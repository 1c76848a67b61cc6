/** Header lines of all features of perf 6.1, in every form perf's versions gave them: as real perf prints them. */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { ByteWriter } from '../../../src/perfdata/bytes.ts';
import { HEADER } from '../../../src/perfdata/header.ts';
import { openPerfData } from '../../../src/perfdata/reader.ts';
import { MemorySink } from '../../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../../src/perfdata/writer.ts';
import { headerLines } from '../../../src/report/header/text.ts';
import { perfVersion, run, scratch } from '../../perfdata/real-perf.ts';
import { ENV, event, prologue, S, samples } from '../../perfdata/recordings.ts';
import { payloadsOf, withFeatures } from '../../perfdata/sections.ts';

type Fill = (w: Writer) => void;

/** Writes what features are made of. */
class Writer extends ByteWriter {
  text(...words: string[]): void {
    for (const word of words) {
      const size = Math.ceil((Buffer.byteLength(word) + 1) / 64) * 64;
      this.u32(size);
      this.string(word, size);
    }
  }
  u32s(...values: number[]): void {
    for (const value of values) this.u32(value);
  }
  u64s(...values: bigint[]): void {
    for (const value of values) this.bigU64(value);
  }
}

function payload(fill: Fill): Uint8Array {
  const w = new Writer();
  fill(w);
  return w.taken();
}

const lists: Fill = (w) => {
  w.u32(2);
  w.text('0', '1');
  w.u32(1);
  w.text('0-1');
};

/** A program with its arrays behind it: addresses, lengths, tags, func_info. */
const program =
  (id: number, name: string, functions: number, btf = 0, infoLength = 232): Fill =>
  (w) => {
    const info = Buffer.alloc(232);
    info.writeUInt32LE(id, 4);
    info.write(name, 64, 16, 'latin1');
    info.writeUInt32LE(functions, 104);
    info.writeUInt32LE(functions, 108);
    info.writeUInt32LE(functions, 180);
    info.writeUInt32LE(btf, 128);
    info.writeUInt32LE(8, 132);
    info.writeUInt32LE(functions, 144);
    const data = new Writer();
    info.writeBigUInt64LE(BigInt(data.pos), 112);
    for (let i = 0; i < functions; i++) data.bigU64(0xffff_ffff_c000_1000n + BigInt(i * 256));
    info.writeBigUInt64LE(BigInt(data.pos), 120);
    for (let i = 0; i < functions; i++) data.u32(77 + i);
    data.pad(8);
    info.writeBigUInt64LE(BigInt(data.pos), 184);
    for (let i = 0; i < functions; i++) data.bigU64(0x1122_3344_5566_7788n + BigInt(i));
    info.writeBigUInt64LE(BigInt(data.pos), 136);
    for (let i = 0; i < functions; i++) data.u32s(i * 8, 3);
    w.u32s(infoLength, data.pos);
    // PERF_BPIL_JITED_KSYMS, JITED_FUNC_LENS, FUNC_INFO, PROG_TAGS
    w.bigU64((1n << 3n) | (1n << 4n) | (1n << 5n) | (1n << 8n));
    w.put(info.subarray(0, infoLength));
    w.put(data.taken());
  };

/** BTF of an int, a function prototype and a function of it. */
const btf = (name: string): Uint8Array =>
  payload((w) => {
    const strings = Buffer.from(`\0int\0${name}\0`, 'latin1');
    w.u16(0xeb9f);
    w.u8(1);
    w.u8(0);
    w.u32s(24, 0, 16 + 12 + 8 + 12, 48, strings.length);
    w.u32s(1, 1 << 24, 4, 32 | (1 << 24));
    w.u32s(0, (13 << 24) | 1, 1, 0, 1);
    w.u32s(5, 12 << 24, 2);
    w.put(strings);
  });

/** What to put in, and under which name the test runs. */
const CASES: Readonly<Record<string, readonly [bit: number, fill: Fill][]>> = {
  'nothing but events': [],
  'CPU_TOPOLOGY without ids': [[HEADER.CPU_TOPOLOGY, lists]],
  'CPU_TOPOLOGY without dies': [
    [
      HEADER.CPU_TOPOLOGY,
      (w): void => {
        lists(w);
        w.u32s(0, 0, 1, 0xffff_ffff);
      },
    ],
  ],
  // After a feature that fails, perf reads no other: PMU_MAPPINGS is not compared here.
  'CPU_TOPOLOGY with a socket that cannot be': [
    [HEADER.PMU_MAPPINGS, (w): void => w.u32(0)],
    [
      HEADER.CPU_TOPOLOGY,
      (w): void => {
        lists(w);
        w.u32s(0, 0, 1, 77);
      },
    ],
  ],
  'CPU_TOPOLOGY with dies': [
    [
      HEADER.CPU_TOPOLOGY,
      (w): void => {
        lists(w);
        w.u32s(0, 0, 1, 1, 2);
        w.text('0', '1');
        w.u32s(3, 4);
      },
    ],
  ],
  'NUMA, cache, memory': [
    [
      HEADER.NUMA_TOPOLOGY,
      (w): void => {
        w.u32(2);
        for (const node of [0, 7]) {
          w.u32(node);
          w.u64s(0xffff_ffff_ffff_fffen, 123n);
          w.text('0-1,4');
        }
      },
    ],
    [
      HEADER.CACHE,
      (w): void => {
        w.u32s(1, 2, 1, 64, 64, 8);
        w.text('Data', '32K', '0');
        w.u32s(3, 64, 1024, 16);
        w.text('Unified', '32768K', '0-1');
      },
    ],
    [
      HEADER.MEM_TOPOLOGY,
      (w): void => w.u64s(1n, 0x800_0000n, 2n, 0n, 70n, 70n, 0xffff_ffff_0000_00ffn, 0x3fn, 1n, 8n, 8n, 0xffn),
    ],
  ],
  'memory: just a gigabyte, and a list that is cut': [
    [
      HEADER.MEM_TOPOLOGY,
      (w): void =>
        w.u64s(1n, 0x800_0000n, 2n, 0n, 8n, 8n, 0xffn, 1n, 128n, 128n, 0x5555_5555_5555_5555n, 0x5555_5555_5555_5555n),
    ],
  ],
  'another version of memory': [[HEADER.MEM_TOPOLOGY, (w): void => w.u64s(2n, 1n, 0n)]],
  'another version of caches': [[HEADER.CACHE, (w): void => w.u32s(2, 0)]],
  'another version of clocks': [[HEADER.CLOCK_DATA, (w): void => w.u32s(2, 1, 0, 0, 0, 0)]],
  clocks: [
    [HEADER.CLOCKID, (w): void => w.u64s(0x4189374bc6a7f0n)],
    [
      HEADER.CLOCK_DATA,
      (w): void => {
        w.u32s(1, 4);
        w.u64s(1_700_000_000_123_456_789n, 12_345_678_901_234_567n);
      },
    ],
  ],
  'a clock that nobody knows': [
    [
      HEADER.CLOCK_DATA,
      (w): void => {
        w.u32s(1, 99);
        w.u64s(1n, 2n);
      },
    ],
  ],
  'a time of samples that goes back, and one of years': [
    [HEADER.SAMPLE_TIME, (w): void => w.u64s(9_007_199_254_740_993_999n, 9_007_199_254_740_992_001n)],
  ],
  compressed: [[HEADER.COMPRESSED, (w): void => w.u32s(1, 1, 1, 7, 528384)]],
  'compressed by something else': [[HEADER.COMPRESSED, (w): void => w.u32s(1, 9, 0xffff_fffe, 7, 528384)]],
  PMUs: [
    [
      HEADER.CPU_PMU_CAPS,
      (w): void => {
        w.u32(2);
        w.text('branches', '32', 'max_precise', '3');
      },
    ],
    [
      HEADER.HYBRID_TOPOLOGY,
      (w): void => {
        w.u32(2);
        w.text('cpu_core', '0-3', 'cpu_atom', '4-7');
      },
    ],
    [
      HEADER.PMU_CAPS,
      (w): void => {
        w.u32s(2, 1);
        w.text('branches', '32', 'cpu_core');
        w.u32(0);
        w.text('cpu_atom');
      },
    ],
  ],
  'PMUs that can nothing': [
    [HEADER.PMU_MAPPINGS, (w): void => w.u32(0)],
    [HEADER.CPU_PMU_CAPS, (w): void => w.u32(0)],
    [HEADER.PMU_CAPS, (w): void => w.u32(0)],
  ],
  'BPF programs': [
    [
      HEADER.BPF_PROG_INFO,
      (w): void => {
        w.u32(4);
        program(21, 'late', 1)(w);
        program(5, 'several', 3)(w);
        program(6, '', 1)(w);
        program(9, 'typed', 1, 44)(w);
      },
    ],
    [
      HEADER.BPF_BTF,
      (w): void => {
        w.u32(2);
        for (const id of [44, 3]) {
          const types = btf('typed_by_btf');
          w.u32s(id, types.length);
          w.put(types);
        }
      },
    ],
  ],
  'BPF programs of older kernels, and none': [
    [
      HEADER.BPF_PROG_INFO,
      (w): void => {
        w.u32(1);
        program(21, 'old', 1, 0, 208)(w);
      },
    ],
    [HEADER.BPF_BTF, (w): void => w.u32(0)],
  ],
  'AUX data, branch stacks, stat': [
    [HEADER.AUXTRACE, (w): void => w.u64(0)],
    [HEADER.BRANCH_STACK, (): void => {}],
    [HEADER.STAT, (): void => {}],
  ],
  'events of a longer attr': [
    [
      HEADER.EVENT_DESC,
      (w): void => {
        w.u32s(2, 136);
        for (const [i, name] of ['cycles', 'strange'].entries()) {
          w.u32s(i, 136);
          w.zeros(128);
          w.u32(i);
          w.text(name);
          if (i) w.u64s(0xffff_ffff_ffff_fff0n);
        }
      },
    ],
  ],
  'no events described': [[HEADER.EVENT_DESC, (w): void => w.u32s(0, 128)]],
};

describe('header lines', () => {
  const dir = scratch();
  after(() => dir.remove());
  const plain = ((): Buffer => {
    const sink = new MemorySink('file');
    const writer = new PerfDataWriter(sink, [event('cycles', 0, S.IP | S.TID | S.TIME)], { env: ENV });
    writer.write([...prologue(), ...samples(3)]);
    writer.finish();
    return sink.bytes;
  })();
  function made(name: string, fills: readonly [bit: number, fill: Fill][]): string {
    const features = payloadsOf(plain);
    for (const [bit, fill] of fills) features.set(bit, payload(fill));
    const path = dir.file(name);
    writeFileSync(path, withFeatures(plain, features));
    return path;
  }
  function lines(path: string, full: boolean): string {
    const session = openPerfData(path);
    try {
      return [...headerLines(session, { capturedOn: '', full })].map((line) => `${line}\n`).join('');
    } finally {
      session.close();
    }
  }

  for (const [name, fills] of Object.entries(CASES))
    it(`${name}: as perf prints them`, function () {
      if (perfVersion !== '6.1') this.skip();
      const path = made('x', fills);
      for (const full of [false, true]) {
        const args = ['report', '--header-only', ...(full ? ['-I'] : []), '-i', path];
        const { stdout } = run('perf', args);
        expect(lines(path, full)).to.equal(stdout.replace(/(?<=captured on +: ).*/, ''));
      }
    });
});
