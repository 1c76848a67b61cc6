/**
 * The state of perf that all CPUs and guests of one host share: how many hardware events exist, and the static key that
 * the scheduler tests. Whoever makes the first event or ends the last one pays for the whole machine. Each core has its
 * own HostGlobal, which is told the sum of the others.
 *
 * - x86_reserve_hardware()/x86_release_hardware(): the first reserves debug-store buffers for every possible CPU, the
 *   last releases them; both flush the TLBs of all CPUs, buffer after buffer (ds-buffers.ts).
 * - perf_create_mediated_pmu(): no guest can own the counters while an event of the host counts guests, and no such
 *   event can be made while a guest owns them.
 * - account_event()/unaccount_event(): the first task event switches the key on and waits for a grace period. When the
 *   last one ends, the key stays on for another second and then goes off, unless a new event exists by then. The check
 *   runs in a tick of the host (perf_sched_delayed() hangs on a timer that counts jiffies); if a task is just making an
 *   event, it runs as soon as that is done.
 *
 * Cores queue for the mutexes behind these: a core decides at once by what it sees of others, and settles at each grid line
 * what it should have done (host-mutex.ts). What it owes then, it waits or works off as it next makes and ends events.
 * Whoever finds the key being switched on waits until it is.
 *
 * Source: arch/x86/events/core.c, arch/x86/events/intel/ds.c, kernel/events/core.c, Linux 5.0;
 * mediated_pmu_account_event() and perf_create_mediated_pmu(), Linux 7.0.
 * Not modelled: the time that the worker spends on perf_sched_work; on several cores, sleeping while the key is switched on
 * (the core is kept busy), and that who finds this in the same grid interval waits no longer than the first: each takes a
 * grace period of its own.
 */
import type { Cpu } from '../arch/cpu.ts';
import type { Alarm, Order } from '../sim/event-queue.ts';
import { SUBCYCLES, cycles, type Cycles } from '../units.ts';
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import type { DsOperation } from './ds-buffers.ts';
import { EBUSY, EOPNOTSUPP } from './errno.ts';
import type { CountChange, Due, HostLog, KeySwitch, Settlement } from './host-mutex.ts';
import { FN } from './symbols.ts';
import { wheelExpiry } from './timer-wheel.ts';

/** The kernel that makes or ends an event. */
interface Payer {
  readonly cpu: Cpu;
  readonly tick: Cycles;
  /** `fn`: in which a CPU waits that is kept busy. */
  block(span: Cycles, fn?: number): void;
  cyclesOf(ns: number): Cycles;
  hrtimer(when: Cycles, order: Order, fire: () => void): Alarm;
}

/** Spans drawn for each occurrence. */
export interface HostDraws {
  /** The work of one reserve or release: kernel functions, and the time that each takes in all. */
  ds_buffers(operation: DsOperation): Work;
  /** Text patching and the grace period after it. */
  static_branch_enable(): Cycles;
  /** What ds_buffers() takes on average. */
  readonly means: Readonly<Record<DsOperation, Cycles>>;
}

/** Kernel functions, and the time that each takes in all. */
type Work = readonly (readonly [fn: number, span: Cycles])[];

interface OwnChange extends CountChange {
  readonly parts: Work;
}

const total = (parts: Work): Cycles => cycles(parts.reduce((sum, [, span]) => sum + span, 0));

/** Counts for the whole host: the part that some of its cores contribute. */
export interface HostCounts {
  /** pmc_refcount */
  readonly hardwareEvents: number;
  /** perf_sched_count */
  readonly perf_sched_count: number;
  /** nr_include_guest_events */
  readonly include_guest_events: number;
}

const SECOND_NS = 1e9;
/**
 * Over how many changes a core pays what it owes, at least. A PMI under the legacy vPMU makes four, half of them in the
 * guest's handler: only if all pay does the guest's kernel find its PMIs as long as they are, and throttles itself.
 */
const INSTALMENTS = 16;

export class HostGlobal {
  readonly #draws: HostDraws;
  readonly #own = { hardwareEvents: 0, perf_sched_count: 0, include_guest_events: 0 };
  /** Sum over the other cores; whoever simulates several cores keeps it up to date. */
  others: HostCounts = { hardwareEvents: 0, perf_sched_count: 0, include_guest_events: 0 };
  /** A delayed decrement of this core's perf_sched_count is due. */
  #schedDelayed = false;
  /** How many tasks are making an event, and whether perf_sched_work waits for them to finish. */
  #making = 0;
  #workWaits = false;
  /** When the holder of perf_sched_mutex will have switched the key on; undefined: nobody holds it. */
  #switchedOnAt: Cycles | undefined;
  #nr_mediated_pmu_vms = 0;
  /** Of one core of several: its changes and switches since the last grid line. */
  #log: { changes: OwnChange[]; switches: KeySwitch[] } | undefined;
  /** Another core will have switched the key on by then. */
  #othersSwitchedOnAt = cycles(-Infinity);
  /** What it owes for the past, and what it has paid too much. */
  readonly #owed = { wait: 0, reserve_ds_buffers: 0, release_ds_buffers: 0 };
  #credit = 0;
  /** Over how many changes it pays that. */
  #instalments = 1;
  /** How often each surcharge was paid, as far as is known now. */
  readonly paid = { reserve: 0, release: 0, static_key: 0 };

