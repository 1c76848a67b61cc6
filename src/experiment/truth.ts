/**
 * Ground truth: what a workload's execution really retires, by symbol, without any counter or sample in between.
 * Not modelled: what the kernel retires on its behalf; for an event in both rings, this is the user-space part.
 */
import { clonesIn } from '../arch/dso.ts';
import { CYCLES, eventSource, eventVector, NR_EVENTS, type EventVector } from '../arch/events.ts';
import { eventCodeOf } from '../kernel/x86-events.ts';
import { eventClocks } from '../machine/turbo.ts';
import { side } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { withoutParameters } from '../perfdata/demangle/demangle.ts';
import { cloneName } from '../profile/lineage.ts';
import { profileKey, type Granularity, type Profile } from '../profile/profile.ts';
import { stackKey } from '../profile/stacks.ts';
import type { Held } from '../stats/shares.ts';
import { PERF_COUNT_HW, PERF_TYPE } from '../uapi/perf-event.ts';
import { LOOP, type Image } from '../workload/image.ts';
import type { Truth } from '../workload/ledger.ts';
import { threadRuns, type ThreadRun } from '../workload/thread-runs.ts';
import { workloadSeed, type Workload } from './executable.ts';
import { originOf } from './spec-text.ts';

export { sharesCores } from '../machine/machine.ts';

/** No program retires this event, so it has no truth. */
export class NoTruthError extends Error {
  constructor(name: string, why = 'programs retire hardware events only') {
    super(`there is no ground truth for '${name}': ${why}`);
    this.name = 'NoTruthError';
  }
}

/** Cycles up to which 1/64 of one is exact in a double. */
const LONGEST = 2 ** 47;
const TOO_LONG = 'the workload takes more than 2^47 cycles, and gperf keeps time exactly up to there; loop less';

export interface GroundTruthOptions {
  /** Which repetition. */
  readonly run?: number;
  /** What is counted separately; functions by default. */
  readonly by?: Granularity;
  /** Whether counts by call stack are wanted. */
  readonly stacks?: boolean;
}

/** The exact profile of a workload's run for each event. Throws NoTruthError. */
export function groundTruth(
  spec: MachineSpec,
  workload: Workload,
  evlist: readonly Evsel[],
  { run = 0, by = 'symbol', stacks = false }: GroundTruthOptions = {},
): Profile[] {
  const sources = evlist.map((evsel) => sourceOf(evsel, spec));
  const { places, chains, totals, images } = executed(workload, spec, run, by, stacks);
  if (totals[CYCLES]! > LONGEST) throw new NoTruthError(evlist[0]!.name, TOO_LONG);
  return evlist.map((evsel, i) => {
    const { column, scale } = sources[i]!;
    const weights = new Map<string, number>();
    let sum = 0;
    for (const { key, totals: retired } of places.values()) {
      weights.set(key, (weights.get(key) ?? 0) + retired[column]! * scale);
      sum += retired[column]!;
    }
    if (sum !== totals[column])
      throw new Error(`the ledger of '${evsel.name}' does not add up: ${sum} of ${totals[column]}`);
    return {
      event: evsel.name,
      rings: 'u',
      label: 'truth',
      samples: Infinity,
      lost: 0,
      throttled: 0,
      weights,
      ...steadyLoop(images, column, sum, scale),
      ...(column === CYCLES && { held: heldBy(spec, scale) }),
      ...(stacks && { stacks: stacksOf(chains, column, scale) }),
      origin: originOf(spec, run),
    };
  });
}

/**
 * What the workload retires of each event in user space, as a mean over the first `runs` runs; undefined if an event
 * has no truth.
 */
export function trueCounts(
  spec: MachineSpec,
  workload: Workload,
  evlist: readonly Evsel[],
  runs = 1,
): (number | undefined)[] {
  const sources = evlist.map((evsel) => (hasTruth(spec, evsel) ? sourceOf(evsel, spec) : undefined));
  const sums = sources.map(() => 0);
  for (let run = 0; run < runs; run++) {
    const { totals } = executed(workload, spec, run);
    if (totals[CYCLES]! > LONGEST) return sources.map(() => undefined);
    sources.forEach((source, i) => (sums[i]! += source === undefined ? 0 : totals[source.column]! * source.scale));
  }
  return sources.map((source, i) => (source === undefined ? undefined : sums[i]! / runs));
}

/** What all threads of a run have retired, together. */
interface Executed {
  readonly totals: EventVector;
  /** What is counted separately, by name. */
  readonly places: Map<string, Place>;
  readonly chains: Map<string, Place>;
  /** How many threads there were of each image. */
  readonly images: Map<Image, number>;
}

/** Runs the whole program, thread by thread. */
function executed(workload: Workload, spec: MachineSpec, run: number, by?: Granularity, stacks = false): Executed {
  const all: Executed = { totals: eventVector(), places: new Map(), chains: new Map(), images: new Map() };
  const one = eventVector();
  const add = (to: EventVector, more: EventVector): void => more.forEach((n, c) => (to[c]! += n));
  const merge = (into: Map<string, Place>, places: readonly Place[]): void => {
    for (const place of places) {
      const known = into.get(place.name);
      if (known === undefined) into.set(place.name, place);
      else add(known.totals, place.totals);
    }
  };
  for (const thread of threadRuns(workload.image, workloadSeed(spec, run))) {
    const { image, cursor } = thread;
    add(all.totals, cursor.totals(one));
    all.images.set(image, (all.images.get(image) ?? 0) + 1);
    if (by !== undefined) merge(all.places, placesOf(thread, workload, by));
    if (stacks) merge(all.chains, chainsOf(cursor, workload));
  }
  return all;
}

