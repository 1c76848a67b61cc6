/** What a slip of the finger or an attacker can write into a workload: each is answered quickly, by one sentence. */
import { expect } from 'chai';
import { func, loop, op, ops, program, seq, type Node } from '../../src/workload/build.ts';
import { compile } from '../workload/compiled.ts';
import { WorkloadError } from '../../src/workload/fault.ts';
import { parseText } from '../../src/workload/parse.ts';

/** What is said about a file, in short; undefined: it can be run. */
async function said(text: string): Promise<string | undefined> {
  try {
    compile(await parseText('x.yaml', text, { includeDir: 'workloads/include' }));
    return undefined;
  } catch (error) {
    if (error instanceof WorkloadError) return error.message;
    throw error;
  }
}

const main = (items: string): string => `about: x\nfunctions:\n  main:\n    - ${items}\n`;
const many = (n: number, line: (i: number) => string): string => Array.from({ length: n }, (_, i) => line(i)).join('');

const threads = (functions: string): string => `about: x\ninclude: pthread\nfunctions: { ${functions} }\n`;
/** Half of the instructions that all calls may expand into. */
const LARGE = many(1000, () => '{ call: g }, ');

describe('workload limits', () => {
  for (const [what, text, expected] of [
    [
      'a misspelt event of a site',
      main('{ alu: 1, sites: [{ p: 0.1, events: { branch-misses: 1, branchs: 2 } }] }'),
      /^x\.yaml:4:63: unknown key "branchs" \(did you mean "branches"\?\)/,
    ],
    [
      'a misspelt rate',
      main('{ load: 1, misses: { l1: 0.1, lcc: 0.2 } }'),
      /^x\.yaml:4:37: unknown key "lcc" \(did you mean "llc"\?\)/,
    ],
    [
      'a block of ten million instructions',
      main('{ alu: 10000000 }'),
      /^x\.yaml:4:14: alu: 10000000 is more than 50000\n/,
    ],
    ['a block of 1e15', main('{ alu: 1e15 }'), /^x\.yaml:4:14: alu: 1000000000000000 is more than/],
    [
      'blocks that are too many together',
      main(many(9, () => '{ alu: 9000 }\n    - ').slice(0, -7)),
      /^x\.yaml:9:7: the program has more than 50000 instructions/,
    ],
    [
      'an instruction that never ends',
      main('{ alu: 1, cycles: 1.0e+25 }'),
      /^x\.yaml:4:25: cycles: 1e\+25 is more than 4294967296/,
    ],
    [
      'a period that 32 bits take for 1',
      main('{ branch: { every: 4294967297 }, then: [nop] }'),
      /^x\.yaml:4:26: every: 4294967297 is more than 2147483647/,
    ],
    [
      'loops that nobody can count',
      main('{ loop: 1e14, body: [{ loop: 1e14, body: [nop] }] }'),
      /^x: it comes to \d\.\de\+28 cycles: gperf counts up to 2\^53/,
    ],
    [
      'a fork bomb',
      threads('main: [{ fork: f }], f: [{ fork: f, times: 2 }]'),
      /^x\.yaml:3:\d+: threads without end: f -> f\n/,
    ],
    [
      'threads by the million',
      threads('main: [{ spawn: f, times: 1000000 }], f: [nop]'),
      /: times: 1000000 is more than 32768\n/,
    ],
    [
      'threads by the million, in a loop',
      threads('main: [{ loop: 1000, body: [{ spawn: f, times: 1000 }] }], f: [nop]'),
      /: the program makes some 1000000 threads and processes: at most 32768\n/,
    ],
    [
      'threads that make threads, three thousand deep',
      threads(`main: [{ spawn: f0 }], ${many(3000, (i) => `f${i}: [{ spawn: f${i + 1} }], `)}f3000: [nop]`),
      /: threads that make threads are more than 500 levels deep here\n/,
    ],
    [
      'threads that are each as large as a program may be',
      threads(
        `main: [${many(3, (i) => `{ spawn: f${i} }, `)}nop], ${many(3, (i) => `f${i}: [${LARGE}], `)}g: [{ alu: 100 }]`,
      ),
      /: calls expand into more than 200000 instructions in their contexts/,
    ],
    [
      'two thousand mutexes',
      `about: x\nobjects:\n${many(2000, (i) => `  m${i}: mutex\n`)}functions: { main: [nop] }\n`,
      /there are 2000 objects, more than 1000\n/,
    ],
    [
      'a name that is longer than the screen',
      `about: x\nobjects: { m: ${'x'.repeat(5000)} }\nfunctions: { main: [nop] }\n`,
      /^x\.yaml:2:15: "x{60}" is no kind of object\n/,
    ],
    ['a list that contains itself', main('seq: &a [nop, { seq: *a }]'), /: it contains itself\n/],
    [
      'aliases of aliases',
      `about: x\na: &a [nop, nop]\n${many(9, (i) => `${'bcdefghij'[i]}: &${'bcdefghij'[i]} [${many(9, () => `*${'abcdefghi'[i]}, `)}nop]\n`)}functions: { main: [{ seq: *j }] }\n`,
      /its aliases expand to too many nodes/,
    ],
    [
      'parentheses within parentheses',
      main(`{ loop: "\${${'('.repeat(900)}1${')'.repeat(900)}}", body: [nop] }`),
      /more than 50 parentheses/,
    ],
    [
      'an expression of 50,000 signs',
      main(`{ loop: "\${${'-'.repeat(50_000)}1}", body: [nop] }`),
      /a text of 50004 characters is longer than 4095/,
    ],
    [
      'calls three thousand deep',
      `about: x\nfunctions:\n  main: [{ call: f0 }]\n${many(3000, (i) => `  f${i}: [{ call: f${i + 1} }]\n`)}  f3000: [nop]\n`,
      /: calls, loops and branches are more than 500 levels deep here\n/,
    ],
    [
      'items three hundred deep',
      main(`${'{ seq: ['.repeat(300)}nop${'] }'.repeat(300)}`),
      /: more than 100 items within each other\n/,
    ],
    ['brackets twenty thousand deep', main('['.repeat(20_000)), /lists and mappings are nested too deeply/],
    [
      'a key that is no word',
      'about: x\n? [a, b]\n: 1\nfunctions: { main: [nop] }\n',
      /^x\.yaml:2:3: a key must be a word\n/,
    ],
    [
      'a key that is there twice',
      'about: x\nfunctions: { main: [nop], main: [alu] }\n',
      /^x\.yaml:2:27: Map keys must be unique\n/,
    ],
    ['a tag', '%YAML 1.1\n---\nabout: !!binary aGVsbG8=\nfunctions: { main: [nop] }\n', /^x\.yaml:3:8: Unresolved tag/],
    [
      'a merge key',
      'about: x\nfunctions: { main: [nop], f: { <<: { body: [nop] }, body: [nop] } }\n',
      /unknown key "<<"/,
    ],
    [
      'names that every object has',
      main('{ syscall: constructor }\n    - { load: 1, misses: toString }'),
      /unknown system call "constructor"[^]*there is no miss profile "toString"/,
    ],
    [
      'a sleep without end',
      main('{ syscall: nanosleep, args: { ns: 1e300 } }'),
      /ns: 1e\+300 is not a number from 0 to/,
    ],
    ['a name with a NUL', 'about: x\nfunctions: { main: [nop], "a\\0b": [nop] }\n', /holds a NUL/],
    [
      'contexts without number',
      `about: x\nfunctions:\n  main: [{ call: a0 }]\n${many(20, (i) => `  a${i}: [{ call: a${i + 1} }, { call: a${i + 1} }]\n`)}  a20: [nop]\n`,
      /^x: calls expand into more than \d+ (contexts|instructions)/,
    ],
  ] as const)
    it(`${what}: is refused in a sentence`, async () => {
      expect(await said(text)).to.match(expected);
    });

  it("a profile may be called as every object's prototype is", async () => {
    const text =
      'about: x\nmisses: { __proto__: { l1: 0.5 } }\nfunctions: { main: [{ load: 1, misses: __proto__ }] }\n';
    expect(await said(text)).to.equal(undefined);
    expect(Object.keys(Object.prototype)).to.deep.equal([]);
  });

  it('lists the first of very many faults in order, and says how many there are', async () => {
    for (const text of [
      main(many(5_000, (i) => `lod${i}: 1\n    - `).slice(0, -7)),
      `about: x\nfunctions: { main: [nop] }\n${many(5_000, (i) => `key${i}: 1\n`)}`,
      main(`{ nop: 1, ${many(5_000, (i) => `key${i}: 1, `)} }`),
      main(many(5_000, (i) => `call: g${i}\n    - `).slice(0, -7)),
    ]) {
      const lines = (await said(text))!.split('\n');
      expect(lines).to.have.length(20 * 3 + 1);
      expect(lines.at(-1)).to.match(/^\.\.\. and \d+ more$/);
      expect(lines[0]).to.match(/(lod|key|g)0"/);
    }
  });

  it('takes ten thousand functions, and a chain of calls as deep as it says', async () => {
    expect(await said(`about: x\nfunctions:\n  main: [nop]\n${many(10_000, (i) => `  f${i}: [nop]\n`)}`)).to.equal(
      undefined,
    );
    const chain = (n: number): string =>
      `about: x\nfunctions:\n  main: [{ call: f0 }]\n${many(n, (i) => `  f${i}: [{ call: f${i + 1} }]\n`)}  f${n}: [nop]\n`;
    expect(await said(chain(498))).to.equal(undefined);
    expect(await said(chain(499))).to.match(/levels deep/);
  });

  it('holds for programs made in code, too', () => {
    expect(() => ops(1e9, 'alu')).to.throw(RangeError, 'a loop repeats them');
    const made = (body: readonly Node[]) => (): unknown =>
      compile(program({ name: 'p', about: 'x', functions: [func('main', body)] }));
    expect(made([seq(...Array.from({ length: 9 }, () => ops(9000, 'alu')))])).to.throw(WorkloadError, 'instructions');
    let deep: Node = op('nop');
    for (let i = 0; i < 300; i++) deep = loop(1, [deep]);
    expect(made([deep])).to.throw(WorkloadError, 'more than 100 items within each other');
    expect(made([loop(2, [op('alu', { cycles: 2 ** 33 })])])).to.throw(WorkloadError, 'at once');
  });
});
