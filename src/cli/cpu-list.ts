/** -C: a list of CPUs, as perf reads it (perf_cpu_map__new). */
import { EXIT, UsageError } from './errors.ts';

const RANGE = /^(\d+)(?:-(\d+))?$/;

/** "0,2-3", in ascending order; `nrCpus`: how many the machine has. `usage` and `code` are for the error. */
export function parseCpuList(
  text: string,
  nrCpus: number,
  usage: string,
  code: number = EXIT.USAGE,
): readonly number[] {
  const cpus = text.split(',').flatMap((word) => {
    const [, first, last = first] = RANGE.exec(word) ?? [];
    const [from, to] = [Number(first), Number(last)];
    return from <= to && to < 2 ** 16 ? Array.from({ length: to - from + 1 }, (_, i) => from + i) : [NaN];
  });
  if (cpus.some(Number.isNaN) || new Set(cpus).size < cpus.length)
    throw new UsageError(`failed to parse CPUs map: '${text}' is not a list like 0,2-3\n`, usage, code);
  const beyond = cpus.find((cpu) => cpu >= nrCpus);
  if (beyond === undefined) return cpus.toSorted((a, b) => a - b);
  const have = nrCpus === 1 ? 'only CPU 0' : `CPUs 0-${nrCpus - 1}`;
  throw new UsageError(`CPU ${beyond} of -C ${text}: the machine has ${have}\n`, usage, code);
}
