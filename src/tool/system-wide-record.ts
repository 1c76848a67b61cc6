/**
 * Another user's `perf record -a -e cycles`: a flexible sampling event on the CPU that excludes guests (perf's
 * default), and the tool that drains its buffer for ever.
 *
 * Source: tools/perf/builtin-record.c, 6.1.
 * Not modelled: its events on other CPUs, its output file.
 */
import type { Kernel } from '../kernel/kernel.ts';
import { recordAttrs } from '../perf-events/evsel-config.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import { defaultPages } from './perf-record.ts';
import { ToolTask, type ToolProgram } from './tool-task.ts';

export const startSystemWideRecord = (kernel: Kernel): ToolTask => new ToolTask(kernel, systemWideRecord);

/** The tool's program. It never returns, except at once on a machine without counters. */
function* systemWideRecord(tool: ToolTask): ToolProgram {
  const { sys, kernel } = tool;
  const [evsel] = recordAttrs(parseEventList(['cycles'], 'record'), { target: 'cpu' });
  const attr = { ...evsel!.attr, precise_ip: 0 };
  const event = sys.perf_event_open(attr, { task: undefined, cpu: kernel.number, group_leader: undefined });
  if (typeof event === 'number') return 1;
  const rb = sys.mmap(event, defaultPages(kernel.config.perf_event_mlock_kb));
  sys.enable(event);
  for (;;) {
    yield* tool.user('record__mmap_read_evlist', 2_000);
    const { bytes } = rb.drain();
    if (bytes > 0) {
      yield* tool.user('perf_mmap__push', bytes / 8);
      sys.write(bytes);
    } else while (!sys.poll([rb])) yield;
  }
}
