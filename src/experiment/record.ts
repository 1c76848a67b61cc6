/**
 * `gperf record` without its words: a workload recorded on a simulated machine into a perf.data file that real perf reads,
 * with the symbols it will ask for.
 */
import type { MachineSpec } from '../machine/spec.ts';
import { PerfDataWriter, type Written } from '../perfdata/writer.ts';
import type { Sink } from '../perfdata/sink.ts';
import type { RecordOutcome, RecordSink } from '../tool/perf-record.ts';
import type { Evsel } from '../uapi/evsel.ts';
import { perfEnv } from './env.ts';
import { buildIdsOf, executable, storeSymbols, symbolFiles, workloadSeed, type Workload } from './executable.ts';
import { runRecord, type Breathe, type MachineReport } from './run.ts';
import { specText } from './spec-text.ts';

export interface RecordRequest {
  readonly spec: MachineSpec;
  readonly workload: Workload;
  readonly evlist: readonly Evsel[];
  readonly cmdline: readonly string[];
  readonly sink: Sink;
  /** -a */
  readonly systemWide?: boolean;
  /** -m, pages. */
  readonly mmapPages?: number;
  /** Where real perf's build-id cache is; undefined: nowhere. */
  readonly cacheDir: string | undefined;
  /** -N: the cache is left alone. */
  readonly noCache?: boolean;
  /** -B: no build ids in the header. */
  readonly noBuildId?: boolean;
  /** --buildid-all: those of files without samples too. */
  readonly buildIdAll?: boolean;
  /** --timestamp-boundary: the time of the first and the last sample in the header, also with buildIdAll. */
  readonly timestampBoundary?: boolean;
  readonly breathe?: Breathe;
}

export interface Recorded extends RecordOutcome, MachineReport {
  readonly written: Written;
  /** Sentences about symbol files that could not be put where real perf looks. */
  readonly symbolTrouble: readonly string[];
}

/** Records; throws what opening events, writing the file or the workload throws, and then leaves no file. */
export async function recordWorkload(request: RecordRequest): Promise<Recorded> {
  const { spec, workload, sink } = request;
  const files = symbolFiles(workload, spec);
  let writer: PerfDataWriter | undefined;
  const records: RecordSink = {
    opened(evlist) {
      writer = new PerfDataWriter(sink, evlist, {
        env: perfEnv(spec, request.cmdline),
        spec: specText(spec),
        ...(request.noBuildId === true ? {} : { buildIds: buildIdsOf(files) }),
        buildIdAll: request.buildIdAll === true,
        timestampBoundary: request.timestampBoundary === true,
      });
    },
    write(batch) {
      const before = writer!.size;
      writer!.write(batch);
      return writer!.size - before;
    },
  };
  try {
    const job = {
      evlist: request.evlist,
      executable: executable(workload, workloadSeed(spec, 0)),
      ...(request.mmapPages === undefined ? {} : { mmapPages: request.mmapPages }),
      ...(request.systemWide === true ? { systemWide: true } : {}),
    };
    const outcome = await runRecord(
      spec,
      job,
      records,
      request.breathe === undefined ? {} : { breathe: request.breathe },
    );
    const written = writer!.finish();
    const symbolTrouble = request.noCache === true ? [] : storeSymbols(request.cacheDir, files);
    return { ...outcome, written, symbolTrouble };
  } catch (error) {
    if (writer === undefined) sink.abort();
    else writer.abort();
    throw error;
  }
}
