/**
 * Real perf's own recordings of real programs: gperf prints them as perf does, byte for byte.
 *
 * The program has no libc, because libc has no frame pointers and chains through it hold invalid addresses.
 */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBytes } from '../../../src/perfdata/octets.ts';
import { openPerfData } from '../../../src/perfdata/reader.ts';
import type { DsoSymbols, SymbolSource } from '../../../src/profile/dso.ts';
import { fileSymbols } from '../../../src/profile/symbolize.ts';
import { attrSizeOf, headerLines } from '../../../src/report/header/text.ts';
import { reportStdio } from '../../../src/report/report/text.ts';
import { reportStats, reportTasks } from '../../../src/report/report/stats.ts';
import type { ReportOptions } from '../../../src/report/report/options.ts';
import { type ScriptOptions, scriptLines } from '../../../src/report/script/text.ts';
import { evlistLines } from '../../../src/report/evlist/text.ts';
import { canRecord, perfVersion, scratch } from '../../perfdata/real-perf.ts';

const PROGRAM = `
static long sys(long n, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
#define F __attribute__((noinline))
F long qux(long n) { volatile long s = 0; for (long i = 0; i < n; i++) s += i; return s; }
F long foo(long n) { return qux(n) + qux(n / 3); }
F long bar(long n) { return qux(n / 2) + 1; }
F long rec(int d, long n) { return d ? rec(d - 1, n) + 1 : qux(n); }
F long zero(int fd) { static char b[65536]; long t = 0; for (int i = 0; i < 9; i++) t += sys(0, fd, (long)b, sizeof b); return t; }
F long run(void) {
  long t = 0;
  int fd = sys(2, (long)"/dev/zero", 0, 0);
  for (int i = 0; i < 150; i++) { t += foo(20000); t += bar(20000); t += rec(i % 5, 5000); t += zero(fd); }
  return t;
}
void _start(void) { __asm__ volatile("xor %%ebp,%%ebp" ::: "memory"); sys(60, run() == 42, 0, 0); __builtin_unreachable(); }
`;
const CFLAGS =
  '-O1 -static -nostdlib -fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-inline -fno-stack-protector';

const RECORDINGS: Readonly<Record<string, readonly string[]>> = {
  flat: ['-e', 'cpu-clock'],
  chains: ['-g', '-e', 'cpu-clock'],
  events: ['-e', 'cpu-clock,task-clock,page-faults'],
  group: ['-g', '-e', '{cpu-clock,task-clock}'],
  tasks: ['--sample-cpu', '-e', 'cpu-clock'],
  odd: ['-e', 'cpu-clock'],
  piped: ['-g', '-e', 'cpu-clock:u'],
  pipedflat: ['-e', 'cpu-clock:u,page-faults:u'],
};

/** Asking the kernel for its bpf programs takes perf a second. */
const QUICK = ['-q', '--no-bpf-event'];
/** A command's name is bytes: UTF-8, and others. */
const ODD = "cp bare caf\u00e9; cp bare $(printf 'b\\377\\351d  x'); ./caf\u00e9; ./b*";
const workload = (name: string): string[] => {
  if (name === 'tasks') return ['sh', '-c', './bare; ./bare | cat'];
  return name === 'odd' ? ['sh', '-c', ODD] : ['./bare'];
};

