/**
 * Files that gperf writes: a reader sees either the old content or the whole new file, even if the process is killed,
 * the disk is full or a system call fails.
 *
 *   beside     a regular file: written under another name in the same directory, then renamed
 *   in place   a regular file that cannot be renamed over (its directory is not writable, it is a mount point): opened
 *              and overwritten, as perf always does; the old content is written back if that fails, but a kill -9
 *              meanwhile can damage the file
 *   straight   pipes, devices, standard output, and what /dev/stdout and /dev/fd/N lead to
 *
 * As with open(2), symbolic links are followed, even dangling ones; a file that is not writable is refused; and an old
 * file keeps its mode and, if allowed, its owner. If an old file is replaced for good, its successor is on the disk
 * (fsync) before the rename, so that a power failure leaves one of them. Otherwise no time is spent on that: a second
 * run can make the file again.
 *
 * Not modelled: access control lists and extended attributes; other hard links to an old file keep its old content.
 */
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { attempt, errnoOf, PerfDataIoError } from './errors.ts';
import { createBeside, discard, linkBeside, NO_LINK, placeUnlessThere, release } from './temporary.ts';
import { writeFully } from './write.ts';

const STDOUT = 1;
const MODE_BITS = 0o777;
const GROUP_BITS = 0o070;
/** As many links as Linux follows. */
const MOST_LINKS = 40;

export interface OutputOptions {
  /** Mode of a new file, before the umask. */
  readonly mode?: number;
  /** An old file, unless empty, gets this name instead of being removed; the new one then does not keep its mode. */
  readonly backup?: string;
}

/** An output being written. All methods throw PerfDataIoError; repeating commit or abort does nothing. */
export interface OutputFile {
  readonly path: string;
  /** Whether writes may go anywhere, or only append. */
  readonly kind: 'file' | 'device' | 'pipe';
  /** Without a position, writes where the last such write ended. */
  write(bytes: Uint8Array, position?: number): void;
  /** Everything is written: puts the file in its place. */
  commit(): void;
  /** Gives up: the old file stays. */
  abort(): void;
}

/** Opens an output, so that a wrong path fails now and not after the work; "-" is standard output. */
export function openOutput(path: string, options: OutputOptions = {}): OutputFile {
  if (path === '-') return new Straight(path, STDOUT);
  return attempt('open', path, () => {
    if (path === '') throw errno('ENOENT');
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() || path.endsWith('/')) throw errno('EISDIR');
    if (stat !== undefined && !stat.isFile()) return new Straight(path, openSync(path, 'w'));
    const keepsOld = options.backup !== undefined && stat !== undefined && stat.size > 0;
    const target = keepsOld ? path : followed(path);
    if (target === undefined) return new InPlace(path, openSync(path, 'w'), true);
    if (keepsOld) backupPossible(options.backup);
    else if (stat !== undefined) accessSync(target, constants.W_OK);
    try {
      return new Beside(path, target, keepsOld ? undefined : stat, options);
    } catch (error) {
      if (keepsOld || stat === undefined || !NO_RENAME.has(errnoOf(error) ?? '')) throw error;
      return new InPlace(path, openSync(target, 'r+'), stat.size === 0);
    }
  });
}

/** Errors from a directory where nothing can be created or renamed, though its files may be writable. */
const NO_RENAME: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV', 'ENAMETOOLONG']);
/** The error that the system would return. */
const errno = (code: string): Error => Object.assign(new Error(code), { code, syscall: 'open' });

/** The target of symbolic links, existing or not; undefined if it is a process's open file. */
function followed(path: string): string | undefined {
  let at = path;
  for (let links = 0; links <= MOST_LINKS; links++) {
    if (/^\/(?:proc\/|dev\/fd\/)/.test(at)) return undefined;
    if (!lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) return at;
    const next = readlinkSync(at);
    at = isAbsolute(next) ? next : `${dirname(at)}/${next}`;
  }
  throw errno('ELOOP');
}

/** As perf does, removes a directory of that name; done first, so that a failure costs no run. */
function backupPossible(old: string): void {
  const stat = attempt('move', old, () => lstatSync(old, { throwIfNoEntry: false }));
  if (stat?.isDirectory()) attempt('remove', old, () => rmdirSync(old));
}

