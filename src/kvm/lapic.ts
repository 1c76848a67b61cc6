/**
 * The local APIC that KVM emulates for a vCPU. Its timer is an hrtimer of the host; interrupts from outside kick the
 * vCPU.
 *
 * Source: arch/x86/kvm/lapic.c (kvm_apic_local_deliver, start_apic_timer, apic_timer_expired), Linux 5.0.
 * Not modelled: interrupts from devices, posted interrupts, the preemption timer.
 */
import type { Vector } from '../arch/cpu.ts';
import { LocalApic } from '../arch/lapic.ts';
import { atLeast } from '../kernel/config.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Alarm } from '../sim/event-queue.ts';
import type { Cycles } from '../units.ts';

export class VirtualApic extends LocalApic {
  /** Delivery of a PMI sets the mask bit (from Linux 6.6). */
  readonly #masksLvtpc: boolean;
  readonly #kick: () => void;
  #timer: Alarm | undefined;
  /** When the timer is due that has no CPU since the thread has left one. */
  #stopped: Cycles | undefined;

  /** `kick`: kvm_vcpu_kick() of its vCPU. */
  constructor({ config }: Kernel, kick: () => void) {
    super();
    this.#masksLvtpc = atLeast(config, 6, 6);
    this.#kick = kick;
  }

  /** Accepts an interrupt from outside the vCPU and kicks the vCPU. */
  deliver(vector: Vector): void {
    this.accept(vector);
    this.#kick();
  }

  /** kvm_apic_local_deliver(LVTPC), by the vCPU's own thread. A PMI that meets the mask bit is lost. */
  deliverPmi(): void {
    this.acceptPmi(this.#masksLvtpc);
  }

  /** start_apic_timer() on the vCPU's host CPU; Infinity cancels. */
  setTimer(host: Kernel, at: Cycles): void {
    if (this.#timer !== undefined) this.#timer.cancelled = true;
    this.#timer = undefined;
    if (at === Infinity) return;
    this.#timer = host.hrtimer(at, 'timer', () => {
      this.#timer = undefined;
      this.deliver('LOCAL_TIMER');
    });
  }

  /** The thread leaves the CPU that has the timer. */
  stopTimer(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancelled = true;
    this.#stopped ??= this.#timer.when;
    this.#timer = undefined;
  }

  /** __kvm_migrate_apic_timer(): the timer goes on on the CPU that has the thread now; it may have expired. */
  restartTimer(host: Kernel): void {
    const at = this.#stopped;
    this.#stopped = undefined;
    if (at === undefined) return;
    if (at > host.cpu.now()) this.setTimer(host, at);
    else this.accept('LOCAL_TIMER');
  }
}
