/**
 * The text of `gperf explain`: a life as one line per step with its sums, the parts of an exit, and the effects of long
 * PMIs on a kernel.
 */
import type { ExitPart, ExitPartsReport } from '../../results/exit-parts.ts';
import type { Life } from '../../results/life.ts';
import type { ThrottleReport } from '../../results/throttle.ts';

const TIME_WIDTH = 9;

/** One line per step: ns since the start, who, what; then the sums. */
export function* lifeLines({ title, events, steps, summary }: Life): Generator<string> {
  yield `# The life of ${title}.`;
  yield `# Events: ${events}. Times are ns since the start.`;
  yield '';
  const who = Math.max(...steps.map((s) => s.who.length));
  for (const step of steps)
    yield `${String(step.at).padStart(TIME_WIDTH)} ns  ${step.who.padEnd(who)}  ${step.text}`.trimEnd();
  yield '';
  const width = Math.max(...summary.map(([name]) => name.length));
  for (const [name, text] of summary) yield `${name.padEnd(width)}  ${text}`;
}

/** What the kernel does and prints, its limits before and after, and how to read them. */
export function* throttleLines(r: ThrottleReport): Generator<string> {
  const { before, after } = r;
  const lowered = r.kernelLog.length > 0;
  yield `# perf_sample_event_took() of Linux ${r.release}, HZ=${r.hz}, kernel.perf_cpu_time_max_percent=${r.percent},`;
  yield `# when PMIs take ${r.avg_ns} ns on average.`;
  yield '';
  const rows: [string, number, number][] = [
    ['perf_sample_allowed_ns', before.allowed_ns, after.allowed_ns],
    ['max_samples_per_tick', before.max_samples_per_tick, after.max_samples_per_tick],
    ['kernel.perf_event_max_sample_rate', before.sample_rate, after.sample_rate],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, from, to] of rows)
    yield `${name.padEnd(width)}  ${String(from).padStart(7)}${from === to ? '' : ` -> ${to}`}`;
  yield `${'samples of one event in a tick'.padEnd(width)}  ${String(r.samplesPerTick).padStart(7)}`;
  yield '';
  for (const line of r.kernelLog) yield line;
  if (lowered) yield '';
  const verdict = lowered
    ? `PMIs this long are over the ${before.allowed_ns} ns that were allowed, so the limits are lowered until they are set anew`
    : before.allowed_ns === 0
      ? 'At 0 % and at 100 % the kernel does not look at how long PMIs take, and no limit is lowered'
      : `PMIs this long are within the ${before.allowed_ns} ns allowed, and no limit is lowered`;
  yield `${verdict}: an event is stopped for the rest of a tick at its ${ordinal(r.samplesPerTick)} sample in it, that is above ${r.samplesPerTick * r.hz} samples a second.`;
  if (!lowered) return;
  yield '';
  if (after.sample_rate < DEFAULT_FREQ)
    yield `perf record, whose default is ${DEFAULT_FREQ} Hz, asks for ${after.sample_rate} from here on, and lowers a higher -F to that with a warning.`;
  yield `sysctl kernel.perf_event_max_sample_rate=${before.sample_rate} sets the limits anew but keeps the average, and the next PMI lowers them again;`;
  yield 'sysctl kernel.perf_cpu_time_max_percent=0 switches the rule off. Events that were stopped show as THROTTLE and UNTHROTTLE records.';
}

/** perf record's default. */
const DEFAULT_FREQ = 4000;

function ordinal(n: number): string {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return `${n}${teen ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`;
}

/** A table of the parts of an exit, and their sum. */
export function* exitPartsLines({ machine, release, groups, access }: ExitPartsReport): Generator<string> {
  yield `# What a VM-exit and the next VM-entry consist of on ${machine} under Linux ${release}.`;
  yield '# Times are ns: the least, the mean, and what 99 of 100 do not exceed.';
  const all = groups.flatMap(({ parts }) => parts);
  const name = ({ fn, times }: ExitPart): string => (times === 1 ? fn : `${times} x ${fn}`);
  const width = Math.max(...all.map((part) => name(part).length));
  const figure = (ns: number): string => String(Math.round(ns)).padStart(7);
  for (const { when, parts } of groups) {
    yield '';
    yield `${when}:`;
    for (const part of parts)
      yield `  ${name(part).padEnd(width)}${figure(part.least)}${figure(part.mean)}${figure(part.p99)}  ${part.about}`;
  }
  yield '';
  yield `An intercepted access and back, without what it is for: ${Math.round(access)} ns on average.`;
}
