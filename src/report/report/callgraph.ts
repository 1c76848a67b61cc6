/**
 * Call chains below a line of perf report: -g graph, fractal, flat and folded.
 *
 * Source: tools/perf/ui/stdio/hist.c, measured on perf 6.1: a margin of twelve columns, eleven for each level, and a
 * bar while siblings follow.
 * Not modelled: -g address and srcline, branch counts beside frames.
 */
import { type CallchainNode, cumulCounts, cumulHits, flatChains, graphChildren } from '../../profile/callchain.ts';
import type { HistEntry } from '../../profile/hist-entry.ts';
import type { CallFrame } from '../../profile/machine-maps.ts';
import { sumText, unsignedSum } from '../../units.ts';
import { fixed, hex } from '../shared/format.ts';

export interface CallGraphOptions {
  /** graph: shares of the whole; fractal: shares of the caller. */
  readonly mode: 'graph' | 'fractal' | 'flat' | 'folded';
  readonly value: 'percent' | 'period' | 'count';
  /** Branches lighter than this many percent are cut. */
  readonly minPercent: number;
  /** At most this many branches of a node. */
  readonly printLimit: number;
  /** Separates the frames of a folded chain. */
  readonly separator: string;
  readonly cumulate: boolean;
  /** The line already names the first frame (the first sort key is the symbol). */
  readonly skipFirst: boolean;
}

const MARGIN = ' '.repeat(12);
const LEVEL = 11;

const frameName = (frame: CallFrame): string => frame.sym?.name ?? `${frame.ip === 0 ? '' : '0x'}${hex(frame.ip)}`;

/** hist_entry_callchain__fprintf(): the lines under `he`; `total` is the period of the whole event. */
export function callGraphLines(he: HistEntry, total: number, options: CallGraphOptions): string[] {
  const own = unsignedSum(options.cumulate ? he.statAcc.period : he.stat.period);
  const base = options.mode === 'fractal' ? own : total;
  const minHit = Math.floor(base * (options.minPercent / 100));
  const graph = new CallGraph(options, total);
  const root = he.callchain.node;
  if (options.mode === 'flat') return graph.flat(flatChains(root, minHit));
  if (options.mode === 'folded') return graph.folded(flatChains(root, minHit));
  return graph.lines(root, own, minHit);
}

/** The branches of a node while they are printed. */
interface Level {
  readonly node: CallchainNode;
  readonly branches: readonly CallchainNode[];
  readonly total: number;
  readonly depth: number;
  /** Columns with a bar where the level begins. */
  readonly mask: number;
  /** The same, after the branches printed so far. */
  open: number;
  /** The next branch. */
  next: number;
  /** The rest of the total after the branches so far, and its number of chains. */
  remaining: number;
  counts: number;
}

const level = (
  node: CallchainNode,
  branches: readonly CallchainNode[],
  total: number,
  depth: number,
  mask: number,
): Level => ({ node, branches, total, depth, mask, open: mask, next: 0, remaining: total, counts: 0 });

class CallGraph {
  readonly #options: CallGraphOptions;
  readonly #total: number;
  readonly #out: string[] = [];

  constructor(options: CallGraphOptions, total: number) {
    this.#options = options;
    this.#total = total;
  }