/**
 * Length, in events, of the loop that retires most of them, if all its iterations are alike: a sampling period may keep
 * step with it. A loop that leaves anything to chance has none.
 */
function steadyLoop(
  images: ReadonlyMap<Image, number>,
  column: number,
  total: number,
  scale: number,
): { loop?: number } {
  for (const [{ tables: t }, threads] of images) {
    const nested = (v: number): boolean => {
      for (let i = t.nested0[v]!; i < t.nested0[v + 1]!; i++) if (t.nestedFrom[i]! < t.nestedTo[i]!) return true;
      return t.s0[v]! < t.s1[v]!;
    };
    for (let v = 0; v < t.nodes; v++) {
      const whole = t.plain[v * NR_EVENTS + column]!;
      if (t.kind[v] === LOOP && t.trip[v]! > 1 && 2 * whole * threads >= total && !nested(v))
        return { loop: (whole * scale) / t.trip[v]! };
    }
  }
  return {};
}

/**
 * Clocks also count the return from every interrupt (core.refill): the program falls behind by one return after each
 * sample, and by those of the ticks. What it misses in caches then (core.cold) is no constant, and left out.
 */
function heldBy(spec: MachineSpec, scale: number): Held {
  const { values: v } = spec;
  const refill = v['core.refill'];
  const ticks = v['host.hz'] + (side(spec) === 'guest' ? v['guest.hz'] : 0);
  return { perSample: refill * scale, perEvent: (refill * ticks) / v['core.clock'] };
}

interface Place {
  /** Unique in a thread; the same place has the same name in all threads. */
  readonly name: string;
  /** Same form as for a sample in profile/build.ts: of a chain its stack, else a profile's key. */
  readonly key: string;
  readonly totals: EventVector;
}

function chainsOf(cursor: Truth, { image: { comm, layout } }: Workload): Place[] {
  return cursor.truthByCallchain().map(({ frames, totals }) => {
    const stack = stackKey([comm, ...frames.map((i) => shown(layout.functions[i]!.symbol))]);
    return { name: stack, key: stack, totals };
  });
}

function stacksOf(chains: ReadonlyMap<string, Place>, column: number, scale: number): Map<string, number> {
  const stacks = new Map<string, number>();
  for (const { key, totals } of chains.values())
    if (totals[column]! > 0) stacks.set(key, (stacks.get(key) ?? 0) + totals[column]! * scale);
  return stacks;
}

/** Names as reports of a recording show them. */
const shown = (symbol: string): string => withoutParameters(symbol) ?? symbol;

/** What a profile of that granularity counts separately. */
function placesOf({ cursor, thread, process }: ThreadRun, workload: Workload, by: Granularity): Place[] {
  const { comm, dsos } = workload.image;
  const files = dsos.map(({ path }) => path.slice(path.lastIndexOf('/') + 1));
  const place = (name: string, dso: string, symbol: string, totals: EventVector): Place => ({
    name,
    key: profileKey({ comm, dso, symbol }),
    totals,
  });
  if (by === 'thread' || by === 'process') {
    const name = cloneName(clonesIn(by === 'thread' ? thread.path : process).map((j) => j + 1));
    return [place(name, '', name, cursor.totals(eventVector()))];
  }
  if (by === 'callchain') return chainsOf(cursor, workload).map(({ key, totals }) => place(key, '', key, totals));
  if (by !== 'instruction')
    return cursor
      .truth()
      .map(({ dso, symbol, totals }) =>
        place(`${dso} ${symbol}`, files[dso]!, by === 'dso' ? '' : shown(symbol), totals),
      );
  const starts = new Map<string, number>();
  for (const [i, { symbols, base }] of dsos.entries())
    for (const { name, offset } of symbols) starts.set(`${i} ${name}`, base + offset);
  return cursor.truthByInstruction().map(({ dso, symbol, address, totals }) => {
    const offset = address - starts.get(`${dso} ${symbol}`)!;
    return place(String(address), files[dso]!, `${shown(symbol)}+0x${offset.toString(16)}`, totals);
  });
}

/** Whether programs retire the event at all. */
export function hasTruth(spec: MachineSpec, evsel: Evsel): boolean {
  try {
    sourceOf(evsel, spec);
    return true;
  } catch (error) {
    if (error instanceof NoTruthError) return false;
    throw error;
  }
}

/** The column that counts an event, and how many of it one there stands for. Throws NoTruthError. */
export function sourceOf(evsel: Evsel, spec: MachineSpec): { column: number; scale: number } {
  const { attr, name } = evsel;
  if (attr.exclude_user) throw new NoTruthError(name, 'programs retire in user space only');
  const clocks = eventClocks(spec.preset, spec.values);
  if (attr.type === PERF_TYPE.HARDWARE && attr.config === PERF_COUNT_HW.REF_CPU_CYCLES)
    return { column: CYCLES, scale: clocks.tscHz / clocks.coreHz };
  const { events, driver } = spec.preset;
  const hardware = [PERF_TYPE.HARDWARE, PERF_TYPE.HW_CACHE, PERF_TYPE.RAW].includes(attr.type as 0);
  const code = hardware ? eventCodeOf(driver, attr.type, Number(attr.config)) : undefined;
  const rsp = code === undefined ? 0 : code.extra || Number(attr.config1 ?? 0);
  const source = code === undefined ? undefined : eventSource(events, code.code % 2 ** 32, [rsp, rsp], clocks);
  if (source === undefined) throw new NoTruthError(name);
  return source;
}
