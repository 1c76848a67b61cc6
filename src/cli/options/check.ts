/** gperf check's options: a command perf cannot have. */
import { MACHINE_OPTIONS } from './machine.ts';
import type { CommandTable, OptionSpec } from './option.ts';

const [, machine, set] = MACHINE_OPTIONS;
const OPTIONS = [machine, set] as const satisfies readonly OptionSpec[];

export const CHECK: CommandTable<typeof OPTIONS> = {
  name: 'check',
  usage: ['[<options>] <design>'],
  options: OPTIONS,
  stopAtNonOption: false,
  epilogue: ` Puts a vPMU design (a name that 'gperf list vpmu' shows, or ./file.mjs) to the checks that the processor itself
 passes, each on a fresh guest of this machine, and tells by cause what fails. What the design declares to get wrong
 (deviates) must fail. Exits with 1 if anything else does, or holds that should fail.`,
};
