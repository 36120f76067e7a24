// Unsigned 64-bit fields. Offsets, lengths and versions fit into a JavaScript number (2^53) by their limits and are
// kept as numbers; document ids use all 64 bits and are kept as two halves, because a bigint is an allocation.

import { assert } from "./assert.ts";

const two32 = 0x1_0000_0000;

/** Writes a non-negative safe integer as u64, little-endian. */
export function writeU64(target: Buffer, value: number, offset: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, `${value} is not an unsigned safe integer`);
  target.writeUInt32LE(value % two32, offset);
  target.writeUInt32LE(Math.floor(value / two32), offset + 4);
}

/** Reads a u64, little-endian; undefined when it is beyond the safe integers. */
export function readU64(source: Buffer, offset: number): number | undefined {
  const high = source.readUInt32LE(offset + 4);
  return high < 0x20_0000 ? high * two32 + source.readUInt32LE(offset) : undefined;
}

/** The low and the high half of a 64-bit id. */
export function idLow(id: bigint): number {
  return Number(id & 0xffff_ffffn);
}

export function idHigh(id: bigint): number {
  return Number(id >> 32n);
}

/** The id with these halves. */
export function idOf(low: number, high: number): bigint {
  return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
}
