/** What a vCPU and its vPMU tell their probe. */
import type { Vector } from '../arch/cpu.ts';
import type { ExitReason } from './exits.ts';

/** KVM_REQ_PMU, KVM_REQ_PMI: what is to be done before the guest is entered again. */
export type Request = 'PMU' | 'PMI';

export type KvmStep = RunStep | EventStep | OverflowStep | WorldSwitchStep;

type RunStep =
  /** From VM-exit to VM-entry. */
  | { readonly kind: 'exit'; readonly reason: ExitReason }
  /** An interrupt or NMI is put into the guest. */
  | { readonly kind: 'inject'; readonly vector: Vector }
  /** A request is served. */
  | { readonly kind: 'request'; readonly request: Request };

/** What is done about the host perf event of a virtual counter, given by its global index (PMC_IDX_FIXED). */
type EventStep =
  /** pmc_reprogram_counter(): made, to overflow after `period`. */
  | { readonly kind: 'create'; readonly pmc: number; readonly period: number }
  /** pmc_stop_counter(): read and released. */
  | { readonly kind: 'stop'; readonly pmc: number }
  /** pmc_release_perf_event(): released after it was read. */
  | { readonly kind: 'release'; readonly pmc: number }
  /** pmc_pause_counter() */
  | { readonly kind: 'pause'; readonly pmc: number }
  /** pmc_resume_counter(): to overflow after `period`. */
  | { readonly kind: 'resume'; readonly pmc: number; readonly period: number };

type OverflowStep =
  /** kvm_perf_overflow(): of the host event of a counter; the guest's GLOBAL_STATUS with it. */
  | {
      readonly kind: 'overflow';
      readonly pmc: number;
      readonly global_status: number;
      readonly requests: readonly Request[];
    }
  /** kvm_handle_guest_mediated_pmi(): of a counter that is the guest's own. */
  | { readonly kind: 'mediated_pmi' };

/** The guest's own registers are loaded (kvm_mediated_pmu_load) or put away (kvm_mediated_pmu_put). */
interface WorldSwitchStep {
  readonly kind: 'load' | 'put';
}
