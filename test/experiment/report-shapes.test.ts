/**
 * A recording compared with perf's own report of it has distance zero, whatever perf report was asked to print, or the
 * text is refused with a hint on what to print instead. Judged on recordings of a program with oddly named threads,
 * made and printed by perf.
 */
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { inCommonTerms } from '../../src/profile/common-terms.ts';
import { compareProfiles } from '../../src/profile/compare.ts';
import { matchEvents } from '../../src/profile/events.ts';
import type { Profile } from '../../src/profile/profile.ts';
import { TextError } from '../../src/profile/text-error.ts';
import { fileSymbols } from '../../src/profile/symbolize.ts';
import { canRecord, run, scratch } from '../perfdata/real-perf.ts';
import { readOperand } from './read-operand.ts';

/**
 * Its first thread spends much more in a function of libc than in `small`, the least of its own that is sampled in every
 * run, so that no filter of files may hide it.
 */
const PROGRAM = `
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
#define F __attribute__((noinline))
static volatile unsigned long s;
F void leaf(int n) { for (int i = 0; i < n; i++) s += i; }
F void a_function_of_a_very_long_name_that_widens_its_column(int n) { for (int i = 0; i < n; i++) s ^= i; }
F void small(int n) { for (int i = 0; i < n; i++) s += i; }
F void caller(int n) { leaf(n); a_function_of_a_very_long_name_that_widens_its_column(n / 2); }
static void *work(void *name) {
  prctl(PR_SET_NAME, name);
  for (int i = 0; i < 3000; i++) { caller(2000); getppid(); }
  return 0;
}
int main(void) {
  pthread_t t[3];
  char *names[] = {"caf\\xc3\\xa9  x", "\\xff\\xe9 raw", "[k] odd"};
  for (int i = 0; i < 3; i++) pthread_create(&t[i], 0, work, names[i]);
  for (int i = 0; i < 3; i++) pthread_join(t[i], 0);
  for (int i = 0; i < 6000; i++) { leaf(900); small(600); caller(700); for (int j = 0; j < 600; j++) s ^= rand(); }
  return 0;
}
`;

const RECORDINGS: Readonly<Record<string, readonly string[]>> = {
  flat: ['-e', 'cpu-clock', '-F', '1999'],
  chains: ['-g', '-e', 'cpu-clock,page-faults', '-F', '1999'],
  group: ['-e', '{cpu-clock,task-clock}', '-F', '1999'],
};
type Name = 'flat' | 'chains' | 'group';

/** Options of perf report, and the recordings that they are for; those after "refused" need not be understood. */
const SHAPES: readonly (readonly [options: string, of: readonly Name[]])[] = [
  ['', ['flat', 'chains', 'group']],
  ['-v', ['flat', 'chains']],
  ['-n', ['flat', 'chains', 'group']],
  ['--show-total-period', ['flat', 'group']],
  ['-n --show-total-period --show-cpu-utilization', ['flat']],
  ['--header', ['flat']],
  ['-t ,', ['flat', 'chains', 'group']],
  ['-t ; -n', ['flat', 'group']],
  ['-t |', ['flat']],
  ['-t :', ['flat']],
  ['-t _', ['flat']],
  ['-t \t', ['flat']],
  ['-t ##', ['flat']],
  ['--hierarchy', ['flat', 'chains', 'group']],
  ['--hierarchy -n -t ;', ['flat']],
  ['--hierarchy -s dso,sym', ['flat']],
  ['--hierarchy --percent-limit 2', ['flat']],
  ['-F sym,overhead,dso', ['flat', 'chains']],
  ['-F sample,comm,period,sym', ['flat']],
  ['-F period,dso,sym', ['flat', 'group']],
  ['-F +period', ['chains']],
  ['-s sym', ['flat', 'chains']],
  ['-s sym,dso,comm', ['flat', 'group']],
  ['-s pid,sym,dso', ['flat']],
  ['-s pid,cpu,sym', ['flat']],
  ['-s cpu,dso,sym -t ;', ['flat']],
  ['-s sym,srcfile', ['flat']],
  ['-s parent,dso,sym', ['chains']],
  ['--no-children', ['chains']],
  ['-g none', ['chains']],
  ['-g flat', ['chains']],
  ['-g folded', ['chains']],
  ['-g folded -t ,', ['chains']],
  ['-g fractal,0.5,callee', ['chains']],
  ['-g graph,0,caller,count -s sym', ['chains']],
  ['--no-children -g flat,0,period -F sym,overhead', ['chains']],
  ['--group', ['chains']],
  ['--no-group', ['group']],
  ['--group -n -F overhead,sample,period,sym,dso', ['chains']],
  ['--percent-limit 1', ['flat', 'chains', 'group']],
  ['--percent-limit 3 -s sym', ['flat']],
  ['--percentage absolute', ['flat']],
  ['--percentage relative', ['flat']],
  ['-d shapes', ['flat']],
  ['-d shapes --no-children', ['chains']],
  ['-d shapes,libc.so.6 -n', ['flat', 'chains']],
  ['-c shapes', ['flat']],
  ['-c shapes,:1 -t ,', ['flat']],
  ['-S leaf', ['flat']],
  ['-S leaf,caller', ['flat']],
  ['-w 0,0,0,0', ['flat']],
  ['-w 12,20,30,80', ['flat']],
  ['--stdio-color always', ['flat']],
  ['-q', ['flat']],
  ['-q -n', ['flat']],
  ['-q -d shapes', ['flat']],
  ['--no-demangle', ['flat']],
  ['--max-stack 2', ['chains']],
  ['-G', ['chains']],
];

