/**
 * `gperf record` without its words: records a workload on a simulated machine into a perf.data file that real perf can
 * read, and stores the symbols that perf will ask for.
 */
import type { MachineSpec } from '../machine/spec.ts';
import { beat } from '../sim/pulse.ts';
import { PerfDataWriter, type Written } from '../perfdata/writer.ts';
import type { Sink } from '../perfdata/sink.ts';
import { given } from '../given.ts';
import type { RecordJob, RecordOutcome, RecordSink } from '../tool/perf-record.ts';
import { perfEnv } from './env.ts';
import { buildIdsOf, executable, storeSymbols, symbolFiles, workloadSeed, type Workload } from './executable.ts';
import { runRecord, type MachineReport, type RunOptions } from './run.ts';
import { specText } from './spec-text.ts';

/** What perf is to do, and where its records go. */
export interface RecordRequest extends Omit<RecordJob, 'executable'>, Pick<RunOptions, 'breathe' | 'help'> {
  readonly spec: MachineSpec;
  readonly workload: Workload;
  readonly cmdline: readonly string[];
  readonly sink: Sink;
  /** The directory of real perf's build-id cache; undefined if there is none. */
  readonly cacheDir: string | undefined;
  /** -N: do not touch the cache. */
  readonly noCache?: boolean;
  /** -B: no build ids in the header. */
  readonly noBuildId?: boolean;
  /** --buildid-all: build ids of files without samples too. */
  readonly buildIdAll?: boolean;
  /** --timestamp-boundary: store the times of the first and last sample in the header, even with buildIdAll. */
  readonly timestampBoundary?: boolean;
  /** Receives what perf says while it records. */
  readonly say?: (text: string) => void;
}

export interface Recorded extends RecordOutcome, MachineReport {
  readonly written: Written;
  /** Sentences about symbol files that could not be stored where real perf looks. */
  readonly symbolTrouble: readonly string[];
}

/** Records written between two beats: a large buffer takes a while. */
const STEP = 20_000;

/** Records. Throws errors from opening events, writing the file or the workload, and then leaves no file. */
export async function recordWorkload(request: RecordRequest): Promise<Recorded> {
  const { spec, workload, sink } = request;
  const files = symbolFiles(workload, spec);
  let writer: PerfDataWriter | undefined;
  const records: RecordSink = {
    ...given({ say: request.say }),
    opened(evlist) {
      const options = given({
        env: perfEnv(spec, request.cmdline),
        spec: specText(spec),
        buildIds: request.noBuildId === true ? undefined : buildIdsOf(files),
        buildIdAll: request.buildIdAll,
        timestampBoundary: request.timestampBoundary,
      });
      writer = new PerfDataWriter(sink, evlist, options);
    },
    write(batch) {
      const before = writer!.size;
      for (let at = 0; at < batch.length; at += STEP) {
        beat();
        writer!.write(batch.length <= STEP ? batch : batch.slice(at, at + STEP));
      }
      return writer!.size - before;
    },
  };
  try {
    const job = { ...request, executable: executable(workload, workloadSeed(spec, 0)) };
    const outcome = await runRecord(spec, job, records, request);
    const written = writer!.finish();
    const symbolTrouble = request.noCache === true ? [] : storeSymbols(request.cacheDir, files);
    return { ...outcome, written, symbolTrouble };
  } catch (error) {
    if (writer === undefined) sink.abort();
    else writer.abort();
    throw error;
  }
}
