/** Programs compiled for a Broadwell core: in most tests any core will do. */
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { coreTiming } from '../../src/machine/timing.ts';
import { compile as compileFor, type CompiledProgram, type Params } from '../../src/workload/compile.ts';
import type { Program } from '../../src/workload/program.ts';

export const BROADWELL_TIMING = coreTiming(broadwellEp, broadwellEp.values);

export const compile = (program: Program, params?: Params): CompiledProgram =>
  compileFor(program, BROADWELL_TIMING, params);
