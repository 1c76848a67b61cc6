/**
 * What reaches a vCPU from others: posts of its guest's CPUs, which the host's CPUs carry for them.
 *
 * A post of a guest's kernel goes from the host's CPU that has the sender's thread to the one that has the receiver's.
 * What the interrupt that comes with it does there depends on where the vCPU is: in the guest it is made to exit, halted
 * its thread is woken, and else it finds the interrupt at its next entry. What has not arrived when the thread leaves for
 * another CPU of the host goes with it: it is in the guest's memory, and no CPU's.
 *
 * Source: virt/kvm/kvm_main.c (kvm_vcpu_kick, kvm_vcpu_wake_up), Linux 5.0.
 * Not modelled: posted interrupts; that the sender itself chooses the CPU on which a halted vCPU wakes, which would save a
 * latency if that is not the one on which it slept.
 */
import type { Vector } from '../arch/cpu.ts';
import type { Ipi } from '../hw/lapic.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { GuestPost, Post } from '../kernel/mail.ts';
import type { Task } from '../kernel/task.ts';
import type { Cycles } from '../units.ts';
import type { GuestSoftware } from './guest-software.ts';
import type { VirtualApic } from './lapic.ts';
import type { VcpuPlace } from './vcpu-place.ts';
import type { Vm } from './vm.ts';
import type { VmxTransitions } from './vmx-transitions.ts';

/** A CPU of a guest, and the host's thread that it is. */
export interface GuestCpu {
  readonly kernel: Kernel;
  readonly thread: Task;
  readonly mail: VcpuMail;
  /** How often the thread has got another CPU of the host than before; undefined: it is pinned to one. */
  readonly moves: number | undefined;
}

/** The vCPU that gets it. */
export interface Receiver {
  readonly vm: Vm;
  readonly place: VcpuPlace;
  readonly task: Task;
  readonly lapic: VirtualApic;
  readonly vmx: VmxTransitions;
  readonly guest: () => GuestSoftware;
}

export class VcpuMail {
  /** The host's CPU that has the thread, or to which it is known to be on its way. */
  cpu: number;
  readonly #to: Receiver;
  /** What arrives while the thread is on its way. */
  #carried: Ipi[] | undefined;

  constructor(to: Receiver) {
    this.#to = to;
    this.cpu = to.place.host.number;
  }

  /** What the kernel on the vCPU has posted. */
  take(): readonly GuestPost[] {
    const { guest, vm } = this.#to;
    const posts = guest().mail?.take() ?? [];
    return posts.map((post) => ({ kind: 'guest', to: vm.places[post.to]!.cpu, sent: post.sent, post }));
  }

  /** A post from a vCPU on CPU number `from` reaches this one at that time, wherever it is then. */
  deliver(post: Post, at: Cycles, from: number): void {
    this.#to.guest().announce?.(post, at);
    this.receive(at, from, () => this.#accept(post));
  }

  /** Likewise, something else; `arrives` returns the interrupt that comes with it to the host's CPU. */
  receive(at: Cycles, from: number, arrives: () => Vector | undefined): void {
    if (this.#carried === undefined) this.#to.place.core.lapic.receive(at, from, arrives, this);
    else this.#carried.push({ at, from, arrives, owner: this });
  }

  /** The thread leaves the CPU that has it. */
  depart(): void {
    this.#carried = this.#to.place.core.lapic.withdraw(this);
  }

  /** The thread is on a CPU again. */
  arrive(): void {
    const carried = this.#carried ?? [];
    this.#carried = undefined;
    for (const { at, from, arrives } of carried) this.receive(at, from, arrives);
  }

  /** kvm_vcpu_kick(), from the receiving side. */
  #accept(post: Post): Vector | undefined {
    const { guest, place, lapic, task, vmx } = this.#to;
    const vector = guest().accept!(post);
    if (vector === undefined) return undefined;
    lapic.accept(vector);
    if (vmx.wake()) {
      const { cpu: to, pid } = task;
      return place.host.accept({ kind: 'wake', to, sent: post.sent, pid, reason: 'kick', selects: true });
    }
    return vmx.inGuest ? 'RESCHEDULE' : undefined;
  }
}
