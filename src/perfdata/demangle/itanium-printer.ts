/**
 * Prints the tree of a mangled C++ name with the words and blanks of GCC's demangler, which perf 6.1 uses.
 *
 * C declarations are written from the inside out: what surrounds a type (pointers, qualifiers, arrays, the name of a
 * function) waits in a list of modifiers until the innermost type knows where it goes.
 * Not modelled: names of more than MOST_TEXT characters (substitutions can double a text at every step).
 */
import { Failure } from './itanium-parser.ts';
import { FUNCTION_QUALIFIERS, OPERATORS, type Production, type NameNode } from './node.ts';

const MOST_TEXT = 2 ** 16;
const MOST_DEPTH = 1000;
const MOST_STEPS = 2 ** 18;

/** Templates whose arguments are in scope, innermost first. */
interface Scope {
  readonly template: NameNode;
  readonly outer: Scope | undefined;
}

interface Modifier {
  readonly node: NameNode;
  readonly next: Modifier | undefined;
  readonly scope: Scope | undefined;
  printed: boolean;
}

const CV: ReadonlySet<Production> = new Set<Production>(['const', 'volatile', 'restrict']);

export class Printer {
  #out = '';
  /** The last text written, even if taken back: blanks between brackets depend on it. */
  #last = '';
  #modifiers: Modifier | undefined;
  #scope: Scope | undefined;
  #template: NameNode | undefined;
  #packIndex = 0;
  #inLambda = false;
  #depth = 0;
  #steps = 0;

  text(tree: NameNode): string {
    this.#print(tree);
    return this.#out;
  }

  #write(text: string): void {
    if (text === '') return;
    this.#out += text;
    this.#last = text;
    if (this.#out.length > MOST_TEXT) throw new Failure();
  }

