/** A mangled C++ name as a tree; itanium-parser.ts makes it, itanium-printer.ts prints it. */

/** Productions of the Itanium C++ ABI, with their fields. */
export type Production =
  /** text */
  | 'name'
  | 'builtin'
  /** One of the abbreviations of the standard library. */
  | 'std'
  /** left::right */
  | 'qualified'
  /** left::right, where left is a function. */
  | 'local'
  /** left is the name, right the type of a function. */
  | 'typed'
  /** left<right> */
  | 'template'
  /** Lists: left is the first item, right the rest; the empty list has neither. */
  | 'args'
  | 'templateArgs'
  /** number */
  | 'templateParam'
  | 'functionParam'
  /** left: the class's name. */
  | 'constructor'
  | 'destructor'
  /** text before left */
  | 'special'
  | 'constructionVtable'
  | 'referenceTemporary'
  /** For types: left is the type they apply to. */
  | 'const'
  | 'volatile'
  | 'restrict'
  | 'pointer'
  | 'reference'
  | 'rvalueReference'
  | 'complex'
  | 'imaginary'
  /** right: the qualifier. */
  | 'vendorQualifier'
  /** For member functions and function types. */
  | 'constThis'
  | 'volatileThis'
  | 'restrictThis'
  | 'referenceThis'
  | 'rvalueReferenceThis'
  | 'transactionSafe'
  | 'noexcept'
  | 'throws'
  /** left: result (may be absent), right: parameters. */
  | 'function'
  /** left: the dimension, right: the type. */
  | 'array'
  | 'vector'
  /** left: the class, right: the member's type. */
  | 'memberPointer'
  | 'decltype'
  | 'packExpansion'
  /** text: two letters */
  | 'operator'
  | 'extendedOperator'
  | 'conversion'
  | 'cast'
  | 'nullary'
  | 'unary'
  /** left: the operator, right: 'operands'. */
  | 'binary'
  | 'ternary'
  | 'operands'
  /** left: the type, right: the digits. */
  | 'literal'
  | 'negativeLiteral'
  | 'initializer'
  /** left: parameters, number: which one. */
  | 'lambda'
  | 'unnamed'
  | 'defaultArg'
  /** left[abi:right] */
  | 'tagged'
  | 'binding'
  /** left, then text: the suffix of a copy made by the compiler. */
  | 'clone';

export interface NameNode {
  readonly kind: Production;
  left: NameNode | undefined;
  right: NameNode | undefined;
  readonly text: string;
  readonly number: number;
}

export const node = (kind: Production, left?: NameNode, right?: NameNode, text = '', number = 0): NameNode => ({
  kind,
  left,
  right,
  text,
  number,
});

/** Qualifiers printed after a function's parameters. */
export const FUNCTION_QUALIFIERS: ReadonlySet<Production> = new Set<Production>([
  'constThis',
  'volatileThis',
  'restrictThis',
  'referenceThis',
  'rvalueReferenceThis',
  'transactionSafe',
  'noexcept',
  'throws',
]);

/** Operators: text, and number of operands in an expression. */
export const OPERATORS: Readonly<Record<string, readonly [string, number]>> = {
  aN: ['&=', 2],
  aS: ['=', 2],
  aa: ['&&', 2],
  ad: ['&', 1],
  an: ['&', 2],
  at: ['alignof ', 1],
  aw: ['co_await ', 1],
  az: ['alignof ', 1],
  cc: ['const_cast', 2],
  cl: ['()', 2],
  cm: [',', 2],
  co: ['~', 1],
  dV: ['/=', 2],
  dX: ['[...]=', 3],
  da: ['delete[] ', 1],
  dc: ['dynamic_cast', 2],
  de: ['*', 1],
  di: ['=', 2],
  dl: ['delete ', 1],
  ds: ['.*', 2],
  dt: ['.', 2],
  dv: ['/', 2],
  dx: [']=', 2],
  eO: ['^=', 2],
  eo: ['^', 2],
  eq: ['==', 2],
  fL: ['...', 3],
  fR: ['...', 3],
  fl: ['...', 2],
  fr: ['...', 2],
  ge: ['>=', 2],
  gs: ['::', 1],
  gt: ['>', 2],
  ix: ['[]', 2],
  lS: ['<<=', 2],
  le: ['<=', 2],
  li: ['operator"" ', 1],
  ls: ['<<', 2],
  lt: ['<', 2],
  mI: ['-=', 2],
  mL: ['*=', 2],
  mi: ['-', 2],
  ml: ['*', 2],
  mm: ['--', 1],
  na: ['new[]', 3],
  ne: ['!=', 2],
  ng: ['-', 1],
  nt: ['!', 1],
  nw: ['new', 3],
  nx: ['noexcept', 1],
  oR: ['|=', 2],
  oo: ['||', 2],
  or: ['|', 2],
  pL: ['+=', 2],
  pl: ['+', 2],
  pm: ['->*', 2],
  pp: ['++', 1],
  ps: ['+', 1],
  pt: ['->', 2],
  qu: ['?', 3],
  rM: ['%=', 2],
  rS: ['>>=', 2],
  rc: ['reinterpret_cast', 2],
  rm: ['%', 2],
  rs: ['>>', 2],
  sP: ['sizeof...', 1],
  sZ: ['sizeof...', 1],
  sc: ['static_cast', 2],
  ss: ['<=>', 2],
  st: ['sizeof ', 1],
  sz: ['sizeof ', 1],
  te: ['typeid ', 1],
  ti: ['typeid ', 1],
  tr: ['throw', 0],
  tw: ['throw ', 1],
};
