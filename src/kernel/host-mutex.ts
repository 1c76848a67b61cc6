/**
 * Who waited for pmc_reserve_mutex and perf_sched_mutex when several cores make and end events of the host: found out at
 * each grid line from what all of them have done since the last one, in order of (time, core).
 *
 * A core decides at once by what it sees of others (kernel/host-global.ts), and learns at the line what it should have
 * done: how long it would have waited for the mutex, and whether it would have been the first or the last. So the queue
 * depends neither on who simulates which core nor on how far cores run between two meetings.
 *
 * - x86_reserve_hardware(): without a mutex if there are events (atomic_inc_not_zero); else the mutex is taken, and the
 *   first reserves. Until it has, others come to the mutex, too, and find an event when they have it.
 * - x86_release_hardware(): only who ends the last event takes the mutex (atomic_dec_and_mutex_lock), and releases.
 * - account_event(): whoever finds perf_sched_count at 0 takes the mutex; the first switches the key on and waits for a
 *   grace period, and the others for the first.
 *
 * Source: arch/x86/events/core.c, kernel/events/core.c, kernel/locking/mutex.c, Linux 5.0.
 * Not modelled: that a core which was kept waiting comes later to what it does besides, until it has caught up; mutexes handed
 * over in another order than that of arrival.
 */
import { cycles, type Cycles } from '../units.ts';
import type { DsOperation } from './ds-buffers.ts';

/** An event was made or ended by a core. */
export interface CountChange {
  readonly at: Cycles;
  readonly by: 1 | -1;
  /** What it took the core at once to reserve or release; 0: it thought it was neither first nor last. */
  readonly work: Cycles;
  /** How much of that it has spent: less if it had done too much before. */
  readonly spent: Cycles;
  /** What it has spent before that for what it owed. */
  readonly caughtUp: Cycles;
}

/** What a change should have cost: waiting for the mutex, and then reserving or releasing. */
export interface Due {
  readonly wait: Cycles;
  readonly work: Cycles;
}

const FREE: Due = { wait: cycles(0), work: cycles(0) };

/** pmc_refcount with pmc_reserve_mutex, as of the last grid line. */
export class ReservedHardware {
  #count: number;
  /** The mutex is free from then; and events exist since then. */
  #free = cycles(-Infinity);
  #since = cycles(-Infinity);
  readonly #means: Readonly<Record<DsOperation, Cycles>>;
  /** How much later each core should be than it is. */
  readonly #late: number[] = [];

  /** So many events exist; what reserving and releasing take on average, for whoever has not paid for it. */
  constructor(count: number, means: Readonly<Record<DsOperation, Cycles>>) {
    this.#count = count;
    this.#means = means;
  }

  /**
   * What the changes of each core should have cost, as far as they come before the line. A core that was kept waiting, or
   * had more to do than it did, comes that much later to its next change, until it has caught up; earlier if it did too
   * much.
   */
  settle(changes: readonly (readonly CountChange[])[], line: Cycles): readonly (readonly Due[])[] {
    const dues: Due[][] = changes.map(() => []);
    for (;;) {
      let first: { readonly core: number; readonly at: Cycles; readonly change: CountChange } | undefined;
      for (const [core, own] of changes.entries()) {
        const change = own[dues[core]!.length];
        if (change === undefined) continue;
        const at = cycles(change.at + (this.#late[core] ?? 0) - change.caughtUp);
        if (at < (first?.at ?? line)) first = { core, at, change };
      }
      if (first === undefined) return dues;
      const { core, at, change } = first;
      const due = this.#due(change, at);
      dues[core]!.push(due);
      this.#late[core] = (this.#late[core] ?? 0) - change.caughtUp + due.wait + due.work - change.spent;
    }
  }

  #due({ by, work: done }: CountChange, at: Cycles): Due {
    if (by === 1 && this.#count > 0 && at >= this.#since) {
      this.#count++;
      return FREE;
    }
    if (by === -1 && this.#count > 1) {
      this.#count--;
      return FREE;
    }
    const start = cycles(Math.max(at, this.#free));
    const wait = cycles(start - at);
    const found = by === 1 && this.#count > 0;
    this.#count += by;
    if (found) return { wait, work: cycles(0) };
    const { reserve_ds_buffers, release_ds_buffers } = this.#means;
    const work = done > 0 ? done : by === 1 ? reserve_ds_buffers : release_ds_buffers;
    this.#free = cycles(start + work);
    if (by === 1) this.#since = this.#free;
    return { wait, work };
  }
}

/** A core has switched the static key on, which took until then. */
export interface KeySwitch {
  readonly at: Cycles;
  readonly until: Cycles;
}

/** For each core, which of its switches were only a wait for another core's. */
export function waitedForKey(switches: readonly (readonly KeySwitch[])[]): readonly (readonly boolean[])[] {
  const waits: boolean[][] = switches.map(() => []);
  let until = -Infinity;
  for (const { core, change } of inOrder(switches)) {
    const waited = change.at < until;
    waits[core]!.push(waited);
    if (!waited) until = change.until;
  }
  return waits;
}

/** What a core has done since the last grid line that others may have waited for. */
export interface HostLog {
  readonly changes: readonly CountChange[];
  readonly switches: readonly KeySwitch[];
}

/** What a core should have done: for each change what was due, for each switch whether it was only a wait. */
export interface Settlement {
  readonly dues: readonly Due[];
  readonly waited: readonly boolean[];
  /** Another core will have switched the key on by then. */
  readonly switchedOnAt: Cycles;
}

/** The changes of all cores by time; at one time by core. */
function inOrder<T extends { readonly at: Cycles }>(
  all: readonly (readonly T[])[],
): { readonly core: number; readonly change: T }[] {
  return all
    .flatMap((changes, core) => changes.map((change) => ({ core, change })))
    .toSorted((a, b) => a.change.at - b.change.at || a.core - b.core);
}

const NOTHING: HostLog = { changes: [], switches: [] };

/** Both mutexes of a host with several cores. */
export class HostMutexes {
  readonly #hardware: ReservedHardware;

  /** So many events exist at boot. */
  constructor(count: number, means: Readonly<Record<DsOperation, Cycles>>) {
    this.#hardware = new ReservedHardware(count, means);
  }

  /** For each core, what it should have done up to the grid line, given what all have done; the rest waits for the next. */
  settle(logs: readonly (HostLog | undefined)[], line: Cycles): readonly Settlement[] {
    const changes = logs.map((log = NOTHING) => log.changes);
    const switches = logs.map((log = NOTHING) => log.switches.filter(({ at }) => at < line));
    const dues = this.#hardware.settle(changes, line);
    const waited = waitedForKey(switches);
    const switchedOn = switches.map((own, core) =>
      Math.max(-Infinity, ...own.filter((_, i) => !waited[core]![i]!).map(({ until }) => until)),
    );
    return logs.map((_, core) => ({
      dues: dues[core]!,
      waited: waited[core]!,
      switchedOnAt: cycles(Math.max(-Infinity, ...switchedOn.toSpliced(core, 1))),
    }));
  }
}
