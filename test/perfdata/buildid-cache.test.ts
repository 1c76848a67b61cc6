/** The build-id cache: perf's layout, nothing foreign touched, a reason instead of a throw. */
import { expect } from 'chai';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import {
  defaultCacheDir,
  KERNEL_KALLSYMS,
  lookupInCache,
  storeInCache,
  type CacheEntry,
} from '../../src/perfdata/buildid-cache.ts';
import { loadElfSymbols, loadKernelSymbols } from '../../src/perfdata/symbol-source.ts';
import { scratch } from './real-perf.ts';
import { FTEST, FTEST_ELF, KALLSYMS, KERNEL_BUILD_ID, KERNEL_TEXT } from './recordings.ts';

const ID = FTEST_ELF.buildId;
const ELF: CacheEntry = { path: FTEST.path, buildId: ID, content: FTEST_ELF.bytes };
const KERNEL: CacheEntry = { path: KERNEL_KALLSYMS, buildId: KERNEL_BUILD_ID, content: Buffer.from(KALLSYMS) };

describe('build-id cache', () => {
  const scratchDir = scratch();
  let n = 0;
  let dir = '';
  beforeEach(() => {
    dir = scratchDir.file(`cache${n++}`);
  });
  after(() => scratchDir.remove());
  const reason = (entry: CacheEntry, where = dir): string | undefined => {
    const stored = storeInCache(where, entry);
    return stored.ok ? undefined : stored.reason.replaceAll(dir, 'DIR');
  };

  it('stores files and the kernel where perf looks', () => {
    const file = join(dir, FTEST.path, ID, 'elf');
    expect(storeInCache(dir, ELF)).to.deep.equal({ ok: true, file, fresh: true });
    expect(Buffer.from(FTEST_ELF.bytes).equals(readFileSync(file))).to.equal(true);
    expect(statSync(file).mode & 0o777).to.equal(0o755);
    const link = (id: string): string => readlinkSync(join(dir, '.build-id', id.slice(0, 2), id.slice(2)));
    expect(link(ID)).to.equal(`../../opt/guest/ftest/${ID}`);
    expect(storeInCache(dir, KERNEL).ok).to.equal(true);
    expect(link(KERNEL_BUILD_ID)).to.equal(`../../[kernel.kallsyms]/${KERNEL_BUILD_ID}`);
    expect(readFileSync(join(dir, KERNEL_KALLSYMS, KERNEL_BUILD_ID, 'kallsyms'), 'utf8')).to.equal(KALLSYMS);
    expect(lookupInCache(dir, ID)).to.include({ kind: 'elf' });
    expect(lookupInCache(dir, KERNEL_BUILD_ID)).to.include({ kind: 'kallsyms' });
    expect(readdirSync(dirname(file))).to.deep.equal(['elf']);
  });

  it('is stored only once', () => {
    storeInCache(dir, ELF);
    expect(storeInCache(dir, ELF)).to.include({ ok: true, fresh: false });
  });

  it('leaves what is not its own as it is, and says so', () => {
    const file = join(dir, FTEST.path, ID, 'elf');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'mine');
    expect(reason(ELF)).to.equal(
      `${FTEST.path}: DIR${FTEST.path}/${ID}/elf exists with other content and was left as it is`,
    );
    expect(readFileSync(file, 'utf8')).to.equal('mine');

    const link = join(dir, '.build-id', KERNEL_BUILD_ID.slice(0, 2), KERNEL_BUILD_ID.slice(2));
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync('nowhere', link);
    expect(reason(KERNEL)).to.match(/exists, leads to nowhere, and was left as it is$/);
    expect(readlinkSync(link)).to.equal('nowhere');
  });

  it('takes a link of the same build-id to another path for its own', () => {
    storeInCache(dir, { ...ELF, path: '/usr/bin/copy' });
    expect(storeInCache(dir, ELF).ok).to.equal(true);
    expect(lookupInCache(dir, ID)?.kind).to.equal('elf');
  });

  it('gives a reason where nothing can be stored', () => {
    expect(storeInCache(undefined, ELF)).to.deep.equal({
      ok: false,
      reason: '/opt/guest/ftest: no build-id cache, HOME is not set',
    });
    writeFileSync(dir, '');
    expect(reason(ELF)).to.match(
      /^\/opt\/guest\/ftest: cannot write to the build-id cache DIR: (Not a directory|File exists)$/,
    );
    expect(reason(ELF, '/proc/no')).to.match(
      /cannot write to the build-id cache \/proc\/no: No such file or directory$/,
    );
    expect(reason({ ...ELF, path: 'relative' })).to.equal('relative: no absolute path');
    expect(reason({ ...ELF, path: '/opt/../etc/passwd' })).to.equal('/opt/../etc/passwd: no absolute path');
    expect(reason({ ...ELF, buildId: '../..' })).to.equal('/opt/guest/ftest: "../.." is no build-id');
    expect(defaultCacheDir({})).to.equal(undefined);
    expect(defaultCacheDir({ HOME: '' })).to.equal(undefined);
    expect(defaultCacheDir({ HOME: '/home/me' })).to.equal('/home/me/.debug');
  });

  it('finds a file by its path only if its build-id is the wanted one', () => {
    const symfs = dir;
    mkdirSync(join(symfs, '/opt/guest'), { recursive: true });
    writeFileSync(join(symfs, FTEST.path), FTEST_ELF.bytes);
    const names = (id: string | undefined, path = FTEST.path): string | undefined =>
      loadElfSymbols(path, id, { symfs })?.find(0x1084)?.name;
    expect(loadElfSymbols(FTEST.path, ID, { symfs })?.origin).to.equal('d');
    expect(names(ID)).to.equal('qux');
    expect(names(undefined)).to.equal('qux');
    expect(names('00'.repeat(20))).to.equal(undefined);
    writeFileSync(join(symfs, FTEST.path), 'no ELF');
    expect(names(undefined)).to.equal(undefined);
    expect(names(undefined, '[heap]')).to.equal(undefined);
  });

  it('gives symbols', () => {
    storeInCache(dir, ELF);
    storeInCache(dir, KERNEL);
    const user = loadElfSymbols(FTEST.path, ID, { dir });
    expect(user?.origin).to.equal('B');
    expect(user?.find(0x1084)?.name).to.equal('qux');
    const kernel = loadKernelSymbols(KERNEL_BUILD_ID, { dir });
    expect(kernel?.range?.start).to.equal(KERNEL_TEXT);
    expect(kernel?.find(KERNEL_TEXT + 0x44)?.name).to.equal('native_write_msr');
    expect(loadKernelSymbols('00'.repeat(20), { dir })).to.equal(undefined);
    expect(loadElfSymbols('/none', undefined, { dir })).to.equal(undefined);
    rmSync(join(dir, FTEST.path, ID, 'elf'));
    writeFileSync(join(dir, FTEST.path, ID, 'elf'), 'damaged');
    expect(loadElfSymbols(FTEST.path, ID, { dir })).to.equal(undefined);
  });
});
