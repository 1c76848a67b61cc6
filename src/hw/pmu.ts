/**
 * The core's performance monitoring unit: general-purpose and fixed counters, selectors, global control and status.
 *
 * It knows of counters and overflows only: the core tells it what retired, and it tells the core how far the next
 * overflow is and whether the PMI line was pulled. Counters keep fractions (cycles come in 1/64s); reads give whole
 * counts. What a counter has moved since its rate or value was set is kept in units of its column, so that it does not
 * matter in how many pieces they came.
 *
 * In order: counting, register access, and the plan of which counters count at which privilege level.
 *
 * SDM volume 3B "Architectural Performance Monitoring Version 1, 2, 3, 4".
 * Not modelled: PEBS, TSX (its selector bits are reserved), what AnyThread adds beside a busy sibling, freezing on PMI, counters shared
 * between hyperthreads, bits of GLOBAL_STATUS and GLOBAL_INUSE that belong to no counter, constraints of events on
 * counters (the driver honours them; this unit counts whatever it is told).
 */
import type { Cpl, MsrPort } from '../arch/cpu.ts';
import type { PmuCaps } from '../arch/cpuid.ts';
import {
  CYCLES,
  TRAPS,
  eventSource,
  fixedEventSource,
  type CoreEvents,
  type EventClocks,
  type EventColumn,
  type EventSource,
} from '../arch/events.ts';
import { GeneralProtection, RDPMC_FIXED, decodePmuMsr } from '../arch/msr.ts';
import { EVENTSEL, FIXED_CTRL, fixedCtrlField } from '../arch/perfevtsel.ts';
import { asDoubles } from '../sim/doubles.ts';
import { SUBCYCLES } from '../units.ts';

const U32 = 2 ** 32;

export interface Counter {
  /**
   * From -2^(width-1) to below 2^(width-1), with a fraction. An armed counter is a small negative number, which leaves
   * a double enough bits for 64ths.
   */
  value: number;
  /** The value when it or the rate was last set, and units of its column since then. */
  base: number;
  moved: number;
  source: EventSource | undefined;
  /** Raises a PMI on overflow. */
  int: boolean;
  /** Its bit in the global registers' lower (general-purpose) or upper (fixed) half. */
  readonly fixed: boolean;
  readonly bit: number;
}

/** The counters that count at one privilege level, and the event columns to watch for them. */
export interface CountingPlan {
  /** Cycles and traps first, then the counters' columns, each once. Equal contents are the same array. */
  readonly columns: readonly EventColumn[];
  readonly counters: readonly Counter[];
  /** For each counter, the index of its column in `columns`. */
  readonly slots: readonly number[];
}

interface LatestPlan {
  key: number;
  plan: CountingPlan | undefined;
}

export class CorePmu implements MsrPort {
  readonly caps: PmuCaps;
  /** Set by the overflow of a counter with INT; cleared by the core. */
  pmi = false;
  /** Cycles since that overflow: a clock overflows inside an instruction, other events when one retires. */
  pmiAge = 0;
  readonly #events: CoreEvents;
  #clocks: EventClocks;
  readonly #modulus: number;
  readonly #gp: Counter[];
  readonly #fixed: Counter[];
  readonly #evtsel: number[];
  readonly #offcoreRsp: [number, number] = [0, 0];
  #fixedCtrl = 0;
  #enabledGp = 0;
  #ctrlGp = 0;
  #ctrlFixed = 0;
  #statusGp = 0;
  #statusFixed = 0;
  #low = 0;
  #high = 0;
  readonly #gpLimit: number;
  readonly #fixedLimit: number;
  /** AnyThread came with version 3 and went with version 5. */
  readonly #evtselReserved: number;
  readonly #fixedReserved: number;
  readonly #plans: [CountingPlan | undefined, CountingPlan | undefined] = [undefined, undefined];
  /**
   * Plans already built for the present events, by EN bits, FIXED_CTR_CTRL and GLOBAL_CTRL, which software toggles at
   * every PMI.
   */
  readonly #known: readonly [Map<number, CountingPlan>, Map<number, CountingPlan>] = [new Map(), new Map()];
  /** The latest of them: with GLOBAL_CTRL at 0 in either ring, then without. */
  readonly #latest: readonly LatestPlan[] = Array.from({ length: 4 }, () => ({ key: NaN, plan: undefined }));
  readonly #columnSets = new Map<string, readonly EventColumn[]>();

