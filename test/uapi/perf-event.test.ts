/** The names and numbers of uapi/ are those of the system's own linux/perf_event.h, where it is installed. */
import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import * as uapi from '../../src/uapi/perf-event.ts';

const HEADER = '/usr/include/linux/perf_event.h';

/** What C makes of a constant expression of these headers: numbers, names, <<, |, unary minus. */
function valueOf(expression: string, known: ReadonlyMap<string, number>): number | undefined {
  const terms = expression.replaceAll(/[()]|__u64/g, ' ').split('|');
  let sum = 0;
  for (const term of terms) {
    const [left, right] = term.split('<<').map((word) => {
      const text = word.trim().replace(/U?L*$/, '');
      return /^-?(0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : known.get(text);
    });
    if (left === undefined || (term.includes('<<') && right === undefined)) return undefined;
    // Bits beyond 31 are not among ours.
    sum += right === undefined ? left : left * 2 ** right;
  }
  return sum;
}

/** Enumerators and macros by name. */
function constantsOf(header: string): ReadonlyMap<string, number> {
  const known = new Map<string, number>();
  const text = header.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  for (const [, name, expression] of text.matchAll(/^#define\s+(PERF_\w+)\s+(.+)$/gm)) {
    const value = valueOf(expression!, known);
    if (value !== undefined) known.set(name!, value);
  }
  for (const [, body] of text.matchAll(/\benum\b[^{;]*\{([^}]*)\}/g)) {
    let next = 0;
    for (const item of body!.split(',')) {
      const [name, expression] = item.split('=').map((word) => word.trim());
      if (name === undefined || name === '') continue;
      next = (expression === undefined ? next : valueOf(expression, known)) ?? next;
      known.set(name, next++);
    }
  }
  return known;
}

describe('uapi/perf-event', () => {
  it('has the names and numbers of linux/perf_event.h, and no others', function () {
    if (!existsSync(HEADER)) this.skip();
    const known = constantsOf(readFileSync(HEADER, 'utf8'));
    const ours = Object.entries(uapi).flatMap(([prefix, group]) =>
      Object.entries(group).map(([name, value]) => [`${prefix}_${name}`, value] as const),
    );
    expect(ours.length).to.be.greaterThan(90);
    const wrong = ours.filter(([name, value]) => known.get(name) !== value);
    expect(wrong.map(([name, value]) => `${name} ${value}, not ${known.get(name)}`)).to.deep.equal([]);
  });
});
