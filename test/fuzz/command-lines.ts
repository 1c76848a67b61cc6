/**
 * Random command lines: node dist/test/fuzz/command-lines.js [N] [seed].
 *
 * Each is a command with some of its options, with values that fit, almost fit or hurt, and a tiny workload or file.
 * It runs in this process, in a directory of its own, with its output caught: it must end in time, with an exit code,
 * and without reporting a bug of its own. The same number and seed make the same words.
 *
 * Not tried: what runs on the pool's threads (bench, reproduce, compare --vpmu) beyond its options, and standard
 * input.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBuiltin } from '../../src/cli/builtins.ts';
import { COMMANDS, type CommandContext } from '../../src/cli/commands.ts';
import { reportError } from '../../src/cli/errors.ts';
import { stream, type Stream } from '../../src/sim/rng.ts';
import { runAsScript, withinAsync } from './harness.ts';

const TRIED = [
  'stat',
  'stat',
  'record',
  'record',
  'truth',
  'explain',
  'list',
  'report',
  'script',
  'evlist',
  'diff',
  'compare',
];
/** Options that wait for standard input, or for very long runs. */
const LEFT_OUT = new Set(['seeds', 'workers', 'interval-print', 'log-fd']);

const EVENTS = [
  'cycles',
  'instructions:u',
  'cpu-clock',
  'page-faults',
  '{cycles,branches}',
  'r1c2',
  'cycles:pp',
  'dTLB-loads',
  'task-clock:k',
  'cycels',
  '{',
  'cpu/event=0x3c/',
  '',
  'cs:u,cycles',
];
const VALUES = [
  '0',
  '1',
  '3',
  '100',
  '1000',
  '99999999',
  '-1',
  '1e9',
  '4294967297',
  '18446744073709551616',
  '0x10',
  'max',
  'x',
  '',
  ' ',
  ',',
  '.',
  '-',
  "'",
  '../..',
  '/dev/null',
  '/',
  'fp',
  'dwarf',
  '\u001B[31m',
  'é',
  '%',
  'sym,dso',
  'overhead',
  'comm',
  '{}',
];
const BY_NAME: Readonly<Record<string, readonly string[]>> = {
  event: EVENTS,
  set: [
    'host.cpus=1',
    'host.hz=1000',
    'guest.hz=100',
    'pmu.gp=0',
    'core.clock=1e8',
    'host.cpus=99999',
    'host.guests=1',
    'skid.mean=1e6',
    'x=1',
    '=',
    'host.ipi=cold',
    'guest.background=20000',
    'host.perf=record',
    '__proto__=1',
  ],
  vpmu: ['host', 'v2', 'legacy', 'none', 'mediated', 'reuse-lazy', 'v3', ''],
  machine: ['broadwell-ep', 'icelake-sp', 'sapphire-rapids', 'cascadelake-ap', 'x', 'm.yaml', 'none.yaml', '.'],
  input: ['a.data', 'b.data', 'none.data', 'text', '.'],
  output: ['o.data', '.', '/dev/null', '/dev/full', 'none/x'],
  count: ['100', '1000', '100000', '1', '0', 'x'],
  freq: ['100', '1000', '100000', 'max', '0', 'x'],
  repeat: ['1', '2', '3', '-1', '101'],
  timeout: ['10', '100', '1', 'x'],
  seed: ['a', '', '1'],
};
const WORKLOADS = [
  'true',
  './tiny',
  './tiny.yaml',
  'sleep 0.001',
  'noploop 0.001',
  'none',
  './none',
  '',
  'noploop x',
  '/dev/null',
  'tiny',
  '.',
];
const FILES = [
  'a.data',
  'b.data',
  'none.data',
  'text',
  '.',
  'truth',
  'truth:true',
  'truth:./tiny',
  'truth:',
  '/dev/null',
];
const TOPICS: Readonly<Record<string, readonly string[]>> = {
  explain: ['pmi', 'rotation', 'switch', 'throttle', 'x', ''],
  list: ['hw', 'vpmu', 'spec', 'machine', 'workload', 'x*', ''],
};

