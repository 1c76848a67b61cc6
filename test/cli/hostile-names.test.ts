/** A recording whose every name tries to act: none does, in any command, on terminals or in pipes, nor adds a line. */
import { expect } from 'chai';
import type { DsoImage } from '../../src/arch/dso.ts';
import { storeInCache } from '../../src/perfdata/buildid-cache.ts';
import { encodeElf } from '../../src/perfdata/elf.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import {
  BUILD_IDS,
  ENV,
  epilogue,
  event,
  execComm,
  FTEST,
  ftestMmap,
  kernelMmap,
  S,
  samples,
} from '../perfdata/recordings.ts';
import { place, type Place } from './e2e.ts';

const HOSTILE = '=\x1b[2J\r\n\x07|`<b>\u009b\u202e';
const HARMLESS = '=.[2J.  |`<b>. ';

describe('hostile names', () => {
  let at: Place;
  before(() => {
    at = place();
    for (const [file, x] of [
      ['bad.data', HOSTILE],
      ['good.data', HARMLESS],
    ] as const) {
      const dso: DsoImage = {
        ...FTEST,
        path: `/opt/${x}/ftest`,
        symbols: FTEST.symbols.map(({ name, offset, size }) => ({ name: name + x, offset, size })),
      };
      const elf = encodeElf(dso);
      const stored = storeInCache(at.file('home/.debug'), { path: dso.path, buildId: elf.buildId, content: elf.bytes });
      expect(stored).to.include({ ok: true });
      const env = { ...ENV, hostname: `h${x}`, cmdline: [`c${x}`, `d${x}`], cpu_desc: `p${x}`, os_release: x };
      const buildIds = [BUILD_IDS[0]!, { ...BUILD_IDS[1]!, filename: dso.path, buildId: elf.buildId }];
      const evlist = [event(`cycles${x}`, 0, S.IP | S.TID | S.TIME | S.PERIOD)];
      const writer = new PerfDataWriter(openSink(at.file(file)), evlist, { env, buildIds });
      writer.write([
        kernelMmap,
        { ...execComm(), comm: x.slice(0, 10) },
        { ...ftestMmap(), filename: dso.path },
        ...samples(200),
        ...epilogue(),
      ]);
      writer.finish();
    }
  });
  after(() => at.remove());

  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  const ACTING = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202e]/;

  for (const words of [
    'report --stdio -i FILE',
    'report --stdio --header -s comm,dso,sym -i FILE',
    'report --stdio -t, -i FILE',
    'report --header-only -I -i FILE',
    'report --tasks -i FILE',
    'script -i FILE',
    'evlist -v -i FILE',
    'diff FILE FILE',
    'compare --samples 100 FILE FILE',
    'compare --export-markdown FILE.md --export-csv FILE.csv FILE FILE',
    'compare -q --export-markdown - FILE FILE',
  ])
    it(`do not act in ${words}`, async () => {
      const [bad, good] = await Promise.all(
        ['bad.data', 'good.data'].map((file) => at.gperf(words.replaceAll('FILE', file))),
      );
      for (const text of [bad!.stdout, bad!.stderr]) expect(ACTING.exec(text)).to.equal(null);
      expect(bad!.status, bad!.stderr).to.equal(good!.status);
      expect(bad!.stdout.split('\n').length).to.equal(good!.stdout.split('\n').length);
      if (words.includes('-s comm')) expect(bad!.stdout).to.contain(String.raw`qux=\x1b[2J\r\n\x07`);
      if (words.includes('csv')) {
        expect(ACTING.exec(at.read('bad.data.csv').toString().replaceAll('\r', ''))).to.equal(null);
        expect(at.read('bad.data.md').toString())
          .to.contain(String.raw`\|\``)
          .and.not.contain('<b>');
      }
    });

  it('do not act in errors', async () => {
    for (const words of [
      ['report', '-i', HOSTILE],
      ['compare', HOSTILE, 'x'],
      ['stat', HOSTILE],
      ['truth', '--export-csv', `${HOSTILE}/x`, 'true'],
      [HOSTILE],
    ]) {
      const { stderr, stdout, status } = await at.gperf(words);
      expect(status, words.join(' ')).to.be.oneOf([1, 129, 255]);
      expect(ACTING.exec(stderr + stdout)).to.equal(null);
      expect(stderr)
        .to.contain(String.raw`=\x1b[2J\r`)
        .and.not.contain('internal error');
    }
  });
});
