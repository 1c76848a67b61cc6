/** Programs compiled for a Broadwell core: in most tests any core will do. */
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { coreTiming } from '../../src/machine/timing.ts';
import { compile as compileFor, type CompiledProgram, type Params } from '../../src/workload/compile.ts';
import { linked } from '../../src/workload/parse.ts';
import type { Program } from '../../src/workload/program.ts';

export const BROADWELL_TIMING = coreTiming(broadwellEp, broadwellEp.values);

export const compile = (program: Program, params?: Params): CompiledProgram =>
  compileFor(program, BROADWELL_TIMING, params);

/** A program with the files that it includes. */
export const link = (program: Program): Promise<Program> => linked(program, '.', { includeDir: 'workloads/include' });
