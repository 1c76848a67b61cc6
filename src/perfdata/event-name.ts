/**
 * What perf calls an event whose recording has no EVENT_DESC: the plain name of its attr, with the modifiers that its
 * exclude bits and precise_ip amount to (evsel__name()).
 *
 * Not modelled: names of tracepoints and of dynamic PMUs' events, which only the recording machine knows.
 */
import { PERF_TYPE, type PerfEventAttr } from '../uapi/perf-event.ts';

const HARDWARE = [
  'cycles',
  'instructions',
  'cache-references',
  'cache-misses',
  'branches',
  'branch-misses',
  'bus-cycles',
  'stalled-cycles-frontend',
  'stalled-cycles-backend',
  'ref-cycles',
];
const SOFTWARE = [
  'cpu-clock',
  'task-clock',
  'page-faults',
  'context-switches',
  'cpu-migrations',
  'minor-faults',
  'major-faults',
  'alignment-faults',
  'emulation-faults',
  'dummy',
  'bpf-output',
  'cgroup-switches',
];
const CACHE = ['L1-dcache', 'L1-icache', 'LLC', 'dTLB', 'iTLB', 'branch', 'node'];
const CACHE_OP = ['load', 'store', 'prefetch'];

function cacheName(config: number): string {
  const [cache, op, result] = [CACHE[config & 0xff], CACHE_OP[(config >>> 8) & 0xff], (config >>> 16) & 0xff];
  if (!cache || !op || result > 1) return 'invalid-cache';
  if (result === 1) return `${cache}-${op}-misses`;
  return `${cache}-${op}${op === 'prefetch' ? 'es' : 's'}`;
}

function plainName(attr: PerfEventAttr): string {
  switch (attr.type) {
    case PERF_TYPE.HARDWARE:
      return HARDWARE[attr.config] ?? 'unknown-hardware';
    case PERF_TYPE.SOFTWARE:
      return SOFTWARE[attr.config] ?? 'unknown-software';
    case PERF_TYPE.HW_CACHE:
      return cacheName(attr.config);
    case PERF_TYPE.RAW:
      return `raw 0x${attr.config.toString(16)}`;
    case PERF_TYPE.TRACEPOINT:
      return 'unknown tracepoint';
    case PERF_TYPE.BREAKPOINT:
      return `mem:0x${(attr.config1 ?? 0).toString(16)}`;
    default:
      return `unknown attr type: ${attr.type}`;
  }
}

/** The levels an event does count, as letters; the guest's absence is only worth a letter where it is not the default. */
function modifiers(attr: PerfEventAttr): string {
  const { exclude_kernel, exclude_user, exclude_hv, exclude_host, exclude_guest, precise_ip = 0 } = attr;
  const ring = exclude_kernel || exclude_user || exclude_hv;
  const levels = ring ? `${exclude_kernel ? '' : 'k'}${exclude_user ? '' : 'u'}${exclude_hv ? '' : 'h'}` : '';
  const guestIsOff = ring === true || precise_ip > 0;
  const world =
    exclude_host || Boolean(exclude_guest) === guestIsOff
      ? `${exclude_host ? '' : 'H'}${exclude_guest ? '' : 'G'}`
      : '';
  return levels + 'p'.repeat(precise_ip) + world;
}

/** @example eventName({ type: 0, config: 0, exclude_kernel: true, exclude_hv: true, … }) // "cycles:u" */
export function eventName(attr: PerfEventAttr): string {
  const mods = modifiers(attr);
  return mods ? `${plainName(attr)}:${mods}` : plainName(attr);
}