class Straight implements OutputFile {
  readonly path: string;
  readonly kind: 'device' | 'pipe';
  #fd: number | undefined;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
    this.kind = path !== '-' && attempt('open', path, () => fstatSync(fd)).isCharacterDevice() ? 'device' : 'pipe';
  }
  write(bytes: Uint8Array): void {
    writeFully(this.path, this.#fd!, bytes);
  }
  commit(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined && fd !== STDOUT) attempt('write', this.path, () => closeSync(fd));
  }
  abort(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined && fd !== STDOUT) leave(fd);
  }
}

class Beside implements OutputFile {
  readonly path: string;
  readonly kind = 'file';
  readonly #target: string;
  readonly #old: Stats | undefined;
  readonly #backup: string | undefined;
  readonly #name: string;
  #fd: number | undefined;

  /** `old` is the file being replaced. */
  constructor(path: string, target: string, old: Stats | undefined, { backup, mode = 0o666 }: OutputOptions) {
    this.path = path;
    this.#target = target;
    this.#old = old;
    this.#backup = target === path ? backup : undefined;
    const { fd, name } = createBeside(target, old === undefined ? mode : 0o600);
    this.#fd = fd;
    this.#name = name;
  }

  write(bytes: Uint8Array, position?: number): void {
    writeFully(this.path, this.#fd!, bytes, position);
  }

  commit(): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    try {
      if (this.#old !== undefined) takeAfter(fd, this.#old);
      if (this.#old !== undefined && this.#old.size > 0) attempt('write', this.path, () => flush(fd));
      this.#fd = undefined;
      attempt('write', this.path, () => closeSync(fd));
      this.#place();
      release(this.#name);
    } catch (error) {
      this.abort();
      discard(this.#name);
      throw error;
    }
  }

  #place(): void {
    const back = this.#backup === undefined ? undefined : keepOld(this.path, this.#backup);
    try {
      renameSync(this.#name, this.#target);
    } catch (error) {
      back?.();
      if (this.#old === undefined || !NO_RENAME.has(errnoOf(error) ?? ''))
        throw new PerfDataIoError('open', this.path, error);
      const file = new InPlace(
        this.path,
        attempt('open', this.path, () => openSync(this.#target, 'r+')),
        false,
      );
      file.write(attempt('read', this.#name, () => readFileSync(this.#name)));
      file.commit();
      discard(this.#name);
    }
  }

  abort(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd === undefined) return;
    leave(fd);
    discard(this.#name);
  }
}

/** Closes a file that is no longer needed. */
function leave(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // The file is given up, so an error in closing costs nothing.
  }
}

/**
 * Gives a file that only its owner may use the mode and owner of another, as far as the system allows; if the group
 * cannot be kept, the new group gets no rights.
 */
function takeAfter(fd: number, { mode, uid, gid }: Stats): void {
  const allowed = (call: () => void): boolean => {
    try {
      call();
      return true;
    } catch {
      return false;
    }
  };
  allowed(() => {
    const now = fstatSync(fd);
    const grouped = now.gid === gid || allowed(() => fchownSync(fd, now.uid, gid));
    if (now.uid !== uid) allowed(() => fchownSync(fd, uid, grouped ? gid : now.gid));
    fchmodSync(fd, mode & MODE_BITS & (grouped ? MODE_BITS : ~GROUP_BITS));
  });
}

/** fsync(2), which some file systems lack. */
function flush(fd: number): void {
  try {
    fsyncSync(fd);
  } catch (error) {
    if (!['EINVAL', 'ENOSYS', 'ENOTSUP', 'EROFS'].includes(errnoOf(error) ?? '')) throw error;
  }
}

/**
 * Gives the file at `path` the name `old` as well. At every moment both names, if they exist, lead to whole files.
 * Returns how to undo this if the new file does not come.
 */
function keepOld(path: string, old: string): (() => void) | undefined {
  return attempt('move', path, () => {
    if (!statSync(path, { throwIfNoEntry: false })?.size) return undefined;
    let second: string;
    try {
      second = linkBeside(path);
    } catch (error) {
      if (!NO_LINK.has(errnoOf(error) ?? '')) throw error;
      renameSync(path, old);
      return () => renameSync(old, path);
    }
    try {
      renameSync(second, old);
    } finally {
      // rename(2) does nothing if both names are the same file already.
      discard(second);
    }
    return undefined;
  });
}

class InPlace implements OutputFile {
  readonly path: string;
  readonly kind = 'file';
  /** An empty file loses nothing if written at once. */
  readonly #wasEmpty: boolean;
  readonly #parts: Uint8Array[] = [];
  #fd: number | undefined;

  constructor(path: string, fd: number, wasEmpty: boolean) {
    this.path = path;
    this.#fd = fd;
    this.#wasEmpty = wasEmpty;
  }

  write(bytes: Uint8Array, position?: number): void {
    if (this.#wasEmpty) writeFully(this.path, this.#fd!, bytes, position);
    else this.#parts.push(Uint8Array.from(bytes));
  }

  commit(): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    try {
      if (!this.#wasEmpty) this.#overwrite(fd, Buffer.concat(this.#parts));
    } catch (error) {
      leave(fd);
      throw error;
    }
    attempt('write', this.path, () => closeSync(fd));
  }

  #overwrite(fd: number, bytes: Uint8Array): void {
    const before = attempt('read', this.path, () => readFileSync(fd));
    try {
      writeFully(this.path, fd, bytes, 0);
      attempt('write', this.path, () => ftruncateSync(fd, bytes.length));
    } catch (error) {
      restored(fd, before);
      throw error;
    }
  }

  abort(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd === undefined) return;
    if (this.#wasEmpty) restored(fd, new Uint8Array());
    leave(fd);
  }
}

/** Writes back a file's old content: its blocks still exist, so even a full disk has room. */
function restored(fd: number, before: Uint8Array): void {
  try {
    for (let done = 0; done < before.length;) done += writeSync(fd, before, done, before.length - done, done);
    ftruncateSync(fd, before.length);
  } catch {
    // The first error already says what is wrong.
  }
}

/**
 * Opens a file for appending: its content is never touched, nor what others append meanwhile. If a write fails, what
 * was written of it is removed.
 */
export function openAppending(path: string): OutputFile {
  return attempt('open', path, () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return new Appending(path, followed(path) ?? path);
    return stat.isFile() ? new Appending(path, path, openSync(path, 'a')) : openOutput(path);
  });
}

class Appending implements OutputFile {
  readonly path: string;
  readonly kind = 'file';
  readonly #target: string;
  readonly #parts: Uint8Array[] = [];
  /** A new file, under another name. */
  #fresh: { readonly fd: number; readonly name: string } | undefined;
  #fd: number | undefined;

  constructor(path: string, target: string, fd?: number) {
    this.path = path;
    this.#target = target;
    this.#fd = fd;
    if (fd === undefined) this.#fresh = createBeside(target, 0o666);
  }

  write(bytes: Uint8Array): void {
    this.#parts.push(Uint8Array.from(bytes));
  }

  commit(): void {
    const bytes = Buffer.concat(this.#parts.splice(0));
    try {
      if (this.#fresh !== undefined) {
        const { fd, name } = this.#fresh;
        writeFully(this.path, fd, bytes);
        if (attempt('open', this.path, () => placeUnlessThere(name, this.#target))) return;
        this.#fd = attempt('open', this.path, () => openSync(this.#target, 'a'));
      }
      if (this.#fd !== undefined) this.#add(this.#fd, bytes);
    } finally {
      this.abort();
    }
  }

  #add(fd: number, bytes: Uint8Array): void {
    attempt('write', this.path, () => {
      const { size } = fstatSync(fd);
      let done = 0;
      try {
        while (done < bytes.length) done += writeSync(fd, bytes, done);
      } catch (error) {
        if (done > 0 && fstatSync(fd).size === size + done) ftruncateSync(fd, size);
        throw error;
      }
    });
  }

  abort(): void {
    if (this.#fresh !== undefined) {
      leave(this.#fresh.fd);
      discard(this.#fresh.name);
    }
    if (this.#fd !== undefined) leave(this.#fd);
    this.#fresh = this.#fd = undefined;
  }
}
