/**
 * Temporary files: created beside their final place, so that a rename or a link puts them there whole, and cleaned up
 * if the process that made them has died.
 *
 *   .NAME.gperf-PID-START-BOOT-NAMESPACE-N
 *
 * NAME is the beginning of the final name. PID and START (clock ticks since boot) identify a process even if its pid
 * is used again; BOOT and NAMESPACE say where that pid is valid, because the processes of another host or container
 * that shares the directory cannot be seen from here. Files of those, and of an earlier boot, are left alone for a
 * week. A process that ends removes its own files; what kill -9 left is removed by the next process that writes to the
 * directory.
 *
 * Not modelled: systems without /proc, where no process is known to be dead and only the week counts.
 */
import {
  closeSync,
  fchmodSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  unlinkSync,
  type Stats,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoOf } from './errors.ts';
import { writeFully } from './write.ts';

/** Short enough for any file system (some allow 143 bytes). */
const NAME_BYTES = 48;
const WEEK_MS = 7 * 24 * 3600 * 1000;
const UNKNOWN = '0';
const PATTERN = /^\..*\.gperf-([1-9]\d*)-(\d+)-([0-9a-f]+)-(\d+)-\d+$/s;

const here = (read: () => string): string => {
  try {
    return read();
  } catch {
    return UNKNOWN;
  }
};

/** Fields 3 and 22 of /proc/PID/stat; the name before them may hold anything. */
function processOf(pid: number | 'self'): { readonly state: string; readonly start: string } | undefined {
  const stat = here(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, start] = [fields[0], fields[19]];
  return state === undefined || start === undefined ? undefined : { state, start };
}

interface Owner {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
  readonly namespace: string;
}

let self: Owner | undefined;

/** What could not be found out, say for lack of descriptors, is tried again next time. */
function me(): Owner {
  if (self !== undefined) return self;
  const found = {
    pid: process.pid,
    start: processOf('self')?.start ?? UNKNOWN,
    boot: here(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)),
    namespace: here(() => /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? UNKNOWN),
  };
  if (!Object.values(found).includes(UNKNOWN)) self = found;
  return found;
}

/** The beginning of a name, cut between characters. */
const shortened = (name: string): string =>
  Buffer.from(name)
    .subarray(0, NAME_BYTES)
    .toString()
    .replace(/\uFFFD$/, '');

function candidate(path: string, n: number): string {
  const { pid, start, boot, namespace } = me();
  const name = `.${shortened(basename(path))}.gperf-${pid}-${start}-${boot}-${namespace}-${n}`;
  return `${dirname(path)}/${name}`;
}

/** This process's files, to be removed at its end. */
const pending = new Set<string>();
let waiting = false;
let told: (name: string, exists: boolean) => void = () => undefined;

/** A thread tells of its files: its process may end without it. */
export function tellTemporaries(tell: typeof told): void {
  told = tell;
}

function forget(name: string): void {
  if (pending.delete(name)) told(name, false);
}

function removeAll(): void {
  for (const name of pending) tryUnlink(name);
  pending.clear();
}

function tryUnlink(name: string): void {
  try {
    unlinkSync(name);
  } catch {
    // It is gone, or not ours to remove.
  }
}

function claimed<T>(path: string, claim: (name: string) => T): { readonly got: T; readonly name: string } {
  if (!waiting) process.on('exit', removeAll);
  waiting = true;
  for (let n = 0; ; n++) {
    const name = candidate(path, n);
    try {
      const got = claim(name);
      pending.add(name);
      told(name, true);
      return { got, name };
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
}

/** Creates a file with a free name in the directory of `path`, and removes what dead processes left there. */
export function createBeside(path: string, mode = 0o600): { readonly fd: number; readonly name: string } {
  const { got: fd, name } = claimed(path, (free) => openSync(free, 'wx', mode));
  sweep(dirname(path), statOf(name)?.mtimeMs ?? 0);
  return { fd, name };
}

/** Gives a file a second, unused name in its directory. */
export const linkBeside = (path: string): string => claimed(path, (free) => linkSync(path, free)).name;

/** Forgets a name that has reached its place. */
export function release(name: string): void {
  forget(name);
}

/** Removes the name if it still exists. */
export function discard(name: string): void {
  tryUnlink(name);
  forget(name);
}

/** Errors of file systems without hard links, or that forbid this one. */
export const NO_LINK: ReadonlySet<string> = new Set([
  'EPERM',
  'EACCES',
  'EMLINK',
  'ENOSYS',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EXDEV',
  'EINVAL',
]);

/** Creates a complete file unless something is there; returns whether it did. Throws errors of the system. */
export function createWhole(path: string, content: Uint8Array, mode: number): boolean {
  if (lstatSync(path, { throwIfNoEntry: false })) {
    sweep(dirname(path), 0);
    return false;
  }
  const { fd, name } = createBeside(path);
  try {
    try {
      writeFully(path, fd, content);
      fchmodSync(fd, mode);
    } finally {
      closeSync(fd);
    }
    return placeUnlessThere(name, path);
  } finally {
    discard(name);
  }
}

/** Unlike rename(2), link(2) does not replace what another process put there meanwhile. */
export function placeUnlessThere(name: string, path: string): boolean {
  try {
    linkSync(name, path);
    return true;
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (code === 'EEXIST') return false;
    if (!NO_LINK.has(code) || lstatSync(path, { throwIfNoEntry: false })) throw error;
    renameSync(name, path);
    return true;
  }
}

/** Removes what dead processes of this user left in a directory; `now` is its file system's time, ms. */
function sweep(dir: string, now: number): void {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch {
    return;
  }
  for (const name of names) {
    const [, pid, start, boot, namespace] = PATTERN.exec(name) ?? [];
    const path = `${dir}/${name}`;
    if (pid === undefined || pending.has(path)) continue;
    const stat = statOf(path);
    if (stat === undefined || stat.uid !== process.geteuid?.() || !(stat.isFile() || stat.isSymbolicLink())) continue;
    const dead =
      boot === me().boot && namespace === me().namespace && boot !== UNKNOWN
        ? !isAlive(Number(pid), start!)
        : now - stat.mtimeMs > WEEK_MS;
    if (dead) tryUnlink(path);
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number, start: string): boolean {
  const found = processOf(pid);
  // A zombie writes nothing more.
  if (found !== undefined) return (found.start === start || start === UNKNOWN) && !'ZX'.includes(found.state);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
