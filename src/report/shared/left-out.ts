/**
 * What a recording holds that gperf does not show, or that nobody should believe, one sentence each, in a fixed order.
 * Reported after reading, so that only what is really there is named.
 */
import { HOLDINGS, type Holding, type Holdings } from '../../perfdata/holdings.ts';

/** The command that does not show it. */
export type Teller = 'report' | 'script' | 'compare';

const SENTENCES: Readonly<Record<Holding, Partial<Record<Teller, string>>>> = {
  'user stacks': everywhere(
    'user stacks for DWARF unwinding (--call-graph dwarf), which gperf does not unwind: call chains end where user code was left; perf report unwinds them',
  ),
  'LBR chains': everywhere(
    'call chains of branch records (--call-graph lbr), which gperf does not follow: the callers of user code are missing; perf report shows them',
  ),
  'branch stacks': {
    report:
      'branch stacks (perf record -b), which gperf does not show: these are the sampled instructions, as perf report --no-branch-stack; perf report counts branches',
    script: 'branch stacks (perf record -b), which gperf does not print; perf script -F +brstack does',
    compare: 'branch stacks (perf record -b), which gperf does not compare: only where samples fell counts',
  },
  'data addresses': besidesScript(
    'data addresses (perf mem, record -d), which gperf does not show; perf mem report does',
  ),
  weights: besidesScript('weights of samples (record -W, perf mem), which gperf does not show; perf mem report does'),
  transactions: everywhere('flags of transactions (record --transaction), which gperf does not show'),
  'raw data': everywhere('raw data of other events than tracepoints, which gperf does not show'),
  tracepoints: {
    compare: 'what tracepoints say of each sample, which gperf does not compare: only where samples fell counts',
  },
  'AUX data': everywhere(
    'AUX area data (intel_pt, arm_spe, ...), which gperf does not decode: what it would synthesize is missing',
  ),
  guests: everywhere(
    'samples of guests, which gperf does not show, like perf without --guest; their share of the whole is kept',
  ),
  cgroups: everywhere('cgroups of samples (record --all-cgroups), which gperf does not show'),
  namespaces: everywhere('namespaces of tasks (record --namespaces), which gperf does not show'),
  'text pokes': everywhere('changes of kernel code (text pokes), which gperf does not apply'),
  'falling counts': everywhere(
    "readings of counters that fall ('{...}:S'): the period of such a sample is 2^64 less the fall, as with perf, and shares of its event mean nothing",
  ),
};

function everywhere(text: string): Record<Teller, string> {
  return { report: text, script: text, compare: text };
}

function besidesScript(text: string): Partial<Record<Teller, string>> {
  return { report: text, compare: text };
}

/** What is known about a recording after it was read. */
export interface ReadRecording {
  readonly path: string;
  readonly holdings: Holdings;
  readonly tracingData?: Uint8Array | undefined;
}

/** The sentences, each with the recording's path. */
export function leftOut({ path, holdings, tracingData }: ReadRecording, teller: Teller): string[] {
  const texts = HOLDINGS.flatMap((holding) => (holdings.has(holding) ? (SENTENCES[holding][teller] ?? []) : []));
  if (holdings.has('tracepoints') && !tracingData && teller !== 'compare')
    texts.push('tracepoints without their formats, so that gperf cannot tell what they say');
  return texts.map((text) => `${path} holds ${text}`);
}
