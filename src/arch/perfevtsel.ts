/**
 * IA32_PERFEVTSELx and IA32_FIXED_CTR_CTRL, field by field.
 * SDM volume 3B "Architectural Performance Monitoring Version 1" (layout of IA32_PERFEVTSELx) and "… Version 2"
 * (IA32_FIXED_CTR_CTRL).
 * What EDGE, INV and CMASK make of an event is in counter-mask.ts. Not modelled: ANY and the TSX bits have no effect on
 * what is counted.
 */
export const EVENTSEL = {
  EVENT: 0xff,
  UMASK: 0xff00,
  USR: 1 << 16,
  OS: 1 << 17,
  EDGE: 1 << 18,
  PIN_CONTROL: 1 << 19,
  INT: 1 << 20,
  ANY: 1 << 21,
  ENABLE: 1 << 22,
  INV: 1 << 23,
  /** As an unsigned value: bits 31..24. */
  CMASK: 0xff000000,
} as const;

/** One counter's four bits in IA32_FIXED_CTR_CTRL. */
export const FIXED_CTRL = { OS: 1, USR: 2, ANY: 4, PMI: 8 } as const;

/** The nibble of fixed counter `i`. */
export const fixedCtrlField = (ctrl: number, i: number): number => (ctrl >>> (4 * i)) & 0xf;

/** The register with the nibble of fixed counter `i` replaced. */
export const withFixedCtrlField = (ctrl: number, i: number, field: number): number =>
  ((ctrl & ~(0xf << (4 * i))) | (field << (4 * i))) >>> 0;

/** Event select and unit mask: the code that perf prints as rUUEE. */
export const eventCode = (evtsel: number): number => evtsel & (EVENTSEL.EVENT | EVENTSEL.UMASK);
