/**
 * Items of a workload file about threads, processes and what they wait for each other by: from plain values to nodes.
 * Not modelled: see arch/sync.ts.
 */
import {
  barrier,
  exit,
  fork,
  join,
  lock,
  mutex,
  pipe,
  post,
  read,
  semaphore,
  sleep,
  spawn,
  start,
  take,
  unlock,
  wait,
  write,
} from './build.ts';
import { didYouMean } from './fault.ts';
import type { Node, ObjectSpec, Quantity, Sync, WORDS } from './program.ts';

/** Keys of these items, as their schemas leave them; each item has some of these. */
export interface SyncShape {
  readonly lock: string;
  readonly unlock: string;
  readonly wait: string;
  readonly post: string;
  readonly take: string;
  readonly read: string;
  readonly write: string;
  readonly bytes?: Quantity;
  readonly spawn: string;
  readonly fork: string;
  readonly times?: Quantity;
  readonly cpu?: Quantity;
  readonly sleep: Quantity;
}

/** By the key that names the kind of the item. */
export const SYNC_ITEMS = new Map<string, (item: SyncShape) => Sync>([
  ['lock', (item) => lock(item.lock)],
  ['unlock', (item) => unlock(item.unlock)],
  ['wait', (item) => wait(item.wait)],
  ['post', (item) => post(item.post)],
  ['take', (item) => take(item.take)],
  ['read', (item) => read(item.read, item.bytes)],
  ['write', (item) => write(item.write, item.bytes)],
  ['spawn', (item) => spawn(item.spawn, item.times, item.cpu)],
  ['fork', (item) => fork(item.fork, item.times)],
  ['sleep', (item) => sleep(item.sleep)],
]);

const WORD_NODES: Readonly<Record<(typeof WORDS)[number], () => Node>> = { join, wait, exit, start };
/** Items that are a word. */
export const WORD_ITEMS: ReadonlyMap<string, () => Node> = new Map(Object.entries(WORD_NODES));

/** Kinds of object with a number, and without. */
const COUNTED = new Map([
  ['barrier', barrier],
  ['semaphore', semaphore],
  ['pipe', pipe],
]);
const PLAIN = new Map([
  ['mutex', mutex],
  ['semaphore', semaphore],
  ['pipe', pipe],
]);
/** Characters of a quoted word. */
const MOST_SHOWN = 60;
const KINDS = ['mutex', ...COUNTED.keys()];

/** The object that a plain value declares: `mutex`, or a mapping such as `{ barrier: 4 }`; or what is wrong with it. */
export function declared(name: string, value: unknown): ObjectSpec | string {
  const [[kind, number] = [String(value), undefined], ...more]: [string, unknown][] =
    typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (more.length > 0) return 'an object is of one kind only';
  const plain = number === undefined ? PLAIN.get(kind) : undefined;
  if (plain !== undefined) return plain(name);
  const counted = COUNTED.get(kind);
  if (counted === undefined && kind === 'mutex') return 'a mutex has no number: write `mutex`';
  if (counted === undefined) return `"${kind.slice(0, MOST_SHOWN)}" is no kind of object${didYouMean(kind, KINDS)}`;
  if (typeof number === 'number' || typeof number === 'string') return counted(name, number);
  return `${kind}: expected a number, as in {${kind}: 4}`;
}
