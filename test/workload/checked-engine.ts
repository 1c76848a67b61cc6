/**
 * The engine compiled for tests: every array access is checked against the array's bounds, and the draws can be
 * called. Compiled on first use after a change (some seconds).
 */
import { execFileSync } from 'node:child_process';
import { compileEngine, type EngineModule } from '../../src/workload/engine.ts';

export function checkedEngine(): EngineModule {
  execFileSync(process.execPath, ['build/engine.mjs', '--checked'], { stdio: ['ignore', 'inherit', 'inherit'] });
  return compileEngine(new URL('./engine-checked.wasm', import.meta.url));
}

/** Functions of src/workload/engine/checked.ts. */
export interface Draws {
  seed(key: bigint): void;
  mixKey(key: bigint, tag: number): bigint;
  next32(): number;
  next53(): number;
  normal(): number;
  hypergeometric(M: number, c: number, L: number): number;
  binomial(n: number, p: number): number;
  log(x: number): number;
  exp(x: number): number;
  lnFactorial(k: number): number;
  readonly memory: { readonly buffer: ArrayBuffer };
  scratch(bytes: number): number;
  keyOfText(units: number, n: number): bigint;
}

/** The draws of an instance of its own. */
export function draws(module: EngineModule): Draws {
  const { Instance } = (globalThis as unknown as { WebAssembly: { Instance: new (m: object) => { exports: unknown } } })
    .WebAssembly;
  return new Instance(module).exports as Draws;
}
