/**
 * struct cpu_hw_events: which events one CPU's PMU has, on which counters, and how its control registers are to stand.
 *
 * The driver (x86-pmu.ts) touches the hardware and keeps these books; nothing here takes time.
 * Source: arch/x86/events/perf_event.h and core.c, Linux 5.0. events[] and active_mask are one map here, txn_flags a boolean.
 * Not modelled: running[] and its check on spurious NMIs, what belongs to PEBS, LBR and hyperthread siblings.
 */
import { globalBit } from '../arch/msr.ts';
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
  /** Events that have or are to have a counter, in the order they came. */
  readonly event_list: PerfEvent[] = [];
  /** The counter of each event in event_list, once they are scheduled. */
  assign: number[] = [];
  /** How often each counter has been given to an event. */
  readonly tags = new Map<number, number>();
  /** The last so many of event_list were added since the PMU was disabled, or within the transaction. */
  n_added = 0;
  n_txn = 0;
  in_txn = false;
  /** Counters that count in guests only, and on the host only: attr.exclude_host and exclude_guest. */
  intel_ctrl_guest_mask = 0;
  intel_ctrl_host_mask = 0;
  /** From 6.1: FIXED_CTR_CTRL as it is to be, and as it is; written when the counters are opened, and never read. */
  fixed_ctrl_val = 0;
  active_fixed_ctrl_val = 0;

  constructor(cpu: number) {
    this.cpu = cpu;
  }

  get n_events(): number {
    return this.event_list.length;
  }

  /** collect_events(), for one. */
  collect(event: PerfEvent): void {
    this.event_list.push(event);
    this.n_added++;
    if (this.in_txn) this.n_txn++;
  }

  /** An event leaves with its place in both lists; false if it was not there. */
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

  /** What was collected within the transaction is dropped. */
  cancel_txn(): void {
    this.in_txn = false;
    this.event_list.length -= this.n_txn;
    this.n_added -= this.n_txn;
  }

  /** match_prev_assignment(): event i still is where it is to be, and nobody has had its counter since. */
  match_prev_assignment({ hw }: PerfEvent, i: number): boolean {
    const idx = this.assign[i] as number;
    return hw.idx === idx && hw.last_cpu === this.cpu && hw.last_tag === this.tags.get(idx);
  }

  /** The beginning of x86_assign_hw_event(): event i gets the counter it is assigned to, which is returned. */
  take({ hw }: PerfEvent, i: number): number {
    const idx = this.assign[i] as number;
    hw.idx = idx;
    hw.last_cpu = this.cpu;
    hw.last_tag = (this.tags.get(idx) ?? 0) + 1;
    this.tags.set(idx, hw.last_tag);
    return idx;
  }

  /** Books whether an event's counter is for one side of VM-entry only. */
  setSides({ attr, hw }: PerfEvent, on: boolean): void {
    const bit = globalBit(hw.idx) * (on ? 1 : -1);
    if (attr.exclude_host === true) this.intel_ctrl_guest_mask += bit;
    if (attr.exclude_guest === true) this.intel_ctrl_host_mask += bit;
  }
}
