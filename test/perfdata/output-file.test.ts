/**
 * A written file is there whole, or the old one is: with any system call failing, with the process gone after any
 * call, and with a real kill at any moment. What dead processes left is cleaned up, and nothing else.
 */
import { expect } from 'chai';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PerfDataIoError } from '../../src/perfdata/errors.ts';
import { openAppending, openOutput, type OutputFile, type OutputOptions } from '../../src/perfdata/output-file.ts';
import { createWhole } from '../../src/perfdata/temporary.ts';
import { scratch } from './real-perf.ts';

/** Every call of the two modules. */
const CALLS = [
  'accessSync closeSync fchmodSync fchownSync fstatSync fsyncSync ftruncateSync linkSync lstatSync openSync readdirSync',
  'readFileSync readlinkSync renameSync rmdirSync statSync unlinkSync writeSync',
]
  .join(' ')
  .split(' ') as (keyof typeof fs)[];

class Killed extends Error {}

interface Trouble {
  /** Which call, from 1. */
  readonly at: number;
  /** The error of that call; undefined: nothing is done any more from that call on. */
  readonly code?: string;
  /** Only calls of these names count. */
  readonly among?: readonly string[];
}

/** Runs work while its file system calls fail; returns their number, and what it threw. */
function troubled({ at, code, among = CALLS }: Trouble, work: () => void): { calls: number; error: unknown } {
  const real = Object.fromEntries(CALLS.map((name) => [name, fs[name]]));
  let calls = 0;
  let error: unknown;
  for (const name of CALLS) {
    const call = real[name] as (...words: unknown[]) => unknown;
    const replaced = (...words: unknown[]): unknown => {
      if (among.includes(name)) calls++;
      if (calls === at && code !== undefined && among.includes(name))
        throw Object.assign(new Error(`${code}: by the test`), { code, syscall: name.replace('Sync', '') });
      if (calls >= at && code === undefined) {
        // Writes half of the data first.
        if (calls === at && name === 'writeSync') call(words[0], (words[1] as Uint8Array).subarray(0, 3));
        throw new Killed();
      }
      return call(...words);
    };
    Object.assign(fs, { [name]: replaced });
  }
  syncBuiltinESMExports();
  try {
    work();
  } catch (thrown) {
    error = thrown;
  } finally {
    Object.assign(fs, real);
    syncBuiltinESMExports();
  }
  return { calls, error };
}

const LEFT = /\.gperf-/;
const [OLD, OLDER, NEW] = [
  'what was there before\n',
  'and what was before that\n',
  'what is written now, rather more\n',
];

const written = (file: OutputFile): void => {
  try {
    file.write(Buffer.from(NEW));
    file.commit();
  } catch (error) {
    file.abort();
    throw error;
  }
};

