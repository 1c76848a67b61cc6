/**
 * When a timer that counts in jiffies fires: at a tick, and the later it is due the coarser.
 *
 * Source: kernel/time/timer.c (calc_wheel_index, calc_index), Linux 4.8 and later.
 * Not modelled: deferrable timers, timers of other CPUs, the ticks that an idle CPU forwards its wheel by.
 */

/** LVL_SIZE - 1 and LVL_CLK_SHIFT: 64 buckets a level, each level's eight times as wide as those of the one below. */
const [LVL_LAST, LVL_CLK_SHIFT] = [63, 3];

/** In which jiffy's tick a timer fires that was set in jiffy `clk` for `delta` jiffies later: after it, by a bucket at most. */
export function wheelExpiry(clk: number, delta: number): number {
  let level = 0;
  while (delta >= LVL_LAST * 2 ** (LVL_CLK_SHIFT * level)) level++;
  const gran = 2 ** (LVL_CLK_SHIFT * level);
  return Math.floor((clk + delta + gran) / gran) * gran;
}
