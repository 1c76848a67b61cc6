/**
 * What a stop of the execution engine costs.
 *
 *     npm run build && node dist/test/bench/engine-bench.js
 *
 * The figures are the least and the median of many short rounds in one process after warming up; on a busy machine
 * only the least counts.
 */
import { COLUMN, CYCLES, type EventColumn, INSTRUCTIONS, TRAPS } from '../../src/arch/events.ts';
import { compile } from '../workload/compiled.ts';
import type { CompiledProgram } from '../../src/workload/compile.ts';
import type { Node, Program } from '../../src/workload/program.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

const ROUNDS = 25;

/** Stops every `period` cycles (with a jitter of a few, as interrupts have) up to `stops` times; microseconds each. */
function round(
  image: CompiledProgram,
  columns: readonly EventColumn[],
  period: number,
  stops: number,
  seed: string,
): number {
  const cursor = image.start(seed);
  cursor.arm(columns);
  const limits = new Float64Array(columns.length).fill(Infinity);
  const start = performance.now();
  let n = 0;
  for (; n < stops; n++) {
    limits[0] = cursor.counts[0]! + period + (n & 7);
    if (cursor.advance(limits) < 0) break;
    if (cursor.ip === 0) throw new Error('no ip');
  }
  return ((performance.now() - start) * 1000) / n;
}

function measure(
  label: string,
  image: CompiledProgram,
  columns: readonly EventColumn[],
  period: number,
  stops: number,
): void {
  const times = Array.from({ length: ROUNDS }, (_, i) => round(image, columns, period, stops, `round ${i}`));
  times.sort((a, b) => a - b);
  const [least, median] = [times[0]!, times[ROUNDS >> 1]!];
  process.stdout.write(
    `${label.padEnd(52)} min ${least.toFixed(2).padStart(6)}  median ${median.toFixed(2).padStart(6)} us\n`,
  );
}

/** ftest with another number of iterations. */
function withIterations(program: Program, times: number): Program {
  const change = (body: readonly Node[]): Node[] =>
    body.map((node) => (node.kind === 'loop' && node.times === 110_000_000 ? { ...node, times } : node));
  return { ...program, functions: program.functions.map((f) => ({ ...f, body: change(f.body) })) };
}

const program = await loadWorkload('ftest');
const ftest = compile(program);
const two = [CYCLES, TRAPS];
const three = [CYCLES, TRAPS, INSTRUCTIONS];
const nine = [
  ...three,
  ...(['branches', 'branch-misses', 'LLC-misses', 'LLC-references', 'near-calls', 'uops-retired'] as const).map(
    (e) => COLUMN[e],
  ),
];
const { tables } = ftest;
process.stdout.write(`ftest: ${tables.nodes} nodes, ${tables.entries} entries\n`);
for (let i = 0; i < 4; i++) round(ftest, three, 56_000, 30_000, 'warm');
measure('700k cycles (4 kHz), 2 columns', ftest, two, 700_000, 1_500);
measure('700k cycles (4 kHz), 3 columns', ftest, three, 700_000, 1_500);
measure('700k cycles (4 kHz), 9 columns', ftest, nine, 700_000, 1_500);
measure('56k cycles (50 kHz), 2 columns', ftest, two, 56_000, 4_000);
measure('56k cycles (50 kHz), 3 columns', ftest, three, 56_000, 4_000);
for (const n of [1e6, 1e7, 1e8, 1e9, 5e10]) {
  const image = compile(withIterations(program, n));
  const stops = Math.min(1_500, Math.floor((n * 130) / 700_000));
  measure(`700k cycles, 2 columns, ${n.toExponential(0)} iterations`, image, two, 700_000, stops);
}
for (const name of ['noploop', 'leafloop', 'sqrtloop', 'brstack'])
  measure(
    `700k cycles, 2 columns, ${name}`,
    compile(await loadWorkload(name)),
    two,
    name === 'brstack' ? 7_000 : 700_000,
    1_500,
  );
