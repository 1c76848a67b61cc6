/** A recording of three CPUs: the tool and its workload are on the first, others have theirs on all of them. */
import { expect } from 'chai';
import { given } from '../../src/given.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import type { Evsel } from '../../src/perf-events/evsel.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { perfRecord, type RecordOutcome } from '../../src/tool/perf-record.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { cycles } from '../../src/units.ts';
import { Threads, act, repeat, syscall, work } from '../kernel/scripts.ts';
import { Smp, US, type Placed } from './smp.ts';

const MS = 1000 * US;
const sleep = (ns: number) => syscall('nanosleep', { ns });

/** Somebody else's threads on the other CPUs: one computes, two talk to each other. */
const neighbours: readonly Placed[] = [
  { cpu: 1, script: repeat(2000, work(60 * US)) },
  { cpu: 2, script: repeat(400, work(90 * US), sleep(20_000)) },
  {
    cpu: 2,
    script: repeat(300, act({ op: 'post', object: { kind: 'semaphore', name: 's', value: 0 } }), work(150 * US)),
  },
  {
    cpu: 0,
    script: repeat(300, act({ op: 'take', object: { kind: 'semaphore', name: 's', value: 0 } }), work(20 * US)),
  },
];
const workload = new Threads({ main: repeat(40, work(300 * US), sleep(30_000)) });

export interface Recording {
  /** As opened, with ids. */
  readonly evlist: readonly Evsel[];
  readonly records: PerfRecord[];
  readonly outcome: RecordOutcome;
  readonly smp: Smp;
}

/** perf record -a on CPU 0 of three; `longest`: the longest window, in cycles. */
export function recordAll(longest: number, freq = 4000, mmapPages?: number): Recording {
  const smp = new Smp(3, longest);
  smp.place(neighbours);
  const records: PerfRecord[] = [];
  let opened: readonly Evsel[] = [];
  let outcome: RecordOutcome | undefined;
  const evlist = recordAttrs(parseEventList(['cycles', 'instructions:u'], 'record'), { target: 'cpu', freq });
  const sink = {
    opened: (all: readonly Evsel[]): void => void (opened = all),
    write: (batch: readonly PerfRecord[]): number => {
      records.push(...batch);
      return 0;
    },
  };
  const job = given({ evlist, executable: workload, systemWide: true, mmapPages });
  const tool = new ToolTask(smp.cpus[0]!.host, (self) => perfRecord(self, job, sink, (done) => (outcome = done)));
  smp.group.run(cycles(400 * MS), () => tool.status !== undefined);
  expect(tool.status).to.equal(0);
  return { evlist: opened, records, outcome: outcome!, smp };
}
