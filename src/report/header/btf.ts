/**
 * BTF (the kernel's type information), as far as perf's header lines need it: the name of a type.
 *
 *   btf_header { u16 magic; u8 version, flags; u32 hdr_len, type_off, type_len, str_off, str_len; }
 *   btf_type   { u32 name_off, info, size|type; } and by kind 0, 4, 8 or 12 bytes, or so many for each member
 *
 * Source: include/uapi/linux/btf.h. Not modelled: what the types are.
 */
import { ByteReader, OutOfBounds } from '../../perfdata/bytes.ts';

const BTF_MAGIC = 0xeb9f;
const TYPE_SIZE = 12;
/** Bytes after a btf_type, by kind: for the type itself, and for each member. */
const EXTRA: Readonly<Record<number, readonly [own: number, member: number]>> = {
  1: [4, 0], // INT
  3: [12, 0], // ARRAY
  4: [0, 12], // STRUCT
  5: [0, 12], // UNION
  6: [0, 8], // ENUM
  13: [0, 8], // FUNC_PROTO
  14: [4, 0], // VAR
  15: [0, 12], // DATASEC
  17: [4, 0], // DECL_TAG
  19: [0, 12], // ENUM64
};

/** The names of types by id; undefined if the bytes are not BTF. Unknown types have no name. */
export function btfNames(btf: Uint8Array): ((type: number) => string) | undefined {
  const r = new ByteReader(btf);
  try {
    if (r.u16() !== BTF_MAGIC) return undefined;
    r.skip(2);
    const [header, typeOffset, typeLength, strings, stringLength] = [r.u32(), r.u32(), r.u32(), r.u32(), r.u32()];
    const end = header + typeOffset + typeLength;
    if (end > btf.length || header + strings + stringLength > btf.length) return undefined;
    const names = [0];
    for (r.pos = header + typeOffset; r.pos + TYPE_SIZE <= end;) {
      names.push(r.u32());
      const info = r.u32();
      const [own, member] = EXTRA[(info >>> 24) & 0x1f] ?? [0, 0];
      r.pos += 4 + own + member * (info & 0xffff);
    }
    return (type) => {
      const at = names[type];
      if (at === undefined || at >= stringLength) return '';
      r.pos = header + strings + at;
      return r.string(stringLength - at);
    };
  } catch (error) {
    if (error instanceof OutOfBounds) return undefined;
    throw error;
  }
}
