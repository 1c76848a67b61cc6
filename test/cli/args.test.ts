/**
 * perf's option grammar; the error texts and the accepted forms are those of perf 6.1.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { parseArgs, parseSubcommand, wordsWithout } from '../../src/cli/args.ts';
import { HelpRequest, UsageError } from '../../src/cli/errors.ts';
import type { CommandTable } from '../../src/cli/options/option.ts';
import { RECORD } from '../../src/cli/options/record.ts';
import { REPORT } from '../../src/cli/options/report.ts';
import { STAT } from '../../src/cli/options/stat.ts';
import { TRUTH } from '../../src/cli/options/truth.ts';

const words = (line: string): string[] => (line === '' ? [] : line.split(' '));
const stat = (line: string) => parseArgs(STAT, words(line));
const record = (line: string) => parseArgs(RECORD, words(line)).options;
const report = (line: string) => parseArgs(REPORT, words(line));

function failure(table: CommandTable, line: string): UsageError {
  try {
    parseArgs(table, words(line));
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error(`${line} was accepted`);
}
function helpOf(table: CommandTable, line: string): HelpRequest {
  try {
    parseArgs(table, words(line));
  } catch (error) {
    if (error instanceof HelpRequest) return error;
    throw error;
  }
  throw new Error(`${line} gave no help`);
}

describe("perf's options", () => {
  it('leaves everything absent without options', () => {
    const { options, rest } = stat('true');
    expect(rest).to.deep.equal(['true']);
    expect(options.event).to.deep.equal([]);
    expect([options.repeat, options['big-num'], options.verbose, options.output]).to.deep.equal([
      undefined,
      undefined,
      0,
      undefined,
    ]);
  });

  it('takes clustered letters and attached values', () => {
    expect(stat('-dnv true').options).to.include({ detailed: 1, null: true, verbose: 1 });
    expect(stat('-ddd true').options.detailed).to.equal(3);
    expect(stat('-nr5 true').options).to.include({ null: true, repeat: 5 });
    expect(stat('-x, true').options['field-separator']).to.equal(',');
    expect(stat('-x= true').options['field-separator']).to.equal('=');
    expect(stat('-I100 true').options['interval-print']).to.equal(100);
    expect(record('-Fmax true').freq).to.equal('max');
    expect(record('-vg true')).to.include({ g: true, verbose: 1 });
    expect(stat('-e{a,b}:S true').options.event).to.deep.equal(['{a,b}:S']);
  });

  it('takes the next word as a value, whatever it looks like', () => {
    expect(stat('-x -e true')).to.deep.include({ rest: ['true'] });
    expect(stat('-x -e true').options['field-separator']).to.equal('-e');
    expect(stat('--repeat -3 true').options.repeat).to.equal(-3);
    expect(stat('-o - true').options.output).to.equal('-');
    expect(stat('-e cpu/event=0x3c,umask=0/ true').options.event).to.deep.equal(['cpu/event=0x3c,umask=0/']);
  });

  it('completes unique prefixes; an exact name wins', () => {
    expect(stat('--eve=cycles true').options.event).to.deep.equal(['cycles']);
    expect(stat('--interval-p 6 true').options['interval-print']).to.equal(6);
    expect(report('--sort comm').options.sort).to.equal('comm');
    expect(report('--header').options['header-only']).to.equal(undefined);
    expect(failure(STAT, '--de 3 true').message).to.equal(
      ' Error: Ambiguous option: de (could be --detailed or --delay)',
    );
    expect(failure(STAT, '--interval 3 true').message).to.match(/Ambiguous option: interval \(could be --interval-/);
  });

  it('undoes an option by its opposite', () => {
    expect(stat('--null --no-null true').options.null).to.equal(false);
    expect(stat('--no-big-num true').options['big-num']).to.equal(false);
    expect(stat('-i true').options['no-inherit']).to.equal(true);
    expect(stat('-i --inherit true').options['no-inherit']).to.equal(false);
    expect(stat('-i --no-no-inherit true').options['no-inherit']).to.equal(false);
    expect(stat('--no-inh true').options['no-inherit']).to.equal(true);
    expect(stat('-vv --no-verbose true').options.verbose).to.equal(0);
    expect(stat('-o f --no-output true').options.output).to.equal(undefined);
    expect(report('--no-children').options.children).to.equal(false);
    expect(failure(STAT, '--no-event true').message).to.equal(" Error: option `no-event' isn't available");
  });

  it('takes the last of several scalars, and all items of a list', () => {
    expect(stat('-r 3 -r 4 true').options.repeat).to.equal(4);
    expect(stat('-e a -e b --event=c true').options.event).to.deep.equal(['a', 'b', 'c']);
    expect(stat('--set host.hz=1000 --set a=b true').options.set).to.deep.equal(['host.hz=1000', 'a=b']);
  });

  it('stops at the workload, whose options are its own, or at --', () => {
    expect(stat('-n ./w -x --seed 3')).to.deep.include({ rest: ['./w', '-x', '--seed', '3'] });
    expect(stat('-n -- -odd --name').rest).to.deep.equal(['-odd', '--name']);
    expect(stat('./w -- -x').rest).to.deep.equal(['./w', '--', '-x']);
    expect(stat('-').rest).to.deep.equal(['-']);
    expect(report('a.data --stdio b.data')).to.deep.include({ rest: ['a.data', 'b.data'] });
  });

  it('reads options on both sides of a subcommand', () => {
    const both = parseSubcommand(STAT, ['record', 'report'], words('-n record -o f ./w record'));
    expect(both).to.deep.include({ subcommand: 'record', rest: ['./w', 'record'] });
    expect(both.options).to.include({ null: true, output: 'f' });
    expect(parseSubcommand(STAT, ['record'], words('./w record')).subcommand).to.equal(undefined);
    expect(parseSubcommand(STAT, ['record'], words('-n -- record'))).to.deep.include({ rest: ['record'] });
  });

  it('keeps what was typed, in order, with the options it gave', () => {
    const { typed } = parseSubcommand(STAT, ['record'], words('-nr 3 record --eve=a -- ./w --seed 3'));
    expect(typed).to.deep.equal([
      { options: ['null', 'repeat'], words: ['-nr', '3'] },
      { options: [], words: ['record'] },
      { options: ['event'], words: ['--eve=a'] },
      { options: [], words: ['--'] },
      { options: [], words: ['./w', '--seed', '3'] },
    ]);
    expect(wordsWithout(typed, ['event']).join(' ')).to.equal('-nr 3 record -- ./w --seed 3');
  });

  it('takes any text as it is, wherever it stands', () => {
    const attached = (text: string): boolean => text !== '';
    const value = fc.string();
    const option = fc.oneof(
      fc.tuple(fc.constantFrom('-e', '--event', '-x', '--output', '--set', '--seed'), value),
      fc
        .tuple(fc.constantFrom('--event=', '--see=', '-o', '-nx'), value.filter(attached))
        .map(([name, text]) => [name + text]),
      fc.constantFrom('-n', '-dv', '--no-null', '--no-big-num', '--inherit').map((name) => [name]),
    );
    fc.assert(
      fc.property(fc.array(option), value, (options, argument) => {
        const argv = [...options.flat(), 'w', argument];
        const { options: values, rest, typed } = parseArgs(STAT, argv);
        expect(rest).to.deep.equal(['w', argument]);
        expect(wordsWithout(typed, [])).to.deep.equal(argv);
        const texts = (...names: readonly string[]): string[] =>
          options.flatMap(([word, text]) => {
            const name = names.find((n) => word.startsWith(n));
            return name === undefined ? [] : [text ?? word.slice(name.length)];
          });
        expect(values.event).to.deep.equal(texts('-e', '--event=', '--event'));
        expect(values.set).to.deep.equal(texts('--set'));
        expect(values.seed).to.equal(texts('--seed', '--see=').at(-1));
        expect(values.output).to.equal(texts('--output', '-o').at(-1));
        expect(values['field-separator']).to.equal(texts('-x', '-nx').at(-1));
      }),
    );
  });

  it('takes the default of -g when no value follows', () => {
    expect(report('-g').options['call-graph']).to.equal('');
    expect(report('-g --stdio').options['call-graph']).to.equal('');
    expect(report('-g caller').options['call-graph']).to.equal('caller');
    expect(report('-gfolded').options['call-graph']).to.equal('folded');
  });

  it('reads whole decimal numbers', () => {
    expect(stat('-r 010 true').options.repeat).to.equal(10);
    for (const bad of ['-r x true', '-r 0x2 true', '-r3x true', '-r 1.5 true']) {
      expect(failure(STAT, bad).message).to.equal(" Error: switch `r' expects a numerical value");
    }
    expect(failure(STAT, '--timeout=-5 true').message).to.equal(
      " Error: option `timeout' expects an unsigned numerical value",
    );
  });

  it('explains a missing or superfluous value with the usage of its option', () => {
    const missing = failure(STAT, '-e');
    expect(missing.message).to.equal(" Error: switch `e' requires a value");
    expect(missing.usage).to.match(
      /^ Usage: gperf stat .*\n(    or: .*\n)*\n    -e, --event <event>   events to count.*\n$/,
    );
    expect(missing.exitCode).to.equal(129);
    expect(failure(STAT, '--event').message).to.equal(" Error: option `event' requires a value");
    expect(failure(STAT, '--null=3 true').message).to.equal(" Error: option `null' takes no value");
    expect(failure(STAT, '--no-null=3 true').message).to.equal(" Error: option `no-null' takes no value");
  });

  it('names unknown options and the nearest known one, with the whole help', () => {
    const unknown = failure(STAT, '--evnt cycles true');
    expect(unknown.message).to.equal("  Error: unknown option `evnt'\n  Did you mean `--event'?");
    expect(unknown.usage).to.contain('    -v, --verbose ');
    expect(failure(STAT, '--qqqqqqq=3 true').message).to.equal("  Error: unknown option `qqqqqqq=3'");
    expect(failure(STAT, '-nZ true').message).to.equal("  Error: unknown switch `Z'");
    expect(failure(STAT, '-n=3 true').message).to.equal("  Error: unknown switch `='");
  });

  it('refuses what gperf does not model, in one sentence', () => {
    expect(failure(STAT, '-S true').message).to.equal('  Error: gperf does not model file systems (-S, --sync).');
    expect(failure(STAT, '--topdown true').message).to.contain('does not model top-down analysis (--topdown)');
    expect(failure(RECORD, '-z9 true').message).to.contain('compressed recordings (-z, --compression-level)');
    expect(failure(RECORD, '--switch-output=1s true').message).to.contain('more than one output file');
    expect(failure(REPORT, '--tui').exitCode).to.equal(129);
  });

  it('refuses options that exclude each other', () => {
    const both = failure(STAT, '-o f --log-fd 3 true');
    expect(both.message).to.equal('cannot use both --output and --log-fd\n');
    expect(both.usage).to.contain('--output').and.to.contain('--log-fd');
    expect(both.exitCode).to.equal(234);
  });

  it('checks choices', () => {
    expect(stat('--color=never true').options.color).to.equal('never');
    expect(failure(STAT, '--color=nevr true').message).to.equal(
      " Error: option `color' takes auto, always, never, not `nevr'; did you mean `never'?",
    );
    expect(report('--stdio-color never').options.color).to.equal('never');
  });

  it('takes values from the environment, weaker than options', () => {
    const env = { GPERF_VPMU: 'legacy', GPERF_SET: 'a=1  b=2', GPERF_SEED: '' };
    expect(parseArgs(STAT, ['true'], env).options).to.deep.include({
      vpmu: 'legacy',
      set: ['a=1', 'b=2'],
      seed: undefined,
    });
    expect(parseArgs(STAT, ['--vpmu', 'v2', '--set=c=3', 'true'], env).options).to.deep.include({
      vpmu: 'v2',
      set: ['a=1', 'b=2', 'c=3'],
    });
    expect(parseArgs(TRUTH, ['true'], env).options.vpmu).to.equal('legacy');
  });

  it("gives help with perf's exit code, or only on the options that are named", () => {
    expect(helpOf(STAT, '-h')).to.include({ exitCode: 129 });
    expect(helpOf(STAT, '-vh true').text).to.contain('gperf stat');
    expect(helpOf(STAT, '--help')).to.include({ exitCode: 0 });
    const some = helpOf(STAT, '-h event').text;
    expect(some).to.contain('--event').and.not.to.contain('--repeat');
  });
});
