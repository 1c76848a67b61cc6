/**
 * What the system tells about the threads of this process: /proc/self/task/TID/schedstat and stat.
 *
 * Not modelled: systems without /proc, where threads cannot be told apart: all that the process uses counts for each, and
 * none is ever known to be asleep.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { ownThread, type ThreadClock } from '../experiment/patience.ts';

const NS_PER_MS = 1e6;
const US_PER_MS = 1e3;

export const threadClock: ThreadClock = {
  cpuTime(thread) {
    try {
      return Number.parseInt(readFileSync(`/proc/self/task/${thread}/schedstat`, 'latin1'), 10) / NS_PER_MS;
    } catch {
      // It has ended, of which its thread of Node is about to tell.
      if (existsSync('/proc/self/task')) return undefined;
      const { user, system } = process.cpuUsage();
      return (user + system) / US_PER_MS;
    }
  },
  memory: () => process.memoryUsage.rss(),
  atRest() {
    const own = String(ownThread());
    try {
      return readdirSync('/proc/self/task').every((thread) => thread === own || isAsleep(thread));
    } catch {
      return false;
    }
  },
};

/** S: it waits for something other than a processor or a disk. */
function isAsleep(thread: string): boolean {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
  return stat[stat.lastIndexOf(')') + 2] === 'S';
}
