/** Commands that would never end by themselves: they end, or say why they cannot. */
import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { perfEnv } from '../../src/experiment/env.ts';
import { executable, prepareWorkload, workloadSeed } from '../../src/experiment/executable.ts';
import { LiveLock, runRecord } from '../../src/experiment/run.ts';
import { openOperand } from '../../src/experiment/operand.ts';
import { machineSpec, type MachineSpec } from '../../src/machine/spec.ts';
import { TextError } from '../../src/profile/text-error.ts';
import type { RecordOutcome } from '../../src/tool/perf-record.ts';
import { recordAttrs, type RecordAttrOptions } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

const NOWHERE = { opened: (): void => undefined, write: (): number => 0 };

async function record(spec: MachineSpec, events: string, options: RecordAttrOptions): Promise<RecordOutcome> {
  const workload = prepareWorkload(await loadWorkload('true'), spec, {});
  const job = {
    evlist: recordAttrs(parseEventList([events], 'record'), options),
    executable: executable(workload, workloadSeed(spec, 0)),
    systemWide: options.target === 'cpu',
  };
  return runRecord(spec, job, NOWHERE);
}

describe('what does not end by itself', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gperf-endless-'));
  after(() => rmSync(dir, { recursive: true }));

  it('record -a ends with its workload, although reading its buffers takes as long as a sample', async () => {
    for (const [machine, event] of [
      ['cascadelake-ap', 'cpu-clock'],
      ['sapphire-rapids', 'task-clock'],
    ] as const) {
      const spec = machineSpec(machine, 'host', 'test', []);
      const { status, samples } = await record(spec, event, { target: 'cpu', period: 1000 });
      expect(status).to.equal(0);
      expect(samples).to.be.greaterThan(50);
    }
  });

  it('a guest that goes from interrupt to interrupt is live-locked, and keeps nothing of those that ended', async () => {
    const spec = machineSpec('broadwell-ep', 'legacy', 'gperf', ['host.guests=2', 'guest.hz=1000', 'host.ipi=cold']);
    const stuck = await record(spec, 'cycles', { freq: 4000 }).catch((error: unknown) => error);
    expect(stuck).to.be.instanceOf(LiveLock);
    expect((stuck as LiveLock).message).to.match(
      /^The run is live-locked: in \d\.\d s the workload ran for 0 us\.\n.*a tick is 1000 us.*\n.*host\.ipi=warm/,
    );
  });

  it('a machine of very many CPUs is described in a time that grows with their number', () => {
    const cpus = 8192;
    const env = perfEnv(machineSpec('broadwell-ep', 'host', 'test', [`host.cpus=${cpus}`]), []);
    expect(env.cpu_topology?.cpus).to.have.length(cpus);
    expect(env.cpu_topology?.thread_siblings).to.have.length(cpus / 2);
    expect(env.cpu_topology?.core_siblings).to.have.length(2);
  });

  for (const [what, command] of [
    ['is neither a recording', 'cat /dev/urandom'],
    ['is longer than any line', 'cat /dev/zero'],
    ['has given 64 MB of text and goes on', `yes '${'as long as a name may be;'.repeat(50)}main 1'`],
  ] as const)
    it(`a pipe from ${command.slice(0, 20)} ${what}`, () => {
      const path = join(dir, 'pipe');
      execFileSync('mkfifo', [path]);
      const writer = spawn('sh', ['-c', `exec ${command} > '${path}'`], { stdio: ['ignore', 'ignore', 'ignore'] });
      const operand = openOperand(path, { label: 'x', by: 'symbol', symbols: () => undefined });
      try {
        expect(() => [...operand.read()]).to.throw(TextError, what);
      } finally {
        operand.close();
        writer.kill();
        unlinkSync(path);
      }
    });
});
