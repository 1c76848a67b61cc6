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
 * Source: arch/x86/events/core.c, arch/x86/events/intel/ds.c, kernel/events/core.c, Linux 5.0;
 * mediated_pmu_account_event() and perf_create_mediated_pmu(), Linux 7.0.
 * Not modelled: the time that the worker spends on perf_sched_work, contention on pmc_reserve_mutex, contention on
 * perf_sched_mutex from other CPUs.
 */
import type { Cpu } from '../arch/cpu.ts';
import type { Alarm, Order } from '../sim/event-queue.ts';
import type { Cycles } from '../units.ts';
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import type { DsOperation } from './ds-buffers.ts';
import { EBUSY, EOPNOTSUPP } from './errno.ts';
import { FN } from './symbols.ts';
import { wheelExpiry } from './timer-wheel.ts';

/** The kernel that makes or ends an event. */
interface Payer {
  readonly cpu: Cpu;
  readonly tick: Cycles;
  block(span: Cycles): void;
  cyclesOf(ns: number): Cycles;
  hrtimer(when: Cycles, order: Order, fire: () => void): Alarm;
}

/** Spans drawn for each occurrence. */
export interface HostDraws {
  /** The work of one reserve or release: kernel functions, and the time that each takes in all. */
  ds_buffers(operation: DsOperation): readonly (readonly [fn: number, span: Cycles])[];
  /** Text patching and the grace period after it. */
  static_branch_enable(): Cycles;
}

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
  /** How often each surcharge was paid. */
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

  /** account_event() and x86_reserve_hardware() for a new hardware event. */
  account(kernel: Payer, ofTask: boolean): void {
    this.#making++;
    if (this.#own.hardwareEvents++ + this.others.hardwareEvents === 0) {
      this.paid.reserve++;
      this.#ds_buffers(kernel, 'reserve_ds_buffers');
    }
    if (ofTask) this.#accountTask(kernel);
    if (--this.#making === 0 && this.#workWaits) this.#perf_sched_delayed();
  }

  #accountTask(kernel: Payer): void {
    if (this.#schedCount > 0) {
      this.#own.perf_sched_count++;
      return;
    }
    if (this.#switchedOnAt === undefined) {
      this.paid.static_key++;
      const span = this.#draws.static_branch_enable();
      this.#switchedOnAt = (kernel.cpu.now() + span) as Cycles;
      kernel.block(span);
      this.#switchedOnAt = undefined;
    } else kernel.block(Math.max(0, this.#switchedOnAt - kernel.cpu.now()) as Cycles);
    this.#own.perf_sched_count++;
  }

  /** For a hardware event that ends; _free_event() calls unaccount_event() before it releases the hardware. */
  unaccount(kernel: Payer, ofTask: boolean): void {
    if (ofTask) {
      if (this.#schedCount > 1) this.#own.perf_sched_count--;
      else this.#delayDecrement(kernel);
    }
    if (--this.#own.hardwareEvents + this.others.hardwareEvents > 0) return;
    this.paid.release++;
    this.#ds_buffers(kernel, 'release_ds_buffers');
  }

  #ds_buffers({ cpu }: Payer, operation: DsOperation): void {
    cpu.enter(FN[operation]);
    for (const [fn, span] of this.#draws.ds_buffers(operation)) cpu.spendFor(fn, span);
    cpu.leave();
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
