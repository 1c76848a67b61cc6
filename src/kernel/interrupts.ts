/**
 * Interrupt handlers of one CPU: PMIs, the timer with the tick, perf's irq_work, other CPUs' wake-ups and calls, and PMIs
 * of a guest that owns its counters.
 *
 * Source: arch/x86/entry/entry_64.S, arch/x86/kernel/nmi.c, arch/x86/kernel/smp.c (smp_reschedule_interrupt,
 * smp_call_function_single_interrupt), kernel/time/timer.c (update_process_times), Linux 5.0; for the guest's PMIs Linux
 * 7.0.
 * Not modelled: interrupts from devices; NMIs other than PMIs.
 */
import type { Regs, Vector } from '../arch/cpu.ts';
import { cycles, type Cycles, type Nanos } from '../units.ts';
import type { PerfAnswer, CpuCall } from './mail.ts';
import type { PerCpu } from './per-cpu.ts';
import type { PerfContexts } from './perf-context.ts';
import type { SampleRate } from './sampling.ts';
import { FN } from './symbols.ts';
import type { PerfCpu } from './system.ts';
import { sched_ttwu_pending, try_to_wake_up } from './wake-up.ts';
import type { X86Pmu } from './x86-pmu.ts';

export class Interrupts {
  readonly #here: PerCpu & PerfCpu;
  readonly #pmu: X86Pmu;
  readonly #rate: SampleRate;
  readonly #perf: PerfContexts;
  readonly #perform: (call: CpuCall) => PerfAnswer | undefined;

  /** `perform`: what another CPU has asked for. */
  constructor(
    here: PerCpu & PerfCpu,
    pmu: X86Pmu,
    rate: SampleRate,
    perf: PerfContexts,
    perform: (call: CpuCall) => PerfAnswer | undefined,
  ) {
    this.#here = here;
    this.#pmu = pmu;
    this.#rate = rate;
    this.#perf = perf;
    this.#perform = perform;
  }

  /** `regs`: what the interrupt hit. */
  serve(vector: Vector, regs: Regs): void {
    switch (vector) {
      case 'NMI':
        this.#nmi(regs);
        return;
      case 'LOCAL_TIMER':
        this.#timerInterrupt(regs);
        return;
      case 'IRQ_WORK':
        this.#irqWork();
        return;
      case 'RESCHEDULE':
        this.#rescheduleInterrupt();
        return;
      case 'CALL_FUNCTION':
        this.#callFunctionInterrupt();
        return;
      case 'PERF_GUEST_MEDIATED_PMI':
        this.#mediatedPmi();
    }
  }

  /** do_nmi() down to perf_event_nmi_handler(), which times the driver with sched_clock(). */
  #nmi(regs: Regs): void {
    const here = this.#here;
    const { cpu } = here;
    here.nmis++;
    cpu.enter(FN.nmi);
    cpu.spend(FN.nmi);
    cpu.enter(FN.do_nmi);
    cpu.spend(FN.do_nmi);
    cpu.enter(FN.default_do_nmi);
    cpu.spend(FN.default_do_nmi);
    cpu.enter(FN.nmi_handle);
    cpu.spend(FN.nmi_handle);
    cpu.enter(FN.perf_event_nmi_handler);
    cpu.spend(FN.perf_event_nmi_handler);
    if (!here.guest_lvtpc_loaded) {
      const start = cpu.nanos();
      if (this.#pmu.activeEvents > 0) this.#pmu.intel_pmu_handle_irq(regs);
      this.#rate.sample_event_took((cpu.nanos() - start) as Nanos);
    }
    for (let i = 0; i < 5; i++) cpu.leave();
  }

