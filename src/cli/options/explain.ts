/** gperf explain's options: a command perf cannot have. */
import { MACHINE_OPTIONS } from './machine.ts';
import type { CommandTable, OptionSpec } from './option.ts';

const OPTIONS = [
  {
    name: 'verbose',
    short: 'v',
    kind: 'count',
    help: "also show what the host's perf does to make and release events for a vPMU",
  },
  { name: 'avg-ns', kind: 'unsigned', arg: 'n', help: 'throttle: how long PMIs take on average, ns' },
  { name: 'hz', kind: 'unsigned', arg: 'n', help: "throttle: the kernel's ticks a second" },
  { name: 'kernel', kind: 'text', arg: 'version', help: "throttle: the kernel's version, which has its own rule" },
  ...MACHINE_OPTIONS,
] as const satisfies readonly OptionSpec[];

export const EXPLAIN: CommandTable<typeof OPTIONS> = {
  name: 'explain',
  usage: [
    '[<options>] pmi|rotation|switch|ipi|call',
    '[<options>] exit|reserve|moving|hooks|pinned',
    '[<options>] throttle --avg-ns <n> [--hz <n>] [--kernel <version>]',
  ],
  options: OPTIONS,
  stopAtNonOption: false,
  epilogue: ` pmi       from the counter that wraps to the end of the handler
 rotation  four general-purpose events and a fixed one, and a sixth that takes its turn
 switch    from one task to another, each with its own five events
 ipi       one CPU wakes a thread on another
 call      perf has another CPU read one of its events
 exit      what a VM-exit and the next VM-entry consist of on the machine, under its host's Linux
 moving    what a context switch costs perf where threads move between vCPUs, the mean one and the longest, part by part
 reserve   what the host's first and last hardware event cost, by its number of CPUs and part by part
 hooks     what the host's perf shows of a guest's counter under each design, and with kvm.hooks=on
 pinned    what a guest reads of counters that it shares with the host, with kvm.pinned=on and off
 throttle  what perf_sample_event_took() does and prints at an average (Linux 5.0, 6.4 and 6.16 differ);
           the kernel is the host's, whose limits are --set host.max_sample_rate and host.cpu_time_max_percent`,
};
