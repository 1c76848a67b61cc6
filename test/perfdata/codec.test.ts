/** decode(encode(x)) is x, for every record type under every layout; sizes are what uapi/record-size.ts says. */
import { expect } from 'chai';
import fc from 'fast-check';
import { decodeAttr, encodeAttr, PERF_ATTR_SIZE } from '../../src/perfdata/attr.ts';
import { ByteReader, ByteWriter } from '../../src/perfdata/bytes.ts';
import { decodeFeatures, encodeFeatures } from '../../src/perfdata/features.ts';
import { decodeFileHeader, encodeFileHeader } from '../../src/perfdata/header.ts';
import { RecordCodec, type FileRecord, type OpaqueType } from '../../src/perfdata/records.ts';
import { address, nanos, type Address64, type Nanos64, toAddress64, toU64, type U64 } from '../../src/units.ts';
import {
  PERF_FORMAT,
  PERF_RECORD,
  PERF_RECORD_MISC,
  PERF_SAMPLE,
  type KernelRecord,
  type PerfEventAttr,
  type ReadFormat,
  type SampleRecord,
} from '../../src/uapi/perf-event.ts';
import { kernelRecordSize } from '../../src/uapi/record-size.ts';
import { BUILD_IDS, ENV, event } from './recordings.ts';
import type { PerfEnv } from '../../src/perfdata/perf-env.ts';
import { PERF_RECORD_USER, type EventUpdate, type ToolRecord } from '../../src/perf-events/tool-record.ts';

const sampleTime = { first: nanos(1_000), last: nanos(2_000) };

const S = PERF_SAMPLE;
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.nat(0xffffffff);
const s32 = fc.integer({ min: -1, max: 0x7fffffff });
/** Any 64 bits, those at the edges of what a double holds among them. */
const u64: fc.Arbitrary<U64> = fc.oneof(
  fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  fc.bigInt(0n, 2n ** 64n - 1n).map(toU64),
  fc
    .constantFrom(2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 2n ** 53n, 2n ** 64n - 1n)
    .map(toU64),
);
/** Any address, canonical or of a broken chain. */
const anyAddress: fc.Arbitrary<Address64> = fc.oneof(
  fc.nat(0x7fff_ffff_ffff).map(address),
  fc.nat(0x7fff_ffff_ffff).map((n) => address(-1 - n)),
  u64.map((n) => toAddress64(BigInt(n))),
);
const time = u64.filter((n) => n !== 0) as fc.Arbitrary<Nanos64>;
const text = fc
  .string({ unit: 'grapheme', maxLength: 80 })
  .filter((s) => !s.includes('\0') && s === Buffer.from(s).toString());
const bytes = (max: number, unit = 1): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ maxLength: max }).map((b) => b.subarray(0, b.length - (b.length % unit)));

describe('perf_event_attr', () => {
  const flag = fc.constant(true);
  const word = fc.integer({ min: 1, max: 0xffffffff });
  const long = u64.filter((n) => n !== 0);
  const attr: fc.Arbitrary<PerfEventAttr> = fc.record(
    {
      type: u32,
      config: u64,
      sample_period: u64,
      sample_type: u32,
      read_format: fc.nat(31),
      config1: long,
      config2: long,
      precise_ip: fc.integer({ min: 1, max: 3 }),
      disabled: flag,
      inherit: flag,
      exclude_user: flag,
      exclude_idle: flag,
      mmap: flag,
      freq: flag,
      watermark: flag,
      sample_id_all: flag,
      bpf_event: flag,
      aux_output: flag,
      cgroup: flag,
      build_id: flag,
      sigtrap: flag,
      wakeup: word,
      bp_type: word,
      branch_sample_type: long,
      sample_regs_user: long,
      sample_stack_user: word,
      clockid: word,
      sample_regs_intr: long,
      aux_watermark: word,
      sample_max_stack: fc.integer({ min: 1, max: 0xffff }),
      aux_sample_size: word,
      sig_data: long,
    },
    { requiredKeys: ['type', 'config', 'sample_period', 'sample_type', 'read_format'] },
  );

  it('round-trips in 128 bytes', () => {
    fc.assert(
      fc.property(attr, (a) => {
        const w = new ByteWriter();
        encodeAttr(w, a);
        expect(w.pos).to.equal(PERF_ATTR_SIZE);
        expect(w.taken().readUInt32LE(4)).to.equal(PERF_ATTR_SIZE);
        expect(decodeAttr(new ByteReader(w.taken()), PERF_ATTR_SIZE)).to.deep.equal(a);
      }),
    );
  });

  it('reads every size that perf ever wrote, and longer ones', () => {
    fc.assert(
      fc.property(attr, fc.constantFrom(64, 72, 80, 96, 104, 112, 120, 128, 136, 200), (a, size) => {
        const w = new ByteWriter();
        encodeAttr(w, a);
        const file = Buffer.alloc(size + 8, 0xff);
        w.taken().copy(file, 0, 0, Math.min(size, PERF_ATTR_SIZE));
        const r = new ByteReader(file);
        const decoded = decodeAttr(r, size);
        expect(r.pos).to.equal(size);
        expect(decoded).to.include({ type: a.type, config: a.config, sample_period: a.sample_period });
        expect(decoded.sig_data).to.equal(size >= 128 ? a.sig_data : undefined);
        expect(decoded.branch_sample_type).to.equal(size >= 80 ? a.branch_sample_type : undefined);
      }),
    );
  });
});

