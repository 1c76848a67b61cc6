/**
 * union perf_mem_data_src: where the data of a memory sample came from, in the words of perf script.
 *
 *   bits 0-4 op, 5-18 level, 19-23 snoop, 24-25 lock, 26-32 TLB, 33-36 number of the level, 37 remote,
 *   38-39 more snoop, 40-42 what blocked, 43-45 hops
 *
 * Source: include/uapi/linux/perf_event.h, tools/perf/util/mem-events.c; measured on perf 6.1.
 */

/** Length of perf's buffers. */
const LONGEST = 99;
const LEVELS = [
  'N/A',
  'HIT',
  'MISS',
  'L1',
  'LFB/MAB',
  'L2',
  'L3',
  'Local RAM',
  'Remote RAM (1 hop)',
  'Remote RAM (2 hops)',
  'Remote Cache (1 hop)',
  'Remote Cache (2 hops)',
  'I/O',
  'Uncached',
];
const LEVEL_NUMBERS: Readonly<Record<number, string>> = {
  9: 'CXL',
  10: 'I/O',
  11: 'Any cache',
  12: 'LFB/MAB',
  13: 'RAM',
  14: 'PMEM',
  15: 'N/A',
};
const HOPS = ['', 'core, same node', 'node, same socket', 'socket, same board', 'board', '(null)', '(null)', '(null)'];
const OPS = ['N/A', 'LOAD', 'STORE', 'PFETCH', 'EXEC'];
const SNOOPS = ['N/A', 'None', 'Hit', 'Miss', 'HitM', 'Fwd', 'Peer'];
const TLBS = ['N/A', 'HIT', 'MISS', 'L1', 'L2', 'Walker', 'Fault'];
const HIT = 2;
const MISS = 4;

const namesOf = (bits: number, names: readonly string[]): string[] => names.filter((_, i) => (bits >> i) & 1);
const hitOrMiss = (bits: number): string => `${bits & HIT ? ' hit' : ''}${bits & MISS ? ' miss' : ''}`;

/** The value and its words, as perf script prints them, before padding. */
export function dataSourceText(value: bigint): string {
  const field = (at: number, bits: number): number => Number((value >> BigInt(at)) & ((1n << BigInt(bits)) - 1n));
  const level = field(5, 14);
  const number = field(33, 4);
  const hops = field(43, 3);
  const levels = hops > 0 ? [] : namesOf(level & ~(HIT | MISS), LEVELS);
  if (number > 0) levels.push(LEVEL_NUMBERS[number] ?? `L${number}`);
  const far = `${field(37, 1) ? 'Remote ' : ''}${hops > 0 ? `${HOPS[hops]} ` : ''}`;
  const snoops = namesOf(field(19, 5) | (field(38, 2) << 5), SNOOPS);
  const tlb = field(26, 7);
  const tlbs = namesOf(tlb & ~(HIT | MISS), TLBS);
  const lock = field(24, 2);
  const blocks = namesOf(field(40, 3), ['N/A', 'Data', 'Addr']);
  const words = [
    `|OP ${namesOf(field(0, 5), OPS)[0] ?? 'No'}`,
    `|LVL ${far + levels.join(' or ') || 'N/A'}${hitOrMiss(level)}`,
    `|SNP ${snoops.join(' or ') || 'N/A'}`,
    `|TLB ${tlbs.join(' or ') || 'N/A'}${hitOrMiss(tlb)}`,
    `|LCK ${lock & 1 ? 'N/A' : lock & 2 ? 'Yes' : 'No'}`,
    `|BLK  ${blocks[0] === 'N/A' ? 'N/A' : blocks.join(' ') || 'N/A'}`,
  ];
  return `${value.toString(16).padStart(16)} ${words.join('').slice(0, LONGEST)}`.slice(0, LONGEST);
}

/** get_page_size_name(): "4K", "2M". */
export function pageSizeText(size: bigint): string {
  if (size === 0n) return 'N/A';
  let [left, unit] = [size, 0];
  while (left / 1024n > 1n && unit < 3) [left, unit] = [left / 1024n, unit + 1];
  return `${left}${'BKMG'.charAt(unit)}`;
}
