/**
 * A comparison for programs: JSON with every number.
 *
 * Its numbers are finite: what is infinite (the samples of truth) is null there, beside `exact: true`. Shares are
 * fractions of 1. `version` grows when a name changes its meaning or goes.
 */
import {
  type ComparedOperand,
  type ComparedPair,
  type ComparedProfiles,
  type Nearness,
  rowFile,
  rowName,
} from '../../profile/compare.ts';
import { distrusts, nearnessSentence, verdictSentence } from './verdict.ts';

const FORMAT = 'gperf compare';
const VERSION = 1;

export interface ExportOptions {
  /** Version of gperf, which is the model's. */
  readonly gperf: string;
  readonly command: readonly string[];
  /** --merge, as typed. */
  readonly merges: readonly string[];
}

/** Everything, as JSON text. */
export function compareJson(all: readonly ComparedProfiles[], { gperf, command, merges }: ExportOptions): string {
  const events = all.map((compared) => ({
    event: compared.event,
    by: compared.by,
    reference: labelOf(compared, compared.reference),
    profiles: compared.operands.map(profileJson),
    pairs: compared.pairs.map((pair) => pairJson(compared, pair)),
    nearness: compared.nearness.map((nearness) => nearnessJson(compared, nearness)),
    rows: compared.rows.map(({ name, dso, members, shares }) => ({ symbol: name, dso, members, shares })),
    distrust: distrusts(compared),
  }));
  const finite = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isFinite(value) ? null : value;
  return `${JSON.stringify({ format: FORMAT, version: VERSION, gperf, command, merges, events }, finite, 2)}\n`;
}

const labelOf = ({ operands }: ComparedProfiles, i: number): string => operands[i]!.label;

function profileJson({ label, exact, evidence, profile, runs, duty }: ComparedOperand): object {
  const { event, rings, lost, throttled, sampling, origin } = profile;
  return { label, exact, event, rings, runs, lost, throttled, duty, evidence, sampling, origin };
}

function pairJson(compared: ComparedProfiles, pair: ComparedPair): object {
  const { comparison, split, tested } = pair;
  const sides = { a: labelOf(compared, pair.a), b: labelOf(compared, pair.b) };
  const sentence = verdictSentence(compared, pair);
  // Without a number of samples, only distances are known.
  if (!tested) {
    const { tvd, overlap, hellinger, jensenShannon, symbols } = comparison;
    const deltas = symbols.map(({ symbol, delta }) => Object.assign(place(symbol), { delta }));
    return {
      ...sides,
      tested,
      sentence,
      tvd: { value: tvd.value },
      overlap,
      jensenShannon: { divergence: jensenShannon.divergence, distance: jensenShannon.distance },
      hellinger,
      symbols: deltas,
    };
  }
  const named = (row: { readonly symbol: string }): object => ({ ...row, ...place(row.symbol) });
  // The profiles carry their own evidence.
  const { a, b, verdict, test, detectable, symbols, warnings, ...figures } = comparison;
  return {
    ...sides,
    effective: [a.effective, b.effective],
    tested,
    sentence,
    verdict: {
      ...verdict,
      drivers: verdict.drivers.map(named),
      ...(verdict.merge && { merge: { ...verdict.merge, symbols: verdict.merge.symbols.map(rowName) } }),
    },
    ...figures,
    test: { ...test, pooled: test.pooled.map(rowName) },
    detectable: {
      ...detectable,
      ...(detectable.hottest && {
        hottest: { ...detectable.hottest, symbols: detectable.hottest.symbols.map(rowName) },
      }),
    },
    symbols: symbols.map(named),
    ...(split && { split: { ...split, symbols: split.symbols.map(named) } }),
    warnings,
  };
}

function nearnessJson(compared: ComparedProfiles, nearness: Nearness): object {
  const { a, b, reference, nearer, ...figures } = nearness;
  return {
    a: labelOf(compared, a),
    b: labelOf(compared, b),
    reference: labelOf(compared, reference),
    nearer: nearer === undefined ? null : labelOf(compared, nearer),
    sentence: nearnessSentence(compared, nearness),
    ...figures,
  };
}

const place = (key: string): { symbol: string; dso: string } => ({ symbol: rowName(key), dso: rowFile(key) });