  lines(root: CallchainNode, own: number, minHit: number): string[] {
    const { mode, printLimit, skipFirst } = this.#options;
    const children = this.#children(root, minHit);
    const [only] = children;
    let [node, branches, margin] = [root, children, MARGIN];
    // A chain shared by all samples of the line needs no percentage and no level of its own.
    if (only && children.length === 1 && cumulHits(only) === own) {
      let printed = 0;
      for (const frame of only.frames.slice(skipFirst ? 1 : 0)) {
        if (!printed) this.#out.push(`${MARGIN}|`, `${MARGIN}---${frameName(frame)}`);
        else this.#out.push(`${margin}${frameName(frame)}`);
        margin = `${MARGIN}   `;
        if (++printed === printLimit) break;
      }
      [node, branches] = [only, this.#children(only, minHit)];
    }
    this.#graph(level(node, branches, mode === 'fractal' ? own : this.#total, 1, 1), minHit, margin);
    if (this.#out.length) this.#out.push('');
    return this.#out;
  }

  /** In fractal mode each node has its own threshold, a share of what runs below it. */
  #children(node: CallchainNode, minHit: number): CallchainNode[] {
    const { mode, minPercent } = this.#options;
    return graphChildren(node, mode === 'fractal' ? Math.ceil(node.childrenHit * (minPercent / 100)) : minHit);
  }

  #graph(first: Level, minHit: number, margin: string): void {
    const { mode, printLimit } = this.#options;
    const fractal = mode === 'fractal';
    const levels = [first];
    for (let at; (at = levels.at(-1));) {
      const { branches, total, depth, mask, next } = at;
      const child = branches[next];
      if (!child || (next > 0 && next === printLimit)) {
        if (fractal) this.#rest(at, margin);
        levels.pop();
        continue;
      }
      at.next++;
      at.remaining -= cumulHits(child);
      at.counts += cumulCounts(child);
      // The bar ends at the last branch, unless a line about cut branches follows.
      if (next === branches.length - 1 && !(fractal && at.remaining)) at.open &= ~(1 << (depth - 1));
      this.#out.push(`${margin}${bars(depth, mask)}`);
      for (const [j, frame] of child.frames.entries())
        this.#frame(frameName(frame), j === 0 ? this.#value(child, total) : undefined, depth, at.open, margin);
      const below = this.#children(child, minHit);
      levels.push(level(child, below, fractal ? child.childrenHit : total, depth + 1, at.open | (1 << depth)));
    }
  }

  /** The line for the rest of a level's branches. */
  #rest({ node, total, depth, open, remaining, counts }: Level, margin: string): void {
    if (!remaining || remaining === total) return;
    const rest = { hit: remaining, count: 0, childrenHit: 0, childrenCount: 0 };
    if (this.#options.value === 'count' && node.parent) {
      rest.count = node.childrenCount - counts;
      if (rest.count <= 0) return;
    }
    this.#frame('[...]', this.#value(rest, total), depth, open & ~(1 << (depth - 1)), margin);
  }

  #frame(name: string, value: string | undefined, depth: number, open: number, margin: string): void {
    let line = margin;
    for (let i = 0; i < depth; i++) {
      line += open & (1 << i) ? '|' : ' ';
      line += value !== undefined && i === depth - 1 ? `--${value}--` : ' '.repeat(LEVEL - 1);
    }
    this.#out.push(line + name);
  }

  flat(chains: readonly CallchainNode[]): string[] {
    for (const chain of this.#limited(chains)) {
      this.#out.push(`           ${this.#value(chain, this.#total)}`);
      for (const frame of path(chain)) this.#out.push(`                ${frameName(frame)}`);
      this.#out.push('');
    }
    return this.#out;
  }

  folded(chains: readonly CallchainNode[]): string[] {
    for (const chain of this.#limited(chains)) {
      const names = path(chain).map(frameName).join(this.#options.separator);
      this.#out.push(`${this.#value({ ...chain, childrenHit: 0, childrenCount: 0 }, this.#total)} ${names}`);
    }
    return this.#out;
  }

  #limited<T>(chains: readonly T[]): readonly T[] {
    return this.#options.printLimit ? chains.slice(0, this.#options.printLimit) : chains;
  }

  /** callchain_node__fprintf_value(). */
  #value(node: Pick<CallchainNode, 'hit' | 'count' | 'childrenHit' | 'childrenCount'>, total: number): string {
    const period = node.hit + node.childrenHit;
    const { value } = this.#options;
    if (value === 'period') return sumText(period);
    if (value === 'count') return String(node.count + node.childrenCount);
    return `${fixed(total ? (unsignedSum(period) * 100) / total : 0, 2)}%`;
  }
}

function bars(depth: number, mask: number): string {
  let text = '';
  for (let i = 0; i < depth; i++) text += (mask & (1 << i) ? '|' : ' ').padEnd(LEVEL);
  return text;
}

/** The frames from the root down to a node. */
function path(end: CallchainNode): CallFrame[] {
  const nodes: CallchainNode[] = [];
  for (let node: CallchainNode | undefined = end; node; node = node.parent) nodes.push(node);
  return nodes.toReversed().flatMap(({ frames }) => frames);
}
