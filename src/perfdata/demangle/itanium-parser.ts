/**
 * Parses names of the Itanium C++ ABI ("_Z…"), the grammar of its section 5.1, as GCC's demangler accepts it.
 *
 * One character of lookahead is enough; text outside the grammar is a Failure. Names are at most 1024 characters long
 * (perf's demangler gives up on longer ones), which bounds the depth.
 * Not modelled: modules, requires-clauses, template heads of lambdas, bit-precise integers.
 */
import { FUNCTION_QUALIFIERS, node, OPERATORS, type Production, type NameNode } from './node.ts';

export class Failure extends Error {}

const MOST_DEPTH = 400;

const BUILTIN: Readonly<Record<string, string>> = {
  a: 'signed char',
  b: 'bool',
  c: 'char',
  d: 'double',
  e: 'long double',
  f: 'float',
  g: '__float128',
  h: 'unsigned char',
  i: 'int',
  j: 'unsigned int',
  l: 'long',
  m: 'unsigned long',
  n: '__int128',
  o: 'unsigned __int128',
  s: 'short',
  t: 'unsigned short',
  v: 'void',
  w: 'wchar_t',
  x: 'long long',
  y: 'unsigned long long',
  z: '...',
};
const BUILTIN_D: Readonly<Record<string, string>> = {
  a: 'auto',
  c: 'decltype(auto)',
  d: 'decimal64',
  e: 'decimal128',
  f: 'decimal32',
  h: '_Float16',
  i: 'char32_t',
  n: 'decltype(nullptr)',
  s: 'char16_t',
  u: 'char8_t',
};

/** Abbreviations of the standard library: short form, full form, and the name of its constructors. */
const STANDARD: Readonly<Record<string, readonly [string, string, string]>> = {
  t: ['std', 'std', ''],
  a: ['std::allocator', 'std::allocator', 'allocator'],
  b: ['std::basic_string', 'std::basic_string', 'basic_string'],
  s: ['std::string', 'std::basic_string<char, std::char_traits<char>, std::allocator<char> >', 'basic_string'],
  i: ['std::istream', 'std::basic_istream<char, std::char_traits<char> >', 'basic_istream'],
  o: ['std::ostream', 'std::basic_ostream<char, std::char_traits<char> >', 'basic_ostream'],
  d: ['std::iostream', 'std::basic_iostream<char, std::char_traits<char> >', 'basic_iostream'],
};

const SPECIAL_T: Readonly<Record<string, string>> = {
  V: 'vtable for ',
  T: 'VTT for ',
  I: 'typeinfo for ',
  S: 'typeinfo name for ',
  F: 'typeinfo fn for ',
  J: 'java Class for ',
};

export class Parser {
  readonly #text: string;
  readonly #parameters: boolean;
  #at = 0;
  #depth = 0;
  readonly #substitutions: NameNode[] = [];
  #lastName: NameNode | undefined;
  #isExpression = false;
  #isConversion = false;

  /** `parameters`: whether to read a function's parameters; without, parsing stops after its name. */
  constructor(text: string, parameters: boolean) {
    this.#text = text;
    this.#parameters = parameters;
  }

