/**
 * A workload as the machine's kernel runs it, and as a recording describes it: compiled for the machine's libc,
 * started from the seed, its DSOs as ELF files with build ids.
 */
import { createHash } from 'node:crypto';
import type { ExecutionCursor } from '../arch/cpu.ts';
import { FIRST_THREAD, type DsoImage, type Executable } from '../arch/dso.ts';
import { kallsyms } from '../kernel/symbols.ts';
import { side } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { coreTiming } from '../machine/timing.ts';
import { encodeElf } from '../perfdata/elf.ts';
import { KERNEL_KALLSYMS, storeInCache } from '../perfdata/buildid-cache.ts';
import { BACKGROUND_BINARY } from '../tool/background.ts';
import { PERF_BINARY } from '../tool/perf-binary.ts';
import { PERF_RECORD_MISC } from '../uapi/perf-event.ts';
import { Scout } from '../workload/scout.ts';
import { compile, type CompiledProgram as Image, type Params } from '../workload/compile.ts';
import { Cursor } from '../workload/cursor.ts';
import type { Program } from '../workload/program.ts';
import { expectedCycles } from '../workload/thread-runs.ts';
import type { BuildId } from '../perfdata/perf-env.ts';

/** A compiled workload. */
export interface Workload {
  readonly program: Program;
  readonly image: Image;
}

/** Compiles a program for the machine it will run on. Throws WorkloadError. */
export function prepareWorkload(program: Program, spec: MachineSpec, params: Params): Workload {
  const { preset, values: v } = spec;
  const scope = { libc: v[`${side(spec)}.libc`], hz: v['core.clock'], ...params };
  return { program, image: compile(program, coreTiming(preset, v), scope) };
}

/** The seed of the workload's own draws: the same under every design, so that all observe the same execution. */
export const workloadSeed = (spec: MachineSpec, run: number): string => `${spec.seed}/run=${run}/program`;

/** What exec loads. */
export function executable({ program, image }: Workload, seed: string): Executable {
  const [main, ...others] = image.dsos;
  if (main === undefined) throw new Error(`${program.name} has no text`);
  const holdsEntry = (dso: DsoImage): boolean => {
    const offset = image.entry - dso.base;
    return offset >= dso.textOffset && offset < dso.textOffset + dso.text.length;
  };
  const of = (entry: string | undefined): Workload['image'] => (entry === undefined ? image : image.withEntry(entry));
  return {
    comm: image.comm,
    program: main,
    interpreter: others.find(holdsEntry),
    libraries: new Map(program.dsos.map((d, i) => [d.name, image.dsos[i] as DsoImage])),
    expected: expectedCycles(image),
    start: ({ entry, path } = FIRST_THREAD, snapshot) =>
      snapshot === undefined ? of(entry).start(seed + path) : of(entry).resume(snapshot),
    ended: release,
    left: release,
    scout: ({ entry, path }, from) => new Scout(of(entry), from ?? seed + path),
  };
}

function release(cursor: ExecutionCursor): void {
  if (cursor instanceof Cursor) cursor.release();
}

/** A file in which real perf will look for symbols. */
interface SymbolFileEntry {
  readonly path: string;
  readonly buildId: string;
  readonly content: Uint8Array;
}

/**
 * Every file that a recording of the workload on that machine may map, including the kernel and the perf tool, with
 * content and build id.
 */
export function symbolFiles({ image }: Workload, spec: MachineSpec): readonly SymbolFileEntry[] {
  const beside = spec.values['guest.background'] > 0 ? [BACKGROUND_BINARY] : [];
  const elves = [...image.dsos, PERF_BINARY, ...beside].map((dso) => {
    const { bytes, buildId } = encodeElf(dso);
    return { path: dso.path, buildId, content: bytes };
  });
  const text = new TextEncoder().encode(kallsyms());
  return [...elves, { path: KERNEL_KALLSYMS, buildId: createHash('sha1').update(text).digest('hex'), content: text }];
}

/** The files' entries in the BUILD_ID feature. */
export const buildIdsOf = (files: readonly SymbolFileEntry[]): BuildId[] =>
  files.map(({ path, buildId }) => ({
    pid: -1,
    misc: path === KERNEL_KALLSYMS ? PERF_RECORD_MISC.KERNEL : PERF_RECORD_MISC.USER,
    buildId,
    filename: path,
  }));

/** Stores the files where real perf looks; returns a sentence for each reason why some could not be stored. */
export function storeSymbols(dir: string | undefined, files: readonly SymbolFileEntry[]): string[] {
  const failed = new Map<string, string[]>();
  for (const file of files) {
    const stored = storeInCache(dir, file);
    if (stored.ok) continue;
    const why = stored.reason.slice(`${file.path}: `.length);
    failed.set(why, [...(failed.get(why) ?? []), file.path]);
  }
  return [...failed].map(([why, paths]) => `${paths.join(', ')}: ${why}`);
}
