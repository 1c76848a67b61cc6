/**
 * struct cpu_hw_events: which events are on one CPU's PMU, on which counters, and what its control registers should
 * hold.
 *
 * The driver (x86-pmu.ts) touches the hardware and keeps these books; nothing here takes time.
 * Source: arch/x86/events/perf_event.h and core.c, Linux 5.0. events[] and active_mask are one map here, txn_flags a
 * boolean.
 * Not modelled: running[] and the check for spurious NMIs based on it; fields for PEBS, LBR and hyperthread siblings.
 */
import { globalBit } from '../arch/msr.ts';
import { asDoubles } from '../sim/doubles.ts';
import type { PerfEvent } from './perf-event.ts';

export class CpuHwEvents {
  /** Number of the CPU whose PMU this is. */
  readonly cpu: number;
  /** The counters are open, GLOBAL_CTRL included. */
  enabled = false;
  /** pmu_disable_count: pmu_disable() nests. */
  disable_count = 0;
  /** Events whose counters run, by counter. */
  readonly events = new Map<number, PerfEvent>();
  /** Events that have a counter or are about to get one, in order of arrival. */
  readonly event_list: PerfEvent[] = [];
  /** The counter of each event in event_list, once they are scheduled. */
  assign: number[] = [];
  /** How often each counter has been given to an event. */
  readonly tags = new Map<number, number>();
  /** How many at the end of event_list were added since the PMU was disabled, and within the transaction. */
  n_added = 0;
  n_txn = 0;
  in_txn = false;
  /** Counters that count only in guests (attr.exclude_host), and only on the host (attr.exclude_guest). */
  intel_ctrl_guest_mask = 0;
  intel_ctrl_host_mask = 0;
  /**
   * From 6.1: the wanted and the actual FIXED_CTR_CTRL. The register is written when the counters open, and never read.
   */
  fixed_ctrl_val = 0;
  active_fixed_ctrl_val = 0;

  constructor(cpu: number) {
    this.cpu = cpu;
    asDoubles(this, 'intel_ctrl_guest_mask', 'intel_ctrl_host_mask');
  }

  get n_events(): number {
    return this.event_list.length;
  }

  /** collect_events() for one event. */
  collect(event: PerfEvent): void {
    this.event_list.push(event);
    this.n_added++;
    if (this.in_txn) this.n_txn++;
  }

  /** Removes an event and its assignment; false if it was not there. */
  drop(event: PerfEvent): boolean {
    const i = this.event_list.indexOf(event);
    if (i < 0) return false;
    if (i >= this.n_events - this.n_added) this.n_added--;
    this.event_list.splice(i, 1);
    this.assign.splice(i, 1);
    return true;
  }

  start_txn(): void {
    this.in_txn = true;
    this.n_txn = 0;
  }

  commit_txn(assign: number[]): void {
    this.in_txn = false;
    this.assign = assign;
  }

  /** Drops what was collected within the transaction. */
  cancel_txn(): void {
    this.in_txn = false;
    this.event_list.length -= this.n_txn;
    this.n_added -= this.n_txn;
  }

  /**
   * match_prev_assignment(): event i is already on its assigned counter, and nobody else has had that counter since.
   */
  match_prev_assignment({ hw }: PerfEvent, i: number): boolean {
    const idx = this.assign[i] as number;
    return hw.idx === idx && hw.last_cpu === this.cpu && hw.last_tag === this.tags.get(idx);
  }

  /** The beginning of x86_assign_hw_event(): gives event i its assigned counter and returns the counter's index. */
  take({ hw }: PerfEvent, i: number): number {
    const idx = this.assign[i] as number;
    hw.idx = idx;
    hw.last_cpu = this.cpu;
    hw.last_tag = (this.tags.get(idx) ?? 0) + 1;
    this.tags.set(idx, hw.last_tag);
    return idx;
  }

  /** Updates the masks of counters that count only in guests or only on the host. */
  setSides({ attr, hw }: PerfEvent, on: boolean): void {
    const bit = globalBit(hw.idx) * (on ? 1 : -1);
    if (attr.exclude_host === true) this.intel_ctrl_guest_mask += bit;
    if (attr.exclude_guest === true) this.intel_ctrl_host_mask += bit;
  }
}
