/**
 * Adding a design takes one file and one line in the list. The built tree is copied, a design is added and listed, and
 * everything that tells designs apart must know it: list, stat, record, explain, wrong names and the contract.
 */
import { expect } from 'chai';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { place, type Ended, type Place } from './e2e.ts';

const NAME = 'newcomer';
const VPMUS = 'dist/src/kvm/vpmu';
const CONTRACT = 'dist/test/experiment/contract.test.js';

/** gperf's tree with one more design, a copy of reuse-lazy under another name. */
function treeWithOneMore(): Place {
  const tree = place();
  const needed = [CONTRACT, 'dist/test/kvm', 'dist/test/kernel', 'dist/test/workload/compiled.js'];
  for (const part of ['package.json', 'workloads', 'dist/src', ...needed])
    cpSync(part, tree.file(part), { recursive: true });
  symlinkSync(resolve('node_modules'), tree.file('node_modules'));
  const model = readFileSync(`${VPMUS}/reuse-lazy.js`, 'utf8');
  tree.write(`${VPMUS}/${NAME}.js`, model.replace("name: 'reuse-lazy'", `name: '${NAME}'`).replace('reuseLazy', NAME));
  const list = readFileSync(`${VPMUS}/index.js`, 'utf8');
  const line = `import { ${NAME} } from './${NAME}.js';\n`;
  writeFileSync(tree.file(`${VPMUS}/index.js`), line + list.replace(/(DESIGNS = \[.*?),?\s*\]/s, `$1, ${NAME}]`));
  return tree;
}

describe('a new design', function () {
  let tree: Place;
  const gperf = (words: string): Promise<Ended> =>
    tree.run(process.execPath, [tree.file('dist/src/cli/main.js'), ...words.split(' ')]);

  before(() => {
    tree = treeWithOneMore();
  });
  after(() => tree.remove());

  it('is listed', async () => {
    const { stdout } = await gperf('list vpmu');
    expect(stdout).to.match(new RegExp(`^  ${NAME} `, 'm'));
  });

  it('counts as the one it is a copy of', async () => {
    const counts = async (vpmu: string): Promise<Ended> =>
      gperf(`stat --vpmu ${vpmu} --set host.kernel=5.5 -x, -e instructions:u,cycles ./workloads/noploop 0.01`);
    const [its, models] = [await counts(NAME), await counts('reuse-lazy')];
    expect(its.status, its.stderr).to.equal(0);
    expect(its.stderr).to.contain('instructions:u').and.to.equal(models.stderr);
  });

  it('records, and the recording says under what', async () => {
    const { status, stderr } = await gperf(
      `record --vpmu ${NAME} --set host.kernel=5.5 -e cycles:u -o new.data ./workloads/noploop 0.01`,
    );
    expect(status, stderr).to.equal(0);
    expect((await gperf('report --header-only -i new.data')).stdout).to.contain(NAME);
  });

  it('has lives to explain', async () => {
    const { stdout } = await gperf(`explain pmi --vpmu ${NAME} --set host.kernel=5.5`);
    expect(stdout).to.contain(`(--vpmu ${NAME})`).and.to.contain(`kvm ${NAME}`);
  });

  it('is suggested for a name close to its own', async () => {
    const { status, stderr } = await gperf(`stat --vpmu ${NAME}s ./workloads/true`);
    expect(status).to.not.equal(0);
    expect(stderr).to.contain(`did you mean ${NAME}?`);
  });

  it('is held to the contract', async () => {
    const mocha = resolve('node_modules/mocha/bin/mocha.js');
    const words = [mocha, '--no-config', '--timeout', '600000', '--reporter', 'json', tree.file(CONTRACT)];
    const { stdout, status } = await tree.run(process.execPath, words);
    expect(status, stdout).to.equal(0);
    const { tests } = JSON.parse(stdout) as { tests: readonly { readonly fullTitle: string }[] };
    const of = (name: string): number => tests.filter(({ fullTitle }) => fullTitle.includes(`under ${name} on`)).length;
    expect(of(NAME)).to.be.above(100).and.to.equal(of('reuse-lazy'));
  });
});
