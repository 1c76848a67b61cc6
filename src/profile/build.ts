/**
 * Turns a recording into a Profile: every sample's period goes to the row it hit.
 *
 * No sample is kept, so a recording of any length takes constant memory; whoever drives the reading learns how far it
 * has come. The same builder takes the records of a run while it is simulated.
 *
 * Not modelled: addresses without a symbol, which differ from run to run, are one row of their file unless instructions
 * are told apart.
 */
import { moveAddress, nanos, type Nanos, type Nanos64 } from '../units.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { PERF_RECORD, PERF_SAMPLE, type PerfEventAttr, type SampleId, type SampleRecord } from '../uapi/perf-event.ts';
import { NO_SYMBOL, type Sym, type SymbolSource } from './dso.ts';
import { Lineage, MAIN } from './lineage.ts';
import type { Location } from './machine-maps.ts';
import { type Granularity, type Origin, type Profile, profileKey } from './profile.ts';
import { isSample, type Recording, replaySamples, type Replayed } from './session.ts';
import { stackKey } from './stacks.ts';
import { Tally, type TallyRow } from './tally.ts';

export interface BuildOptions {
  /** The label of the profiles. */
  readonly label: string;
  /** What is counted separately; functions by default. */
  readonly by?: Granularity;
  /** Tick length of the sampling kernel; ticks begin at its multiples. Absent if unknown. */
  readonly tick?: Nanos;
  readonly origin?: Origin;
  /** Whether weight by call stack is wanted. */
  readonly stacks?: boolean;
  /** Receives what stops the reading; the profiles then cover what came before. If absent, it is thrown. */
  readonly stopped?: (fault: unknown) => void;
}

/** Precise enough for statistics: after 104 days of uptime a time may be some ns off. */
const timeOf = ({ time }: { readonly time: Nanos64 }): Nanos => nanos(Number(time));

const hex = (n: number | bigint): string => `0x${BigInt.asUintN(64, BigInt(n)).toString(16)}`;

const ringsOf = ({ exclude_user, exclude_kernel }: PerfEventAttr): string =>
  `${exclude_user === true ? '' : 'u'}${exclude_kernel === true ? '' : 'k'}`;

/** No event occurs this often between two samples: the counter fell. */
const FALL = 2 ** 63;

/** Gathers one profile for each event, record by record. */
export class ProfileBuilder {
  readonly #options: BuildOptions;
  readonly #evlist: readonly Evsel[];
  readonly #tallies: readonly Tally[];
  /** Rows by comm and place, so that names are built once. */
  readonly #known: readonly Map<string, Map<Sym | string, TallyRow>>[];
  readonly #stacks: readonly Map<string, number>[];
  readonly #places: readonly Places[];
  readonly #lineage = new Lineage();
  /** Events with a counter that once read lower than before. */
  readonly #fallen = new Set<number>();

