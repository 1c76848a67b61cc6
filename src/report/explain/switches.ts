/** The text of `gperf explain moving`: the letter's table (5) from threads that move between vCPUs, part by part. */
import type { SwitchReport } from '../../results/switch-ledger.ts';
import { gridLines, whole } from '../shared/grid.ts';

export function* switchLines({ command, vcpus, migrations, parts, switches }: SwitchReport): Generator<string> {
  const total = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0);
  yield* gridLines({
    title: `${command}, on ${vcpus} vCPUs: perf's part of a context switch, ns`,
    columns: ['', ...switches.flatMap(({ vpmu, operation }) => [`${vpmu} ${operation}, mean`, 'longest'])],
    rows: [
      ...parts.map((part, i) => ({
        cells: [part, ...switches.flatMap(({ mean, longest }) => [whole(mean[i]!), whole(longest[i]!)])],
      })),
      { cells: ['all', ...switches.flatMap(({ mean, longest }) => [whole(total(mean)), whole(total(longest))])] },
      { cells: ['switches', ...switches.flatMap(({ calls }) => [whole(calls), ''])] },
    ],
  });
  yield '';
  yield `# cpu-migrations: ${migrations.map(({ vpmu, count }) => `${whole(count)} under ${vpmu}`).join(', ')}.`;
  yield '# The letter, table (5): legacy 350,000,000 in and 55,000,000 out, v2 4,000,000 and 200,000.';
}
