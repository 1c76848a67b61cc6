/**
 * x86-64 machine code: the encodings used in the text of simulated programs.
 *
 * Each function returns the bytes of one instruction. Operands are register numbers 0..15 in encoding order (RAX, RCX,
 * RDX, RBX, RSP, RBP, RSI, RDI, R8..R15); general operations are 32 bits wide unless the name says 64, addresses 64.
 * Displacements of jumps and of RIP-relative operands are relative to the end of the instruction.
 *
 * Source: SDM volume 2, chapter 2 "Instruction Format" (REX prefix, ModR/M and SIB bytes) and the instruction
 * reference.
 * Not modelled: 8- and 16-bit operands, VEX, anything privileged.
 */
export const REG = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rsp: 4,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
} as const;

/** Condition codes as the low four bits of Jcc opcodes. */
export const COND = { b: 2, ae: 3, e: 4, ne: 5, be: 6, a: 7, s: 8, ns: 9, l: 12, ge: 13, le: 14, g: 15 } as const;

const imm32 = (v: number): number[] => [v & 255, (v >> 8) & 255, (v >> 16) & 255, (v >> 24) & 255];
const isByte = (v: number): boolean => v >= -128 && v <= 127;

/** A REX prefix if one is needed: W for 64-bit operands, R and B to extend ModRM.reg and ModRM.rm. */
function rex(w: boolean, reg: number, rm: number): number[] {
  const bits = (w ? 8 : 0) | (reg > 7 ? 4 : 0) | (rm > 7 ? 1 : 0);
  return bits === 0 ? [] : [0x40 | bits];
}
const direct = (reg: number, rm: number): number => 0xc0 | ((reg & 7) << 3) | (rm & 7);

/** ModR/M (and SIB) for [base + disp]. RSP and R12 need a SIB byte, RBP and R13 a displacement. */
function memory(reg: number, base: number, disp: number): number[] {
  const r = (reg & 7) << 3;
  const sib = (base & 7) === REG.rsp ? [0x24] : [];
  if (disp === 0 && (base & 7) !== REG.rbp) return [r | (base & 7), ...sib];
  if (isByte(disp)) return [0x40 | r | (base & 7), ...sib, disp & 255];
  return [0x80 | r | (base & 7), ...sib, ...imm32(disp)];
}

/** Opcodes of the two-operand integer group, register form (r/m, r). */
const ALU = { add: 0x01, or: 0x09, and: 0x21, sub: 0x29, xor: 0x31, cmp: 0x39, test: 0x85, mov: 0x89 } as const;
/** ModRM.reg of the group with an immediate operand. */
const ALU_IMM = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;

export const aluRegReg = (op: keyof typeof ALU, dst: number, src: number): number[] => [
  ...rex(false, src, dst),
  ALU[op],
  direct(src, dst),
];
export const aluRegReg64 = (op: keyof typeof ALU, dst: number, src: number): number[] => [
  ...rex(true, src, dst),
  ALU[op],
  direct(src, dst),
];
export const aluRegImm = (op: keyof typeof ALU_IMM, dst: number, imm: number): number[] =>
  isByte(imm)
    ? [...rex(false, 0, dst), 0x83, direct(ALU_IMM[op], dst), imm & 255]
    : [...rex(false, 0, dst), 0x81, direct(ALU_IMM[op], dst), ...imm32(imm)];
