/**
 * `npm run versus -- BASE HEAD [ROUNDS] [JOB...]`: the CPU time of commit HEAD in that of BASE, job by job; only of the
 * jobs in whose names one of the words JOB is.
 *
 * Both are built side by side in a temporary directory. In every round each job runs with both, one right after the
 * other in alternating order, so that other load affects both alike. Printed is the ratio of user and system time of
 * all threads, as the geometric mean over the rounds with its 95 % interval (Student's t of the logarithms). Both read
 * the same recordings, made by BASE. Not measured: time waited, memory; see also meter.ts.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { usedOf, writeMeter } from './meter.ts';
import { average, ratioOf } from './ratio.ts';

const ROUNDS = 10;
const RECORD = ['record', '-e', 'cpu-cycles', '--all-user', '-o'];
const PROGRAM = './workloads/ftest';
const EVENTS = 'branches,cpu-cycles,L1-icache-load-misses,branch-load-misses,branch-loads,dTLB-load-misses';

const [base, head, rounds = String(ROUNDS), ...jobs] = process.argv.slice(2);
if (base === undefined || head === undefined || !(Number(rounds) >= 2)) {
  process.stderr.write(
    'Usage: npm run versus -- BASE HEAD [ROUNDS] [JOB...]: two commits, how often each job is run (2 or more), which jobs\n',
  );
  process.exit(2);
}

const temporary = mkdtempSync(join(tmpdir(), 'gperf-versus-'));
const meter = writeMeter(join(temporary, 'meter.cjs'));
/** The terminal sends ^C to the processes itself; this one goes on until it has tidied up. */
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (interrupted = true));

/** Runs a command; returns what it wrote to descriptor 3. */
async function run(words: readonly string[], cwd: string, env = process.env): Promise<string> {
  const child = spawn(words[0]!, words.slice(1), { cwd, env, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
  const texts = ['', ''];
  [child.stderr!, child.stdio[3] as NodeJS.ReadableStream].forEach((stream, i) =>
    stream.on('data', (data: Buffer) => (texts[i] += data.toString())),
  );
  const status = await new Promise((done, failed) => child.on('error', failed).on('close', done));
  if (interrupted) throw new Error('interrupted');
  if (status !== 0) throw new Error(`${words.join(' ')} failed in ${cwd}:\n${texts[0]}`);
  return texts[1]!;
}

/** A commit's files and build; libraries are the checkout's if the commit asks for the same. */
async function build(commit: string, name: string): Promise<string> {
  const directory = join(temporary, name);
  mkdirSync(directory);
  await run(['sh', '-c', 'git archive "$1" | tar -x -C "$2"', 'sh', commit, directory], process.cwd());
  if (!existsSync(join(directory, 'package-lock.json'))) throw new Error(`${commit} is no commit of gperf`);
  const locks = ['.', directory].map((at) => readFileSync(join(at, 'package-lock.json'), 'utf8'));
  if (locks[0] === locks[1]) symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  else await run(['npm', 'install', '--no-save', '--ignore-scripts', '--prefer-offline'], directory);
  // Not only a build: some commits also make a code cache for what they ship.
  await run(['npm', 'run', 'prepare'], directory);
  return directory;
}

/** CPU seconds of one run of gperf. */
const seconds = async (directory: string, args: readonly string[]): Promise<number> =>
  usedOf(
    await run([process.execPath, '--require', meter, binOf(directory), ...args], directory, {
      ...process.env,
      HOME: temporary,
    }),
  ).cpu;

/** What its package.json says `gperf` is. */
const binOf = (directory: string): string =>
  (JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { bin: { gperf: string } }).bin.gperf;

const recording = (vpmu: string): string => join(temporary, `${vpmu}.data`);
const FAST = ['-F', '50000'];
const ALL: Readonly<Record<string, readonly string[]>> = {
  'record --vpmu host': [...RECORD, 'made.data', '--vpmu', 'host', PROGRAM],
  'record, 50 kHz': [...RECORD, 'made.data', ...FAST, '--vpmu', 'host', PROGRAM],
  'record --vpmu v2': [...RECORD, 'made.data', '--vpmu', 'v2', PROGRAM],
  'record --vpmu legacy': [...RECORD, 'made.data', '--vpmu', 'legacy', PROGRAM],
  'record of true': [...RECORD, 'made.data', '--vpmu', 'host', 'true'],
  stat: ['stat', '--vpmu', 'host', '-e', EVENTS, PROGRAM],
  report: ['report', '--stdio', '-i', recording('v2')],
  script: ['script', '-i', recording('v2')],
  compare: ['compare', recording('legacy'), recording('v2')],
  '--version': ['--version'],
  '-h': ['-h'],
};
const JOBS = Object.fromEntries(
  Object.entries(ALL).filter(([job]) => jobs.length === 0 || jobs.some((word) => job.includes(word))),
);

async function measure(): Promise<void> {
  const sides = [await build(base!, 'base'), await build(head!, 'head')];
  for (const vpmu of ['legacy', 'v2']) await seconds(sides[0]!, [...RECORD, recording(vpmu), '--vpmu', vpmu, PROGRAM]);
  const spent = Object.values(JOBS).map(() => [[], []] as [number[], number[]]);
  for (let round = 0; round < Number(rounds); round++)
    for (const [job, args] of Object.values(JOBS).entries())
      for (const side of (round + job) % 2 === 0 ? [0, 1] : [1, 0])
        spent[job]![side]!.push(await seconds(sides[side]!, args));
  process.stdout.write(`CPU time of ${head} in that of ${base}, ${rounds} rounds\n\n`);
  process.stdout.write(`${'job'.padEnd(22)}${'base s'.padStart(8)}${'head s'.padStart(8)}   ratio   95 %\n`);
  Object.keys(JOBS).forEach((job, i) => {
    const [before, after] = spent[i]!;
    const [ratio, low, high] = ratioOf(after, before).map((x) => x.toFixed(3));
    const [a, b] = [before, after].map((x) => average(x).toFixed(3).padStart(8));
    process.stdout.write(`${job.padEnd(22)}${a}${b}   ${ratio}   ${low} .. ${high}\n`);
  });
}

try {
  await measure();
} catch (error) {
  process.stderr.write(`versus: ${(error as Error).message}\n`);
  process.exitCode = interrupted ? 130 : 1;
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
