/** Help texts, and that every option of perf 6.1 is in a table: supported or refused. */
import { expect } from 'chai';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandHelp } from '../../src/cli/help.ts';
import { DIFF } from '../../src/cli/options/diff.ts';
import { EVLIST } from '../../src/cli/options/evlist.ts';
import { LIST } from '../../src/cli/options/list.ts';
import type { CommandTable } from '../../src/cli/options/option.ts';
import { RECORD } from '../../src/cli/options/record.ts';
import { REPORT } from '../../src/cli/options/report.ts';
import { SCRIPT } from '../../src/cli/options/script.ts';
import { STAT } from '../../src/cli/options/stat.ts';

/** `perf COMMAND --list-opts` of perf 6.1. */
const PERF_OPTIONS: readonly (readonly [CommandTable, string])[] = [
  [
    STAT,
    'transaction event filter no-inherit pid tid all-cpus group scale verbose repeat table null detailed sync big-num cpu no-aggr no-merge hybrid-merge field-separator json-output cgroup for-each-cgroup output append log-fd pre post interval-print interval-count interval-clear timeout per-socket per-die per-core per-thread per-node delay metric-only metric-no-group metric-no-merge topdown td-level smi-cost metrics all-kernel all-user percore-show-thread summary no-csv-summary quiet cputype control iostat',
  ],
  [
    RECORD,
    'event filter exclude-perf pid tid realtime no-buffering raw-samples all-cpus cpu count output no-inherit tail-synthesize overwrite no-bpf-event strict-freq freq mmap-pages mmap-flush group call-graph verbose quiet stat data phys-data data-page-size code-page-size sample-cpu sample-identifier timestamp period no-samples no-buildid-cache no-buildid cgroup delay kcore uid branch-any branch-filter weight transaction per-thread intr-regs user-regs running-time clockid snapshot aux-sample proc-map-timeout namespaces all-cgroups switch-events all-kernel all-user kernel-callchains user-callchains clang-path clang-opt vmlinux buildid-all buildid-mmap timestamp-filename timestamp-boundary switch-output switch-output-event switch-max-files dry-run aio affinity compression-level max-size num-thread-synthesize control synth debuginfod threads off-cpu',
  ],
  [
    REPORT,
    'input verbose quiet dump-raw-trace stats tasks mmaps vmlinux ignore-vmlinux kallsyms force modules show-nr-samples threads pretty tui stdio header header-only sort fields show-cpu-utilization showcpuutilization parent exclude-other call-graph children max-stack inverted ignore-callees dsos comms pid tid symbols symbol-filter column-widths field-separator hide-unresolved symfs cpu show-info source asm-raw disassembler-style prefix prefix-strip show-total-period group group-sort-idx branch-stack branch-history objdump demangle demangle-kernel mem-mode samples percent-limit percentage itrace full-source-path show-ref-call-graph stitch-lbr socket-filter raw-trace hierarchy stdio-color time inline percent-type ns time-quantum switch-on switch-off show-on-off-events total-cycles disable-order skip-empty',
  ],
  [
    SCRIPT,
    'dump-raw-trace dump-unsorted-raw-trace verbose Latency list list-dlfilters script gen-script dlfilter dlarg input debug-mode header header-only vmlinux kallsyms hide-call-graph symfs fields all-cpus dsos symbols addr-range insn-trace xed call-trace call-ret-trace graph-function stop-bt cpu comms pid tid max-stack reltime deltatime show-info show-kernel-path show-task-events show-mmap-events show-switch-events show-namespace-events show-cgroup-events show-lost-events show-round-events show-bpf-events show-text-poke-events per-event-dump force max-blocks ns itrace full-source-path demangle demangle-kernel time inline guestmount guestvmlinux guestkallsyms guestmodules guest-code stitch-lbr switch-on switch-off show-on-off-events',
  ],
  [
    DIFF,
    'verbose quiet baseline-only compute period formula cycles-hist dump-raw-trace force modules dsos comms symbols sort field-separator order symfs percentage kallsyms cpu time pid tid stream',
  ],
  [EVLIST, 'input freq verbose group force trace-fields'],
  [LIST, 'raw-dump desc long-desc details deprecated cputype debug'],
];

describe('help', () => {
  for (const [table, names] of PERF_OPTIONS) {
    it(`knows every option of perf ${table.name}`, () => {
      const known = [...table.options, ...(table.refused ?? [])].flatMap((o) =>
        'alias' in o && o.alias !== undefined ? [o.name, o.alias] : [o.name],
      );
      const missing = names.split(' ').filter((name) => !known.includes(name));
      expect(missing).to.deep.equal([]);
      expect(new Set(known).size).to.equal(known.length);
      const letters = [...table.options, ...(table.refused ?? [])].map((o) => o.short).filter((s) => s !== undefined);
      expect(new Set(letters).size).to.equal(letters.length);
    });
  }

  it("is laid out as perf's", () => {
    const lines = commandHelp(STAT).split('\n');
    expect(lines.slice(0, 2)).to.deep.equal(['', ' Usage: gperf stat [<options>] <workload> [<args>]']);
    expect(lines).to.include('    -B, --big-num         separate thousands');
    expect(lines).to.include("    -e, --event <event>   events to count; 'gperf list' shows what there is");
    const long = lines.indexOf('    -I, --interval-print <n>');
    expect(lines[long + 1]).to.equal('                          print what was counted every n ms');
    expect(commandHelp(RECORD)).to.contain('\n    -g                    record call chains\n');
    expect(commandHelp(STAT)).to.match(/\n gperf's own:\n {8}--color <when> +colours/);
    expect(commandHelp(STAT)).to.match(/\n Of perf stat, but not modelled:\n {4}-D\/--delay /);
  });

  it('orders letters first, small before capital, then names', () => {
    const order = commandHelp(REPORT)
      .split('\n')
      .map((line) => /^ {4}(?:-(\w)| {4}--(\S+))/.exec(line))
      .filter((m) => m !== null)
      .map((m) => m[1] ?? m[2]!);
    expect(order.slice(0, 5)).to.deep.equal(['c', 'C', 'd', 'f', 'F']);
    expect(order.indexOf('x')).to.be.lessThan(order.indexOf('children'));
  });

  it('keeps refused lines within a terminal and hides what is hidden', () => {
    for (const [table] of PERF_OPTIONS) {
      const refusals = commandHelp(table).split('but not modelled:\n')[1] ?? '';
      for (const line of refusals.split('\n')) expect(line.length).to.be.at.most(80);
    }
    expect(commandHelp(LIST)).not.to.contain('raw-dump');
  });

  it('exists for every command with options', async () => {
    for (const { name, table } of COMMANDS) {
      if (table === undefined) continue;
      expect(commandHelp(await table())).to.contain(` Usage: gperf ${name} `);
    }
  });
});