  constructor(draws: HostDraws) {
    this.#draws = draws;
  }

  /** What this core adds to the others' counts. */
  get own(): HostCounts {
    return this.#own;
  }

  /** perf_sched_events: a task event existed within the last second. */
  get perf_sched_events(): boolean {
    return this.#schedCount > 0;
  }

  /** perf_sched_count of the host. */
  get #schedCount(): number {
    return this.#own.perf_sched_count + this.others.perf_sched_count;
  }

  /** As if the last task event, left from an earlier run, had ended just now: the key is on for another second. */
  leaveSwitchedOn(kernel: Payer): void {
    this.#own.perf_sched_count++;
    this.#delayDecrement(kernel);
  }

  /** Another perf has a software event on a task of another CPU: it keeps the key on but takes no counter. */
  accountTaskElsewhere(): void {
    this.#own.perf_sched_count++;
  }

  /** mediated_pmu_account_event(): 0, or -EOPNOTSUPP if the event would count in guests that own their counters. */
  mediated_pmu_account_event(attr: PerfEventAttr): number {
    if (attr.exclude_guest === true) return 0;
    if (this.#nr_mediated_pmu_vms > 0) return -EOPNOTSUPP;
    this.#own.include_guest_events++;
    return 0;
  }

  mediated_pmu_unaccount_event(attr: PerfEventAttr): void {
    if (attr.exclude_guest !== true) this.#own.include_guest_events--;
  }

  /** perf_create_mediated_pmu(): 0, or -EBUSY while an event of the host counts in guests. */
  perf_create_mediated_pmu(): number {
    const events = this.#own.include_guest_events + this.others.include_guest_events;
    if (this.#nr_mediated_pmu_vms === 0 && events > 0) return -EBUSY;
    this.#nr_mediated_pmu_vms++;
    return 0;
  }

  /** From now on this is one core of several, which settle at grid lines. */
  isOneOfSeveral(): void {
    this.#log = { changes: [], switches: [] };
  }

  /** What reserving and releasing take on average. */
  get means(): HostDraws['means'] {
    return this.#draws.means;
  }

  /** What others must know at a grid line. */
  get log(): HostLog {
    const { changes, switches } = this.#log!;
    return {
      changes: changes.map(({ at, by, work, spent, caughtUp }) => ({ at, by, work, spent, caughtUp })),
      switches,
    };
  }

  /** A grid line: what it should have done since the last. `rebook` moves time to another function in the ledger. */
  settle({ dues, waited, switchedOnAt }: Settlement, rebook: (from: number, to: number, span: Cycles) => void): void {
    const log = this.#log!;
    for (const [i, due] of dues.entries()) this.#settle(log.changes[i]!, due, rebook);
    for (const [i, only] of waited.entries()) {
      const { at, until } = log.switches[i]!;
      if (!only) continue;
      this.paid.static_key--;
      rebook(FN.synchronize_rcu, FN.__mutex_lock, cycles(until - at));
    }
    this.#instalments = Math.max(INSTALMENTS, dues.length);
    log.changes = log.changes.slice(dues.length);
    log.switches = log.switches.slice(waited.length);
    this.#othersSwitchedOnAt = cycles(Math.max(this.#othersSwitchedOnAt, switchedOnAt));
  }

  #settle({ by, work, parts }: OwnChange, due: Due, rebook: (from: number, to: number, span: Cycles) => void): void {
    const [operation, name] =
      by === 1 ? (['reserve_ds_buffers', 'reserve'] as const) : (['release_ds_buffers', 'release'] as const);
    if (work > 0 && due.work === 0) this.paid[name]--;
    if (work === 0 && due.work > 0) this.paid[name]++;
    this.#owed[operation] += Math.max(0, due.work - work);
    // Where another was the first or the last, this one has only waited for the mutex.
    const excess = Math.max(0, work - due.work);
    const waited = Math.min(due.wait, excess);
    for (const [fn, span] of waited > 0 ? parts : [])
      rebook(fn, FN.mutex_spin_on_owner, cycles(Math.round(((span * waited) / work) * SUBCYCLES) / SUBCYCLES));
    this.#owed.wait += due.wait - waited;
    this.#credit += excess - waited;
  }

  /** Waits and works off a part of what it owes; returns how long that has taken. */
  #payOwed({ cpu }: Payer): Cycles {
    const owed = this.#owed;
    const share = 1 / this.#instalments;
    this.#instalments = Math.max(1, this.#instalments - 1);
    let paid = 0;
    for (const [key, fn] of [
      ['reserve_ds_buffers', FN.reserve_ds_buffers],
      ['release_ds_buffers', FN.release_ds_buffers],
      ['wait', FN.mutex_spin_on_owner],
    ] as const) {
      const free = Math.min(owed[key], this.#credit);
      this.#credit -= free;
      owed[key] -= free;
      const span = Math.ceil(owed[key] * share * SUBCYCLES) / SUBCYCLES;
      owed[key] -= span;
      paid += span;
      if (span > 0) cpu.spendFor(fn, cycles(span));
    }
    return cycles(paid);
  }

  /** An event more or less: x86_reserve_hardware(), x86_release_hardware(). */
  #change(kernel: Payer, by: 1 | -1): void {
    const caughtUp = this.#log === undefined ? cycles(0) : this.#payOwed(kernel);
    const at = kernel.cpu.now();
    const before = this.#own.hardwareEvents + this.others.hardwareEvents;
    this.#own.hardwareEvents += by;
    let parts: Work = [];
    const credit = this.#credit;
    if (by === 1 && before === 0) {
      this.paid.reserve++;
      parts = this.#ds_buffers(kernel, 'reserve_ds_buffers');
    } else if (by === -1 && before <= 1) {
      this.paid.release++;
      parts = this.#ds_buffers(kernel, 'release_ds_buffers');
    }
    const work = total(parts);
    const spent = cycles(work - (credit - this.#credit));
    this.#log?.changes.push({ at, by, work, spent, caughtUp, parts });
  }

  /** account_event() and x86_reserve_hardware() for a new hardware event. */
  account(kernel: Payer, ofTask: boolean): void {
    this.#making++;
    this.#change(kernel, 1);
    if (ofTask) this.#accountTask(kernel);
    if (--this.#making === 0 && this.#workWaits) this.#perf_sched_delayed();
  }

  #accountTask(kernel: Payer): void {
    const now = kernel.cpu.now();
    const switchedOnAt = Math.max(this.#switchedOnAt ?? -Infinity, this.#othersSwitchedOnAt);
    if (switchedOnAt > now) kernel.block(cycles(switchedOnAt - now), FN.__mutex_lock);
    else if (this.#schedCount === 0) {
      this.paid.static_key++;
      const span = this.#draws.static_branch_enable();
      this.#switchedOnAt = cycles(now + span);
      this.#log?.switches.push({ at: now, until: this.#switchedOnAt });
      kernel.block(span, FN.synchronize_rcu);
      this.#switchedOnAt = undefined;
    }
    this.#own.perf_sched_count++;
  }

  /** For a hardware event that ends; _free_event() calls unaccount_event() before it releases the hardware. */
  unaccount(kernel: Payer, ofTask: boolean): void {
    if (ofTask) {
      if (this.#schedCount > 1) this.#own.perf_sched_count--;
      else this.#delayDecrement(kernel);
    }
    this.#change(kernel, -1);
  }

  /** Does the work and returns all of it, though less is left to do for who has paid too much before. */
  #ds_buffers({ cpu }: Payer, operation: DsOperation): Work {
    const work = this.#draws.ds_buffers(operation);
    cpu.enter(FN[operation]);
    for (const [fn, span] of work) {
      const free = Math.min(span, this.#credit);
      this.#credit -= free;
      if (span > free) cpu.spendFor(fn, cycles(span - free));
    }
    cpu.leave();
    return work;
  }

  /** schedule_delayed_work(&perf_sched_work, HZ) */
  #delayDecrement(kernel: Payer): void {
    if (this.#schedDelayed) return;
    this.#schedDelayed = true;
    const { tick } = kernel;
    const jiffy = wheelExpiry(Math.floor(kernel.cpu.now() / tick), Math.round(kernel.cyclesOf(SECOND_NS) / tick));
    kernel.hrtimer((jiffy * tick) as Cycles, 'work', () => {
      if (this.#making > 0) this.#workWaits = true;
      else this.#perf_sched_delayed();
    });
  }

  #perf_sched_delayed(): void {
    this.#workWaits = false;
    this.#schedDelayed = false;
    this.#own.perf_sched_count--;
  }
}
