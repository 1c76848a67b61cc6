/**
 * Exactly what a recording holds and gperf does not show is named; the innermost user frame is kept without the stack.
 */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { HOLDINGS, type Holding } from '../../../src/perfdata/holdings.ts';
import { openPerfData } from '../../../src/perfdata/reader.ts';
import { MemorySink } from '../../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../../src/perfdata/writer.ts';
import { buildProfiles } from '../../../src/profile/build.ts';
import { compareProfiles } from '../../../src/profile/compare.ts';
import { verdictSentence } from '../../../src/report/compare/verdict.ts';
import { reportStdio } from '../../../src/report/report/text.ts';
import { scriptLines } from '../../../src/report/script/text.ts';
import { leftOut } from '../../../src/report/shared/left-out.ts';
import { PERF_CONTEXT, PERF_RECORD_MISC, type PerfEventAttr, type SampleRecord } from '../../../src/uapi/perf-event.ts';
import { address } from '../../../src/units.ts';
import { perfVersion, run, scratch } from '../../perfdata/real-perf.ts';
import { at, ENV, event, prologue, S, samples } from '../../perfdata/recordings.ts';

const PLAIN = S.IP | S.TID | S.TIME | S.PERIOD;
const STACK: Pick<SampleRecord, 'regs_user' | 'stack_user'> = {
  regs_user: { abi: 2, regs: [1n, 2n, BigInt(at('foo'))] },
  stack_user: { data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), dyn_size: 8 },
};
/** AX, BX and IP. */
const REGS = { sample_regs_user: 0b1_0000_0011 };
const branch = {
  from: at('main'),
  to: at('foo'),
  mispred: false,
  predicted: true,
  in_tx: false,
  abort: false,
  cycles: 0,
  branch_type: 0,
};

interface Held {
  readonly type: number;
  readonly attr?: Partial<PerfEventAttr>;
  readonly sample: Partial<SampleRecord>;
}
const HELD: Partial<Record<Holding, Held>> = {
  'user stacks': { type: S.REGS_USER | S.STACK_USER, attr: REGS, sample: STACK },
  'LBR chains': {
    type: S.BRANCH_STACK,
    attr: { branch_sample_type: 1 << 11 },
    sample: { branch_stack: { entries: [branch] } },
  },
  'branch stacks': {
    type: S.BRANCH_STACK,
    attr: { branch_sample_type: 8 },
    sample: { branch_stack: { entries: [branch] } },
  },
  'data addresses': { type: S.ADDR, sample: { addr: address(0x1234) } },
  weights: { type: S.WEIGHT, sample: { weight: 7 } },
  transactions: { type: S.TRANSACTION, sample: { transaction: 3 } },
  'raw data': { type: S.RAW, sample: { raw: Uint8Array.of(1, 2, 3, 4) } },
  'AUX data': { type: S.AUX, sample: { aux: new Uint8Array(8) } },
  guests: { type: 0, sample: { misc: PERF_RECORD_MISC.GUEST_KERNEL } },
};

