/**
 * Conditions on a comparison: `tvd > 2%`, `p(v2) < 0.01 and ratio(v2, host) > 2`, `material or lost > 0`.
 *
 *   condition  = all { "or" all }         all = one { "and" one }
 *   one        = "(" condition ")" | metric [ "(" profile [ "," profile ] ")" ] [ operator number [ "%" | "pp" ] ]
 *   operator   = "<" | "<=" | ">" | ">="
 *
 * A metric without profiles means any profile against the reference; with one, that profile against the reference (for
 * truth: any profile against truth); with two, that pair. The condition holds if it holds for one of them. `different`
 * and `material` are true or false and take no operator.
 */
import { nearest } from '../nearest.ts';
import type { ComparedOperand, ComparedPair, ComparedProfiles } from '../profile/compare.ts';

type PairMetric = (pair: ComparedPair) => number | undefined;
type OperandMetric = (operand: ComparedOperand) => number | undefined;

const tested =
  (of: (pair: ComparedPair) => number): PairMetric =>
  (pair) =>
    pair.tested ? of(pair) : undefined;

/** Metrics that are shares of the weight, given in percent or points. */
const SHARES: Readonly<Record<string, PairMetric>> = {
  tvd: ({ comparison }) => comparison.tvd.value,
  floor: tested(({ comparison }) => comparison.tvd.floor.mean),
  p95: tested(({ comparison }) => comparison.tvd.floor.p95),
  overlap: ({ comparison }) => comparison.overlap,
  detects: tested(({ comparison }) => comparison.detectable.any),
  max_error: ({ comparison }) => Math.max(...comparison.symbols.map(({ delta }) => Math.abs(delta))),
  bias: ({ split }) => split?.bias,
  noise: ({ split }) => split?.noise,
};
const NUMBERS: Readonly<Record<string, PairMetric>> = {
  ratio: tested(({ comparison }) => comparison.tvd.ratio),
  jsd: ({ comparison }) => comparison.jensenShannon.distance,
  chi2: tested(({ comparison }) => comparison.test.chiSquare),
  p: tested(({ comparison }) => comparison.test.p),
  v: tested(({ comparison }) => comparison.test.effect),
  top5: ({ comparison }) => comparison.ranks.top5,
};
const FACTS: Readonly<Record<string, PairMetric>> = {
  different: tested(({ comparison: { verdict } }) =>
    Number(verdict.kind !== 'indistinguishable' && verdict.kind !== 'unsettled'),
  ),
  material: tested(({ comparison }) => Number(comparison.verdict.kind === 'materially-different')),
};
const OPERANDS: Readonly<Record<string, OperandMetric>> = {
  samples: ({ evidence }) => evidence?.samples,
  effective: ({ evidence }) => evidence?.effective,
  lost: ({ profile }) => profile.lost,
  throttled: ({ profile }) => profile.throttled,
  duty: ({ duty }) => duty,
};
/** Every metric, as listed in help. */
export const METRICS: readonly string[] = [SHARES, NUMBERS, FACTS, OPERANDS].flatMap((table) => Object.keys(table));

const OPERATORS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** The text is not a condition; `at` is the position of the error. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** Tells why a condition holds of a comparison, as sentences; none if it does not hold. Throws ConditionError. */
export type Condition = (compared: ComparedProfiles) => string[];

interface Token {
  readonly text: string;
  readonly at: number;
}

