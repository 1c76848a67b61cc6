/**
 * struct evlist while a file is read: events begin as attrs with ids, and get their names, groups and units from
 * features and EVENT_UPDATE records.
 */
import { eventName } from '../perf-events/event-names.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import type { EventUpdate } from '../perf-events/tool-record.ts';
import { PERF_COUNT_SW, PERF_TYPE, type PerfEventAttr } from '../uapi/perf-event.ts';
import type { U64 } from '../units.ts';
import { ByteReader } from './bytes.ts';
import type { FeatureView } from './features.ts';
import { TraceEvents } from './trace/trace-events.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** perf counts these two in ns and prints them in msec. */
const isClock = ({ type, config }: PerfEventAttr): boolean =>
  type === PERF_TYPE.SOFTWARE && (config === PERF_COUNT_SW.CPU_CLOCK || config === PERF_COUNT_SW.TASK_CLOCK);

const isUnnamedTracepoint = ({ attr, name }: Evsel): boolean =>
  attr.type === PERF_TYPE.TRACEPOINT && (name === '' || name === eventName(attr));

export class Evlist {
  readonly #list: Writable<Evsel>[] = [];
  readonly #byId = new Map<U64, Writable<Evsel>>();
  /** How many events `byId` covers. */
  #indexed = 0;

  /** The events. The objects never change, so what is learned later shows in them. */
  get events(): readonly Evsel[] {
    return this.#list;
  }

  /** Appends an event; `ids` are u64s. */
  add(attr: PerfEventAttr, ids: Uint8Array): void {
    const r = new ByteReader(ids);
    const clock = isClock(attr);
    this.#list.push({
      name: eventName(attr),
      attr,
      leader: this.#list.length,
      unit: clock ? 'msec' : '',
      scale: clock ? 1e-6 : 1,
      ids: Array.from({ length: Math.floor(r.left / 8) }, () => r.exactU64()),
    });
  }

  /**
   * Takes names and groups from EVENT_DESC and GROUP_DESC, which go by position; a group ends where the next begins.
   * Tracepoints that are still without a name are called as their formats in `tracingData` say, as perf does.
   */
  describe({ eventDesc = [], groups }: FeatureView, tracingData: Uint8Array | undefined): void {
    eventDesc.forEach(({ name }, i) => {
      const evsel = this.#list[i];
      if (evsel) evsel.name = name;
    });
    let [next, leader, left] = [0, 0, 0];
    for (const [i, evsel] of this.#list.entries()) {
      const group = groups[next];
      if (group?.leader === i) {
        evsel.groupName = group.name;
        [next, leader, left] = [next + 1, i, group.members];
      }
      if (left > 0) {
        evsel.leader = leader;
        left--;
      }
    }
    if (tracingData) this.#nameTracepoints(tracingData);
  }

  #nameTracepoints(tracingData: Uint8Array): void {
    const unnamed = this.#list.filter(isUnnamedTracepoint);
    if (unnamed.length === 0) return;
    const formats = new TraceEvents(tracingData);
    for (const evsel of unnamed) evsel.name = formats.name(Number(evsel.attr.config)) ?? evsel.name;
  }

  /** Applies an EVENT_UPDATE; unknown ids are ignored. */
  update(id: U64, update: EventUpdate): void {
    const evsel = this.#find(id);
    if (!evsel) return;
    if (update.kind === 'unit') evsel.unit = update.unit;
    else if (update.kind === 'scale') evsel.scale = update.scale;
    else if (update.kind === 'name') evsel.name = update.name;
  }

  #find(id: U64): Writable<Evsel> | undefined {
    for (; this.#indexed < this.#list.length; this.#indexed++) {
      const evsel = this.#list[this.#indexed]!;
      for (const own of evsel.ids) if (!this.#byId.has(own)) this.#byId.set(own, evsel);
    }
    return this.#byId.get(id);
  }
}