describe('files that are written', () => {
  const dir = scratch();
  after(() => dir.remove());
  const path = dir.file('out.txt');
  const read = (name: string): string | undefined => (existsSync(name) ? readFileSync(name, 'utf8') : undefined);
  const left = (): string[] => readdirSync(dir.path).filter((name) => LEFT.test(name));
  const clear = (): void => {
    for (const name of readdirSync(dir.path)) rmSync(dir.file(name), { recursive: true });
  };
  beforeEach(clear);

  const BACKUP: OutputOptions = { mode: 0o600, backup: `${path}.old` };
  const KINDS: Readonly<
    Record<string, { before: () => void; work: () => void; was: string | undefined; becomes: string; old?: string }>
  > = {
    'a new file': { before: () => {}, work: () => written(openOutput(path)), was: undefined, becomes: NEW },
    'an old file': {
      before: () => writeFileSync(path, OLD),
      work: () => written(openOutput(path)),
      was: OLD,
      becomes: NEW,
    },
    'a recording': {
      before: () => {
        writeFileSync(path, OLD);
        writeFileSync(`${path}.old`, OLDER);
      },
      work: () => written(openOutput(path, BACKUP)),
      was: OLD,
      becomes: NEW,
      old: OLDER,
    },
    'a text that is added to': {
      before: () => writeFileSync(path, OLD),
      work: () => written(openAppending(path)),
      was: OLD,
      becomes: OLD + NEW,
    },
    'a text that is begun': {
      before: () => {},
      work: () => written(openAppending(path)),
      was: undefined,
      becomes: NEW,
    },
    'an entry of a cache': {
      before: () => {},
      work: () => void createWhole(path, Buffer.from(NEW), 0o755),
      was: undefined,
      becomes: NEW,
    },
  };

  for (const [kind, { before, work, was, becomes, old }] of Object.entries(KINDS)) {
    for (const code of ['ENOSPC', 'EIO', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EMFILE', 'EBUSY'])
      it(`${kind} survives ${code} from any call`, () => {
        for (let at = 1, last = Infinity; at <= last; at++) {
          clear();
          before();
          const { calls, error } = troubled({ at, code }, work);
          last = error === undefined ? Math.max(at, calls) : Infinity;
          const what = `call ${at}: ${String(error)}`;
          if (error === undefined) expect(read(path), what).to.equal(becomes);
          else {
            const own = kind === 'an entry of a cache' ? Error : PerfDataIoError;
            expect(error, what).to.be.instanceOf(own);
            // The last call may fail after everything is done.
            expect([was, becomes], what).to.include(read(path));
          }
          if (old !== undefined) expect([old, OLD], what).to.include(read(`${path}.old`));
          expect(left().length, what).to.be.lessThan(2);
          expect(at, what).to.be.lessThan(200);
        }
      });

    it(`${kind} survives a kill after any call`, () => {
      let kills = 0;
      for (let at = 1; ; at++) {
        clear();
        before();
        const { error } = troubled({ at }, work);
        const what = `killed at call ${at}`;
        // Silent clean-ups meet the kill too; nothing may be done after it.
        if (kind === 'a text that is added to') expect(read(path), what).to.match(new RegExp(`^${OLD}`));
        else expect([was, becomes], what).to.include(read(path));
        if (old !== undefined) {
          const [now, then] = [read(path), read(`${path}.old`)];
          expect([`${OLD}${OLDER}`, `${OLD}${OLD}`, `${NEW}${OLD}`], what).to.include(`${now}${then}`);
        }
        if (error === undefined && read(path) === becomes && left().length === 0) break;
        kills++;
        expect(kills, `${what}: ${String(error)}`).to.be.lessThan(100);
      }
      expect(kills).to.be.greaterThan(2);
    });
  }

  it('where there are no hard links, a recording is moved as perf moves it, and back if its successor does not come', () => {
    writeFileSync(path, OLD);
    const nth = (at: number, code: string, among: string[], work: () => void) =>
      troubled({ at, code, among }, work).error;
    expect(nth(1, 'EPERM', ['linkSync'], () => written(openOutput(path, BACKUP)))).to.equal(undefined);
    expect([read(path), read(`${path}.old`)]).to.deep.equal([NEW, OLD]);
    clear();
    writeFileSync(path, OLD);
    const error = nth(1, 'ENOSYS', ['linkSync'], () => {
      // The second rename: link fails, the old one is moved, the new one cannot be.
      throw nth(2, 'EIO', ['renameSync'], () => written(openOutput(path, BACKUP))) as Error;
    });
    expect(error).to.include({ message: `failed to open ${path}: Input/output error` });
    expect([read(path), read(`${path}.old`)]).to.deep.equal([OLD, undefined]);
    expect(left()).to.deep.equal([]);
  });

  it('where nothing can be renamed over it, a file is written in place, and written back if that fails', () => {
    writeFileSync(path, OLD);
    const renameless = (work: () => void) => troubled({ at: 1, code: 'EBUSY', among: ['renameSync'] }, work).error;
    expect(renameless(() => written(openOutput(path)))).to.equal(undefined);
    expect(read(path)).to.equal(NEW);
    const long = OLD.repeat(10);
    writeFileSync(path, long);
    const error = renameless(() => {
      // The first write goes to the file beside, the second in place.
      throw troubled({ at: 2, code: 'ENOSPC', among: ['writeSync'] }, () => written(openOutput(path))).error as Error;
    });
    expect(error).to.include({ message: `failed to write ${path}: No space left on device` });
    expect(read(path)).to.equal(long);
    expect(left()).to.deep.equal([]);
  });

  it('a text to which adding fails half way stays as it was', () => {
    writeFileSync(path, OLD);
    const file = openAppending(path);
    const { error } = troubled({ at: 2, code: 'ENOSPC', among: ['writeSync', 'fstatSync'] }, () => written(file));
    expect(error).to.include({ message: `failed to write ${path}: No space left on device` });
    expect(read(path)).to.equal(OLD);
  });

  it('two processes that add to a file that did not exist both succeed', () => {
    const [one, other] = [openAppending(path), openAppending(path)];
    written(one);
    written(other);
    expect(read(path)).to.equal(NEW + NEW);
    expect(left()).to.deep.equal([]);
  });

  it('a disk that is full leaves the old file and one sentence', function () {
    const mount = dir.file('small');
    mkdirSync(mount);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount]).status !== 0) this.skip();
    try {
      const full = join(mount, 'out.txt');
      writeFileSync(full, OLD);
      writeFileSync(`${full}.old`, OLDER);
      for (const options of [{}, { backup: `${full}.old` }]) {
        const file = openOutput(full, options);
        expect(() => file.write(new Uint8Array(1 << 20))).to.throw(`failed to write ${full}: No space left on device`);
        file.abort();
        expect([read(full), read(`${full}.old`)]).to.deep.equal([OLD, OLDER]);
        expect(readdirSync(mount)).to.have.length(2);
      }
      writeFileSync(join(mount, 'fill'), new Uint8Array(14 * 4096));
      const file = openAppending(full);
      file.write(new Uint8Array(1 << 20));
      expect(() => file.commit()).to.throw(`failed to write ${full}: No space left on device`);
      expect(read(full)).to.equal(OLD);
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  it('a symbolic link stays, and what it leads to is written, there or not', () => {
    mkdirSync(dir.file('sub'));
    symlinkSync('sub/target', dir.file('link'));
    symlinkSync('link', path);
    for (const options of [{}, { backup: `${path}.old` }]) {
      rmSync(dir.file('sub/target'), { force: true });
      written(openOutput(path, options));
      expect([readlinkSync(path), read(dir.file('sub/target'))]).to.deep.equal(['link', NEW]);
    }
    written(openAppending(path));
    expect(read(dir.file('sub/target'))).to.equal(NEW + NEW);
    written(openOutput(path));
    expect([readlinkSync(path), read(dir.file('sub/target'))]).to.deep.equal(['link', NEW]);
    // perf moves the link itself.
    written(openOutput(path, BACKUP));
    expect([readlinkSync(`${path}.old`), lstatSync(path).isFile()]).to.deep.equal(['link', true]);
    symlinkSync('loop', dir.file('loop'));
    expect(() => openOutput(dir.file('loop'))).to.throw(/loop: Too many levels of symbolic links$/);
  });

  it('an old file keeps its mode and owner; a new one has that of the umask', () => {
    writeFileSync(path, OLD);
    for (const mode of [0o600, 0o640, 0o777]) {
      chmodSync(path, mode);
      written(openOutput(path));
      expect(statSync(path).mode & 0o777).to.equal(mode);
    }
    if (process.getuid?.() === 0) {
      fs.chownSync(path, 1234, 2345);
      written(openOutput(path));
      expect(statSync(path)).to.include({ uid: 1234, gid: 2345 });
      fs.chownSync(path, 1234, 2345);
      // Who may not give files away keeps others' groups out.
      chmodSync(path, 0o660);
      expect(troubled({ at: 1, code: 'EPERM', among: ['fchownSync'] }, () => written(openOutput(path))).error).to.equal(
        undefined,
      );
      expect(statSync(path).mode & 0o777).to.equal(0o600);
    }
    written(openOutput(dir.file('new')));
    expect(statSync(dir.file('new')).mode & 0o777).to.equal(0o666 & ~process.umask());
  });

  it('names of 255 bytes serve, also where characters are many bytes long', () => {
    for (const name of ['x'.repeat(255), 'ü'.repeat(127), '表'.repeat(85)]) {
      written(openOutput(dir.file(name)));
      written(openOutput(dir.file(name)));
      expect(read(dir.file(name))).to.equal(NEW);
    }
    const long = dir.file('x'.repeat(252));
    writeFileSync(long, OLD);
    // perf's words are "Can't move data: File name too long": known before the run.
    expect(() => openOutput(long, { backup: `${long}.old` })).to.throw(/^failed to move x*.*: File name too long$/);
    expect(() => openOutput(dir.file('x'.repeat(256)))).to.throw(/File name too long$/);
    expect(left()).to.deep.equal([]);
  });

  it('a directory in the place of the old recording goes if it is empty, and stays if it is not', () => {
    writeFileSync(path, OLD);
    mkdirSync(`${path}.old`);
    written(openOutput(path, BACKUP));
    expect([read(path), read(`${path}.old`)]).to.deep.equal([NEW, OLD]);
    rmSync(`${path}.old`);
    mkdirSync(`${path}.old/full`, { recursive: true });
    expect(() => openOutput(path, BACKUP)).to.throw(`failed to remove ${path}.old: Directory not empty`);
    expect(read(path)).to.equal(NEW);
  });

  it('no permission: the system’s words; files of one’s own in a closed directory stay writable', function () {
    const uid = 65534;
    if (process.getuid?.() !== 0) this.skip();
    mkdirSync(dir.file('closed'));
    const [mine, empty, others] = ['mine', 'empty', 'others'].map((name) => dir.file(`closed/${name}`));
    for (const [name, text, owner] of [
      [mine!, OLD, uid],
      [empty!, '', uid],
      [others!, OLD, 0],
    ] as const) {
      writeFileSync(name, text);
      fs.chownSync(name, owner, owner);
      chmodSync(name, 0o644);
    }
    chmodSync(dir.path, 0o755);
    const as = (work: string): string => {
      const module = pathToFileURL(resolve('dist/src/perfdata/output-file.js')).href;
      const code = `import { openOutput, openAppending } from '${module}';
        const at = (f) => { f.write(Buffer.from('new')); f.commit(); };
        process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});
        try { ${work}; console.log('ok'); } catch (e) { console.log(e.name === 'PerfDataIoError' ? e.message : e.stack); }`;
      return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).stdout.trim();
    };
    const quoted = JSON.stringify;
    expect(as(`at(openOutput(${quoted(mine)}))`)).to.equal('ok');
    expect(read(mine!)).to.equal('new');
    expect(as(`at(openAppending(${quoted(mine)}))`)).to.equal('ok');
    expect(read(mine!)).to.equal('newnew');
    expect(as(`at(openOutput(${quoted(empty)}, { backup: ${quoted(`${empty}.old`)} }))`)).to.equal('ok');
    expect(read(empty!)).to.equal('new');
    for (const [work, name] of [
      [`openOutput(${quoted(others)})`, others],
      [`openOutput(${quoted(mine)}, { backup: ${quoted(`${mine}.old`)} })`, mine],
      [`openAppending(${quoted(others)})`, others],
      [`openOutput(${quoted(`${mine}2`)})`, `${mine}2`],
    ])
      expect(as(work!)).to.equal(`failed to open ${name}: Permission denied`);
    expect([read(mine!), read(others!)]).to.deep.equal(['newnew', OLD]);
    expect(readdirSync(dir.file('closed'))).to.have.length(3);
  });

  it('what is not a regular file is written to directly', () => {
    const to = (target: string): string => {
      const module = pathToFileURL(resolve('dist/src/perfdata/output-file.js')).href;
      const code = `import { openOutput } from '${module}'; const f = openOutput('${target}'); f.write(Buffer.from('new')); f.commit();`;
      const fd = fs.openSync(path, 'w');
      spawnSync(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', fd, 'inherit'] });
      fs.closeSync(fd);
      return readFileSync(path, 'utf8');
    };
    for (const target of ['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']) {
      const { ino } = (writeFileSync(path, OLD), statSync(path));
      expect(to(target)).to.equal('new');
      expect(statSync(path).ino).to.equal(ino);
    }
    expect(left()).to.deep.equal([]);
  });

  describe('after a kill', () => {
    const module = pathToFileURL(resolve('dist/src/perfdata/output-file.js')).href;

    it('at any moment nothing is lost, and what is left goes with the next run', async () => {
      const whole = (n: number): string => `${n}\n${'x'.repeat(20_000)}\nend`;
      const isWhole = (text: string | undefined): boolean =>
        text === undefined || text === whole(Number.parseInt(text));
      const code = `import { openOutput, openAppending } from '${module}';
        process.stdout.write('up');
        for (let n = Number(process.argv[1]); ; n++) {
          const text = \`\${n}\\n\${'x'.repeat(20_000)}\\nend\`;
          for (const f of [openOutput(${JSON.stringify(path)}, { backup: ${JSON.stringify(`${path}.old`)} }), openOutput(${JSON.stringify(dir.file('text'))})]) {
            for (let i = 0; i < text.length; i += 5000) f.write(Buffer.from(text.slice(i, i + 5000)));
            f.commit();
          }
        }`;
      let [last, seen] = [0, 0];
      for (let round = 0; round < 12; round++) {
        const child = spawn(process.execPath, ['--input-type=module', '-e', code, String(last + 1)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        await once(child.stdout, 'data');
        await new Promise((wait) => setTimeout(wait, (round * 7) % 40));
        child.kill('SIGKILL');
        await once(child, 'close');
        for (const name of [path, `${path}.old`, dir.file('text')]) expect(isWhole(read(name)), name).to.equal(true);
        const now = Number.parseInt(read(path) ?? '0');
        if (existsSync(path) && existsSync(`${path}.old`))
          expect(now - Number.parseInt(read(`${path}.old`)!)).to.be.oneOf([0, 1]);
        expect(now).to.be.at.least(last);
        last = now;
        seen += left().length;
        expect(left().length).to.be.lessThan(4);
      }
      expect(last).to.be.greaterThan(0);
      expect(seen).to.be.greaterThan(0);
      written(openOutput(dir.file('next')));
      expect(left()).to.deep.equal([]);
    });

    it('only leftovers of one’s own processes that have surely ended are removed', async () => {
      const sleeper = spawn(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `import { openOutput } from '${module}'; openOutput(${JSON.stringify(path)}); console.log(); setInterval(() => {}, 1e6);`,
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(sleeper.stdout, 'data');
      const [living] = left();
      const [, pid, start, boot, namespace] = /-(\d+)-(\d+)-([0-9a-f]+)-(\d+)-0$/.exec(living!)!;
      expect(Number(pid)).to.equal(sleeper.pid);
      const name = (...parts: (string | undefined)[]): string => `.out.txt.gperf-${parts.join('-')}`;
      const reused = name(pid, String(Number(start) + 1), boot, namespace, '0');
      const gone = name('4194305', start, boot, namespace, '3');
      const elsewhere = name('4194305', start, '01234567', namespace, '0');
      const contained = name('4194305', start, boot, '1', '0');
      const forgotten = name('4194306', start, '01234567', namespace, '0');
      const notOurs = ['.out.txt.gperf-1-2-3', '.gperf-notes', 'x.gperf-4194305-1-1-1-1', '.out.txt.123.0'];
      for (const file of [reused, gone, elsewhere, contained, forgotten, ...notOurs]) writeFileSync(dir.file(file), '');
      mkdirSync(dir.file(name('4194307', start, boot, namespace, '0')));
      utimesSync(dir.file(forgotten), 1e9, 1e9);
      const foreign = name('4194308', start, boot, namespace, '0');
      if (process.getuid?.() === 0) {
        writeFileSync(dir.file(foreign), '');
        fs.chownSync(dir.file(foreign), 1234, 1234);
      }
      written(openOutput(dir.file('other')));
      const stay = [living!, elsewhere, contained, name('4194307', start, boot, namespace, '0'), ...notOurs, 'other'];
      if (process.getuid?.() === 0) stay.push(foreign);
      expect(readdirSync(dir.path).toSorted()).to.deep.equal(stay.toSorted());
      sleeper.kill('SIGKILL');
      await once(sleeper, 'close');
      createWhole(dir.file('other'), new Uint8Array(), 0o755);
      expect(left()).to.not.include(living);
    });

    it('a process that ends in any other way cleans up after itself', () => {
      const code = `import { openOutput } from '${module}'; openOutput(${JSON.stringify(path)}); process.exit(1);`;
      spawnSync(process.execPath, ['--input-type=module', '-e', code]);
      expect(readdirSync(dir.path)).to.deep.equal([]);
    });

    it('two names of one file, which a kill between the renames leaves, are no trouble', () => {
      writeFileSync(path, OLD);
      linkSync(path, `${path}.old`);
      written(openOutput(path, BACKUP));
      expect([read(path), read(`${path}.old`), left().length]).to.deep.equal([NEW, OLD, 0]);
    });
  });
});
