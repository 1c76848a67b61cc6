/** The text of `gperf check`: which checks of the contract a design passes, and which fail, by cause. */
import type { ContractReport } from '../../results/contract.ts';

export function* contractLines({
  vpmu,
  design,
  machine,
  release,
  checks,
  declared,
  failures,
}: ContractReport): Generator<string> {
  const named = vpmu === design ? design : `${vpmu} (${design})`;
  yield `# ${named} on ${machine}, Linux ${release} on the host: ${checks} check${checks === 1 ? '' : 's'}`;
  const failed = new Set(failures.map(({ check }) => check)).size;
  const counts: readonly (readonly [number, string])[] = [
    [checks - failed - declared.length, 'passed'],
    [declared.length, 'failed as declared'],
    [failed, 'failed'],
  ];
  yield `${counts.flatMap(([n, what]) => (n > 0 ? [`${n} ${what}`] : [])).join(', ')}.`;
  for (const cause of new Set(failures.map((failure) => failure.cause))) {
    yield '';
    yield `${cause}:`;
    for (const { check, detail } of failures.filter((failure) => failure.cause === cause))
      yield `  ${check}${detail === '' ? '' : `: ${detail}`}`;
  }
  if (declared.length === 0) return;
  yield '';
  yield 'declared (deviates):';
  for (const { check, reason, commit } of declared) yield `  ${check}: ${reason}; mended by ${commit}`;
}