  #endsWith(c: string): boolean {
    return this.#last.endsWith(c);
  }

  #print(node: NameNode | undefined): void {
    if (!node || ++this.#depth > MOST_DEPTH || ++this.#steps > MOST_STEPS) throw new Failure();
    this.#printHere(node);
    this.#depth--;
  }

  #printHere(node: NameNode): void {
    const { left, right, text } = node;
    const kind: string = node.kind;
    switch (kind) {
      case 'name':
      case 'builtin':
      case 'std':
        return this.#write(text);
      case 'binding':
        return this.#write(`[${text}]`);
      case 'tagged':
        this.#print(left);
        this.#write('[abi:');
        this.#print(right);
        return this.#write(']');
      case 'qualified':
      case 'local':
        this.#print(left);
        this.#write('::');
        return this.#print(this.#pastDefaultArg(right));
      case 'typed':
        return this.#typed(node);
      case 'template':
        return this.#templateId(node);
      case 'args':
      case 'templateArgs':
        return this.#list(node);
      case 'templateParam':
        return this.#templateParam(node);
      case 'functionParam':
        return this.#write(node.number === 0 ? 'this' : `{parm#${node.number}}`);
      case 'constructor':
        return this.#print(left);
      case 'destructor':
        this.#write('~');
        return this.#print(left);
      case 'special':
        this.#write(text);
        return this.#print(left);
      case 'constructionVtable':
        this.#write('construction vtable for ');
        this.#print(left);
        this.#write('-in-');
        return this.#print(right);
      case 'referenceTemporary':
        this.#write(`reference temporary #${node.number} for `);
        return this.#print(left);
      case 'function':
        return this.#functionType(node);
      case 'array':
        return this.#arrayType(node);
      case 'memberPointer':
      case 'vector':
        return this.#modifying(node, right);
      case 'decltype':
        this.#write('decltype (');
        this.#print(left);
        return this.#write(')');
      case 'packExpansion':
        return this.#packExpansion(left);
      case 'operator': {
        const name = OPERATORS[text]?.[0] ?? '';
        if (text === 'li') return this.#write(name.trimEnd());
        return this.#write(`operator${/^[a-z]/.test(name) ? ' ' : ''}${name.trimEnd()}`);
      }
      case 'extendedOperator':
        this.#write('operator ');
        return this.#print(left);
      case 'conversion':
        this.#write('operator ');
        return this.#conversion(node);
      case 'cast':
        return this.#print(left);
      case 'nullary':
        return this.#operator(left);
      case 'unary':
        return this.#unary(node);
      case 'binary':
        return this.#binary(node);
      case 'ternary':
        return this.#ternary(node);
      case 'literal':
      case 'negativeLiteral':
        return this.#literal(node);
      case 'initializer':
        if (left) this.#print(left);
        this.#write('{');
        this.#print(right);
        return this.#write('}');
      case 'lambda': {
        this.#write('{lambda(');
        const was = this.#inLambda;
        this.#inLambda = true;
        this.#print(left);
        this.#inLambda = was;
        return this.#write(`)#${node.number + 1}}`);
      }
      case 'unnamed':
        return this.#write(`{unnamed type#${node.number + 1}}`);
      case 'clone':
        this.#print(left);
        return this.#write(` [clone ${text}]`);
      case 'defaultArg':
      case 'operands':
        throw new Failure();
      default:
        return this.#modifierType(node);
    }
  }

  #pastDefaultArg(node: NameNode | undefined): NameNode | undefined {
    if (node?.kind !== 'defaultArg') return node;
    this.#write(`{default arg#${node.number + 1}}::`);
    return node.left;
  }

  /** Runs with another list of modifiers. */
  #with(modifiers: Modifier | undefined, work: () => void): void {
    const was = this.#modifiers;
    this.#modifiers = modifiers;
    work();
    this.#modifiers = was;
  }

  #modifier(node: NameNode, next: Modifier | undefined): Modifier {
    return { node, next, scope: this.#scope, printed: false };
  }

  /** A name and its function's type, which decides where the name goes. */
  #typed({ left, right }: NameNode): void {
    const waiting: Modifier[] = [];
    const push = (node: NameNode): void => {
      waiting.push(this.#modifier(node, waiting.at(-1)));
    };
    let name = left;
    for (; name; name = name.left) {
      push(name);
      if (!FUNCTION_QUALIFIERS.has(name.kind)) break;
    }
    let inner = name;
    if (name?.kind === 'local') {
      // Qualifiers of a member of a local class belong to the function, and are printed after its parameters.
      inner = name.right?.kind === 'defaultArg' ? name.right.left : name.right;
      const local = waiting.pop()!;
      for (; inner && FUNCTION_QUALIFIERS.has(inner.kind); inner = inner.left) push(inner);
      push(local.node);
    }
    const was = this.#scope;
    if (inner?.kind === 'template') this.#scope = { template: inner, outer: was };
    this.#with(waiting.at(-1), () => {
      this.#print(right);
      this.#scope = was;
      for (const modifier of waiting.toReversed())
        if (!modifier.printed) {
          this.#write(' ');
          this.#printModifier(modifier.node);
        }
    });
  }

  #templateId(node: NameNode): void {
    const was = this.#template;
    this.#template = node;
    this.#with(undefined, () => {
      this.#print(node.left);
      this.#angled(node.right);
    });
    this.#template = was;
  }

  #angled(args: NameNode | undefined): void {
    if (this.#endsWith('<')) this.#write(' ');
    this.#write('<');
    this.#print(args);
    if (this.#endsWith('>')) this.#write(' ');
    this.#write('>');
  }

  #list({ left, right }: NameNode): void {
    if (left) this.#print(left);
    if (!right) return;
    const before = this.#out;
    this.#write(', ');
    const { length } = this.#out;
    this.#print(right);
    // An empty pack at the end takes its comma with it.
    if (this.#out.length === length) this.#out = before;
  }

  #argument({ number }: NameNode): NameNode | undefined {
    let list: NameNode | undefined = this.#scope?.template.right;
    for (let i = 0; i < number && list; i++) list = list.right;
    return list?.left;
  }

  /** The argument that a parameter stands for; in a pack, the current one. */
  #resolved(parameter: NameNode): NameNode {
    let found = this.#argument(parameter);
    if (found?.kind === 'templateArgs') {
      let list: NameNode | undefined = found;
      for (let i = 0; i < this.#packIndex && list; i++) list = list.right;
      found = list?.left;
    }
    if (!found) throw new Failure();
    return found;
  }

  #templateParam(node: NameNode): void {
    if (this.#inLambda) return this.#write(`auto:${node.number + 1}`);
    const argument = this.#resolved(node);
    const was = this.#scope;
    this.#scope = was?.outer;
    this.#print(argument);
    this.#scope = was;
  }

  #modifierType(node: NameNode): void {
    const { kind, left } = node;
    if (CV.has(kind)) {
      // An array and its elements may carry the same qualifier; it is printed once.
      for (let m = this.#modifiers; m; m = m.next) {
        if (m.printed) continue;
        if (!CV.has(m.node.kind)) break;
        if (m.node.kind === kind) return this.#print(left);
      }
    }
    if (kind === 'reference' || kind === 'rvalueReference') {
      const target = left?.kind === 'templateParam' && !this.#inLambda ? this.#resolved(left) : left;
      // References to references collapse: & unless both are &&.
      if (target?.kind === 'reference' || target?.kind === kind) return this.#modifying(target, target.left);
      if (target?.kind === 'rvalueReference') return this.#modifying(node, target.left);
      return this.#modifying(node, left);
    }
    return this.#modifying(node, left);
  }

  /** Prints `inner`, which may place the modifier; if it does not, the modifier follows. */
  #modifying(node: NameNode, inner: NameNode | undefined): void {
    const modifier = this.#modifier(node, this.#modifiers);
    this.#with(modifier, () => {
      this.#print(inner);
      if (!modifier.printed) this.#printModifier(node);
    });
  }

  #printModifier(node: NameNode): void {
    const { left, right } = node;
    const kind: string = node.kind;
    switch (kind) {
      case 'restrict':
      case 'restrictThis':
        return this.#write(' restrict');
      case 'volatile':
      case 'volatileThis':
        return this.#write(' volatile');
      case 'const':
      case 'constThis':
        return this.#write(' const');
      case 'transactionSafe':
        return this.#write(' transaction_safe');
      case 'noexcept':
        return this.#write(' noexcept');
      case 'throws':
        return this.#write(' throw');
      case 'vendorQualifier':
        this.#write(' ');
        return this.#print(right);
      case 'pointer':
        return this.#write('*');
      case 'referenceThis':
        return this.#write(' &');
      case 'reference':
        return this.#write('&');
      case 'rvalueReferenceThis':
        return this.#write(' &&');
      case 'rvalueReference':
        return this.#write('&&');
      case 'complex':
        return this.#write(' _Complex');
      case 'imaginary':
        return this.#write(' _Imaginary');
      case 'memberPointer':
        if (!this.#endsWith('(')) this.#write(' ');
        this.#print(left);
        return this.#write('::*');
      case 'typed':
        return this.#print(left);
      case 'vector':
        this.#write(' __vector(');
        this.#print(left);
        return this.#write(')');
      default:
        return this.#print(node);
    }
  }

  /** Prints waiting modifiers, innermost first; `behind`: also those that follow the parameters. */
  #printModifiers(modifiers: Modifier | undefined, behind: boolean): void {
    for (let m = modifiers; m; m = m.next) {
      if (m.printed || (!behind && FUNCTION_QUALIFIERS.has(m.node.kind))) continue;
      m.printed = true;
      const was = this.#scope;
      this.#scope = m.scope;
      const { kind, left, right } = m.node;
      if (kind === 'function' || kind === 'array') {
        if (kind === 'function') this.#functionRest(m.node, m.next);
        else this.#arrayRest(m.node, m.next);
        this.#scope = was;
        return;
      }
      if (kind === 'local') {
        this.#with(undefined, () => this.#print(left));
        this.#write('::');
        let name = this.#pastDefaultArg(right);
        while (name && FUNCTION_QUALIFIERS.has(name.kind)) name = name.left;
        this.#print(name);
        this.#scope = was;
        return;
      }
      this.#printModifier(m.node);
      this.#scope = was;
    }
  }

  #functionType(node: NameNode): void {
    if (node.left) {
      const modifier = this.#modifier(node, this.#modifiers);
      this.#with(modifier, () => this.#print(node.left));
      if (modifier.printed) return;
      this.#write(' ');
    }
    this.#functionRest(node, this.#modifiers);
  }

  #functionRest({ right }: NameNode, modifiers: Modifier | undefined): void {
    let [paren, space] = [false, false];
    for (let m = modifiers; m && !m.printed && !paren; m = m.next) {
      const { kind } = m.node;
      paren = AROUND_FUNCTIONS.has(kind);
      space = paren && kind !== 'pointer' && kind !== 'reference' && kind !== 'rvalueReference';
    }
    if (paren) {
      if (!space && !this.#endsWith('(') && !this.#endsWith('*')) space = true;
      if (space && !this.#endsWith(' ')) this.#write(' ');
      this.#write('(');
    }
    this.#with(undefined, () => {
      this.#printModifiers(modifiers, false);
      if (paren) this.#write(')');
      this.#write('(');
      if (right) this.#print(right);
      this.#write(')');
      this.#printModifiers(modifiers, true);
    });
  }

  #arrayType(node: NameNode): void {
    const outer = this.#modifiers;
    const own = this.#modifier(node, outer);
    const moved: Modifier[] = [];
    // Qualifiers of an array belong to its elements.
    for (let m = outer; m && CV.has(m.node.kind); m = m.next)
      if (!m.printed) {
        m.printed = true;
        moved.push({ node: m.node, next: moved.at(-1) ?? own, scope: m.scope, printed: false });
      }
    this.#with(moved.at(-1) ?? own, () => this.#print(node.right));
    if (own.printed) return;
    for (const m of moved.toReversed()) this.#printModifier(m.node);
    this.#arrayRest(node, outer);
  }

  #arrayRest({ left }: NameNode, modifiers: Modifier | undefined): void {
    let first = modifiers;
    while (first?.printed) first = first.next;
    const paren = first !== undefined && first.node.kind !== 'array';
    if (paren) this.#write(' (');
    this.#printModifiers(modifiers, false);
    if (paren) this.#write(')');
    if (first?.node.kind !== 'array') this.#write(' ');
    this.#write('[');
    if (left) this.#print(left);
    this.#write(']');
  }

  #conversion({ left }: NameNode): void {
    const was = this.#scope;
    if (this.#template) this.#scope = { template: this.#template, outer: was };
    if (left?.kind !== 'template') {
      this.#print(left);
      this.#scope = was;
      return;
    }
    this.#print(left.left);
    this.#scope = was;
    this.#angled(left.right);
  }

  #packExpansion(pattern: NameNode | undefined): void {
    const pack = this.#inLambda ? undefined : this.#packIn(pattern, 0);
    if (!pack) {
      this.#operand(pattern);
      return this.#write('...');
    }
    const was = this.#packIndex;
    for (let [item, i]: [NameNode | undefined, number] = [pack, 0]; item?.left; item = item.right, i++) {
      if (i > 0) this.#write(', ');
      this.#packIndex = i;
      this.#print(pattern);
    }
    this.#packIndex = was;
  }

  /** The first pack of arguments that a pattern names. */
  #packIn(node: NameNode | undefined, depth: number): NameNode | undefined {
    if (!node || depth > MOST_DEPTH || ++this.#steps > MOST_STEPS) return undefined;
    if (node.kind === 'templateParam') {
      const argument = this.#argument(node);
      return argument?.kind === 'templateArgs' ? argument : undefined;
    }
    if (node.kind === 'packExpansion' || node.kind === 'lambda') return undefined;
    return this.#packIn(node.left, depth + 1) ?? this.#packIn(node.right, depth + 1);
  }

  #operator(node: NameNode | undefined): void {
    if (node?.kind === 'operator') this.#write(OPERATORS[node.text]?.[0] ?? '');
    else this.#print(node);
  }

  #operand(node: NameNode | undefined): void {
    const simple = node && SIMPLE.has(node.kind);
    if (!simple) this.#write('(');
    this.#print(node);
    if (!simple) this.#write(')');
  }

  #unary({ left: operator, right: operand }: NameNode): void {
    const code = operator?.kind === 'operator' ? operator.text : '';
    let inner = operand;
    if (code === 'ad' && inner?.kind === 'typed' && inner.left?.kind === 'qualified') inner = inner.left;
    if (inner?.kind === 'operands') {
      this.#operand(inner.left);
      return this.#operator(operator);
    }
    if (code === 'sZ' || code === 'sP') {
      let n = 0;
      const pack = code === 'sP' ? inner : this.#packIn(inner, 0);
      for (let item = pack; item?.left; item = item.right) n++;
      return this.#write(String(n));
    }
    if (operator?.kind === 'cast') {
      this.#write('(');
      this.#print(operator.left);
      this.#write(')');
    } else this.#operator(operator);
    if (code === 'gs') return this.#print(inner);
    if (code === 'st' || code === 'nx') {
      this.#write('(');
      this.#print(inner);
      return this.#write(')');
    }
    this.#operand(inner);
  }

  #binary({ left: operator, right: operands }: NameNode): void {
    const code = operator?.text ?? '';
    const [left, right] = [operands?.left, operands?.right];
    if (/^[cdrs]c$/.test(code)) {
      this.#operator(operator);
      this.#write('<');
      this.#print(left);
      this.#write('>(');
      this.#print(right);
      return this.#write(')');
    }
    if (code === 'fl' || code === 'fr') return this.#fold(code, left, right);
    if (code === 'gt') this.#write('(');
    this.#operand(code === 'cl' && left?.kind === 'typed' ? left.left : left);
    if (code === 'ix') {
      this.#write('[');
      this.#print(right);
      this.#write(']');
    } else {
      if (code !== 'cl') this.#operator(operator);
      this.#operand(right);
    }
    if (code === 'gt') this.#write(')');
  }

  #fold(code: string, operator: NameNode | undefined, pattern: NameNode | undefined): void {
    this.#write('(');
    if (code === 'fl') {
      this.#write('...');
      this.#operator(operator);
    }
    // The pattern stands for its whole pack.
    const was = this.#packIndex;
    this.#packIndex = -1;
    this.#operand(pattern);
    this.#packIndex = was;
    if (code === 'fr') {
      this.#operator(operator);
      this.#write('...');
    }
    this.#write(')');
  }

  #ternary({ left: operator, right: operands }: NameNode): void {
    const code = operator?.text ?? '';
    const [first, second, third] = [operands?.left, operands?.right?.left, operands?.right?.right];
    if (code === 'qu') {
      this.#operand(first);
      this.#operator(operator);
      this.#operand(second);
      this.#write(' : ');
      return this.#operand(third);
    }
    if (code[0] === 'f') {
      this.#write('(');
      this.#operand(second);
      this.#operator(first);
      this.#write('...');
      this.#operator(first);
      this.#operand(third);
      return this.#write(')');
    }
    this.#write('new ');
    if (first?.left) {
      this.#operand(first);
      this.#write(' ');
    }
    this.#print(second);
    if (third) this.#operand(third);
  }

  #literal({ kind, left: type, right: digits }: NameNode): void {
    const name = type?.kind === 'builtin' ? type.text : '';
    const suffix = SUFFIXES[name];
    const minus = kind === 'negativeLiteral' ? '-' : '';
    if (suffix !== undefined) return this.#write(`${minus}${digits?.text ?? ''}${suffix}`);
    if (name === 'bool' && minus === '' && /^[01]$/.test(digits?.text ?? ''))
      return this.#write(digits?.text === '1' ? 'true' : 'false');
    this.#write('(');
    this.#print(type);
    const float = /^(float|double|long double|__float128)$/.test(name);
    this.#write(`)${minus}${float ? '[' : ''}`);
    this.#print(digits);
    if (float) this.#write(']');
  }
}

const SUFFIXES: Readonly<Record<string, string>> = {
  int: '',
  'unsigned int': 'u',
  long: 'l',
  'unsigned long': 'ul',
  'long long': 'll',
  'unsigned long long': 'ull',
};
const SIMPLE: ReadonlySet<Production> = new Set<Production>(['name', 'qualified', 'initializer', 'functionParam']);
const AROUND_FUNCTIONS: ReadonlySet<Production> = new Set<Production>([
  'pointer',
  'reference',
  'rvalueReference',
  'const',
  'volatile',
  'restrict',
  'vendorQualifier',
  'complex',
  'imaginary',
  'memberPointer',
]);
