/**
 * What the fuzzers share: limits of time and memory for one small input, and the script that tries many: [N] [seed].
 */
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** CPU time that no small input may take: how long it waits for the CPU is not its fault. */
const MOST_SECONDS = 10;
const MOST_BYTES = 500 * 2 ** 20;
/** Inputs between two looks at the memory, and between two lines of progress. */
const LOOK_EVERY = 50;
const TELL_EVERY = 10_000;

/** Tries inputs number `from` to `to` of a seed; yields what is wrong with each, or undefined. */
export type Tried = (
  seed: string,
  from: number,
  to: number,
) => Iterable<string | undefined> | AsyncIterable<string | undefined>;

const tooLong = (began: NodeJS.CpuUsage): string | undefined => {
  const { user, system } = process.cpuUsage(began);
  const seconds = (user + system) / 1e6;
  return seconds > MOST_SECONDS ? `${seconds.toFixed(1)} seconds` : undefined;
};

/** What is wrong with what `attempt` does, or how long it takes. */
export function within(attempt: () => string | undefined): string | undefined {
  const began = process.cpuUsage();
  return attempt() ?? tooLong(began);
}

/** The same of what takes turns with others. */
export async function withinAsync(attempt: () => Promise<string | undefined>): Promise<string | undefined> {
  const began = process.cpuUsage();
  return (await attempt()) ?? tooLong(began);
}

/** If the module at `url` is what node was started with: tries as many as its words say; the exit code tells whether all went well. */
export async function runAsScript(url: string, tried: Tried, usual: number): Promise<void> {
  if (url !== pathToFileURL(process.argv[1] ?? '').href) return;
  const [count = String(usual), seed = '1'] = process.argv.slice(2);
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  const total = Number(count);
  let [n, failed, largest] = [0, 0, 0];
  for await (const wrong of tried(seed, 0, total)) {
    n++;
    if (wrong !== undefined) {
      failed++;
      process.stdout.write(`${wrong}\n`);
    }
    if (n % LOOK_EVERY === 0) {
      let rss = process.memoryUsage.rss();
      if (rss > MOST_BYTES) {
        collect();
        rss = process.memoryUsage.rss();
      }
      largest = Math.max(largest, rss);
      if (rss > MOST_BYTES) {
        failed++;
        process.stdout.write(`number ${n - 1} of seed ${seed} or one before it: ${Math.round(rss / 2 ** 20)} MB\n`);
      }
    }
    if (n % TELL_EVERY === 0) process.stdout.write(`${n} of ${total}, ${Math.round(largest / 2 ** 20)} MB at most\n`);
  }
  process.stdout.write(`${n} tried, ${failed} failed\n`);
  if (failed > 0) process.exitCode = 1;
}