/** Reads a condition. Throws ConditionError. */
export function parseCondition(text: string): Condition {
  const parser = new Parser(text);
  const condition = parser.condition();
  parser.end();
  return condition;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = [...text.matchAll(/[<>]=?|[(),]|pp\b|%|[^\s<>(),%]+/g)].map(({ index, 0: word }) => ({
      text: word,
      at: index,
    }));
  }

  get #token(): Token {
    return this.#tokens[this.#next] ?? { text: '', at: this.#text.length };
  }
  #take(word: string): boolean {
    if (this.#token.text !== word) return false;
    this.#next++;
    return true;
  }
  #fail(message: string, at = this.#token.at): never {
    throw new ConditionError(message, at);
  }

  end(): void {
    if (this.#next < this.#tokens.length) this.#fail("expected 'and', 'or' or the end");
  }

  condition(): Condition {
    const parts = [this.#all()];
    while (this.#take('or')) parts.push(this.#all());
    return (compared) => parts.flatMap((part) => part(compared));
  }

  #all(): Condition {
    const parts = [this.#one()];
    while (this.#take('and')) parts.push(this.#one());
    return (compared) => {
      const reasons = parts.map((part) => part(compared));
      return reasons.every(({ length }) => length > 0) ? reasons.flat() : [];
    };
  }

  #one(): Condition {
    if (this.#take('(')) {
      const inner = this.condition();
      if (!this.#take(')')) this.#fail("expected ')'");
      return inner;
    }
    const metric = this.#token;
    if (!METRICS.includes(metric.text)) {
      const near = nearest(metric.text, METRICS);
      const hint = near === undefined ? `there is ${METRICS.join(', ')}` : `did you mean ${near}?`;
      this.#fail(metric.text === '' ? 'expected a metric' : `no such metric (${hint})`);
    }
    this.#next++;
    const names = this.#names();
    const { text: name, at } = metric;
    if (name in OPERANDS && names.length > 1) this.#fail(`${name} is of one profile`, names[1]!.at);
    if (name in FACTS) return holds(name, at, names, (value) => value === 1, '');
    const operator = this.#token.text;
    const test = OPERATORS[operator];
    if (!test) this.#fail("expected '<', '<=', '>' or '>='");
    this.#next++;
    const { limit, unit } = this.#number(name);
    const shown = `${operator} ${fixed(limit, unit)}`;
    return holds(name, at, names, (value) => test(value, limit), ` ${shown}`, unit);
  }

  #names(): Token[] {
    if (!this.#take('(')) return [];
    const names: Token[] = [];
    do {
      const { at } = this.#token;
      const from = this.#next;
      while (!['', ',', ')'].includes(this.#token.text)) this.#next++;
      if (this.#next === from) this.#fail('expected the name of a profile');
      // The name as typed, including blanks in it.
      names.push({ text: this.#text.slice(at, this.#token.at).trim(), at });
    } while (names.length < 2 && this.#take(','));
    if (!this.#take(')')) this.#fail("expected ')'");
    return names;
  }

  #number(metric: string): { limit: number; unit: string } {
    const { text, at } = this.#token;
    if (!/^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(pp)?$/.test(text)) this.#fail('expected a number');
    this.#next++;
    const attached = text.endsWith('pp');
    const unit = attached || this.#take('pp') ? 'pp' : this.#take('%') ? '%' : '';
    const limit = Number(text.replace('pp', '')) / (unit === '' ? 1 : 100);
    const share = metric in SHARES || metric === 'duty';
    if (unit === 'pp' && !share) this.#fail(`${metric} is no share: points mean nothing`, at);
    if (share && unit === '' && limit > 1) this.#fail(`${metric} is a share: ${text}% or ${Number(text) / 100}`, at);
    return { limit, unit: share && unit === '' ? '%' : unit };
  }
}

const fixed = (value: number, unit: string): string =>
  value === Infinity
    ? 'boundless'
    : unit === ''
      ? String(Number(value.toPrecision(3)))
      : `${Number((100 * value).toPrecision(3))}${unit}`;

/** The condition on one metric. */
function holds(
  metric: string,
  at: number,
  names: readonly Token[],
  test: (value: number) => boolean,
  claim: string,
  unit = '',
): Condition {
  return (compared) => {
    const { operands } = compared;
    const indices = names.map((name) => {
      const index = operands.findIndex(({ label }) => label === name.text);
      if (index >= 0) return index;
      throw new ConditionError(`no such profile (there is ${operands.map(({ label }) => label).join(', ')})`, name.at);
    });
    const places =
      metric in OPERANDS ? operandPlaces(compared, metric, indices) : pairPlaces(compared, metric, indices);
    return places.flatMap(({ where, value }) => {
      if (value === undefined) {
        const why = operands.every(({ evidence }) => evidence) ? '' : ' without the number of samples (--samples)';
        throw new ConditionError(`${metric}(${where}) is not known${why}`, at);
      }
      if (!test(value)) return [];
      return claim === '' ? `${where}: ${metric}` : `${metric}(${where}) is ${fixed(value, unit)}, which is${claim}`;
    });
  };
}

interface Place {
  readonly where: string;
  readonly value: number | undefined;
}

function operandPlaces({ operands }: ComparedProfiles, metric: string, indices: readonly number[]): Place[] {
  return operands.flatMap((operand, i) => {
    const wanted = indices.length > 0 ? indices.includes(i) : !operand.exact;
    return wanted ? [{ where: operand.label, value: OPERANDS[metric]!(operand) }] : [];
  });
}

function pairPlaces(
  { operands, pairs, reference }: ComparedProfiles,
  metric: string,
  [first, second]: readonly number[],
): Place[] {
  const value = (SHARES[metric] ?? NUMBERS[metric] ?? FACTS[metric])!;
  return pairs.flatMap((pair) => {
    const { a, b } = pair;
    const wanted =
      first === undefined
        ? b === reference
        : second === undefined
          ? operands[first]!.exact || first === reference
            ? b === first
            : a === first && b === reference
          : (a === first && b === second) || (a === second && b === first);
    return wanted ? [{ where: `${operands[a]!.label}, ${operands[b]!.label}`, value: value(pair) }] : [];
  });
}