  constructor(evlist: readonly Evsel[], options: BuildOptions) {
    this.#options = options;
    this.#evlist = evlist;
    this.#tallies = evlist.map(
      ({ attr }) => new Tally(attr.freq === true ? Number(attr.sample_period) : undefined, options.tick),
    );
    this.#known = evlist.map(() => new Map());
    this.#places = evlist.map(({ attr }) => new Places(attr));
    this.#stacks = options.stacks === true ? evlist.map(() => new Map<string, number>()) : [];
  }

  /** Takes a record; those that do not concern samples have no effect. */
  add(replayed: Replayed): void {
    const { record, evsel } = replayed;
    if (record.type === PERF_RECORD.FORK) this.#lineage.add(record);
    const [tally, places] = [this.#tallies[evsel], this.#places[evsel]];
    if (!tally || !places) return;
    if (isSample(replayed)) {
      const { record: sample, machine } = replayed;
      const al = machine.resolve(sample);
      const period = Number(sample.period);
      if (period >= FALL) this.#fallen.add(evsel);
      tally.add(this.#row(tally, evsel, al, replayed), period, timeOf(sample), places.ofSample(sample), sample.ip);
      if (sample.cpu !== undefined) tally.onCpu(sample.cpu, this.#threadOf(sample, al), timeOf(sample));
      const stacks = this.#stacks[evsel];
      if (!stacks) return;
      const stack = chainOf(al, replayed);
      stacks.set(stack, (stacks.get(stack) ?? 0) + period);
    } else if (record.type === PERF_RECORD.THROTTLE)
      tally.throttle(timeOf(record), places.of(record), record.stream_id);
    else if (record.type === PERF_RECORD.UNTHROTTLE)
      tally.unthrottle(timeOf(record), places.of(record), record.stream_id);
    else if (record.type === PERF_RECORD.LOST || record.type === PERF_RECORD.LOST_SAMPLES)
      tally.lost += Number(record.lost);
  }

  /** As lanes name it: a first thread by its command. */
  #threadOf({ tid }: SampleRecord, { comm }: Location): string {
    const name = this.#lineage.nameOf(tid);
    return name === MAIN ? comm : name;
  }

  #row(tally: Tally, evsel: number, al: Location, replayed: Replayed<SampleRecord>): TallyRow {
    const { by = 'symbol' } = this.#options;
    const dso = al.map?.dso.shortName ?? NO_SYMBOL;
    const whole = (symbol: string): TallyRow => tally.row(profileKey({ comm: al.comm, dso: '', symbol }));
    if (by === 'callchain') return whole(chainOf(al, replayed));
    if (by === 'thread' || by === 'process')
      return whole(this.#lineage.nameOf(by === 'thread' ? replayed.record.tid : replayed.record.pid));
    if (by === 'instruction') {
      const symbol = al.sym ? `${al.sym.name}+${hex(moveAddress(al.addr, 0, al.sym.start))}` : hex(al.addr);
      return tally.row(profileKey({ comm: al.comm, dso, symbol }));
    }
    let places = this.#known[evsel]!.get(al.comm);
    if (!places) this.#known[evsel]!.set(al.comm, (places = new Map()));
    const place = by === 'symbol' && al.sym ? al.sym : dso;
    let row = places.get(place);
    if (!row) {
      const symbol = by === 'dso' ? '' : (al.sym?.name ?? NO_SYMBOL);
      places.set(place, (row = tally.row(profileKey({ comm: al.comm, dso, symbol }))));
    }
    return row;
  }

  /** The profiles, one per event, in the order of the evlist; ends the builder. */
  finish(): Profile[] {
    const { label, origin } = this.#options;
    return this.#evlist.map(({ name, attr }, i) => {
      const tally = this.#tallies[i]!;
      return {
        event: name,
        rings: ringsOf(attr),
        label,
        // With such weights the number of samples means nothing.
        ...(this.#fallen.has(i) ? { samples: undefined, unit: { kind: 'falls' } } : { samples: tally.samples }),
        lost: tally.lost,
        throttled: tally.throttled,
        weights: new Map([...tally.rows].map(([key, { sum }]) => [key, sum])),
        sampling: tally.sampling(),
        ...(this.#stacks[i] && { stacks: this.#stacks[i] }),
        ...(origin && { origin }),
      };
    });
  }
}

/**
 * Where an event is sampled, as a number: the CPU if samples name it, else the thread. Other records name it only under
 * sample_id_all; without that, they belong where samples with their id were, or the last sample.
 */
class Places {
  readonly #told: boolean;
  readonly #byId = new Map<number | bigint, number>();
  #last = 0;

  constructor({ sample_type, sample_id_all }: PerfEventAttr) {
    this.#told = sample_id_all === true && (sample_type & (PERF_SAMPLE.CPU | PERF_SAMPLE.TID)) !== 0;
  }

  ofSample({ cpu, tid, id }: SampleId): number {
    this.#last = cpu ?? tid;
    if (!this.#told && id !== undefined) this.#byId.set(id, this.#last);
    return this.#last;
  }

  of({ cpu, tid, id }: SampleId): number {
    if (cpu !== undefined) return cpu;
    return this.#told ? tid : ((id === undefined ? undefined : this.#byId.get(id)) ?? this.#last);
  }
}

/** "comm;outermost;…;innermost", as stackcollapse-perf.pl writes it; without a chain, just the function. */
function chainOf(al: Location, { record, machine }: Replayed<SampleRecord>): string {
  const frames = machine
    .resolveChain(record, 'caller')
    .map(({ sym, map }) => sym?.name ?? frameless(map?.dso.shortName));
  if (frames.length === 0) frames.push(al.sym?.name ?? frameless(al.map?.dso.shortName));
  return stackKey([al.comm, ...frames]);
}
const frameless = (dso: string | undefined): string => (dso === undefined ? NO_SYMBOL : `[${dso}]`);

/** Records between two reports of progress. */
const BREATH = 1 << 14;

/**
 * Reads a recording to its end; now and then yields the offset reached. Returns one profile for each event, in the
 * order of its evlist. Throws what the recording's reader throws.
 */
export function* readProfiles(
  recording: Recording,
  symbols: SymbolSource,
  options: BuildOptions,
): Generator<number, Profile[]> {
  const builder = new ProfileBuilder(recording.evlist, options);
  let records = 0;
  try {
    for (const replayed of replaySamples(recording, symbols)) {
      builder.add(replayed);
      if (++records % BREATH === 0) yield replayed.offset;
    }
  } catch (fault) {
    if (!options.stopped) throw fault;
    options.stopped(fault);
  }
  return builder.finish();
}

/** The same in one go. */
export function buildProfiles(recording: Recording, symbols: SymbolSource, options: BuildOptions): Profile[] {
  const reading = readProfiles(recording, symbols, options);
  for (;;) {
    const { done, value } = reading.next();
    if (done) return value;
  }
}