async function words(rng: Stream): Promise<string[]> {
  const below = (n: number): number => Math.floor(rng.uniform() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const command = pick(TRIED);
  const { options } = await COMMANDS.find(({ name }) => name === command)!.table!();
  const out = [command];
  for (let n = below(5); n > 0; n--) {
    const option = pick(options);
    if (LEFT_OUT.has(option.name) || (command === 'compare' && option.name === 'vpmu')) continue;
    const value =
      rng.uniform() < 0.7 && BY_NAME[option.name] !== undefined ? pick(BY_NAME[option.name]!) : pick(VALUES);
    if (option.kind === 'flag' || option.kind === 'count') out.push(`--${option.name}`);
    // What is read of standard input is not there.
    else if (value !== '-')
      out.push(...(rng.uniform() < 0.5 ? [`--${option.name}=${value}`] : [`--${option.name}`, value]));
  }
  if (command === 'record' && !out.some((word) => word.startsWith('--output'))) out.push('-o', 'o.data');
  if (['report', 'script', 'evlist'].includes(command)) return [...out, '-i', pick(BY_NAME['input']!)];
  const operands =
    command === 'diff' || command === 'compare'
      ? [pick(FILES), pick(FILES)]
      : pick(TOPICS[command] ?? WORKLOADS).split(' ');
  if (rng.uniform() < 0.05) operands.push(pick(VALUES));
  return operands[0] === '' && operands.length === 1 ? out : [...out, ...operands.filter((word) => word !== '-')];
}

/** Runs a command with what it prints caught. */
export async function caught(
  argv: readonly string[],
  context: CommandContext,
): Promise<{ code: number; text: string }> {
  const { stdout, stderr } = process;
  const kept = [stdout, stderr].map((to) => Reflect.get(to, 'write') as unknown);
  let text = '';
  const write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    if (typeof chunk === 'string') text += chunk;
    for (const done of rest) if (typeof done === 'function') (done as () => void)();
    return true;
  };
  for (const to of [stdout, stderr]) Reflect.set(to, 'write', write);
  try {
    const [command = '', ...args] = argv;
    const code = await (await loadBuiltin(command)).run(args, context);
    return { code, text };
  } catch (error) {
    const streams = {
      stdout: { write: (said: string) => (text += said) },
      stderr: { write: (said: string) => (text += said) },
    };
    const code = reportError(error, streams, { GPERF_DEBUG: '' });
    if (text.includes('internal error') && error instanceof Error) text += error.stack ?? '';
    return { code, text };
  } finally {
    for (const [i, to] of [stdout, stderr].entries()) Reflect.set(to, 'write', kept[i]);
  }
}

const TINY =
  'about: tiny\nparams: { n: { default: 10, about: rounds } }\nfunctions: { main: [{ loop: "${n}", body: [{ load: 2, misses: { l1: 0.1 } }] }] }\n';

/** Runs a command; returns what is wrong with how it ends, if anything. */
async function misbehaved(argv: readonly string[], context: CommandContext): Promise<string | undefined> {
  const { code, text } = await caught(argv, context);
  if (/internal error|\n {4}at .*:\d+:\d+\)?$/m.test(text)) return text;
  if (!Number.isInteger(code) || code < 0 || code > 255) return `exit code ${code}`;
  const silent = code !== 0 && text === '' && !argv.some((word) => /^(-q|--quiet|--fail-if)/.test(word));
  return silent ? `exit code ${code} and not a word` : undefined;
}

/** Tries command lines number `from` to `to`; yields undefined or what was wrong. */
export async function* tried(seed: string, from: number, to: number): AsyncGenerator<string | undefined> {
  const home = process.cwd();
  const dir = mkdtempSync(join(tmpdir(), 'gperf-fuzz-'));
  const { stdout, stderr } = process;
  const context: CommandContext = { terminal: { stdout, stderr, env: { HOME: dir } }, buildIdDir: join(dir, '.debug') };
  try {
    process.chdir(dir);
    writeFileSync('tiny.yaml', TINY);
    writeFileSync('m.yaml', 'machine: icelake-sp\nhost: { hz: 100 }\n');
    writeFileSync('text', 'main;f 10\nmain;g 3\n');
    await caught(['record', '-q', '--vpmu', 'host', '-c', '10000', '-o', 'a.data', 'noploop', '0.001'], context);
    await caught(['record', '-q', '-g', '-e', 'cpu-clock', '-o', 'b.data', './tiny', '100000'], context);
    for (let i = from; i < to; i++) {
      const argv = await words(stream(seed, `line=${i}`));
      const wrong = await withinAsync(() => misbehaved(argv, context));
      yield wrong === undefined
        ? undefined
        : `line ${i} of seed '${seed}': gperf ${argv.map((word) => JSON.stringify(word)).join(' ')}\n${wrong}`;
    }
  } finally {
    process.chdir(home);
    rmSync(dir, { recursive: true });
  }
}

await runAsScript(import.meta.url, tried, 2000);
