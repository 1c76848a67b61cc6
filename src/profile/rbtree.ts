/**
 * A list sorted as the kernel's red-black tree sorts it, one insertion after the other.
 *
 * For a strict order this is a stable sort. perf's order of report lines is not one: of lines with equal children only
 * those of one thread are compared by depth, so a before b and b before c may come with c before a. The result then
 * depends on the path an insertion takes, hence on the shape of the tree. So the shape is the kernel's: equal goes
 * right, rebalanced after every insertion.
 * Source: lib/rbtree.c (the textbook's insertion).
 */
interface Node<T> {
  readonly value: T;
  parent: Node<T> | undefined;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
  red: boolean;
}

/** Values in tree order after inserting them in the given order. `before(a, b)`: the new a goes left of b. */
export function treeSorted<T>(values: Iterable<T>, before: (a: T, b: T) => boolean): T[] {
  const tree = new Tree<T>();
  for (const value of values) tree.insert(value, before);
  return tree.values();
}

class Tree<T> {
  #root: Node<T> | undefined;

  insert(value: T, before: (a: T, b: T) => boolean): void {
    let parent: Node<T> | undefined;
    let left = false;
    for (let at = this.#root; at; at = left ? at.left : at.right) {
      parent = at;
      left = before(value, at.value);
    }
    const node: Node<T> = { value, parent, left: undefined, right: undefined, red: true };
    if (!parent) this.#root = node;
    else if (left) parent.left = node;
    else parent.right = node;
    this.#rebalance(node);
  }

  #rebalance(inserted: Node<T>): void {
    let node = inserted;
    for (;;) {
      let { parent } = node;
      if (!parent) node.red = false;
      const grandparent = parent?.parent;
      if (!parent?.red || !grandparent) return;
      const onLeft = grandparent.left === parent;
      const uncle = onLeft ? grandparent.right : grandparent.left;
      if (uncle?.red) {
        uncle.red = parent.red = false;
        grandparent.red = true;
        node = grandparent;
        continue;
      }
      if (node === (onLeft ? parent.right : parent.left)) {
        this.#rotate(parent, onLeft);
        parent = node;
      }
      this.#rotate(grandparent, !onLeft);
      parent.red = false;
      grandparent.red = true;
      return;
    }
  }

  /** Rotates: a node's right (or left) child takes its place, and the node moves below it. */
  #rotate(node: Node<T>, toLeft: boolean): void {
    const child = toLeft ? node.right : node.left;
    if (!child) return;
    const inner = toLeft ? child.left : child.right;
    const { parent } = node;
    child.parent = parent;
    if (!parent) this.#root = child;
    else if (parent.left === node) parent.left = child;
    else parent.right = child;
    if (toLeft) [child.left, node.right] = [node, inner];
    else [child.right, node.left] = [node, inner];
    node.parent = child;
    if (inner) inner.parent = node;
  }

  values(): T[] {
    const out: T[] = [];
    const path: Node<T>[] = [];
    for (let node = this.#root; node || path.length;) {
      for (; node; node = node.left) path.push(node);
      const next = path.pop();
      if (!next) break;
      out.push(next.value);
      node = next.right;
    }
    return out;
  }
}