describe('what is left out', () => {
  const dir = scratch();
  after(() => dir.remove());

  function told({ type, attr, sample }: Held, teller: 'report' | 'script' | 'compare'): string[] {
    const sink = new MemorySink();
    const writer = new PerfDataWriter(sink, [event('cycles', 0, PLAIN | type, attr)], { env: ENV });
    writer.write([...prologue(), ...samples(3, () => sample)]);
    writer.finish();
    writeFileSync(dir.file('x'), sink.bytes);
    const session = openPerfData(dir.file('x'));
    for (const _ of session.records());
    const sentences = leftOut(session, teller);
    session.close();
    return sentences;
  }

  for (const [holding, held] of Object.entries(HELD))
    it(`${holding}: one sentence, and none where there are none`, () => {
      const sentences = told(held, 'compare');
      expect(sentences).to.have.length(1);
      expect(sentences[0]).to.match(/^\S+ holds \w.*gperf/);
      const empty = { ...held, sample: { stack_user: { data: new Uint8Array(), dyn_size: 0 } } };
      expect(told(empty, 'compare')).to.deep.equal([]);
    });

  it('all have an order, and a data source that is not available is none', () => {
    const all = Object.values(HELD).filter(({ attr }) => attr?.branch_sample_type !== 8);
    const merged: Held = {
      type: all.reduce((bits, { type }) => bits | type, 0),
      attr: Object.assign({}, ...all.map(({ attr }) => attr)) as Partial<PerfEventAttr>,
      sample: Object.assign({}, ...all.map(({ sample }) => sample)) as Partial<SampleRecord>,
    };
    expect(told(merged, 'report')).to.have.length(all.length);
    expect(told(merged, 'report')[0]).to.contain('user stacks');
    expect(told({ type: S.DATA_SRC, sample: { data_src: 0x5080021 } }, 'report')).to.deep.equal([]);
    expect(told({ type: S.DATA_SRC, sample: { data_src: 0x5080022 } }, 'report')).to.have.length(1);
    expect(new Set(HOLDINGS).size).to.equal(HOLDINGS.length);
  });

  it('counters that fall are told of, and those that are read again from the start are none', () => {
    const grouped = event('cycles', 0, PLAIN | S.READ | S.IDENTIFIER, { read_format: 0xc });
    const readTwice = (counts: readonly number[]): string[] => {
      const sink = new MemorySink();
      const writer = new PerfDataWriter(sink, [grouped], { env: ENV });
      const read = (value: number): Partial<SampleRecord> => ({ id: 100, read: { values: [{ value, id: 100 }] } });
      writer.write([...prologue({ id: 100 }), ...samples(counts.length, (i) => read(counts[i]!))]);
      writer.finish();
      writeFileSync(dir.file('x'), sink.bytes);
      const session = openPerfData(dir.file('x'));
      for (const _ of session.records());
      for (const _ of session.records());
      const sentences = leftOut(session, 'report');
      session.close();
      return sentences;
    };
    expect(readTwice([5, 5, 2 ** 40])).to.deep.equal([]);
    expect(readTwice([5, 7, 6]).join()).to.match(/ holds readings of counters that fall .* mean nothing$/);
  });

  it('of counters that fall sums wrap at 2^64, as real perf says, and compare gives no verdict', function () {
    if (perfVersion !== '6.1') this.skip();
    const grouped = event('cycles', 0, PLAIN | S.READ | S.IDENTIFIER, { read_format: 0xc });
    const record = (name: string, counts: readonly number[]): string => {
      const sink = new MemorySink();
      const writer = new PerfDataWriter(sink, [grouped], { env: ENV });
      const read = (value: number): Partial<SampleRecord> => ({ id: 100, read: { values: [{ value, id: 100 }] } });
      writer.write([...prologue({ id: 100 }), ...samples(counts.length, (i) => read(counts[i]!))]);
      writer.finish();
      writeFileSync(dir.file(name), sink.bytes);
      return dir.file(name);
    };
    const falling = [50, 70, 60, 90, 85, 84, 100, 180, 300, 299, 310, 400];
    const rising = falling.toSorted((a, b) => a - b);
    for (const counts of [falling, [50, 40, 30, 20], rising]) {
      const file = record('falls', counts);
      const session = openPerfData(file);
      const own = [...reportStdio(session, () => undefined, { sort: 'sym', fields: 'overhead,period,sym' })];
      session.close();
      const real = run('perf', ['report', '--stdio', '-F', 'overhead,period,sym', '-i', file, '--sort', 'sym']);
      const numbers = (text: string): string[] => text.match(/^# Event count.*|\d+\.\d\d% +\d+/gm) ?? [];
      // In another order, as perf knows this machine's kernel functions.
      expect(numbers(own.join('\n')), counts.join()).to.have.members(numbers(real.stdout));
      expect(numbers(real.stdout)).to.have.length.greaterThan(1);
    }
    const profiles = (['rises', 'falls'] as const).map((label) => {
      const session = openPerfData(record(label, label === 'falls' ? falling : rising));
      const [profile] = buildProfiles(session, () => undefined, { label });
      session.close();
      return [profile!];
    });
    const compared = compareProfiles(profiles);
    expect(verdictSentence(compared, compared.pairs[0]!)).to.match(
      /cannot be told: counters of falls were read as less/,
    );
  });

  it('the frame where user code was left is in the chain', () => {
    const type = PLAIN | S.CALLCHAIN | S.REGS_USER | S.STACK_USER;
    const sink = new MemorySink();
    const writer = new PerfDataWriter(sink, [event('cycles', 0, type, REGS)], { env: ENV });
    const kernel = [address(PERF_CONTEXT.KERNEL), at('schedule')];
    const ip = at('schedule');
    writer.write([
      ...prologue(),
      ...samples(1, () => ({ ...STACK, callchain: [] })),
      ...samples(1, () => ({ ...STACK, ip, misc: PERF_RECORD_MISC.KERNEL, callchain: kernel })),
      ...samples(1, () => ({ ...STACK, stack_user: { data: new Uint8Array(), dyn_size: 0 }, callchain: [] })),
    ]);
    writer.finish();
    writeFileSync(dir.file('x'), sink.bytes);
    const session = openPerfData(dir.file('x'));
    const chains = [...scriptLines(session, () => undefined, { fields: 'tid,ip' })].join('\n').split('\n\n');
    session.close();
    expect(chains.map((chain) => chain.trim().split('\n').length - 1)).to.deep.equal([1, 2, 0]);
  });
});
