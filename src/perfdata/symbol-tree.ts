/**
 * The kernel's red-black tree over symbols, by start.
 *
 * Where symbols overlap (a label within a function, a function that claims more bytes than it has), perf finds the
 * first one on the way down whose range holds the address. That depends on the shape of the tree, and so on the order
 * of insertions and removals: the shape must be the kernel's.
 * Source: the algorithm of lib/rbtree.c; symbols__insert(), symbols__find() in tools/perf/util/symbol.c of Linux 6.1.
 */

const NONE = -1;
type Side = 0 | 1;
const other = (side: Side): Side => (side === 0 ? 1 : 0);

export class SymbolTree {
  readonly #starts: Float64Array;
  /** Left children, right children. */
  readonly #child: readonly [Int32Array, Int32Array];
  readonly #parent: Int32Array;
  readonly #red: Uint8Array;
  #root = NONE;

  /** Room for `starts.length` nodes; node i starts at starts[i]. */
  constructor(starts: Float64Array) {
    const n = starts.length;
    this.#starts = starts;
    this.#child = [new Int32Array(n).fill(NONE), new Int32Array(n).fill(NONE)];
    this.#parent = new Int32Array(n).fill(NONE);
    this.#red = new Uint8Array(n);
  }

  /** The node whose range holds an address; ends[i] is one past node i's. */
  find(address: number, ends: Float64Array): number | undefined {
    let node = this.#root;
    while (node !== NONE) {
      const [start, end] = [this.#starts[node]!, ends[node]!];
      if (address < start) node = this.#child[0][node]!;
      else if (address > end || (address === end && address !== start)) node = this.#child[1][node]!;
      else return node;
    }
    return undefined;
  }

  insert(node: number): void {
    let parent = NONE;
    let side: Side = 0;
    for (let at = this.#root; at !== NONE; at = this.#child[side][at]!) {
      parent = at;
      side = this.#starts[node]! < this.#starts[at]! ? 0 : 1;
    }
    this.#parent[node] = parent;
    this.#red[node] = 1;
    if (parent === NONE) this.#root = node;
    else this.#child[side][parent] = node;
    this.#afterInsertion(node);
  }

  remove(node: number): void {
    const [left, right] = [this.#child[0][node]!, this.#child[1][node]!];
    const wasRed = this.#red[node]!;
    const parent = this.#parent[node]!;
    if (left === NONE || right === NONE) {
      const child = left === NONE ? right : left;
      this.#replace(node, child, parent);
      if (child !== NONE) this.#red[child] = wasRed;
      else if (!wasRed && parent !== NONE) this.#afterRemoval(parent);
      return;
    }
    let successor = right;
    while (this.#child[0][successor] !== NONE) successor = this.#child[0][successor]!;
    const orphan = this.#child[1][successor]!;
    let lacking = successor;
    if (successor !== right) {
      lacking = this.#parent[successor]!;
      this.#child[0][lacking] = orphan;
      this.#child[1][successor] = right;
      this.#parent[right] = successor;
    }
    this.#child[0][successor] = left;
    this.#parent[left] = successor;
    const successorWasRed = this.#red[successor]!;
    this.#replace(node, successor, parent);
    this.#red[successor] = wasRed;
    if (orphan !== NONE) {
      this.#parent[orphan] = lacking;
      this.#red[orphan] = 0;
    } else if (!successorWasRed) this.#afterRemoval(lacking);
  }

  /** Puts `next` where `node` was. */
  #replace(node: number, next: number, parent: number): void {
    if (parent === NONE) this.#root = next;
    else this.#child[this.#child[0][parent] === node ? 0 : 1][parent] = next;
    if (next !== NONE) this.#parent[next] = parent;
  }

  /** Rotates: a node's child on the other side takes its place, and the node moves below it on `side`. */
  #rotate(node: number, side: Side): void {
    const child = this.#child[other(side)][node]!;
    const inner = this.#child[side][child]!;
    this.#replace(node, child, this.#parent[node]!);
    this.#child[side][child] = node;
    this.#parent[node] = child;
    this.#child[other(side)][node] = inner;
    if (inner !== NONE) this.#parent[inner] = node;
  }

  #isRed(node: number): boolean {
    return node !== NONE && this.#red[node] === 1;
  }

  #afterInsertion(inserted: number): void {
    let node = inserted;
    for (;;) {
      let parent = this.#parent[node]!;
      if (parent === NONE) {
        this.#red[node] = 0;
        return;
      }
      if (!this.#isRed(parent)) return;
      const grandparent = this.#parent[parent]!;
      const side: Side = this.#child[0][grandparent] === parent ? 0 : 1;
      const uncle = this.#child[other(side)][grandparent]!;
      if (this.#isRed(uncle)) {
        this.#red[uncle] = this.#red[parent] = 0;
        this.#red[grandparent] = 1;
        node = grandparent;
        continue;
      }
      if (this.#child[other(side)][parent] === node) {
        this.#rotate(parent, side);
        parent = node;
      }
      this.#rotate(grandparent, other(side));
      this.#red[parent] = 0;
      this.#red[grandparent] = 1;
      return;
    }
  }

  /** One side of `parent` lacks a black node: at first, the side without a child. */
  #afterRemoval(lacking: number): void {
    let parent = lacking;
    let node = NONE;
    for (;;) {
      // If both children are absent, the lacking one is the left one, unless there is a left sibling.
      const side: Side = this.#child[1][parent] !== node ? 0 : 1;
      const far = other(side);
      let sibling = this.#child[far][parent]!;
      if (this.#isRed(sibling)) {
        this.#rotate(parent, side);
        this.#red[sibling] = 0;
        this.#red[parent] = 1;
        sibling = this.#child[far][parent]!;
      }
      const [near, outer] = [this.#child[side][sibling]!, this.#child[far][sibling]!];
      if (!this.#isRed(near) && !this.#isRed(outer)) {
        this.#red[sibling] = 1;
        if (this.#isRed(parent)) this.#red[parent] = 0;
        else {
          node = parent;
          parent = this.#parent[node]!;
          if (parent !== NONE) continue;
        }
        return;
      }
      if (!this.#isRed(outer)) {
        this.#rotate(sibling, far);
        this.#red[near] = 0;
        this.#red[sibling] = 1;
        sibling = near;
      }
      this.#rotate(parent, side);
      this.#red[sibling] = this.#red[parent]!;
      this.#red[parent] = 0;
      this.#red[this.#child[far][sibling]!] = 0;
      return;
    }
  }
}
