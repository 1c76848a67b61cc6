/**
 * Shared by the fuzzers: limits of time and memory for one small input, damage to a text, and the script that tries
 * many: [N] [seed].
 */
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Stream } from '../../src/sim/rng.ts';

/** CPU time that no small input may take; time spent waiting for the CPU does not count. */
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

/** What is wrong with the result of `attempt`, or with how long it takes. */
export function within(attempt: () => string | undefined): string | undefined {
  const began = process.cpuUsage();
  return attempt() ?? tooLong(began);
}

/** The same for asynchronous work. */
export async function withinAsync(attempt: () => Promise<string | undefined>): Promise<string | undefined> {
  const began = process.cpuUsage();
  return (await attempt()) ?? tooLong(began);
}

/**
 * Damages a text: characters, words, numbers or lines are replaced, cut out, doubled, swapped, joined or moved.
 * `hostile` is what may be inserted; `others` are whole texts of its kind, one of which may follow where it breaks off.
 */
export function damagedText(
  text: string,
  rng: Stream,
  { hostile, others }: { readonly hostile: readonly string[]; readonly others: readonly string[] },
): string {
  const below = (n: number): number => Math.floor(rng.uniform() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  let now = text;
  for (let times = 1 + below(4); times > 0; times--) {
    const lines = now.split('\n');
    const words = [...now.matchAll(/[\w.$@-]+/g)];
    const [line, other] = [below(lines.length), below(lines.length)];
    const at = below(now.length + 1);
    const word = words.length > 0 ? pick(words) : undefined;
    const put = (what: string): string =>
      word === undefined ? what : now.slice(0, word.index) + what + now.slice(word.index + word[0].length);
    switch (below(13)) {
      case 0:
        now = now.slice(0, at) + pick(hostile) + now.slice(at);
        break;
      case 1:
        now = now.slice(0, at) + String.fromCharCode(32 + below(95)) + now.slice(at + 1);
        break;
      case 2:
        now = now.slice(0, at) + now.slice(at + 1 + below(20));
        break;
      case 3:
        now = lines.toSpliced(line, 1).join('\n');
        break;
      case 4:
        now = lines.toSpliced(line, 0, lines[other]!).join('\n');
        break;
      case 5:
        now = lines.with(line, lines[other]!).with(other, lines[line]!).join('\n');
        break;
      case 6:
        now = lines.toSpliced(line, 2, `${lines[line]!}${lines[line + 1] ?? ''}`).join('\n');
        break;
      case 7:
        now = lines.with(line, `${' '.repeat(below(5))}${lines[line]!.trimStart()}`).join('\n');
        break;
      case 8:
        now = now.replace(/\d+(?:\.\d+)?/g, (number) => (below(lines.length) === 0 ? pick(hostile) : number));
        break;
      case 9:
        now = put(pick(hostile));
        break;
      case 10:
        now = put(word === undefined ? '' : pick(words)[0]);
        break;
      case 11:
        now = put(word === undefined ? '' : word[0].slice(0, below(word[0].length)) + word[0].slice(1));
        break;
      default:
        now = now.slice(0, at) + pick(others).slice(0, below(200));
    }
  }
  return now;
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
