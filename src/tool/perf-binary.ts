/**
 * The perf tool's own binary: addresses of its functions, so that a system-wide recording shows its user time under
 * their names.
 * Not modelled: its instructions (the text is padding), its libraries.
 */
import type { DsoImage } from '../arch/dso.ts';
import { address, type Address } from '../units.ts';

const FUNCTIONS = [
  ['main', 1200],
  ['cmd_record', 6400],
  ['cmd_stat', 8200],
  ['evlist__open', 1400],
  ['evlist__mmap', 1900],
  ['perf_event__synthesize_threads', 900],
  ['record__mmap_read_evlist', 1300],
  ['perf_mmap__push', 700],
  ['record__write', 300],
  ['read_counters', 800],
  ['evlist__print_counters', 2100],
] as const;
export type PerfFunction = (typeof FUNCTIONS)[number][0];

const TEXT_OFFSET = 0x1000;
const BASE = address(0x560000000000);

const offsets = new Map<string, { offset: number; size: number }>();
let end = TEXT_OFFSET;
for (const [name, size] of FUNCTIONS) {
  offsets.set(name, { offset: end, size });
  end += (size + 15) & ~15;
}

export const PERF_BINARY: DsoImage = {
  path: '/usr/bin/perf',
  base: BASE,
  textOffset: TEXT_OFFSET,
  text: new Uint8Array(end - TEXT_OFFSET).fill(0x90),
  symbols: FUNCTIONS.map(([name, size]) => ({ name, offset: offsets.get(name)!.offset, size })),
};

export function perfFunction(name: PerfFunction): { readonly address: Address; readonly size: number } {
  const { offset, size } = offsets.get(name)!;
  return { address: address(BASE + offset), size };
}