  /** Parses the whole text as a mangled name. */
  read(): NameNode {
    const constructors = /^_GLOBAL_[._$]([DI])_/.exec(this.#text);
    let tree: NameNode;
    if (constructors) {
      this.#at = 11;
      tree = node(
        'special',
        this.#keyed(),
        undefined,
        `global ${constructors[1] === 'I' ? 'con' : 'de'}structors keyed to `,
      );
    } else tree = this.#mangled(true);
    if (this.#parameters && this.#at !== this.#text.length) throw new Failure();
    return tree;
  }

  #keyed(): NameNode {
    if (this.#text.startsWith('_Z', this.#at)) {
      this.#at += 2;
      return this.#encoding(false);
    }
    const name = node('name', undefined, undefined, this.#text.slice(this.#at));
    this.#at = this.#text.length;
    return name;
  }

  #peek(ahead = 0): string {
    return this.#text[this.#at + ahead] ?? '';
  }
  #eat(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
  #expect(text: string): void {
    if (!this.#eat(text)) throw new Failure();
  }
  #next(): string {
    const c = this.#text[this.#at++];
    if (c === undefined) throw new Failure();
    return c;
  }
  #nested<T>(work: () => T): T {
    if (++this.#depth > MOST_DEPTH) throw new Failure();
    const result = work();
    this.#depth--;
    return result;
  }
  #remember(what: NameNode): NameNode {
    this.#substitutions.push(what);
    return what;
  }

  #mangled(top: boolean): NameNode {
    if (!this.#eat('_') && top) throw new Failure();
    this.#expect('Z');
    let tree = this.#encoding(top);
    if (!top || !this.#parameters) return tree;
    for (let suffix; (suffix = /^\.[a-z\d_][a-z\d_]*(?:\.\d+)*/.exec(this.#text.slice(this.#at))?.[0]);) {
      this.#at += suffix.length;
      tree = node('clone', tree, undefined, suffix);
    }
    return tree;
  }

  #encoding(top: boolean): NameNode {
    return this.#nested(() => {
      if (this.#peek() === 'G' || this.#peek() === 'T') return this.#special();
      let name = this.#name();
      if (top && !this.#parameters) {
        // Qualifiers apply to `this`, and go with the parameters.
        while (FUNCTION_QUALIFIERS.has(name.kind)) name = name.left!;
        if (name.kind === 'local')
          while (name.right && FUNCTION_QUALIFIERS.has(name.right.kind)) name.right = name.right.left;
        return name;
      }
      if (this.#peek() === '' || this.#peek() === 'E') return name;
      const type = this.#bareFunction(hasReturnType(name));
      if (!top && name.kind === 'local') type.left = undefined;
      return node('typed', name, type);
    });
  }

  #special(): NameNode {
    const special = (text: string, what: NameNode): NameNode => node('special', what, undefined, text);
    if (this.#eat('T')) {
      const c = this.#next();
      const text = SPECIAL_T[c];
      if (text !== undefined) return special(text, this.#type());
      switch (c) {
        case 'h':
          this.#callOffset('h');
          return special('non-virtual thunk to ', this.#encoding(false));
        case 'v':
          this.#callOffset('v');
          return special('virtual thunk to ', this.#encoding(false));
        case 'c':
          this.#callOffset();
          this.#callOffset();
          return special('covariant return thunk to ', this.#encoding(false));
        case 'C': {
          const derived = this.#type();
          this.#number();
          this.#expect('_');
          return node('constructionVtable', this.#type(), derived);
        }
        case 'H':
          return special('TLS init function for ', this.#name());
        case 'W':
          return special('TLS wrapper function for ', this.#name());
        case 'A':
          return special('template parameter object for ', this.#templateArgument());
        default:
          throw new Failure();
      }
    }
    this.#expect('G');
    switch (this.#next()) {
      case 'V':
        return special('guard variable for ', this.#name());
      case 'R': {
        const name = this.#name();
        return node('referenceTemporary', name, undefined, '', this.#number());
      }
      case 'A':
        return special('hidden alias for ', this.#encoding(false));
      case 'T':
        return special(
          this.#next() === 'n' ? 'non-transaction clone for ' : 'transaction clone for ',
          this.#encoding(false),
        );
      default:
        throw new Failure();
    }
  }

  #callOffset(kind = this.#next()): void {
    this.#number();
    if (kind === 'v') {
      this.#expect('_');
      this.#number();
    } else if (kind !== 'h') throw new Failure();
    this.#expect('_');
  }

  /** <number>, "n" for minus; without digits it is 0. */
  #number(): number {
    const [all = '', minus, digits] = /^(n?)(\d*)/.exec(this.#text.slice(this.#at, this.#at + 12)) ?? [];
    if ((digits?.length ?? 0) > 10) throw new Failure();
    this.#at += all.length;
    return (minus ? -1 : 1) * Number(digits ?? 0);
  }

  /** "_" is 0, "0_" is 1. */
  #compactNumber(): number {
    if (this.#eat('_')) return 0;
    if (this.#peek() === 'n') throw new Failure();
    const n = this.#number() + 1;
    this.#expect('_');
    return n;
  }

  #name(): NameNode {
    return this.#nested(() => {
      switch (this.#peek()) {
        case 'N':
          return this.#nestedName();
        case 'Z':
          return this.#localName();
        case 'U':
          return this.#unqualified();
        case 'S': {
          let name: NameNode;
          const known = this.#peek(1) !== 't';
          if (known) name = this.#substitution(false);
          else {
            this.#at += 2;
            name = node('qualified', node('name', undefined, undefined, 'std'), this.#unqualified());
          }
          if (this.#peek() !== 'I') return name;
          if (!known) this.#remember(name);
          return node('template', name, this.#templateArguments());
        }
        default: {
          const name = this.#unqualified();
          if (this.#peek() !== 'I') return name;
          this.#remember(name);
          return node('template', name, this.#templateArguments());
        }
      }
    });
  }

  #nestedName(): NameNode {
    this.#expect('N');
    const qualifiers = this.#qualifiers(true);
    const reference = this.#referenceQualifier();
    const name = wrapped(this.#prefix(true), qualifiers);
    this.#expect('E');
    return reference === undefined ? name : node(reference, name);
  }

  #referenceQualifier(): Production | undefined {
    if (this.#eat('R')) return 'referenceThis';
    return this.#eat('O') ? 'rvalueReferenceThis' : undefined;
  }

  #prefix(substitutable: boolean): NameNode {
    let prefix: NameNode | undefined;
    for (;;) {
      const c = this.#peek();
      let part: NameNode;
      let kind: Production = 'qualified';
      if (c === 'E') {
        if (!prefix) throw new Failure();
        return prefix;
      }
      if (c === 'D' && /[Tt]/.test(this.#peek(1))) part = this.#type();
      else if (/[\da-zCDUL]/.test(c)) part = this.#unqualified();
      else if (c === 'S') part = this.#substitution(true);
      else if (c === 'I' && prefix) {
        kind = 'template';
        part = this.#templateArguments();
      } else if (c === 'T') part = this.#templateParam();
      else if (c === 'M' && prefix) {
        // A lambda in an initializer: its scope is the variable.
        this.#at++;
        continue;
      } else throw new Failure();
      prefix = prefix ? node(kind, prefix, part) : part;
      if (c !== 'S' && this.#peek() !== 'E' && substitutable) this.#remember(prefix);
    }
  }

  #unqualified(): NameNode {
    const c = this.#peek();
    let name: NameNode;
    if (/\d/.test(c)) name = this.#sourceName();
    else if (/[a-z]/.test(c)) {
      const was = this.#isExpression;
      if (this.#eat('on')) this.#isExpression = false;
      name = this.#operatorName();
      this.#isExpression = was;
      if (name.kind === 'operator' && name.text === 'li') name = node('unary', name, this.#sourceName());
    } else if (c === 'D' && this.#peek(1) === 'C') {
      this.#at += 2;
      const names = [];
      do names.push(this.#sourceName().text);
      while (!this.#eat('E'));
      name = node('binding', undefined, undefined, names.join(', '));
    } else if (c === 'C' || c === 'D') name = this.#constructorOrDestructor();
    else if (c === 'L') {
      this.#at++;
      name = this.#sourceName();
      this.#discriminator();
    } else if (this.#eat('Ul')) name = node('lambda', this.#lambdaParameters(), undefined, '', this.#compactNumber());
    else if (this.#eat('Ut')) {
      name = this.#remember(node('unnamed', undefined, undefined, '', this.#compactNumber()));
    } else throw new Failure();
    while (this.#peek() === 'B') {
      this.#at++;
      const last = this.#lastName;
      name = node('tagged', name, this.#sourceName());
      this.#lastName = last;
    }
    return name;
  }

  #lambdaParameters(): NameNode {
    const parameters = this.#parameterList();
    this.#expect('E');
    return parameters;
  }

  #sourceName(): NameNode {
    const length = this.#number();
    if (length <= 0 || this.#at + length > this.#text.length) throw new Failure();
    let text = this.#text.slice(this.#at, this.#at + length);
    this.#at += length;
    if (/^_GLOBAL_[._$]N/.test(text)) text = '(anonymous namespace)';
    return (this.#lastName = node('name', undefined, undefined, text));
  }

  #constructorOrDestructor(): NameNode {
    const last = this.#lastName;
    if (!last) throw new Failure();
    if (this.#next() === 'C') {
      const inherits = this.#eat('I');
      if (!/[1-5]/.test(this.#next())) throw new Failure();
      if (inherits) this.#type();
      return node('constructor', last);
    }
    if (!/[01245]/.test(this.#next())) throw new Failure();
    return node('destructor', last);
  }

  #operatorName(): NameNode {
    const code = this.#next() + this.#next();
    if (/^v\d$/.test(code)) return node('extendedOperator', this.#sourceName(), undefined, '', Number(code[1]));
    if (code === 'cv') {
      const was = this.#isConversion;
      this.#isConversion = !this.#isExpression;
      const type = this.#type();
      const kind = this.#isConversion ? 'conversion' : 'cast';
      this.#isConversion = was;
      return node(kind, type);
    }
    if (!Object.hasOwn(OPERATORS, code)) throw new Failure();
    return node('operator', undefined, undefined, code);
  }

  #localName(): NameNode {
    this.#expect('Z');
    const scope = this.#encoding(false);
    this.#expect('E');
    let name: NameNode;
    if (this.#eat('s')) {
      this.#discriminator();
      name = node('name', undefined, undefined, 'string literal');
    } else {
      const argument = this.#eat('d') ? this.#compactNumber() : -1;
      name = this.#name();
      if (name.kind !== 'lambda' && name.kind !== 'unnamed') this.#discriminator();
      if (argument >= 0) name = node('defaultArg', name, undefined, '', argument);
    }
    // Without this, the enclosing function's result would look like the local one's.
    if (scope.kind === 'typed' && scope.right?.kind === 'function') scope.right.left = undefined;
    return node('local', scope, name);
  }

  #discriminator(): void {
    if (!this.#eat('_')) return;
    const long = this.#eat('_');
    const n = this.#number();
    if (n < 0) throw new Failure();
    if (long && n >= 10) this.#expect('_');
  }

  #substitution(inPrefix: boolean): NameNode {
    this.#expect('S');
    const c = this.#next();
    if (c === '_' || /[\dA-Z]/.test(c)) {
      let id = 0;
      if (c !== '_') {
        let digits = c;
        for (let d = this.#next(); d !== '_'; d = this.#next()) digits += d;
        if (!/^[\dA-Z]{1,6}$/.test(digits)) throw new Failure();
        id = parseInt(digits, 36) + 1;
      }
      const found = this.#substitutions[id];
      if (!found) throw new Failure();
      return found;
    }
    const [short, full, last] = STANDARD[c] ?? [];
    if (short === undefined || full === undefined) throw new Failure();
    const inFull = inPrefix && /[CD]/.test(this.#peek());
    if (last) this.#lastName = node('name', undefined, undefined, last);
    let name = node('std', undefined, undefined, inFull ? full : short);
    if (this.#peek() === 'B') {
      while (this.#eat('B')) name = node('tagged', name, this.#sourceName());
      this.#remember(name);
    }
    return name;
  }

  #qualifiers(ofMember: boolean): Production[] {
    const kinds: (readonly [Production, Production])[] = [];
    for (;;) {
      if (this.#eat('r')) kinds.push(['restrict', 'restrictThis']);
      else if (this.#eat('V')) kinds.push(['volatile', 'volatileThis']);
      else if (this.#eat('K')) kinds.push(['const', 'constThis']);
      else if (this.#eat('Dx')) kinds.push(['transactionSafe', 'transactionSafe']);
      else if (this.#eat('Do')) kinds.push(['noexcept', 'noexcept']);
      else break;
    }
    const isFunction = ofMember || this.#peek() === 'F';
    return kinds.map(([plain, ofThis]) => (isFunction ? ofThis : plain));
  }

  #type(): NameNode {
    return this.#nested(() => this.#typeHere());
  }

  #typeHere(): NameNode {
    const qualifiers = this.#qualifiers(false);
    if (qualifiers.length > 0) {
      let type = this.#peek() === 'F' ? this.#functionType() : this.#type();
      const outer = type.kind === 'referenceThis' || type.kind === 'rvalueReferenceThis' ? type.kind : undefined;
      if (outer) type = type.left!;
      type = wrapped(type, qualifiers);
      return this.#remember(outer ? node(outer, type) : type);
    }
    const c = this.#peek();
    const builtin = BUILTIN[c];
    if (builtin !== undefined) {
      this.#at++;
      return node('builtin', undefined, undefined, builtin);
    }
    if (/[\dNZ]/.test(c)) return this.#remember(this.#name());
    switch (c) {
      case 'F':
        return this.#remember(this.#functionType());
      case 'A':
        return this.#remember(this.#arrayType());
      case 'M': {
        this.#at++;
        const owner = this.#type();
        return this.#remember(node('memberPointer', owner, this.#type()));
      }
      case 'T':
        return this.#remember(this.#templateParamType());
      case 'S':
        return this.#substitutedType();
      case 'D':
        return this.#typeD();
      case 'u':
        this.#at++;
        return this.#remember(this.#sourceName());
      case 'U': {
        this.#at++;
        let qualifier = this.#sourceName();
        if (this.#peek() === 'I') qualifier = node('template', qualifier, this.#templateArguments());
        return this.#remember(node('vendorQualifier', this.#type(), qualifier));
      }
      default: {
        const kind = COMPOUND[c];
        if (!kind) throw new Failure();
        this.#at++;
        return this.#remember(node(kind, this.#type()));
      }
    }
  }

  #substitutedType(): NameNode {
    if (/[\d_A-Z]/.test(this.#peek(1))) {
      const type = this.#substitution(false);
      return this.#peek() === 'I' ? this.#remember(node('template', type, this.#templateArguments())) : type;
    }
    const type = this.#name();
    return type.kind === 'std' ? type : this.#remember(type);
  }

  #templateParamType(): NameNode {
    const parameter = this.#templateParam();
    if (this.#peek() !== 'I') return parameter;
    if (!this.#isConversion) {
      this.#remember(parameter);
      return node('template', parameter, this.#templateArguments());
    }
    // The arguments may belong to the conversion operator instead; only what follows them tells.
    const [at, known, last] = [this.#at, this.#substitutions.length, this.#lastName];
    const args = this.#templateArguments();
    if (this.#peek() === 'I') {
      this.#substitutions.splice(known, 0, parameter);
      return node('template', parameter, args);
    }
    this.#at = at;
    this.#lastName = last;
    this.#substitutions.length = known;
    return parameter;
  }

  #typeD(): NameNode {
    this.#at++;
    const c = this.#next();
    const builtin = BUILTIN_D[c];
    if (builtin !== undefined) return node('builtin', undefined, undefined, builtin);
    switch (c) {
      case 'T':
      case 't': {
        const expression = this.#expression();
        this.#expect('E');
        return this.#remember(node('decltype', expression));
      }
      case 'p':
        return this.#remember(node('packExpansion', this.#type()));
      case 'F': {
        const bits = this.#number();
        this.#expect('_');
        return node('builtin', undefined, undefined, `_Float${bits}`);
      }
      case 'v': {
        let size: NameNode;
        if (this.#eat('_')) size = this.#expression();
        else size = node('name', undefined, undefined, String(this.#number()));
        this.#expect('_');
        return this.#remember(node('vector', size, this.#type()));
      }
      default:
        throw new Failure();
    }
  }

  #functionType(): NameNode {
    this.#expect('F');
    this.#eat('Y');
    const type = this.#bareFunction(true);
    const reference = this.#referenceQualifier();
    this.#expect('E');
    return reference ? node(reference, type) : type;
  }

  #bareFunction(hasReturn: boolean): NameNode {
    const result = this.#eat('J') || hasReturn ? this.#type() : undefined;
    return node('function', result, this.#parameterList());
  }

  #parameterList(): NameNode {
    const types: NameNode[] = [];
    for (;;) {
      const c = this.#peek();
      if (c === '' || c === 'E' || c === '.') break;
      if ((c === 'R' || c === 'O') && this.#peek(1) === 'E') break;
      types.push(this.#type());
    }
    if (types.length === 0) throw new Failure();
    const [first] = types;
    if (types.length === 1 && first?.kind === 'builtin' && first.text === 'void') return node('args');
    return listOf('args', types);
  }

  #arrayType(): NameNode {
    this.#expect('A');
    let size: NameNode | undefined;
    if (/\d/.test(this.#peek())) {
      const digits = /^\d+/.exec(this.#text.slice(this.#at))?.[0] ?? '';
      this.#at += digits.length;
      size = node('name', undefined, undefined, digits);
    } else if (this.#peek() !== '_') size = this.#expression();
    this.#expect('_');
    return node('array', size, this.#type());
  }

  #templateParam(): NameNode {
    this.#expect('T');
    return node('templateParam', undefined, undefined, '', this.#compactNumber());
  }

  #templateArguments(): NameNode {
    if (!this.#eat('I')) this.#expect('J');
    const last = this.#lastName;
    const args: NameNode[] = [];
    while (!this.#eat('E')) args.push(this.#templateArgument());
    this.#lastName = last;
    return listOf('templateArgs', args);
  }

  #templateArgument(): NameNode {
    return this.#nested(() => {
      switch (this.#peek()) {
        case 'X': {
          this.#at++;
          const expression = this.#expression();
          this.#expect('E');
          return expression;
        }
        case 'L':
          return this.#primary();
        case 'I':
        case 'J':
          return this.#templateArguments();
        default:
          return this.#type();
      }
    });
  }

  #primary(): NameNode {
    this.#expect('L');
    if (this.#peek() === '_' || this.#peek() === 'Z') {
      const name = this.#mangled(false);
      this.#expect('E');
      return name;
    }
    const type = this.#type();
    if (type.text === 'decltype(nullptr)' && this.#eat('E')) return type;
    const kind = this.#eat('n') ? 'negativeLiteral' : 'literal';
    const end = this.#text.indexOf('E', this.#at);
    if (end < 0) throw new Failure();
    const digits = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return node(kind, type, node('name', undefined, undefined, digits));
  }

  #expression(): NameNode {
    const was = this.#isExpression;
    this.#isExpression = true;
    const expression = this.#nested(() => this.#expressionHere());
    this.#isExpression = was;
    return expression;
  }

  #expressionHere(): NameNode {
    const two = this.#peek() + this.#peek(1);
    if (two[0] === 'L') return this.#primary();
    if (two[0] === 'T') return this.#templateParam();
    if (/^(\d|on)/.test(two)) {
      this.#eat('on');
      return this.#withArguments(this.#unqualified());
    }
    switch (two) {
      case 'sr': {
        this.#at += 2;
        return this.#unresolvedLevels() ?? this.#memberOf(this.#type());
      }
      case 'sp':
        this.#at += 2;
        return node('packExpansion', this.#expression());
      case 'fp':
        this.#at += 2;
        if (this.#eat('T')) return node('functionParam');
        return node('functionParam', undefined, undefined, '', this.#compactNumber() + 1);
      case 'il':
      case 'tl': {
        this.#at += 2;
        const type = two === 'tl' ? this.#type() : undefined;
        return node('initializer', type, this.#expressions('E'));
      }
      default:
        return this.#operation();
    }
  }

  #memberOf(scope: NameNode): NameNode {
    return node('qualified', scope, this.#withArguments(this.#unqualified()));
  }

  /** Qualifiers as bare names, ended by an E; if there are none, the first name is a type. */
  #unresolvedLevels(): NameNode | undefined {
    if (!/\d/.test(this.#peek())) return undefined;
    const [at, known, last, depth] = [this.#at, this.#substitutions.length, this.#lastName, this.#depth];
    try {
      const scope = this.#prefix(false);
      this.#expect('E');
      return this.#withArguments(node('qualified', scope, this.#unqualified()));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      [this.#at, this.#lastName, this.#depth] = [at, last, depth];
      this.#substitutions.length = known;
      return undefined;
    }
  }

  #withArguments(name: NameNode): NameNode {
    return this.#peek() === 'I' ? node('template', name, this.#templateArguments()) : name;
  }

  #operation(): NameNode {
    const operator = this.#operatorName();
    const { text: code } = operator;
    if (operator.kind === 'cast') {
      const operand = this.#eat('_') ? this.#expressions('E') : this.#expression();
      return node('unary', operator, operand);
    }
    if (operator.kind !== 'operator') throw new Failure();
    switch (OPERATORS[code]?.[1] ?? 0) {
      case 0:
        return node('nullary', operator);
      case 1: {
        if (code === 'st' || code === 'ti' || code === 'at') return node('unary', operator, this.#type());
        const suffix = (code === 'pp' || code === 'mm') && !this.#eat('_');
        const operand = code === 'sP' ? this.#packArguments() : this.#expression();
        return node('unary', operator, suffix ? node('operands', operand, operand) : operand);
      }
      case 2: {
        let left: NameNode;
        if (/^[cdrs]c$/.test(code)) left = this.#type();
        else if (code[0] === 'f') left = this.#operatorName();
        else if (code === 'di') left = this.#unqualified();
        else left = this.#expression();
        return node('binary', operator, node('operands', left, this.#rightOperand(code)));
      }
      default: {
        if (code === 'nw' || code === 'na') {
          const placement = this.#expressions('_');
          const type = this.#type();
          const initial = this.#eat('pi') ? this.#expressions('E') : this.#expectEnd();
          return node('ternary', operator, node('operands', placement, node('operands', type, initial)));
        }
        const first = code[0] === 'f' ? this.#operatorName() : this.#expression();
        const second = this.#expression();
        return node('ternary', operator, node('operands', first, node('operands', second, this.#expression())));
      }
    }
  }

  #packArguments(): NameNode {
    const args: NameNode[] = [];
    while (!this.#eat('E')) args.push(this.#templateArgument());
    return listOf('templateArgs', args);
  }

  #rightOperand(code: string): NameNode {
    if (code === 'cl') return this.#expressions('E');
    if (code === 'dt' || code === 'pt') {
      if (/^(gs|sr)/.test(this.#text.slice(this.#at, this.#at + 2))) return this.#expression();
      return this.#withArguments(this.#unqualified());
    }
    return this.#expression();
  }

  #expectEnd(): undefined {
    this.#expect('E');
    return undefined;
  }

  #expressions(end: string): NameNode {
    const list: NameNode[] = [];
    while (!this.#eat(end)) list.push(this.#expression());
    return listOf('args', list);
  }
}

const COMPOUND: Readonly<Record<string, Production>> = {
  P: 'pointer',
  R: 'reference',
  O: 'rvalueReference',
  C: 'complex',
  G: 'imaginary',
};

function listOf(kind: 'args' | 'templateArgs', items: readonly NameNode[]): NameNode {
  return items.reduceRight<NameNode | undefined>((rest, item) => node(kind, item, rest), undefined) ?? node(kind);
}

/** The first qualifier is the outermost. */
const wrapped = (inner: NameNode, qualifiers: readonly Production[]): NameNode =>
  qualifiers.reduceRight((type, kind) => node(kind, type), inner);

/** Mangled names of templates include the result, except for constructors and conversions. */
function hasReturnType(name: NameNode): boolean {
  if (FUNCTION_QUALIFIERS.has(name.kind)) return hasReturnType(name.left!);
  if (name.kind === 'local') return hasReturnType(name.right!);
  return name.kind === 'template' && !isConstructorOrConversion(name.left);
}

function isConstructorOrConversion(name: NameNode | undefined): boolean {
  if (name?.kind === 'qualified' || name?.kind === 'local') return isConstructorOrConversion(name.right);
  return name?.kind === 'constructor' || name?.kind === 'destructor' || name?.kind === 'conversion';
}