type Text = { readonly args: string; readonly of: readonly string[] } & (
  | { readonly report: ReportOptions }
  | { readonly script: ScriptOptions }
);
const ALL = Object.keys(RECORDINGS);
const WITH_CHAINS = ['chains', 'group'];
const TEXTS: readonly Text[] = [
  { args: 'report --stdio --no-inline', of: ALL, report: {} },
  {
    args: 'report --stdio --no-inline -v -n -s dso,sym',
    of: ['flat', 'chains'],
    report: { verbose: true, showNrSamples: true, sort: 'dso,sym' },
  },
  { args: 'report --stdio --no-inline --no-children', of: WITH_CHAINS, report: { children: false } },
  { args: 'report --stdio --no-inline -g folded,0', of: WITH_CHAINS, report: { callGraph: 'folded,0' } },
  {
    args: 'report --stdio --no-inline -g callee,2 -s pid,sym',
    of: WITH_CHAINS,
    report: { callGraph: 'callee,2', sort: 'pid,sym' },
  },
  {
    args: 'report --stdio --no-inline -s cpu,comm -t ;',
    of: ['tasks', 'flat'],
    report: { sort: 'cpu,comm', fieldSeparator: ';' },
  },
  {
    args: 'report --stdio --no-inline -w 8,5,6,10 -t ::',
    of: ['flat'],
    report: { columnWidths: [8, 5, 6, 10], fieldSeparator: '::' },
  },
  {
    args: 'report --stdio --no-inline --percentage relative -n -S qux --no-children -g none',
    of: ALL,
    report: { relative: true, showNrSamples: true, symbols: ['qux'], children: false, callGraph: 'none' },
  },
  {
    args: 'report --stdio --no-inline --percentage relative -d bare --no-skip-empty',
    of: ['flat', 'tasks', 'odd'],
    report: { relative: true, dsos: ['bare'], showEmpty: true },
  },
  {
    args: 'report --stdio --no-inline -s pid,sym -w 0,14',
    of: ['odd'],
    report: { sort: 'pid,sym', columnWidths: [0, 14] },
  },
  { args: 'report --stdio --no-inline -g folded', of: ['piped', 'pipedflat'], report: { callGraph: 'folded' } },
  { args: 'report --stdio --no-inline -g', of: ['piped', 'pipedflat'], report: { callGraph: '' } },
  {
    args: 'report --stdio --no-inline -F overhead_children,overhead,sym',
    of: ['piped', 'pipedflat'],
    report: { fields: 'overhead_children,overhead,sym' },
  },
  { args: 'script --no-inline', of: ALL, script: {} },
  {
    args: 'script --no-inline -G --ns -F +pid',
    of: WITH_CHAINS,
    script: { hideCallGraph: true, ns: true, fields: '+pid' },
  },
  {
    args: 'script --no-inline -F comm,tid,time,ip,sym --show-mmap-events --show-task-events',
    of: ['flat', 'tasks'],
    script: { fields: 'comm,tid,time,ip,sym', showMmapEvents: true, showTaskEvents: true },
  },
];

const comparable = (text: string): string =>
  text.replaceAll(/^# \(Tip: .*$/gm, '# (Tip)').replaceAll(/^# captured on {4}: .*$/gm, '# captured on    : NOW');
/** One character a byte, as what perf printed is read. */
const joined = (lines: Iterable<string>): string =>
  encodeBytes([...lines].map((line) => `${line}\n`).join('')).toString('latin1');

describe('reports of real recordings', function () {
  const dir = scratch();
  const run = (command: string, args: readonly string[]) =>
    spawnSync(command, args, {
      encoding: 'latin1',
      maxBuffer: 1 << 28,
      cwd: dir.path,
      env: { ...process.env, LC_ALL: 'C', HOME: dir.path, PERF_CONFIG: '/dev/null', PAGER: 'cat' },
    });
  const perf = (args: string, name: string): string =>
    comparable(run('perf', [...args.split(' '), '-i', `${name}.data`]).stdout);
  const open = (name: string) => openPerfData(dir.file(`${name}.data`));

  const known = new Map<string, DsoSymbols | undefined>();
  const symbols: SymbolSource = (dso) => {
    const key = `${dso.name} ${dso.buildId}`;
    if (!known.has(key)) known.set(key, fileSymbols({ dir: join(dir.path, '.debug') })(dso));
    return known.get(key);
  };

  before(function () {
    if (!perfVersion?.startsWith('6.1') || !canRecord) this.skip();
    writeFileSync(dir.file('bare.c'), PROGRAM);
    if (run('gcc', [...CFLAGS.split(' '), '-o', 'bare', 'bare.c']).status !== 0) this.skip();
    for (const [name, args] of Object.entries(RECORDINGS))
      if (name.startsWith('piped')) {
        const { status, stdout } = run('perf', ['record', ...QUICK, ...args, '-o', '-', ...workload(name)]);
        if (status !== 0) this.skip();
        writeFileSync(dir.file(`${name}.data`), stdout, 'latin1');
      } else if (run('perf', ['record', ...QUICK, ...args, '-o', `${name}.data`, ...workload(name)]).status !== 0)
        this.skip();
  });
  after(() => dir.remove());

  for (const text of TEXTS)
    for (const name of text.of)
      it(`${name}: perf ${text.args}`, () => {
        const session = open(name);
        const lines =
          'report' in text ? reportStdio(session, symbols, text.report) : scriptLines(session, symbols, text.script);
        expect(comparable(joined(lines))).to.equal(perf(text.args, name));
        session.close();
      });

  for (const name of ALL.filter((one) => !one.startsWith('piped'))) {
    it(`${name}: what the recording says of itself`, () => {
      const session = open(name);
      expect(joined(headerLines(session, { capturedOn: 'NOW', full: true }))).to.equal(
        perf('report --header-only -I', name),
      );
      expect(joined(evlistLines(session.evlist, attrSizeOf(session), { verbose: true }))).to.equal(
        perf('evlist -v', name),
      );
      expect(joined(reportStats(session, symbols))).to.equal(perf('report --stdio --stats', name));
      expect(joined(reportTasks(session, symbols, true))).to.equal(perf('report --stdio --mmaps', name));
      session.close();
    });
  }
});