/** Every subset of sample fields that has the id where RecordCodec can find it. */
const sampleType = fc
  .subarray(Object.values(S).filter((bit) => bit !== S.WEIGHT))
  .map((bits) => bits.reduce((all, bit) => all | bit, 0));

/** Encodes a record, decodes it again, and returns its size. */
function roundTrip(codec: RecordCodec, record: FileRecord): number {
  const w = new ByteWriter();
  // Not at the start, and not alone: the codec must keep to the record.
  w.zeros(8);
  codec.encode(w, record);
  const end = w.pos;
  w.u64(-1);
  const r = new ByteReader(w.taken());
  r.pos = 8;
  expect(codec.decode(r)).to.deep.equal(record);
  expect(r.pos).to.equal(end);
  expect(r.end).to.equal(end + 8);
  return end - 8;
}

/** Three registers. */
const REGS_MASK = 0b1011;
const regs = fc.oneof(
  fc.constant({ abi: 0, regs: [] }),
  fc.record({ abi: fc.constant(2), regs: fc.array(fc.bigInt(0n, 2n ** 64n - 1n), { minLength: 3, maxLength: 3 }) }),
);
const branch = fc.record(
  {
    from: anyAddress,
    to: anyAddress,
    mispred: fc.boolean(),
    predicted: fc.boolean(),
    in_tx: fc.boolean(),
    abort: fc.boolean(),
    cycles: u16,
    branch_type: fc.nat(15),
    spec: fc.integer({ min: 1, max: 3 }),
    new_type: fc.integer({ min: 1, max: 15 }),
    priv: fc.integer({ min: 1, max: 7 }),
  },
  { requiredKeys: ['from', 'to', 'mispred', 'predicted', 'in_tx', 'abort', 'cycles', 'branch_type'] },
);

function readFormat(format: number): fc.Arbitrary<ReadFormat> {
  const value = fc.record({
    value: u64,
    ...(format & PERF_FORMAT.ID && { id: u64 }),
    ...(format & PERF_FORMAT.LOST && { lost: u64 }),
  });
  return fc.record({
    ...(format & PERF_FORMAT.TOTAL_TIME_ENABLED && { time_enabled: u64 }),
    ...(format & PERF_FORMAT.TOTAL_TIME_RUNNING && { time_running: u64 }),
    values: format & PERF_FORMAT.GROUP ? fc.array(value, { maxLength: 4 }) : value.map((v) => [v]),
  });
}

