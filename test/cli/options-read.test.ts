/**
 * Every command asks for every one of its options: each runs on some lines, and a test watches which options it reads.
 * An option that nothing reads must say in its help that it has no effect, as it has none on perf's text either.
 */
import { expect } from 'chai';
import { COMMANDS, type CommandContext } from '../../src/cli/commands.ts';
import type { CommandTable } from '../../src/cli/options/option.ts';
import { caught } from '../fuzz/command-lines.ts';
import { place, type Place } from './e2e.ts';

/** Lines of each command that together reach every option. */
const LINES: Readonly<Record<string, readonly string[]>> = {
  bench: ['--vpmu host --workers 1 true', '--vpmu host -F 1000 --export-json none/x true'],
  check: ['host'],
  compare: ['a.data b.data', 'a.data truth:true', '--vpmu host,v2 --workers 1 noploop 0.01'],
  diff: ['a.data b.data'],
  evlist: ['-i a.data'],
  explain: ['pmi --vpmu host', 'throttle --avg-ns 9000'],
  list: ['vpmu'],
  record: ['--vpmu host -F 1000 -g -o b.data noploop 0.01'],
  report: ['-i a.data', '-i a.data --stats', '-i a.data --header'],
  reproduce: ['rfc-v2 --export-json none/x'],
  script: ['-i a.data --header'],
  stat: ['--vpmu host true', '--vpmu host -x, -I 1 --summary noploop 0.003'],
  truth: ['true'],
};
const SAYS_SO = /no effect|\(always\)|not modelled/;

/** Runs `work`, and returns the names it reads from a parser's values for `table`. Copying them all does not count. */
async function readsOf({ options }: CommandTable, work: () => Promise<unknown>): Promise<Set<string>> {
  const names = options.map(({ name }) => name).join(' ');
  const read = new Set<string>();
  let copied: string | symbol | undefined;
  const made = Object.fromEntries;
  Object.fromEntries = (entries: Iterable<readonly unknown[]>): object => {
    const list = [...entries] as [string, unknown][];
    const values = made(list);
    if (list.map(([name]) => name).join(' ') !== names) return values;
    return new Proxy(values, {
      getOwnPropertyDescriptor(of, name) {
        copied = name;
        return Reflect.getOwnPropertyDescriptor(of, name);
      },
      get(of, name): unknown {
        if (typeof name === 'string' && name !== copied) read.add(name);
        copied = undefined;
        return Reflect.get(of, name);
      },
    });
  };
  try {
    await work();
  } finally {
    Object.fromEntries = made;
  }
  return read;
}

describe('options of', function () {
  const home = process.cwd();
  let at: Place;
  let context: CommandContext;
  before(async () => {
    at = place();
    const { stdout, stderr } = process;
    context = { terminal: { stdout, stderr, env: at.env }, buildIdDir: at.file('.debug') };
    process.chdir(at.path);
    for (const name of ['a.data', 'b.data'])
      await caught(['record', '--vpmu', 'host', '-c', '10000', '-o', name, 'noploop', '0.01'], context);
  });
  after(() => {
    process.chdir(home);
    at.remove();
  });

  for (const { name, table } of COMMANDS)
    if (table !== undefined)
      it(`${name} are all read, or say that they do nothing`, async () => {
        const { options } = await table();
        const said: string[] = [];
        const read = await readsOf(await table(), async () => {
          for (const line of LINES[name]!) said.push((await caught([name, ...line.split(' ')], context)).text);
        });
        const unread = options.filter((option) => !read.has(option.name) && !SAYS_SO.test(option.help));
        expect(
          unread.map((option) => option.name),
          said.join('\n').slice(0, 2000),
        ).to.deep.equal([]);
        // An option that is read has an effect, so its help does not deny it.
        const modest = options.filter((option) => read.has(option.name) && / no effect/.test(option.help));
        expect(modest.map((option) => option.name)).to.deep.equal([]);
      });
});
