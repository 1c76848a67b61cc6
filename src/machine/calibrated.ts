/**
 * The calibrated constants: those that were chosen with published figures in view, costs and others.
 * Not modelled: nothing; this only says what was fitted to what. The figures of costs are in costs.ts.
 */

/** Constants that were chosen with the same published figures in view. */
const to = (constants: readonly string[], ...fittedTo: readonly string[]) =>
  constants.map((constant) => ({ constant, fittedTo }));

/**
 * Every calibrated constant (spec keys, others by name and file) with what it was fitted to: cells of
 * fixtures/seed-tables.json, or another publication in words. `gperf reproduce` calls the rest derived.
 */
export const CALIBRATED = [
  ...to(
    ['cost.vmx_vcpu_run', 'cost.vcpu_enter_guest', 'cost.vmx_handle_exit', 'cost.kvm_set_msr_common'],
    '(2) r/w fixed_ctrl, v2',
    '(1) kvm_pmu_rdpmc, legacy',
  ),
  ...to(
    ['cost.exit_tail', 'TAIL_SHARE of ring0.ts'],
    '(2) disable global_ctrl, v2',
    '(2) r/w fixed_ctrl, legacy',
    '(2) r/w eventsel, legacy',
    '(2) r/w eventsel, v2',
    '(2) rdpmcl, legacy',
    '(2) rdpmcl, v2',
    '(5) context_switch, sched_out, v2', // the sum of these
  ),
  ...to(
    ['cost.perf_event_create_kernel_counter', 'cost.perf_event_release_kernel', 'KERNEL_COUNTER_SIGMA of ring0.ts'],
    '(1) perf_event_create_kernel_counter: fixed, legacy',
    '(1) pmc_stop_counter: gp, legacy',
  ),
  ...to(
    ['cost.static_branch_enable'],
    '(1) perf_event_create_kernel_counter: gp, legacy',
    '(2) enable global_ctrl, legacy',
    '(2) enable global_ctrl, v2',
  ),
  ...to(
    ['cost.ipi_target', 'IPI_SIGMA.cold of ring0.ts'],
    '(1) pmc_stop_counter: fixed, legacy',
    '(2) disable global_ctrl, legacy',
    '(2) x86_pmu.handle_irq, legacy',
    '(3) x86_pmu.handle_irq, legacy to v2, legacy to v2',
    '(4) rd/wr fixed_ctrl, legacy',
  ),
  ...to(['IPI_SHARE.warm of ring0.ts', 'IPI_SIGMA.warm of ring0.ts', 'host.hz'], 'samples, legacy'),
  ...to(['cost.pmi_residue'], 'samples, v2'),
  ...to(
    ['guest.background of letter.ts'],
    '(4) enable global_ctrl, v2',
    '(4) rd/wr fixed_ctrl, v2',
    '(4) rd/wr eventsel, v2',
    '(4) rdpmcl, v2',
  ),
  ...to(['iterations of ftest.yaml', 'cycles of ftest.yaml'], 'samples, host', 'profile, host'),
  ...to(
    ['cost.perf_event_pause', 'cost.perf_event_period', 'cost.perf_event_enable'],
    'commit e79f49c37ccf: 4,717 ns less a PMI',
  ),
];
