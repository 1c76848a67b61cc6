/**
 * When a timer that counts in jiffies fires: at a tick, and the further off, the more coarsely rounded.
 *
 * Source: kernel/time/timer.c (calc_wheel_index, calc_index), Linux 4.8 and later.
 * Not modelled: deferrable timers, timers of other CPUs, the forwarding of an idle CPU's wheel.
 */

/** LVL_SIZE - 1 and LVL_CLK_SHIFT: 64 buckets a level, eight times as wide as those of the level below. */
const [LVL_LAST, LVL_CLK_SHIFT] = [63, 3];

/**
 * The jiffy in which a timer fires that was set in jiffy `clk` for `delta` jiffies later: late by one bucket at most.
 */
export function wheelExpiry(clk: number, delta: number): number {
  let level = 0;
  while (delta >= LVL_LAST * 2 ** (LVL_CLK_SHIFT * level)) level++;
  const gran = 2 ** (LVL_CLK_SHIFT * level);
  return Math.floor((clk + delta + gran) / gran) * gran;
}