/** CMP with a four-byte immediate, so that the length of the code does not depend on the value. */
export const cmpImm32 = (dst: number, imm: number): number[] => [
  ...rex(false, 0, dst),
  0x81,
  direct(ALU_IMM.cmp, dst),
  ...imm32(imm),
];
/** Shifts by an immediate: SHL (4), SHR (5), SAR (7). */
export const shiftImm = (op: 4 | 5 | 7, dst: number, count: number): number[] => [
  ...rex(false, 0, dst),
  0xc1,
  direct(op, dst),
  count & 31,
];
export const movImm = (dst: number, imm: number): number[] => [...rex(false, 0, dst), 0xb8 | (dst & 7), ...imm32(imm)];
export const lea64 = (dst: number, base: number, disp: number): number[] => [
  ...rex(true, dst, base),
  0x8d,
  ...memory(dst, base, disp),
];
/** LEA of RIP + disp: an address in the program. */
export const leaRip = (dst: number, disp: number): number[] => [
  ...rex(true, dst, 0),
  0x8d,
  ((dst & 7) << 3) | 5,
  ...imm32(disp),
];
export const imul = (dst: number, src: number): number[] => [...rex(false, dst, src), 0x0f, 0xaf, direct(dst, src)];
export const idiv = (src: number): number[] => [...rex(false, 0, src), 0xf7, direct(7, src)];
export const load = (dst: number, base: number, disp: number): number[] => [
  ...rex(false, dst, base),
  0x8b,
  ...memory(dst, base, disp),
];
export const load64 = (dst: number, base: number, disp: number): number[] => [
  ...rex(true, dst, base),
  0x8b,
  ...memory(dst, base, disp),
];
export const store = (base: number, disp: number, src: number): number[] => [
  ...rex(false, src, base),
  0x89,
  ...memory(src, base, disp),
];
export const store64 = (base: number, disp: number, src: number): number[] => [
  ...rex(true, src, base),
  0x89,
  ...memory(src, base, disp),
];
/** LOCK XADD [base + disp], src. */
export const lockXadd = (base: number, disp: number, src: number): number[] => [
  0xf0,
  ...rex(false, src, base),
  0x0f,
  0xc1,
  ...memory(src, base, disp),
];
/** LOCK CMPXCHG [base + disp], src. */
export const lockCmpxchg = (base: number, disp: number, src: number): number[] => [
  0xf0,
  ...rex(false, src, base),
  0x0f,
  0xb1,
  ...memory(src, base, disp),
];
export const sqrtsd = (dst: number, src: number): number[] => [
  0xf2,
  ...rex(false, dst, src),
  0x0f,
  0x51,
  direct(dst, src),
];
export const addsd = (dst: number, src: number): number[] => [
  0xf2,
  ...rex(false, dst, src),
  0x0f,
  0x58,
  direct(dst, src),
];
export const push = (reg: number): number[] => [...rex(false, 0, reg), 0x50 | (reg & 7)];
export const pop = (reg: number): number[] => [...rex(false, 0, reg), 0x58 | (reg & 7)];
export const leave = (): number[] => [0xc9];
export const ret = (): number[] => [0xc3];
export const syscallInstruction = (): number[] => [0x0f, 0x05];
/** ENDBR64, a no-op where control-flow enforcement is off. */
export const endbr64 = (): number[] => [0xf3, 0x0f, 0x1e, 0xfa];
export const pause = (): number[] => [0xf3, 0x90];

export const jccShort = (cond: number, rel: number): number[] => [0x70 | cond, rel & 255];
export const jccNear = (cond: number, rel: number): number[] => [0x0f, 0x80 | cond, ...imm32(rel)];
export const jmpShort = (rel: number): number[] => [0xeb, rel & 255];
export const jmpNear = (rel: number): number[] => [0xe9, ...imm32(rel)];
export const callNear = (rel: number): number[] => [0xe8, ...imm32(rel)];
/** JMP and CALL through a pointer at RIP + rel, as PLT stubs and -fno-plt calls do. */
export const jmpIndirect = (rel: number): number[] => [0xff, 0x25, ...imm32(rel)];
export const callIndirect = (rel: number): number[] => [0xff, 0x15, ...imm32(rel)];
/** CALL through a pointer in thread-local storage: at FS + disp. */
export const callThreadLocal = (disp: number): number[] => [0x64, 0xff, 0x14, 0x25, ...imm32(disp)];

/** The recommended multi-byte NOPs (SDM volume 2, "NOP"), index = length. */
const NOPS: readonly (readonly number[])[] = [
  [],
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/** Padding of any length, in as few instructions as the recommended forms allow. */
export function nops(length: number): number[] {
  const out: number[] = [];
  for (let left = length; left > 0;) {
    const n = Math.min(left, NOPS.length - 1);
    out.push(...NOPS[n]!);
    left -= n;
  }
  return out;
}
