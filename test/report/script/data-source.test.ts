/** Memory samples in perf script: sources of data in perf's words, sizes of pages, and the fields of a PMU's own events. */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { openPerfData } from '../../../src/perfdata/reader.ts';
import { MemorySink } from '../../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../../src/perfdata/writer.ts';
import { dataSourceText, pageSizeText } from '../../../src/report/script/data-source.ts';
import { scriptLines } from '../../../src/report/script/text.ts';
import { PERF_RECORD_MISC, PERF_TYPE } from '../../../src/uapi/perf-event.ts';
import { address } from '../../../src/units.ts';
import { perfVersion, run, scratch } from '../../perfdata/real-perf.ts';
import { at, ENV, event, prologue, S, samples } from '../../perfdata/recordings.ts';

describe('memory samples', () => {
  it('a source of data in words', () => {
    const words: readonly (readonly [bigint, string])[] = [
      [0x5080021n, '|OP N/A|LVL N/A|SNP N/A|TLB N/A|LCK N/A|BLK  N/A'],
      [0x68100142n, '|OP LOAD|LVL L1 hit|SNP None|TLB L1 or L2 hit|LCK No|BLK  N/A'],
      [0x6a880842n, '|OP LOAD|LVL L3 hit|SNP N/A or HitM|TLB L1 or L2 hit|LCK Yes|BLK  N/A'],
      [0x182000000060n, '|OP No|LVL Remote socket, same board  hit|SNP N/A|TLB N/A|LCK No|BLK  N/A'],
      [0x60a00000004n, '|OP STORE|LVL L5|SNP N/A|TLB N/A|LCK No|BLK  Data Addr'],
    ];
    for (const [value, text] of words)
      expect(dataSourceText(value)).to.equal(`${value.toString(16).padStart(16)} ${text}`);
  });

  it('a size of a page', () => {
    expect([0n, 512n, 4096n, 65536n, 2n << 20n, 1n << 30n, 8n << 30n].map(pageSizeText)).to.deep.equal([
      'N/A',
      '512B',
      '4K',
      '64K',
      '2M',
      '1024M',
      '8G',
    ]);
  });

  it('perf prints the same of an event of a PMU, without being asked', function () {
    if (perfVersion !== '6.1') this.skip();
    const dir = scratch();
    const type =
      S.IP |
      S.TID |
      S.TIME |
      S.PERIOD |
      S.ADDR |
      S.DATA_SRC |
      S.WEIGHT_STRUCT |
      S.PHYS_ADDR |
      S.DATA_PAGE_SIZE |
      S.CODE_PAGE_SIZE;
    const sources = [
      ...Array.from({ length: 46 }, (_, bit) => 2 ** bit),
      ...Array.from({ length: 16 }, (_, n) => n * 2 ** 33 + n * 2 ** 29 + (n % 8) * 2 ** 40 + (n % 4) * 2 ** 24),
      ...Array.from({ length: 5 }, (_, n) => n * 2 ** 43 + 2 ** 37 + n * 2 ** 5),
      0x268501c4,
      2 ** 46 - 1,
    ];
    const evsel = event('cpu/mem-loads/', 0, type, { type: PERF_TYPE.RAW });
    const sink = new MemorySink();
    const writer = new PerfDataWriter(sink, [evsel], { env: ENV });
    writer.write([
      ...prologue(),
      ...samples(sources.length, (i) => ({
        misc: PERF_RECORD_MISC.USER,
        ip: at('foo'),
        addr: address(0x7ffe0000 + i),
        data_src: sources[i]!,
        weight: 7 * i,
        var2_w: i,
        phys_addr: 0x1234,
        data_page_size: 2 ** i,
        code_page_size: 4096,
      })),
    ]);
    writer.finish();
    const path = dir.file('mem.data');
    writeFileSync(path, sink.bytes);
    const { stdout } = run('perf', ['script', '-i', path]);
    const session = openPerfData(path);
    const own = [...scriptLines(session, () => undefined, {})].map((line) => `${line}\n`).join('');
    session.close();
    dir.remove();
    expect(own).to.equal(stdout);
  });
});