  /** smp_apic_timer_interrupt(): everything due on the hrtimer queue, including the tick. */
  #timerInterrupt(regs: Regs): void {
    const here = this.#here;
    const { cpu } = here;
    const outer = here.irq_regs;
    here.irq_regs = regs;
    cpu.enter(FN.apic_timer_interrupt);
    cpu.spend(FN.apic_timer_interrupt);
    cpu.enter(FN.smp_apic_timer_interrupt);
    cpu.spend(FN.smp_apic_timer_interrupt);
    cpu.spend(FN.irq_enter);
    here.timers.interrupt();
    cpu.spend(FN.irq_exit);
    cpu.leave();
    cpu.leave();
    here.irq_regs = outer;
  }

  /** Charges the tick to the task it interrupted, as user or system time, less what others had of it (steal). */
  update_process_times(): void {
    const here = this.#here;
    const { cpu, rq, tick } = here;
    const user = here.irq_regs?.cpl === 3;
    cpu.enter(FN.update_process_times);
    cpu.spend(FN.update_process_times);
    cpu.spend(FN.account_process_tick);
    const task = here.current;
    const own = cycles(Math.max(0, tick - this.#steal_account_process_time()));
    if (user) task.utime = cycles(task.utime + own);
    else task.stime = cycles(task.stime + own);
    cpu.spend(FN.rcu_check_callbacks);
    cpu.enter(FN.scheduler_tick);
    cpu.spend(FN.scheduler_tick);
    cpu.spend(FN.task_tick_fair);
    if (task !== here.idle) {
      rq.account(task, cpu.now());
      rq.tick(task, cycles(cpu.now() - here.pickedAt));
    }
    this.#perf.task_tick();
    cpu.spend(FN.trigger_load_balance);
    cpu.leave();
    cpu.leave();
  }

  #steal_account_process_time(): Cycles {
    const here = this.#here;
    const steal = cycles((here.cpu.steal ?? 0) - here.prev_steal_time);
    here.prev_steal_time = cycles(here.prev_steal_time + steal);
    return steal;
  }

  /** irq_work_run(): wakes the readers of buffers that passed their watermark, and does what others have queued. */
  #irqWork(): void {
    const here = this.#here;
    const { cpu } = here;
    cpu.enter(FN.irq_work_interrupt);
    cpu.spend(FN.irq_work_interrupt);
    cpu.enter(FN.smp_irq_work_interrupt);
    cpu.spend(FN.smp_irq_work_interrupt);
    cpu.spend(FN.irq_work_run);
    for (const event of here.pending_wakeups) {
      event.pending_wakeup = false;
      // perf_event_wakeup()
      const { rb } = event;
      if (rb === undefined) continue;
      if (rb.reader !== undefined && rb.reader.cpu !== here.number) {
        try_to_wake_up(here, rb.reader, 'POLLIN', { rb: rb.id });
        continue;
      }
      rb.poll = true;
      if (rb.waiter !== undefined) try_to_wake_up(here, rb.waiter, 'POLLIN');
    }
    here.pending_wakeups.clear();
    for (const work of here.irq_work.splice(0)) work();
    cpu.leave();
    cpu.leave();
  }

  /** smp_reschedule_interrupt(): wakes the tasks that other CPUs have put on this one's wake list. */
  #rescheduleInterrupt(): void {
    const { cpu } = this.#here;
    cpu.enter(FN.reschedule_interrupt);
    cpu.spend(FN.reschedule_interrupt);
    cpu.enter(FN.smp_reschedule_interrupt);
    cpu.spend(FN.smp_reschedule_interrupt);
    cpu.enter(FN.scheduler_ipi);
    cpu.spend(FN.scheduler_ipi);
    cpu.spend(FN.irq_enter);
    sched_ttwu_pending(this.#here);
    cpu.spend(FN.irq_exit);
    for (let i = 0; i < 3; i++) cpu.leave();
  }

  /** smp_call_function_single_interrupt(): does what other CPUs have asked for, and tells them. */
  #callFunctionInterrupt(): void {
    const here = this.#here;
    const { cpu, mail } = here;
    cpu.enter(FN.call_function_single_interrupt);
    cpu.spend(FN.call_function_single_interrupt);
    cpu.enter(FN.smp_call_function_single_interrupt);
    cpu.spend(FN.smp_call_function_single_interrupt);
    cpu.spend(FN.irq_enter);
    cpu.enter(FN.flush_smp_call_function_queue);
    cpu.spend(FN.flush_smp_call_function_queue);
    for (const { from, call } of mail.call_single_queue.splice(0)) {
      const answer = this.#perform(call);
      mail.calls--;
      mail.post({ kind: 'answer', to: from, sent: cpu.now(), answer });
    }
    cpu.leave();
    cpu.spend(FN.irq_exit);
    cpu.leave();
    cpu.leave();
  }

  /** sysvec_perf_guest_mediated_pmi_handler() */
  #mediatedPmi(): void {
    const { cpu } = this.#here;
    cpu.enter(FN.asm_sysvec_perf_guest_mediated_pmi_handler);
    cpu.spend(FN.asm_sysvec_perf_guest_mediated_pmi_handler);
    cpu.enter(FN.sysvec_perf_guest_mediated_pmi_handler);
    cpu.spend(FN.sysvec_perf_guest_mediated_pmi_handler);
    cpu.spend(FN.irq_enter);
    this.#here.handle_mediated_pmi?.();
    cpu.spend(FN.irq_exit);
    cpu.leave();
    cpu.leave();
  }
}
