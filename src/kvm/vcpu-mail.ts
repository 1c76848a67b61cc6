/**
 * What reaches a vCPU from others: posts of its guest's CPUs, which the host's CPUs carry for them.
 *
 * A post of a guest's kernel goes from the host's CPU that has the sender's thread to the one that has the receiver's.
 * What the interrupt that comes with it does there depends on where the vCPU is: in the guest it is made to exit, halted
 * its thread is woken, and else it finds the interrupt at its next entry.
 *
 * Source: virt/kvm/kvm_main.c (kvm_vcpu_kick, kvm_vcpu_wake_up), Linux 5.0.
 * Not modelled: posted interrupts.
 */
import type { Vector } from '../arch/cpu.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { GuestMail, GuestPost, Post } from '../kernel/mail.ts';
import type { Task } from '../kernel/task.ts';
import type { Cycles } from '../units.ts';
import type { GuestSoftware } from './guest-software.ts';
import type { VirtualApic } from './lapic.ts';
import type { Vm } from './vm.ts';
import type { VmxTransitions } from './vmx-transitions.ts';

/** The vCPU that gets it. */
export interface Receiver {
  readonly vm: Vm;
  readonly host: Kernel;
  readonly task: Task;
  readonly lapic: VirtualApic;
  readonly vmx: VmxTransitions;
  readonly guest: () => GuestSoftware;
}

export class VcpuMail implements GuestMail {
  readonly #to: Receiver;

  constructor(to: Receiver) {
    this.#to = to;
  }

  take(): readonly GuestPost[] {
    const { guest, vm } = this.#to;
    const posts = guest().mail?.take() ?? [];
    return posts.map((post) => {
      const { cpu, pid } = vm.threads[post.to]!;
      return { kind: 'guest', to: cpu, sent: post.sent, pid, post };
    });
  }

  announce(post: Post, at: Cycles): void {
    this.#to.guest().announce?.(post, at);
  }

  /** kvm_vcpu_kick(), from the receiving side. */
  accept(post: Post): Vector | undefined {
    const { guest, host, lapic, task, vmx } = this.#to;
    const vector = guest().accept!(post);
    if (vector === undefined) return undefined;
    lapic.accept(vector);
    if (vmx.wake()) {
      const { cpu: to, pid } = task;
      return host.accept({ kind: 'wake', to, sent: post.sent, pid, reason: 'kick' });
    }
    return vmx.inGuest ? 'RESCHEDULE' : undefined;
  }
}
