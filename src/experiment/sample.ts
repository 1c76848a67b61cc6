/**
 * A workload sampled by the simulated perf record and turned into profiles at once, beside the truth of the very same
 * execution: what `gperf compare` runs for each design and seed.
 *
 * One run is a pure function of its request. Its samples are those that `gperf record` would write: the tool's writes
 * take as long as if there were a file.
 */
import type { DsoImage } from '../arch/dso.ts';
import { kallsyms } from '../kernel/symbols.ts';
import { KERNEL_KALLSYMS } from '../perfdata/buildid-cache.ts';
import { STB_GLOBAL } from '../perfdata/elf-format.ts';
import { openSink } from '../perfdata/sink.ts';
import { withoutParameters } from '../perfdata/demangle/demangle.ts';
import { kallsymsSymbols, SymbolTable } from '../perfdata/symbols.ts';
import { PerfDataWriter } from '../perfdata/writer.ts';
import { ProfileBuilder } from '../profile/build.ts';
import type { DsoSymbols, SymbolSource } from '../profile/dso.ts';
import { MachineMaps } from '../profile/machine-maps.ts';
import type { Granularity, Profile } from '../profile/profile.ts';
import { BACKGROUND_BINARY } from '../tool/background.ts';
import { PERF_BINARY } from '../tool/perf-binary.ts';
import type { RecordSink } from '../tool/perf-record.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import type { Nanos, U64 } from '../units.ts';
import { loadWorkload } from '../workload/registry.ts';
import type { SpecRequest } from './bench.ts';
import { executable, prepareWorkload, workloadSeed, type Workload } from './executable.ts';
import { runRecord } from './run.ts';
import { setUpMachine } from './setup.ts';
import { originOf, tickOf } from './spec-text.ts';
import { groundTruth, hasTruth } from './truth.ts';

/** One run. */
export interface SampleRequest {
  readonly spec: SpecRequest;
  /** The workload and its arguments. */
  readonly words: readonly string[];
  readonly evlist: readonly Evsel[];
  readonly by: Granularity;
  /** Whether weight by call stack is wanted. */
  readonly stacks?: boolean;
  /** Which repetition: draws come from the path run=k. */
  readonly run: number;
  /** Whether the truth of the execution is wanted. */
  readonly truth: boolean;
}

export interface SampledRun {
  /** One for each event, named after the design. */
  readonly profiles: readonly Profile[];
  /** One for each event that programs retire. */
  readonly truth: readonly Profile[];
  /** What perf record would have said about the file. */
  readonly recording: {
    readonly waking: number;
    readonly samples: number;
    readonly throttled: number;
    /** File offset of the end of the data section. */
    readonly dataEnd: number;
    readonly elapsed: Nanos;
  };
}

/** Makes one run. Throws LiveLock, OpenError and NoTruthError, and what the workload throws. */
export async function sampleRun(request: SampleRequest): Promise<SampledRun> {
  const { words, evlist, by, stacks = false, run, truth } = request;
  const spec = await setUpMachine(request.spec);
  const [name = '', ...args] = words;
  const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
  const machine = new MachineMaps(imageSymbols(workload));
  const sink = openSink('/dev/null');
  let writer: PerfDataWriter | undefined;
  let builder: ProfileBuilder | undefined;
  let ids = new Map<U64, number>();
  const records: RecordSink = {
    opened(opened) {
      writer = new PerfDataWriter(sink, opened, { env: {} });
      builder = new ProfileBuilder(opened, {
        label: spec.vpmu,
        by,
        stacks,
        tick: tickOf(spec),
        origin: originOf(spec, run),
      });
      ids = new Map(opened.flatMap((evsel, i) => evsel.ids.map((id) => [id, i] as const)));
    },
    write(batch) {
      const before = writer!.size;
      writer!.write(batch);
      for (const record of batch) {
        machine.process(record);
        const id = 'id' in record ? record.id : undefined;
        builder!.add({ record, evsel: (id === undefined ? undefined : ids.get(id)) ?? 0, machine, offset: 0 });
      }
      return writer!.size - before;
    },
  };
  let outcome: Awaited<ReturnType<typeof runRecord>>;
  try {
    outcome = await runRecord(spec, { evlist, executable: executable(workload, workloadSeed(spec, run)) }, records, {
      run,
    });
  } catch (error) {
    if (writer === undefined) sink.abort();
    else writer.abort();
    throw error;
  }
  const { dataEnd } = writer!.finish();
  const { waking, samples, throttled, elapsed } = outcome;
  const known = evlist.filter((evsel) => hasTruth(spec, evsel));
  return {
    profiles: builder!.finish(),
    truth: truth && known.length > 0 ? groundTruth(spec, workload, known, { run, by, stacks }) : [],
    recording: { waking, samples, throttled, dataEnd, elapsed },
  };
}

/** The symbols of a workload's files and of the kernel, without the files. */
function imageSymbols({ image }: Workload): SymbolSource {
  const files = new Map<string, DsoImage>(
    [...image.dsos, PERF_BINARY, BACKGROUND_BINARY].map((dso) => [dso.path, dso]),
  );
  const found = (table: SymbolTable): DsoSymbols => {
    const [first, last] = [table.symbols[0], table.symbols.at(-1)];
    return {
      find: (at) => table.lookup(at),
      origin: 'B',
      ...(first && last && { range: { start: first.start, end: last.end } }),
    };
  };
  return ({ name, kernel }) => {
    if (kernel) return name === KERNEL_KALLSYMS ? found(kallsymsSymbols(kallsyms())) : undefined;
    const file = files.get(name);
    return (
      file &&
      found(
        new SymbolTable([
          file.symbols.map(({ name: symbol, offset, size }) => ({
            name: withoutParameters(symbol) ?? symbol,
            start: offset,
            end: offset + size,
            binding: STB_GLOBAL,
          })),
        ]),
      )
    );
  };
}