  constructor(caps: PmuCaps, events: CoreEvents, clocks: EventClocks) {
    this.caps = caps;
    this.#events = events;
    this.#clocks = clocks;
    this.#modulus = 2 ** caps.width;
    this.#gpLimit = 2 ** caps.nrGp;
    this.#fixedLimit = 2 ** caps.nrFixed;
    const anyThread = caps.version >= 3 && caps.version < 5;
    this.#evtselReserved = anyThread ? 0 : EVENTSEL.ANY;
    this.#fixedReserved = anyThread ? 0 : FIXED_CTRL.ANY * 0x11111111;
    const counter = (fixed: boolean) => (_: unknown, i: number) =>
      asDoubles(
        { value: 0, base: 0, moved: 0, source: undefined, int: false, fixed, bit: 1 << i },
        'value',
        'base',
        'moved',
      );
    this.#gp = Array.from({ length: caps.nrGp }, counter(false));
    this.#fixed = Array.from({ length: caps.nrFixed }, counter(true));
    this.#evtsel = Array.from({ length: caps.nrGp }, () => 0);
    asDoubles(this, 'pmiAge');
  }

  /** The counters that count now at this privilege level. */
  plan(cpl: Cpl): CountingPlan {
    const ring = cpl === 0 ? 0 : 1;
    return (this.#plans[ring] ??= this.#findPlan(cpl, ring));
  }

  /**
   * Units of its column until the counter overflows, at least 1/64: rounding can leave a clock other than the core's
   * short of its overflow by less than the core can step.
   */
  remaining(counter: Counter): number {
    const { value } = counter;
    const left = (value < 0 ? -value : this.#modulus - value) / (counter.source as EventSource).scale;
    return left < 1 / SUBCYCLES ? 1 / SUBCYCLES : left;
  }

  /** Counts `units` of the counter's column; on overflow wraps, sets the status bit and pulls the PMI line. */
  add(counter: Counter, units: number): void {
    const before = counter.value;
    counter.moved += units;
    counter.value = counter.base + counter.moved * (counter.source as EventSource).scale;
    if (before >= 0) {
      if (counter.value >= this.#modulus / 2) setValue(counter, counter.value - this.#modulus);
      return;
    }
    if (counter.value < 0) return;
    if (counter.fixed) this.#statusFixed |= counter.bit;
    else this.#statusGp |= counter.bit;
    if (!counter.int) return;
    const { column, scale } = counter.source as EventSource;
    const age = column === CYCLES ? counter.value / scale : 0;
    this.pmiAge = this.pmi ? Math.max(this.pmiAge, age) : age;
    this.pmi = true;
  }

  /** RDPMC. */
  rdpmc(ecx: number): number {
    const fixed = ecx >= RDPMC_FIXED;
    const counter = fixed ? this.#fixed[ecx - RDPMC_FIXED] : this.#gp[ecx];
    if (counter === undefined) throw new GeneralProtection(ecx, 'RDPMC of a counter that does not exist');
    return this.#read(counter);
  }

  rdmsr(msr: number): number {
    const r = this.#decode(msr);
    switch (r.reg) {
      case 'PMC':
        return this.#read(this.#gp[r.idx] as Counter);
      case 'FIXED_CTR':
        return this.#read(this.#fixed[r.idx] as Counter);
      case 'PERFEVTSEL':
        return this.#evtsel[r.idx] as number;
      case 'OFFCORE_RSP':
        return this.#offcoreRsp[r.idx];
      case 'FIXED_CTR_CTRL':
        return this.#fixedCtrl;
      case 'GLOBAL_CTRL':
        return this.#ctrlGp + this.#ctrlFixed * U32;
      case 'GLOBAL_STATUS':
        return this.#statusGp + this.#statusFixed * U32;
      case 'GLOBAL_OVF_CTRL':
      case 'GLOBAL_STATUS_SET':
        return 0;
      case 'GLOBAL_INUSE':
        return this.#inUse();
      case 'PERF_CAPABILITIES':
        return this.caps.fullWidthWrite ? 1 << 13 : 0;
    }
  }

  wrmsr(msr: number, value: number): void {
    const r = this.#decode(msr);
    switch (r.reg) {
      case 'PMC':
        setValue(this.#gp[r.idx] as Counter, r.fullWidth ? this.#checked(msr, value) : signExtend(value));
        return;
      case 'FIXED_CTR':
        setValue(this.#fixed[r.idx] as Counter, this.#checked(msr, value));
        return;
      case 'PERFEVTSEL': {
        if (value >= U32 || (value & this.#evtselReserved) !== 0) throw new GeneralProtection(msr, 'reserved bits');
        const changed = (this.#evtsel[r.idx] as number) ^ value;
        this.#evtsel[r.idx] = value;
        const bit = 1 << r.idx;
        this.#enabledGp = (value & EVENTSEL.ENABLE) === 0 ? this.#enabledGp & ~bit : this.#enabledGp | bit;
        this.#plans[0] = this.#plans[1] = undefined;
        if ((changed & ~EVENTSEL.ENABLE) === 0) return;
        break;
      }
      case 'OFFCORE_RSP':
        this.#offcoreRsp[r.idx] = value;
        break;
      case 'FIXED_CTR_CTRL':
        if (value >= 2 ** (4 * this.caps.nrFixed) || (value & this.#fixedReserved) !== 0)
          throw new GeneralProtection(msr, 'reserved bits');
        this.#fixedCtrl = value;
        this.#plans[0] = this.#plans[1] = undefined;
        return;
      case 'GLOBAL_CTRL':
        this.#split(msr, value);
        this.#ctrlGp = this.#low;
        this.#ctrlFixed = this.#high;
        this.#plans[0] = this.#plans[1] = undefined;
        return;
      case 'GLOBAL_OVF_CTRL':
        this.#split(msr, value);
        this.#statusGp &= ~this.#low;
        this.#statusFixed &= ~this.#high;
        return;
      case 'GLOBAL_STATUS_SET':
        this.#split(msr, value);
        this.#statusGp |= this.#low;
        this.#statusFixed |= this.#high;
        return;
      case 'GLOBAL_STATUS':
      case 'GLOBAL_INUSE':
      case 'PERF_CAPABILITIES':
        throw new GeneralProtection(msr, 'read-only');
    }
    this.#forgetPlans();
  }

  /** The core has another clock from now on. */
  runsAt(cycleHz: number): void {
    if (cycleHz === this.#clocks.cycleHz) return;
    this.#clocks = { ...this.#clocks, cycleHz };
    this.#forgetPlans();
  }

  #forgetPlans(): void {
    this.#plans[0] = this.#plans[1] = undefined;
    this.#known[0].clear();
    this.#known[1].clear();
    for (const latest of this.#latest) latest.plan = undefined;
  }

  #decode(msr: number): NonNullable<ReturnType<typeof decodePmuMsr>> {
    const r = decodePmuMsr(msr);
    const { nrGp, nrFixed, version, fullWidthWrite } = this.caps;
    const there =
      r !== undefined &&
      (r.reg === 'PMC'
        ? r.idx < nrGp && (fullWidthWrite || !r.fullWidth)
        : r.reg === 'PERFEVTSEL'
          ? r.idx < nrGp
          : r.reg === 'FIXED_CTR'
            ? r.idx < nrFixed
            : r.reg === 'GLOBAL_STATUS_SET' || r.reg === 'GLOBAL_INUSE'
              ? version >= 4
              : true);
    if (!there) throw new GeneralProtection(msr, 'no such register');
    return r;
  }

  /** A bit for each general-purpose counter with an event selected and each fixed counter enabled in some ring. */
  #inUse(): number {
    const gp = this.#evtsel.reduce((bits, sel, i) => ((sel & EVENTSEL.EVENT) === 0 ? bits : bits + 2 ** i), 0);
    const enabled = FIXED_CTRL.OS | FIXED_CTRL.USR;
    return this.#fixed.reduce(
      (bits, _, i) => ((fixedCtrlField(this.#fixedCtrl, i) & enabled) === 0 ? bits : bits + 2 ** i * U32),
      gp,
    );
  }

  /** Whole counts, modulo the counter's width. */
  #read(counter: Counter): number {
    const whole = Math.floor(counter.value);
    return whole < 0 ? whole + this.#modulus : whole;
  }

  #checked(msr: number, value: number): number {
    if (value < 0 || value >= this.#modulus) throw new GeneralProtection(msr, 'value wider than the counter');
    return value < this.#modulus / 2 ? value : value - this.#modulus;
  }

  /** Leaves the halves of a global register's value in #low and #high: returning a pair, or %, is slow on this path. */
  #split(msr: number, value: number): void {
    this.#high = Math.floor(value / U32);
    this.#low = value >>> 0;
    if (this.#low >= this.#gpLimit || this.#high >= this.#fixedLimit)
      throw new GeneralProtection(msr, 'bit of a counter that does not exist');
  }

  #findPlan(cpl: Cpl, ring: 0 | 1): CountingPlan {
    const key = ((this.#fixedCtrl * 16 + this.#ctrlFixed) * 256 + this.#ctrlGp) * 256 + this.#enabledGp;
    const latest = this.#latest[this.#ctrlFixed === 0 && this.#ctrlGp === 0 ? ring : 2 + ring] as LatestPlan;
    if (latest.key === key && latest.plan !== undefined) return latest.plan;
    const known = this.#known[ring];
    let plan = known.get(key);
    if (plan === undefined) known.set(key, (plan = this.#buildPlan(cpl)));
    latest.key = key;
    latest.plan = plan;
    return plan;
  }

  #buildPlan(cpl: Cpl): CountingPlan {
    const columns: EventColumn[] = [CYCLES, TRAPS];
    const counters: Counter[] = [];
    const slots: number[] = [];
    const counts = (counter: Counter, source: EventSource | undefined, int: boolean): void => {
      if (source === undefined) return;
      if (counter.source?.scale !== source.scale) setValue(counter, counter.value);
      counter.source = source;
      counter.int = int;
      let slot = columns.indexOf(source.column);
      if (slot < 0) slot = columns.push(source.column) - 1;
      counters.push(counter);
      slots.push(slot);
    };
    const [usr, fixedUsr] = cpl === 0 ? [EVENTSEL.OS, FIXED_CTRL.OS] : [EVENTSEL.USR, FIXED_CTRL.USR];
    this.#gp.forEach((counter, i) => {
      const sel = this.#evtsel[i] as number;
      if ((this.#ctrlGp & counter.bit) === 0 || (sel & EVENTSEL.ENABLE) === 0 || (sel & usr) === 0) return;
      const source = eventSource(this.#events, sel, this.#offcoreRsp, this.#clocks);
      counts(counter, source, (sel & EVENTSEL.INT) !== 0);
    });
    this.#fixed.forEach((counter, i) => {
      const field = fixedCtrlField(this.#fixedCtrl, i);
      if ((this.#ctrlFixed & counter.bit) === 0 || (field & fixedUsr) === 0) return;
      counts(counter, fixedEventSource(this.#events, i, this.#clocks), (field & FIXED_CTRL.PMI) !== 0);
    });
    const key = columns.join();
    const known = this.#columnSets.get(key);
    if (known === undefined) this.#columnSets.set(key, columns);
    return { columns: known ?? columns, counters, slots };
  }
}

function setValue(counter: Counter, value: number): void {
  counter.value = counter.base = value;
  counter.moved = 0;
}

/** A write through the legacy alias takes the low 32 bits and sign-extends bit 31 to the counter's width. */
function signExtend(value: number): number {
  const low = value % U32;
  return low < U32 / 2 ? low : low - U32;
}
