/**
 * Samples with a copy of the user's stack (record --call-graph dwarf): the kernel leaves user code out of their
 * chains, for the tool to unwind. gperf does not unwind; it only knows the innermost frame, where user code was left.
 *
 * Source: thread__resolve_callchain_unwind() in tools/perf/util/machine.c, arch/{x86,arm64}/include/uapi/asm/perf_regs.h.
 * Not modelled: unwinding by DWARF's call frame information.
 */
import { PERF_CONTEXT, PERF_RECORD_MISC, type PerfEventAttr, type SampleRecord } from '../uapi/perf-event.ts';
import { address, type Address64, toAddress64 } from '../units.ts';

/** Register number of the instruction pointer, by uname's name of the architecture. */
const IP_REGISTERS: Readonly<Record<string, number>> = { x86_64: 8, i686: 8, aarch64: 32 };

/** The sample with that frame added to its chain, if it has a user stack. */
export function withUserFrame(sample: SampleRecord, attr: PerfEventAttr, arch: string | undefined): SampleRecord {
  const { callchain, regs_user, stack_user } = sample;
  if (!callchain || !regs_user?.abi || !stack_user?.data.length) return sample;
  const ip = userIp(sample, attr, arch);
  return ip === undefined ? sample : { ...sample, callchain: [...callchain, address(PERF_CONTEXT.USER), ip] };
}

function userIp(sample: SampleRecord, attr: PerfEventAttr, arch = ''): Address64 | undefined {
  if ((sample.misc & PERF_RECORD_MISC.CPUMODE_MASK) === PERF_RECORD_MISC.USER) return sample.ip;
  const register = Object.hasOwn(IP_REGISTERS, arch) ? IP_REGISTERS[arch] : undefined;
  const mask = BigInt(attr.sample_regs_user ?? 0);
  if (register === undefined || ((mask >> BigInt(register)) & 1n) === 0n) return undefined;
  let before = 0;
  for (let bit = 0; bit < register; bit++) before += Number((mask >> BigInt(bit)) & 1n);
  const value = sample.regs_user?.regs[before];
  return value === undefined ? undefined : toAddress64(value);
}
