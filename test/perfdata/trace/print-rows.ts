/** Print formats with perf 6.1's output for each, covering the whole language. */

export interface PrintRow {
  readonly fields: readonly string[];
  readonly print: string;
  /** Raw data behind the eight bytes that all tracepoints have. */
  readonly raw: Uint8Array;
  readonly expected: string;
}

/** Little-endian numbers as "size:value", and texts. */
function raw(...parts: readonly (`${1 | 2 | 4 | 8}:${string}` | { readonly text: string })[]): Uint8Array {
  const bytes = parts.map((part) => {
    if (typeof part !== 'string') return Buffer.from(part.text, 'latin1');
    const [size, value] = part.split(':');
    const number = Buffer.alloc(8);
    number.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value!)));
    return number.subarray(0, Number(size));
  });
  return Buffer.concat(bytes);
}

const A = 'int a;8;4;1';
const L = 'u64 l;8;8;0';
const row = (fields: readonly string[], print: string, data: Uint8Array, expected: string): PrintRow => ({
  fields,
  print,
  raw: data,
  expected,
});
/** An expression of one int, printed as %d. */
const int = (expression: string, value: number, expected: string): PrintRow =>
  row([A], `"%d", ${expression}`, raw(`4:${value}`), expected);

export const PRINT_ROWS: readonly PrintRow[] = [
  // Conversions.
  row(
    [A],
    '"%d %i %u %x %X %o", REC->a, REC->a, REC->a, REC->a, REC->a, REC->a',
    raw('4:-5'),
    '-5 -5 4294967291 fffffffb FFFFFFFB 37777777773',
  ),
  row(
    [L],
    '"%lld %llu %llx %lx %lu %Lx", REC->l, REC->l, REC->l, REC->l, REC->l, REC->l',
    raw('8:-2'),
    '-2 18446744073709551614 fffffffffffffffe fffffffffffffffe 18446744073709551614 fffffffffffffffe',
  ),
  row(
    [L],
    '"%hd %hhd %hu %hhu %hx", REC->l, REC->l, REC->l, REC->l, REC->l',
    raw('8:0x1ffff80'),
    '-128 -128 65408 128 ff80',
  ),
  row([L], '"%zu %zd", REC->l, REC->l', raw('8:0x1fffffffe'), '4294967294 4294967294'),
  row(
    [A],
    '"[%8d][%-8d][%08d][%.4d][%8.4d][%-8.4d][%#x][%#o][%+d]", REC->a, REC->a, REC->a, REC->a, REC->a, REC->a, REC->a, REC->a',
    raw('4:-42'),
    '[     -42][-42     ][-0000042][-0042][   -0042][-0042   ][0xffffffd6][037777777726][>+<d]',
  ),
  row([A], '"[%*d][%-*d][%.*d]", 6, REC->a, 6, REC->a, 4, REC->a', raw('4:7'), '[     7][7     ][0007]'),
  row([A], '"%c %d%% \\\\ \\t|\\"", REC->a', raw('4:65'), '>c< 65% \\ \t|"'),
  // Texts.
  row(
    ['char s[8];8;8;0'],
    '"[%s][%10s][%-10s][%.3s][%*s]", REC->s, REC->s, REC->s, REC->s, 7, REC->s',
    raw({ text: 'hello\0xy' }),
    '[hello][     hello][hello     ][hel][  hello]',
  ),
  row(['char s[4];8;4;0', 'int b;12;4;1'], '"%s|%d", REC->s, REC->b', raw({ text: 'full' }, '4:9'), 'full|9'),
  row(
    ['__data_loc char[] s;8;4;0', A.replace(';8;', ';12;')],
    '"%s %d", __get_str(s), REC->a',
    raw('4:0x60010', '4:3', { text: 'inside' }, '2:0'),
    'inside 3',
  ),
  row(['void * p;8;8;0'], '"%s", REC->p', raw('8:0xffffffff81000000'), 'ffffffff81000000'),
  row([A], '"%s", REC->a ? "yes" : "no"', raw('4:1'), 'yes'),
  row([A], '"%s-%s", REC->a == 2 ? "two" : "other", "con" "stant"', raw('4:3'), 'other-constant'),
  // Arithmetic, as libtraceevent ranks it.
  int('REC->a + 2 * 3', 1, '7'),
  int('(REC->a + 2) * 3', 1, '9'),
  int('REC->a - 2 - 3', 10, '11'),
  int('REC->a << 4 | 1', 2, '33'),
  int('REC->a & ~3', 15, '12'),
  int('REC->a & ~3 | 1', 15, '13'),
  int('!REC->a', 0, '1'),
  int('-REC->a', 5, '-5'),
  int('REC->a * -2', 5, '-2'),
  int('REC->a / 4 % 3', 30, '30'),
  int('REC->a >= 3 && REC->a <= 5 || REC->a == 9', 9, '1'),
  int('REC->a != 9', 9, '0'),
  int('REC->a > 1 ? 10 : REC->a < 0 ? 20 : 30', 0, '30'),
  int('REC->a ? 10 : 20 + 1', 1, '11'),
  int('0x10 + 010 + 10', 1, '34'),
  int('(u8)REC->a', 0x1ff, '255'),
  int('(unsigned short)(REC->a)', 0x1fffe, '65534'),
  int('(int)(u64)(unsigned long)REC->a', -1, '-1'),
  int('__builtin_expect(REC->a, 0)', 4, '4'),
  row([L], '"%llx", REC->l >> 60 | REC->l << 4', raw('8:0xf000000000000001'), '1f'),
  row(['u16 v[3];8;6;0'], '"%d %d", REC->v[2], REC->v[0]', raw('2:1', '2:2', '2:3'), '3 1'),
  row(
    ['__data_loc u32[] v;8;4;0'],
    '"%d %x", __get_dynamic_array_len(v), ((u32 *)__get_dynamic_array(v))[4]',
    raw('4:0x8000c', '4:0x11', '4:0x22'),
    '8 22',
  ),
  // Macros.
  row(
    [A],
    '"%s", __print_flags(REC->a, "|", { 1, "A" }, { 2, "B" }, { (1 << 2) | (1 << 3), "CD" })',
    raw('4:0x1f'),
    'A|B|CD|0x10',
  ),
  row([A], '"[%s]", __print_flags(REC->a, "", { 1, "A" }, { 4, "C" })', raw('4:5'), '[AC]'),
  row([A], '"[%s]", __print_flags(REC->a, "|", { 1, "A" }, { UNKNOWN, "U" })', raw('4:0'), '[U]'),
  row(
    [A],
    '"%s", __print_symbolic(REC->a, { 0, "zero" }, { 0x10, "sixteen" }, { TASKLET_SOFTIRQ, "tasklet" })',
    raw('4:6'),
    'tasklet',
  ),
  row([A], '"%s", __print_symbolic(REC->a & 0xf0, { 0x20, "x" }, { -1, "y" })', raw('4:0x35'), '0x30'),
  row(
    ['u8 h[4];8;4;0'],
    '"%s %s", __print_hex(REC->h, 4), __print_hex_str(REC->h, 3)',
    raw('4:0xff00a001'),
    '01 a0 00 ff 01a000',
  ),
  row(['u16 v[3];8;6;0'], '"%s", __print_array(REC->v, 3, 2)', raw('2:1', '2:65535', '2:3'), '1 65535 3'),
  row(['u16 v[2];8;4;0'], '"%s", __print_array(REC->v, 3, 3)', raw('2:1', '2:2'), 'BAD SIZE:3 0x1 0 2'),
  row(
    ['__data_loc unsigned long[] m;8;4;0'],
    '"%s", __get_bitmask(m)',
    raw('4:0x8000c', '8:0x8000000000000003'),
    '80000000,00000003',
  ),
  // Pointers.
  row(
    ['void * p;8;8;0'],
    '"%p %px %16p|%ps %pS", REC->p, REC->p, REC->p, REC->p, REC->p',
    raw('8:0x1234'),
    '0x1234 0x1234x 0x1234|0x1234 0x1234',
  ),
  row(['void * p;8;8;0'], '"%p", REC->p', raw('8:0'), '(nil)'),
  row(
    ['u8 m[6];8;6;0'],
    '"%pM %pm %pMF %pMR", REC->m, REC->m, REC->m, REC->m',
    raw('4:0x03020100', '2:0xff04'),
    '00:01:02:03:04:ff 0001020304ff 00-01-02-03-04-ff ff:04:03:02:01:00',
  ),
  row(
    ['u8 i[4];8;4;0'],
    '"%pI4 %pi4 %pI4h", REC->i, REC->i, REC->i',
    raw('4:0x0100007f'),
    '127.0.0.1 127.000.000.001 1.0.0.127',
  ),
  row(
    ['u8 i[16];8;16;0'],
    '"%pI6c %pI6 %pi6", REC->i, REC->i, REC->i',
    raw('8:0xb80d0120', '8:0x0100000000000000'),
    '2001:db8::1 2001:0db8:0000:0000:0000:0000:0000:0001 20010db8000000000000000000000001',
  ),
  row(['u8 i[16];8;16;0'], '"%pI6c", REC->i', raw('8:0', '8:0x0100007fffff0000'), '::ffff:127.0.0.1'),
  row(
    ['u8 s[28];8;28;0'],
    '"%pISpc", REC->s',
    raw('4:0x50000002', '4:0x0100007f', '8:0', '8:0', '4:0'),
    '127.0.0.1:80',
  ),
  row(
    ['u8 u[16];8;16;0'],
    '"%pU %pUL", REC->u, REC->u',
    raw('8:0x0706050403020100', '8:0x0f0e0d0c0b0a0908'),
    '00010203-0405-0607-0809-0a0b0c0d0e0f 03020100-0504-0706-0809-0A0B0C0D0E0F',
  ),
  row(
    ['u8 m[4];8;4;0'],
    '"%pM %pI6 %pI4", REC->m, REC->m, 5',
    raw('4:0'),
    'INVALIDMAC INVALIDIPv6 ARG TYPE NOT FIELD BUT 1',
  ),
  // What libtraceevent does not understand is printed field by field.
  row(
    [A, 'unsigned long f;16;8;0', 'char s[4];24;4;0', 'short h;28;2;1', 'void * p;32;8;0'],
    '"%d", no_such_macro(REC->a)',
    raw('4:-7', '4:0', '8:255', { text: 'ab\0\0' }, '2:-3', '2:0', '8:0x1000'),
    '[FAILED TO PARSE] a=-7 f=0xff s=ab h=-3 p=0x1000',
  ),
  row(
    [A, 'u8 b[3];12;3;0', 'u8 c;15;1;0'],
    '"%d %d", REC->a',
    raw('4:1', '1:200', '1:1', '1:2', '1:9'),
    '[FAILED TO PARSE] a=1 b=ARRAY[c8, 01, 02] c=9',
  ),
  row([A], '"%d", sizeof(REC->a)', raw('4:1'), '[FAILED TO PARSE] a=1'),
  row(
    ['__data_loc char[] s;8;4;0'],
    '"%s", __get_sockaddr(s)',
    raw('4:0x3000c', { text: 'hi\0\0' }),
    '[FAILED TO PARSE] s=hi',
  ),
];
