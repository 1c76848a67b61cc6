/** Ground truth as a page, with the counts and shares of the text. */
import { parseProfileKey, totalWeight, type CpuLanes, type Profile } from '../../profile/profile.ts';
import { stackTree } from '../../profile/stacks.ts';
import type { Cell, Making, Page, Section, Table } from '../html/model.ts';
import { laneChart, laneTable } from '../shared/cpu-lanes.ts';
import { frameOf } from '../shared/flame-frame.ts';
import { fixed, percentOf } from '../shared/format.ts';
import { CPU_NOTE, exact, TRUTH_COLUMNS, truthRows, shareText, type TruthRows } from './text.ts';

/** Rows to draw; the tables have them all. */
const DRAWN = 24;
/** Least percentage drawn; less would be invisible. */
const LEAST = 0.005;

/** `lanes`: who ran where, if rows are CPUs. */
export function truthPage(
  profiles: readonly Profile[],
  workload: string,
  by: TruthRows,
  made: Making,
  lanes?: CpuLanes,
): Page {
  const named = TRUTH_COLUMNS[by].at(-1)!.of;
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
    const place = parseProfileKey(key);
    const bars = profiles.map(({ weights }, i) => {
      const percent = percentOf(weights.get(key) ?? 0, totals[i]!);
      return { value: percent, text: fixed(percent, 2) };
    });
    return { name: place[named], detail: named === 'dso' ? '' : place.dso, bars };
  });
  const rest = keys.size - rows.length;
  return {
    ...made,
    title: `The exact profile of ${workload}`,
    findings: [],
    cautions: [],
    sections: [
      {
        title: `Shares by ${UNITS[by]}`,
        about: `Every user-space instruction counted, nothing sampled: no interval, no noise.${by === 'cpu' ? ` ${CPU_NOTE}` : ''}`,
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
      { title: 'Counts', parts: profiles.map((profile) => countTable(profile, by)) },
      ...(lanes === undefined ? [] : [laneSection(lanes)]),
      ...stackSection(profiles),
    ],
  };
}

const UNITS: Readonly<Record<TruthRows, string>> = {
  symbol: 'function',
  dso: 'file',
  process: 'process',
  thread: 'thread',
  cpu: 'CPU',
};

const laneSection = (lanes: CpuLanes): Section => {
  const all = [{ lanes, summary: '' }];
  return {
    title: 'Who ran where',
    about: CPU_NOTE,
    parts: [laneChart('Threads on CPUs over time', all, false), laneTable('Every CPU', all, false)],
  };
};

function stackSection(profiles: readonly Profile[]): Section[] {
  const known = profiles.filter(({ stacks }) => stacks !== undefined);
  if (known.length === 0) return [];
  const tree = stackTree(known.map(({ stacks }) => stacks!));
  const graphs = known.map(({ event }, i) => ({ label: event, differential: false, root: frameOf(tree, i) }));
  return [{ title: 'Stacks', parts: [{ kind: 'flames', title: 'Flame graphs', graphs }] }];
}

function countTable(profile: Profile, by: TruthRows): Table {
  const total = totalWeight(profile);
  const columns = TRUTH_COLUMNS[by];
  const [name, others] = [columns.at(-1)!, columns.slice(0, -1)];
  return {
    kind: 'table',
    title: `${profile.event}: ${exact(total)} in all`,
    columns: [
      { title: name.title, kind: 'name' },
      { title: 'Overhead', kind: 'number' },
      { title: 'Count', kind: 'number' },
      ...others.map(({ title }) => ({ title, kind: 'text' as const })),
    ],
    rows: truthRows(profile).map((row): Cell[] => {
      const shown: Cell[] = [
        { text: row[name.of] },
        { text: `${shareText(row, total)}%`, value: percentOf(row.weight, total) },
        { text: exact(row.weight), value: row.weight },
      ];
      return shown.concat(others.map(({ of }) => ({ text: row[of] })));
    }),
  };
}
