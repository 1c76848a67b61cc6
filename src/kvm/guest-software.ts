/** What boots on a vCPU: a kernel, or something simpler that has nothing to do with other vCPUs. */
import type { Software, Vector } from '../arch/cpu.ts';
import type { Mail, Post } from '../kernel/mail.ts';
import type { Turns } from '../kernel/turns.ts';
import type { Cycles } from '../units.ts';

export interface GuestSoftware extends Software {
  readonly turns?: Turns;
  readonly mail?: Mail;
  announce?(post: Post, at: Cycles): void;
  accept?(post: Post): Vector | undefined;
  /** Runs until a given time, or until `stop` holds at a point where it can give up the processor. */
  run(until: Cycles, stop: () => boolean): void;
}