const sampleOf = (st: number, read_format: number): fc.Arbitrary<SampleRecord> =>
  fc.record({
    type: fc.constant(PERF_RECORD.SAMPLE),
    misc: u16,
    pid: st & S.TID ? s32 : fc.constant(-1),
    tid: st & S.TID ? s32 : fc.constant(-1),
    time: st & S.TIME ? time : fc.constant(nanos(0)),
    ip: st & S.IP ? anyAddress : fc.constant(address(0)),
    period: st & S.PERIOD ? u64 : fc.constant(4000),
    ...(st & (S.ID | S.IDENTIFIER) && { id: fc.constant(100) }),
    ...(st & S.STREAM_ID && { stream_id: u64 }),
    ...(st & S.CPU && { cpu: u32 }),
    ...(st & S.ADDR && { addr: anyAddress }),
    ...(st & S.READ && { read: readFormat(read_format) }),
    ...(st & S.CALLCHAIN && { callchain: fc.array(anyAddress, { maxLength: 20 }) }),
    ...(st & S.RAW && { raw: bytes(40, 8).map((b) => new Uint8Array([...b, 1, 2, 3, 4])) }),
    ...(st & S.BRANCH_STACK && { branch_stack: fc.record({ entries: fc.array(branch, { maxLength: 5 }) }) }),
    ...(st & S.REGS_USER && { regs_user: regs }),
    ...(st & S.STACK_USER && {
      stack_user: bytes(64, 8).chain((data) =>
        fc.record({ data: fc.constant(data), dyn_size: data.length ? u64 : fc.constant(0) }),
      ),
    }),
    ...(st & S.WEIGHT_STRUCT && { weight: u32, var2_w: u16, var3_w: u16 }),
    ...(st & S.DATA_SRC && { data_src: u64 }),
    ...(st & S.TRANSACTION && { transaction: u64 }),
    ...(st & S.REGS_INTR && { regs_intr: regs }),
    ...(st & S.PHYS_ADDR && { phys_addr: u64 }),
    ...(st & S.CGROUP && { cgroup: u64 }),
    ...(st & S.DATA_PAGE_SIZE && { data_page_size: u64 }),
    ...(st & S.CODE_PAGE_SIZE && { code_page_size: u64 }),
    ...(st & S.AUX && { aux: bytes(40, 8) }),
  });

