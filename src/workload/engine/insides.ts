/**
 * Which entries of its frame may happen inside a node, as bits: one look at the words of an iteration's mask tells whether any
 * does, and hardly ever one does.
 * Not modelled: slots; which of them are inside a node, its list of own entries says.
 */
import { Ints, ints, reserve } from './memory.ts';
import { Insides, Tables } from './tables.ts';

/** The words of one node: those that are not zero, in no order. */
@unmanaged
class Words {
  bits: Ints;
  n: i32;
  which: Ints;

  add(i: i32): void {
    const w = i >> 5;
    if (this.bits[w] === 0) this.which[this.n++] = w;
    this.bits[w] = this.bits[w] | (1 << (i & 31));
  }
}

function collect(t: Tables, v: i32, words: Words): void {
  const s0 = t.s0[t.frame[v]];
  for (let j = t.own0[v]; j < t.own0[v + 1]; j++) words.add(t.ownEntry[j] - s0);
  for (let j = t.nested0[v]; j < t.nested0[v + 1]; j++)
    for (let e = t.nestedFrom[j]; e < t.nestedTo[j]; e++) words.add(e - s0);
}

/** Makes the words of all nodes but the outermost, which has no frame. */
export function findInsides(t: Tables): void {
  const words = changetype<Words>(reserve(offsetof<Words>()));
  words.bits = ints(t.maxWords);
  words.which = ints(t.maxWords);
  const insides = changetype<Insides>(reserve(offsetof<Insides>()));
  t.insides = insides;
  insides.first = ints(t.nodes + 1);
  for (let pass = 0; pass < 2; pass++) {
    let n = 0;
    for (let v = 0; v < t.nodes; v++) {
      insides.first[v] = n;
      if (v > 0) collect(t, v, words);
      for (let i = 0; i < words.n; i++, n++) {
        const w = words.which[i];
        if (pass > 0) {
          insides.word[n] = w;
          insides.bits[n] = words.bits[w];
        }
        words.bits[w] = 0;
      }
      words.n = 0;
    }
    insides.first[t.nodes] = n;
    if (pass === 0) {
      insides.word = ints(n);
      insides.bits = ints(n);
    }
  }
}
