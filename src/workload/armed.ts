/**
 * An image's tables reduced to the columns that a cursor follows: made once for each set, so that arming is cheap.
 */
import { CYCLES, NR_EVENTS } from '../arch/events.ts';
import type { EventColumn } from '../arch/events.ts';
import type { Tables } from './image.ts';

/** Rows of nodes, entries and vectors; `columns` values each. */
export interface Armed {
  /** What was asked for, filled up to three: inner loops treat the first three alike without asking. */
  readonly columns: readonly EventColumn[];
  readonly plain: Float64Array;
  readonly weight: Float64Array;
  readonly vectors: Float64Array;
}

const made = new WeakMap<Tables, Map<string, Armed>>();

function make(t: Tables, asked: readonly EventColumn[]): Armed {
  const columns = [...asked];
  while (columns.length < 3) columns.push(CYCLES);
  const select = (from: Float64Array, rows: number): Float64Array => {
    const n = columns.length;
    const out = new Float64Array(rows * n);
    for (let i = 0; i < rows; i++) for (let a = 0; a < n; a++) out[i * n + a] = from[i * NR_EVENTS + columns[a]!]!;
    return out;
  };
  return {
    columns,
    plain: select(t.plain, t.nodes),
    weight: select(t.weight, t.entries),
    vectors: select(t.vectors, t.nrVectors),
  };
}

/** The tables of an image for a set of columns. */
export function armed(t: Tables, columns: readonly EventColumn[]): Armed {
  let sets = made.get(t);
  if (!sets) made.set(t, (sets = new Map<string, Armed>()));
  const key = columns.join();
  let set = sets.get(key);
  if (!set) sets.set(key, (set = make(t, columns)));
  return set;
}
