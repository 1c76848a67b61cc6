/** Names of C++ and Rust: examples, perf's own demangler if binutils has it, and hostile names. */
import { expect } from 'chai';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { demangle } from '../../src/perfdata/demangle/demangle.ts';
import { run } from './real-perf.ts';

/** mangled, without parameters, with them */
const CPP: readonly (readonly [string, string, string])[] = [
  ['_ZL4leafl', 'leaf', 'leaf(long)'],
  [
    '_ZNK4shop4CartIdEltERKS1_',
    'shop::Cart<double>::operator<',
    'shop::Cart<double>::operator<(shop::Cart<double> const&) const',
  ],
  ['_Z3foov.cold', 'foo', 'foo() [clone .cold]'],
  ['_Z3fooi.constprop.0.isra.1', 'foo', 'foo(int) [clone .constprop.0] [clone .isra.1]'],
  ['_ZN12_GLOBAL__N_11fEv', '(anonymous namespace)::f', '(anonymous namespace)::f()'],
  ['_ZTV1A', 'vtable for A', 'vtable for A'],
  ['_ZThn16_N1A1fEv', 'non-virtual thunk to A::f()', 'non-virtual thunk to A::f()'],
  ['_ZGVZ4mainE1s', 'guard variable for main::s', 'guard variable for main::s'],
  ['_ZZ4mainENKUliE_clEi', 'main::{lambda(int)#1}::operator()', 'main::{lambda(int)#1}::operator()(int) const'],
  ['_ZN1AC2Ei', 'A::A', 'A::A(int)'],
  ['_ZN1AD0Ev', 'A::~A', 'A::~A()'],
  ['_ZN1AcviEv', 'A::operator int', 'A::operator int()'],
  ['_ZN1AnwEm', 'A::operator new', 'A::operator new(unsigned long)'],
  ['_Zli3_kme', 'operator"" _km', 'operator"" _km(long double)'],
  ['_Z1fPFicEPA3_iRKS0_', 'f', 'f(int (*)(char), int (*) [3], int (* const&)(char))'],
  ['_Z1fM1AFidEMS_i', 'f', 'f(int (A::*)(double), int A::*)'],
  ['_Z1fIJicEEvDpT_', 'f<int, char>', 'void f<int, char>(int, char)'],
  ['_Z1fILin5ELb1ELm7EEvv', 'f<-5, true, 7ul>', 'void f<-5, true, 7ul>()'],
  ['_Z1fSsSaIcE', 'f', 'f(std::string, std::allocator<char>)'],
  [
    '_ZNSsC1Ev',
    'std::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string',
    'std::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string()',
  ],
  ['_Z1fB5cxx11v', 'f[abi:cxx11]', 'f[abi:cxx11]()'],
  ['_ZNKR1A1fEv', 'A::f', 'A::f() const &'],
  ['_GLOBAL__I_main', 'global constructors keyed to main', 'global constructors keyed to main'],
  // An empty pack at the end takes its comma back, and the blank before the next bracket with it.
  ['_Z1fI1AIiEJEEvv', 'f<A<int>>', 'void f<A<int>>()'],
];

const RUST: readonly (readonly [string, string])[] = [
  ['_ZN4core3fmt9Formatter3pad17h0123456789abcdefE', 'core::fmt::Formatter::pad'],
  ['_ZN4core3fmt9Formatter3pad17h0123456789abcdefE.llvm.1234', 'core::fmt::Formatter::pad'],
  [
    '_ZN53_$LT$alloc..string..String$u20$as$u20$core..Clone$GT$5clone17h0123456789abcdefE',
    '<alloc::string::String as core::Clone>::clone',
  ],
  ['_RNvNtCs1234_7mycrate3foo3bar', 'mycrate::foo::bar'],
  ['_RINvNtC3std3mem8align_ofjE', 'std::mem::align_of::<usize>'],
  ['_RNCNvC7mycrate4main0B3_', 'mycrate::main::{closure#0}'],
  ['_RNvXs_C7mycrateRNtB4_3FooNtB4_3Bar3baz', '<&mycrate::Foo as mycrate::Bar>::baz'],
  ['_RNvC7mycrateu8gdel_5qa', 'mycrate::gödel'],
];

