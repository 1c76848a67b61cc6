/** What is in gperf.js, the one file that holds all of gperf in a package: see load.ts. */
export const PARTS = {
  builtins: async () => import('../cli/builtins.ts'),
  commandThread: async () => import('../cli/command-thread.ts'),
  worker: async () => import('../experiment/worker.ts'),
  vpmu: async () => import('../kvm/vpmu/kit.ts'),
  workload: async () => import('../workload/build.ts'),
};