/** Reports that do not say enough. */
const REFUSED: readonly (readonly [options: string, of: readonly Name[], why: RegExp])[] = [
  ['-s comm', ['flat'], /names neither functions nor files.*-s comm,dso,sym/],
  ['-s srcline', ['flat'], /names neither functions nor files/],
  ['-F dso,sym,sample', ['flat'], /how much is each row's own.*-n -s/],
  ['-F sym,dso', ['flat'], /how much is each row's own/],
  ['-F overhead_children,sym', ['chains'], /--no-children/],
  ['-t x', ['flat'], /cannot be told from what is in them.*-t ';'/],
  ['-t %', ['flat'], /cannot be told/],
  ['-w 8,5,6,10', ['flat'], /cut/],
  ['-w 8,10,18,16', ['flat'], /cut/],
  ['-q', ['chains'], /-q/],
  ['-q -S leaf', ['flat'], /no -q/],
  ['-d shapes -s sym', ['flat'], /leaves out.*-s comm,dso,sym/],
  ['-S leaf', ['chains'], /--no-children/],
  ['-q -s sym', ['flat'], /no -q/],
  ['-q -s comm,sym', ['flat'], /without -q/],
  ['-c shapes --percentage relative', ['flat'], /--percentage absolute/],
  ['-d shapes,libc.so.6 -s sym,cpu', ['flat'], /-s comm,dso,sym/],
];

describe('the shapes of a printed report', function () {
  const dir = scratch();
  const symbols = fileSymbols({ dir: dir.file('no-cache') });
  const recorded = new Map<string, Profile[]>();
  after(() => dir.remove());

  const read = (path: string): Profile[] => readOperand(dir.file(path), { label: path, by: 'symbol', symbols });
  /** Distances and verdicts, by event that both have. */
  const against = (name: string, text: Buffer): { tvd: number; p: number; verdict: string; event: string }[] => {
    writeFileSync(dir.file('report.txt'), text);
    if (!recorded.has(name)) recorded.set(name, read(`${name}.data`));
    const sets = matchEvents([recorded.get(name)!, read('report.txt')]);
    return sets.map((set) => {
      const { pairs, event } = compareProfiles(inCommonTerms(set, 'symbol').map((profile) => [profile]));
      const { tvd, test, verdict } = pairs[0]!.comparison;
      return { tvd: tvd.value, p: test.p, verdict: verdict.kind, event };
    });
  };

  before(function () {
    if (!canRecord) this.skip();
    writeFileSync(dir.file('shapes.c'), PROGRAM);
    const made = run('gcc', ['-O1', '-fno-omit-frame-pointer', '-o', 'shapes', 'shapes.c', '-lpthread'], {
      cwd: dir.path,
    });
    if (made.status !== 0) this.skip();
    for (const [name, options] of Object.entries(RECORDINGS))
      run('perf', ['record', '-q', '-N', ...options, '-o', `${name}.data`, './shapes'], { cwd: dir.path });
  });

  const perf = (name: string, options: string): Buffer => {
    const words = options === '' ? [] : options.split(' ');
    const env = { ...process.env, LC_ALL: 'C', HOME: dir.path, PERF_CONFIG: '/dev/null' };
    return spawnSync('perf', ['report', '--stdio', '-i', `${name}.data`, ...words], { cwd: dir.path, env }).stdout;
  };

  for (const [options, names] of SHAPES)
    for (const name of names)
      it(`${name}: perf report ${options}`, () => {
        const found = against(name, perf(name, options));
        expect(found).to.have.lengthOf.at.least(1);
        for (const { tvd, p, verdict, event } of found) {
          expect(tvd, event).to.be.lessThan(0.002);
          expect(p, event).to.be.greaterThan(0.5);
          expect(verdict).to.not.match(/different|material/);
        }
      });

  for (const [options, names, why] of REFUSED)
    for (const name of names)
      it(`${name}: perf report ${options} is refused`, () => {
        expect(() => against(name, perf(name, options))).to.throw(TextError, why);
      });
});