describe('demangled names', () => {
  it('of C++ are those of its source, with parameters or without', () => {
    for (const [mangled, plain, full] of CPP) {
      expect(demangle(mangled, false), mangled).to.equal(plain);
      expect(demangle(mangled, true), mangled).to.equal(full);
    }
  });

  it('of Rust have neither hashes nor disambiguators', () => {
    for (const [mangled, plain] of RUST)
      for (const parameters of [false, true]) expect(demangle(mangled, parameters), mangled).to.equal(plain);
  });

  it('are none where a name only looks like one', () => {
    for (const name of [
      'main',
      '_start',
      '_Z',
      '_ZN',
      '_R',
      '_Zfoo',
      '_ZN1AE17',
      '_ZS_',
      '_Z1fIT_E',
      '_RNvB_',
      '__Z1fv',
      '',
    ])
      expect(demangle(name, true), name).to.equal(undefined);
    // A C++ name whose last part happens to be as long as a hash, without its digits.
    expect(demangle('_ZN3foo17haaaaaaaaaaaaaaaaE', false)).to.equal('foo::haaaaaaaaaaaaaaaa');
  });

  it("are binutils' for all functions of the C++ library", function () {
    const nm = run('nm', ['-D', '--defined-only', '/usr/lib/x86_64-linux-gnu/libstdc++.so.6']);
    if (nm.status !== 0 || run('c++filt', ['--version']).status !== 0) this.skip();
    const names = [...new Set([...nm.stdout.matchAll(/ (_[ZR][^@\s]*)/g)].map((m) => m[1]!))];
    // c++filt writes Ss out, which perf does not: such names are left to the table above.
    const plain = names.filter((name) => !/S[siod]/.test(name));
    expect(plain.length).to.be.greaterThan(1000);
    for (const [parameters, args] of [
      [true, []],
      [false, ['-p']],
    ] as const) {
      const { stdout } = spawnSync('c++filt', args, { input: plain.join('\n'), encoding: 'utf8' });
      expect(plain.map((name) => demangle(name, parameters) ?? name)).to.deep.equal(stdout.split('\n'));
    }
  });

  it('cost no more than they may, however hostile', () => {
    // Every step doubles what the last one said.
    let doubling = '_Z1fI1AIiiE';
    for (let i = 0; i < 30; i++) doubling += `1BIS${i === 0 ? '1' : (i * 2 + 1).toString(36).toUpperCase()}_S1_E`;
    expect(demangle(`${doubling}Evv`, true)?.length ?? 0).to.be.lessThan(2 ** 16 + 1);
    const nested = `_ZN1A${'IN1A'.repeat(100)}`;
    expect(demangle(nested, true)).to.equal(undefined);
    expect(demangle(`_Z1f${'P'.repeat(1000)}i`, true)).to.equal(undefined);
    expect(demangle(`_Z1f${'P'.repeat(200_000)}i`, true)).to.equal(undefined);
    expect(demangle(`_RNv${'Nv'.repeat(90_000)}C1a1b`, true)).to.equal(undefined);
    // A back reference to itself, and a tuple of two references to the one before, sixty times.
    expect(demangle('_RNvB_1a', true)).to.equal(undefined);
    expect(demangle('_RINvC1a1bFG9999999999_uEuE', true)).to.equal(undefined);
  });

  it('of any bytes are a text or none', () => {
    const letters = fc.string({
      unit: fc.constantFrom(...'NSTIEZLJXDKPRFMABCtsiavclgn_0123456789UdpG'.split('')),
      maxLength: 60,
    });
    fc.assert(
      fc.property(
        fc.constantFrom('_Z', '_ZN', '_R', '_RNv', '_RIC1a', '_Z1f', '_ZZ1fvE', '_ZTv'),
        letters,
        (head, rest) => {
          for (const parameters of [false, true]) demangle(head + rest, parameters);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('of damaged names are a text or none', () => {
    const names = [...CPP.map(([name]) => name), ...RUST.map(([name]) => name)];
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.nat(80),
        fc.nat(80),
        fc.string({ maxLength: 2 }),
        (name, from, cut, put) => {
          const text = name.slice(0, from) + put + name.slice(from + (cut % 4));
          for (const parameters of [false, true]) demangle(text, parameters);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
