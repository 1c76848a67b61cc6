/** Ground truth as a page, with the counts and shares of the text. */
import { parseProfileKey, totalWeight, type Profile } from '../../profile/profile.ts';
import { stackTree } from '../../profile/stacks.ts';
import type { Cell, Making, Page, Section, Table } from '../html/model.ts';
import { frameOf } from '../shared/flame-frame.ts';
import { fixed, percentOf } from '../shared/format.ts';
import { exact, truthRows, shareText } from './text.ts';

/** Rows to draw; the tables have them all. */
const DRAWN = 24;
/** Least percentage drawn; less would be invisible. */
const LEAST = 0.005;

export function truthPage(profiles: readonly Profile[], workload: string, made: Making): Page {
  const totals = profiles.map(totalWeight);
  const keys = new Map<string, number>();
  for (const [i, { weights }] of profiles.entries())
    for (const [key, weight] of weights)
      if (weight > 0) keys.set(key, Math.max(keys.get(key) ?? 0, percentOf(weight, totals[i]!)));
  const hottest = [...keys]
    .filter(([, percent]) => percent >= LEAST)
    .toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([key]) => key);
  const rows = hottest.slice(0, DRAWN).map((key) => {
    const { dso, symbol } = parseProfileKey(key);
    const bars = profiles.map(({ weights }, i) => {
      const percent = percentOf(weights.get(key) ?? 0, totals[i]!);
      return { value: percent, text: fixed(percent, 2) };
    });
    return { name: symbol, detail: dso, bars };
  });
  const rest = keys.size - rows.length;
  return {
    ...made,
    title: `The exact profile of ${workload}`,
    findings: [],
    cautions: [],
    sections: [
      {
        title: 'Shares by function',
        about: 'Every user-space instruction counted, nothing sampled: no interval, no noise.',
        parts: [
          {
            kind: 'bars',
            title: 'Shares',
            unit: '%',
            subjects: profiles.map(({ event }) => ({ label: event })),
            rows,
            note: rest > 0 ? `${rest} smaller ones are in the tables.` : undefined,
          },
        ],
      },
      { title: 'Counts', parts: profiles.map(countTable) },
      ...stackSection(profiles),
    ],
  };
}

function stackSection(profiles: readonly Profile[]): Section[] {
  const known = profiles.filter(({ stacks }) => stacks !== undefined);
  if (known.length === 0) return [];
  const tree = stackTree(known.map(({ stacks }) => stacks!));
  const graphs = known.map(({ event }, i) => ({ label: event, differential: false, root: frameOf(tree, i) }));
  return [{ title: 'Stacks', parts: [{ kind: 'flames', title: 'Flame graphs', graphs }] }];
}

function countTable(profile: Profile): Table {
  const total = totalWeight(profile);
  return {
    kind: 'table',
    title: `${profile.event}: ${exact(total)} in all`,
    columns: [
      { title: 'Symbol', kind: 'name' },
      { title: 'Overhead', kind: 'number' },
      { title: 'Count', kind: 'number' },
      { title: 'Command', kind: 'text' },
      { title: 'Shared Object', kind: 'text' },
    ],
    rows: truthRows(profile).map((row): Cell[] => [
      { text: row.symbol },
      { text: `${shareText(row, total)}%`, value: percentOf(row.weight, total) },
      { text: exact(row.weight), value: row.weight },
      { text: row.comm },
      { text: row.dso },
    ]),
  };
}
