/** Recordings with other header features than gperf writes, assembled from payloads. */
import { ByteReader, ByteWriter } from '../../src/perfdata/bytes.ts';
import { decodeFileHeader, encodeFileHeader, type FileSection } from '../../src/perfdata/header.ts';

/** The feature sections of a recording, by bit. */
export function sectionsOf(file: Uint8Array): Map<number, FileSection> {
  const header = decodeFileHeader(file);
  const r = new ByteReader(file, header.data.offset + header.data.size);
  return new Map(header.features.map((bit) => [bit, { offset: Number(r.bigU64()), size: Number(r.bigU64()) }]));
}

/** Their payloads. */
export const payloadsOf = (file: Uint8Array): Map<number, Uint8Array> =>
  new Map([...sectionsOf(file)].map(([bit, { offset, size }]) => [bit, file.subarray(offset, offset + size)]));

/** The recording with the given features instead of its own. */
export function withFeatures(file: Uint8Array, features: ReadonlyMap<number, Uint8Array>): Buffer {
  const header = decodeFileHeader(file);
  const end = header.data.offset + header.data.size;
  const bits = [...features.keys()].toSorted((a, b) => a - b);
  const w = new ByteWriter();
  w.put(file.subarray(0, end));
  let at = end + 16 * bits.length;
  for (const bit of bits) {
    const { length } = features.get(bit)!;
    w.u64(at);
    w.u64(length);
    at += length;
  }
  for (const bit of bits) w.put(features.get(bit)!);
  const made = Buffer.from(w.taken());
  made.set(encodeFileHeader({ ...header, features: bits }));
  return made;
}

/** The recording with one feature's section position overwritten. */
export function withSection(
  file: Uint8Array,
  bit: number,
  { offset, size }: { offset?: bigint; size?: bigint },
): Buffer {
  const made = Buffer.from(file);
  const { data, features } = decodeFileHeader(file);
  const at = data.offset + data.size + 16 * features.indexOf(bit);
  if (offset !== undefined) made.writeBigUInt64LE(offset, at);
  if (size !== undefined) made.writeBigUInt64LE(size, at + 8);
  return made;
}
