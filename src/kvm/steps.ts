/** What a vCPU and its vPMU tell their probe. */
import type { Vector } from '../arch/cpu.ts';
import type { ExitReason } from './exits.ts';

/** KVM_REQ_PMU, KVM_REQ_PMI and, after a move to another CPU, two more: served before the guest is entered again. */
export type Request = 'PMU' | 'PMI' | 'TLB_FLUSH' | 'MIGRATE_TIMER';

export type KvmStep = RunStep | EventStep | OverflowStep | WorldSwitchStep;

type RunStep =
  /** From VM-exit to VM-entry. */
  | { readonly kind: 'exit'; readonly reason: ExitReason }
  /** An interrupt or NMI is injected. */
  | { readonly kind: 'inject'; readonly vector: Vector }
  /** What an NMI costs the guest besides all that is modelled. */
  | { readonly kind: 'residue' }
  /** A request is served. */
  | { readonly kind: 'request'; readonly request: Request };

/** Operations on the host perf event of a virtual counter, given by its global index (PMC_IDX_FIXED). */
type EventStep =
  /** pmc_reprogram_counter(): created with `period`. */
  | { readonly kind: 'create'; readonly pmc: number; readonly period: number }
  /** pmc_stop_counter(): read and released. */
  | { readonly kind: 'stop'; readonly pmc: number }
  /** pmc_release_perf_event(): released; it had been read before. */
  | { readonly kind: 'release'; readonly pmc: number }
  /** pmc_pause_counter() */
  | { readonly kind: 'pause'; readonly pmc: number }
  /** pmc_resume_counter(): resumed with `period`. */
  | { readonly kind: 'resume'; readonly pmc: number; readonly period: number };

type OverflowStep =
  /** kvm_perf_overflow(): the counter's host event overflowed; `global_status` is the guest's, with this overflow. */
  | {
      readonly kind: 'overflow';
      readonly pmc: number;
      readonly global_status: number;
      readonly requests: readonly Request[];
    }
  /** kvm_handle_guest_mediated_pmi(): a counter of the guest's own overflowed. */
  | { readonly kind: 'mediated_pmi' };

/** The guest's own registers are loaded (kvm_mediated_pmu_load) or put away (kvm_mediated_pmu_put). */
interface WorldSwitchStep {
  readonly kind: 'load' | 'put';
}