describe('records', () => {
  it('samples, under every sample_type and read_format', () => {
    const layout = fc.tuple(sampleType, fc.nat(31));
    fc.assert(
      fc.property(
        layout.chain(([st, rf]) => fc.tuple(fc.constant(st), fc.constant(rf), sampleOf(st, rf))),
        ([st, read_format, sample]) => {
          const attr = { read_format, sample_regs_user: REGS_MASK, sample_regs_intr: REGS_MASK };
          const evsel = event('cycles', 0, st, attr);
          const size = roundTrip(new RecordCodec([evsel]), sample);
          const simple =
            S.IDENTIFIER | S.IP | S.TID | S.TIME | S.ADDR | S.ID | S.STREAM_ID | S.CPU | S.PERIOD | S.CALLCHAIN;
          if ((st & ~simple) === 0) expect(size).to.equal(kernelRecordSize(evsel.attr, sample));
        },
      ),
      { numRuns: 300 },
    );
  });

  const sideBand = (st: number): fc.Arbitrary<KernelRecord> => {
    const id = {
      pid: s32,
      tid: s32,
      time,
      ...(st & (S.ID | S.IDENTIFIER) && { id: fc.constant(100) }),
      ...(st & S.STREAM_ID && { stream_id: u64 }),
      ...(st & S.CPU && { cpu: u32 }),
    };
    const misc = fc.nat(0x3fff);
    const mmap = { ...id, misc, addr: anyAddress, len: u64, pgoff: anyAddress, filename: text };
    const own = { id: fc.constant(100) };
    return fc.oneof(
      fc.record({ ...mmap, type: fc.constant(PERF_RECORD.MMAP) }),
      fc.record({
        ...mmap,
        type: fc.constant(PERF_RECORD.MMAP2),
        maj: u32,
        min: u32,
        ino: u64,
        ino_generation: u64,
        prot: u32,
        flags: u32,
      }),
      fc.record({
        ...mmap,
        type: fc.constant(PERF_RECORD.MMAP2),
        misc: fc.constant(2 | PERF_RECORD_MISC.MMAP_BUILD_ID),
        buildId: fc.uint8Array({ minLength: 8, maxLength: 20 }).map((b) => Buffer.from(b).toString('hex')),
        prot: u32,
        flags: u32,
      }),
      fc.record({ ...id, misc, type: fc.constant(PERF_RECORD.COMM), comm: text }),
      fc.record({ ...id, misc, type: fc.constantFrom(PERF_RECORD.FORK, PERF_RECORD.EXIT), ppid: s32, ptid: s32 }),
      fc.record({
        ...id,
        ...own,
        misc,
        type: fc.constantFrom(PERF_RECORD.THROTTLE, PERF_RECORD.UNTHROTTLE),
        stream_id: u64,
      }),
      fc.record({ ...id, ...own, misc, type: fc.constant(PERF_RECORD.LOST), lost: u64 }),
      fc.record({ ...id, misc, type: fc.constant(PERF_RECORD.LOST_SAMPLES), lost: u64 }),
      fc.record({
        ...id,
        misc,
        type: fc.constant(PERF_RECORD.READ),
        read: fc.record({ values: fc.tuple(fc.record({ value: u64, id: u64 })) }),
      }),
      fc.record({ ...id, misc, type: fc.constant(PERF_RECORD.SWITCH) }),
      fc.record({
        ...id,
        misc,
        type: fc.constant(PERF_RECORD.SWITCH_CPU_WIDE),
        next_prev_pid: s32,
        next_prev_tid: s32,
      }),
    );
  };

  it('side-band records, under every sample_id', () => {
    const ids = sampleType.map((st) => st | S.TID | S.TIME);
    fc.assert(
      fc.property(
        ids.chain((st) => fc.tuple(fc.constant(st), sideBand(st))),
        ([st, record]) => {
          const evsel = event('cycles', 0, st);
          expect(roundTrip(new RecordCodec([evsel]), record)).to.equal(kernelRecordSize(evsel.attr, record));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('records of types without a structure', () => {
    const types = [PERF_RECORD.KSYMBOL, PERF_RECORD.BPF_EVENT, PERF_RECORD.CGROUP] satisfies OpaqueType[];
    const codec = new RecordCodec([event('cycles', 0, S.TID | S.TIME)]);
    fc.assert(
      fc.property(fc.constantFrom(...types), u16, time, bytes(64, 8), (type, misc, t, payload) => {
        roundTrip(codec, { type, misc, pid: 5, tid: 6, time: t, payload });
      }),
    );
    roundTrip(codec, {
      type: PERF_RECORD_USER.AUXTRACE_INFO,
      misc: 0,
      pid: -1,
      tid: -1,
      time: nanos(0),
      payload: new Uint8Array(24),
    });
  });

  const update: fc.Arbitrary<EventUpdate> = fc.oneof(
    text.map((unit): EventUpdate => ({ kind: 'unit', unit })),
    fc.double({ noNaN: true }).map((scale): EventUpdate => ({ kind: 'scale', scale })),
    text.map((name): EventUpdate => ({ kind: 'name', name })),
    fc.array(fc.nat(1000), { minLength: 1 }).map((cpus): EventUpdate => ({ kind: 'cpus', cpus })),
  );
  const tool: fc.Arbitrary<ToolRecord> = fc.oneof(
    fc.record({ type: fc.constantFrom(PERF_RECORD_USER.FINISHED_ROUND, PERF_RECORD_USER.FINISHED_INIT) }),
    fc.record({
      type: fc.constant(PERF_RECORD_USER.ID_INDEX),
      entries: fc.array(fc.record({ id: u64, idx: u64, cpu: s32, tid: s32 })),
    }),
    fc.record({
      type: fc.constant(PERF_RECORD_USER.THREAD_MAP),
      threads: fc.array(fc.record({ pid: s32, comm: fc.string({ maxLength: 15 }).filter((s) => !s.includes('\0')) })),
    }),
    fc.record({ type: fc.constant(PERF_RECORD_USER.CPU_MAP), cpus: fc.array(fc.integer({ min: -1, max: 1000 })) }),
    fc.record({ type: fc.constant(PERF_RECORD_USER.EVENT_UPDATE), id: u64, update }),
    fc.record({ type: fc.constant(PERF_RECORD_USER.STAT_CONFIG), aggr_mode: u32, interval: u32, scale: fc.nat(1) }),
    fc.record({
      type: fc.constant(PERF_RECORD_USER.STAT),
      id: u64,
      cpu: s32,
      thread: u32,
      val: u64,
      ena: u64,
      run: u64,
    }),
    fc.record({ type: fc.constant(PERF_RECORD_USER.STAT_ROUND), round: fc.nat(1), time }),
    fc.record({ type: fc.constant(PERF_RECORD_USER.TIME_CONV), time_shift: u64, time_mult: u64, time_zero: u64 }),
  );
  it('the tool’s records', () => {
    const codec = new RecordCodec([event('cycles', 0, S.TID)]);
    fc.assert(fc.property(tool, (record) => void roundTrip(codec, record)));
  });

  it('CPU maps of the other kinds', () => {
    const codec = new RecordCodec([event('cycles', 0, S.TID)]);
    const map = (...fields: string[]): unknown => {
      const payload = Buffer.from(fields.join(''), 'hex');
      const w = new ByteWriter();
      w.u32(PERF_RECORD_USER.CPU_MAP);
      w.u16(0);
      w.u16(8 + payload.length);
      w.put(payload);
      const record = codec.decode(new ByteReader(w.taken()));
      return record.type === PERF_RECORD_USER.CPU_MAP && record.cpus;
    };
    expect(map('0100', '0100', '0800', '0000', '0500000000000080')).to.deep.equal([0, 2, 63]);
    expect(map('0100', '0200', '0400', '03000000', '01000000', '0000')).to.deep.equal([0, 1, 32]);
    expect(map('0200', '0100', '0200', '0400')).to.deep.equal([-1, 2, 3, 4]);
  });

  it('takes samples apart by the ids of their events', () => {
    const [a, b] = [event('cycles', 0, S.IDENTIFIER | S.IP), event('instructions', 1, S.IDENTIFIER | S.IP | S.PERIOD)];
    const codec = new RecordCodec([a, b]);
    const sample: SampleRecord = {
      type: 9,
      misc: 2,
      pid: -1,
      tid: -1,
      time: nanos(0),
      id: 101,
      ip: address(4),
      period: 77,
    };
    roundTrip(codec, sample);
    expect(codec.evselOf(sample)).to.equal(b);
    roundTrip(codec, { ...sample, id: 100, period: 4000 });
    expect(() => roundTrip(codec, { ...sample, id: 99 })).to.throw(RangeError, 'no event has the id 99');
  });
});

describe('header and features', () => {
  it('the file header', () => {
    const size = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    const section = fc.record({ offset: size, size });
    const features = fc.uniqueArray(fc.nat(255)).map((bits) => bits.toSorted((a, b) => a - b));
    const header = fc.record({ size: fc.constant(104), attr_size: size, attrs: section, data: section, features });
    fc.assert(
      fc.property(header, (h) => {
        const encoded = encodeFileHeader(h);
        expect(encoded).to.have.length(104);
        expect(decodeFileHeader(encoded)).to.deep.equal(h);
      }),
    );
  });

  it('the features', () => {
    const env: fc.Arbitrary<PerfEnv> = fc.record(
      {
        hostname: text,
        os_release: text,
        version: text,
        arch: text,
        nr_cpus_avail: fc.constant(2),
        nr_cpus_online: u32,
        cpu_desc: text,
        cpuid: text,
        total_mem: u64,
        cmdline: fc.array(text),
        pmu_mappings: fc.array(fc.record({ type: u32, name: text })),
        cpu_topology: fc.constant(ENV.cpu_topology!),
      },
      { requiredKeys: ['nr_cpus_avail', 'nr_cpus_online'] },
    );
    const evlist = [
      event('cycles', 0, S.IP, {}, { leader: 0, groupName: 'pair' }),
      event('instructions', 1, S.IP, {}, { leader: 0 }),
      event('cycles:u', 2, S.IP),
    ];
    fc.assert(
      fc.property(env, fc.option(text, { nil: undefined }), (e, spec) => {
        const source = { evlist, env: e, buildIds: BUILD_IDS, sampleTime };
        const features = encodeFeatures({ ...source, ...(spec !== undefined && { spec }) });
        expect([...features.keys()]).to.deep.equal([...features.keys()].toSorted((a, b) => a - b));
        const view = decodeFeatures(features, (bit) => expect.fail(`feature ${bit}`));
        expect(view.env).to.deep.equal(e);
        expect(view.buildIds).to.deep.equal(BUILD_IDS);
        expect(view.eventDesc).to.deep.equal(evlist.map(({ name, attr, ids }) => ({ name, attr, size: 128, ids })));
        expect(view.groups).to.deep.equal([{ name: 'pair', leader: 0, members: 2 }]);
        expect(view.sampleTime).to.deep.equal(sampleTime);
        expect(view.spec).to.equal(e.cmdline && spec);
      }),
    );
  });

  it('a feature cut short is left out and told', () => {
    const evlist = [event('cycles', 0, S.IP)];
    const features = encodeFeatures({ evlist, env: ENV, buildIds: BUILD_IDS, sampleTime });
    for (const [bit, payload] of features)
      if (payload.length > 0) {
        const told: number[] = [];
        decodeFeatures(new Map(features).set(bit, payload.subarray(0, payload.length - 1)), (b) => void told.push(b));
        expect(told).to.include(bit);
      }
  });
});
