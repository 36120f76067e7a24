// CRC-32 (the polynomial of IEEE 802.3, as zlib has it) seeded with a salt, so that bytes which a file held in an
// earlier life, under another salt, never validate.

import { crc32 } from "node:zlib";

/** The checksum of bytes, or of a text in UTF-8, under `salt`, both unsigned 32-bit. */
export function checksum(bytes: Uint8Array | string, salt = 0): number {
  return crc32(bytes, salt);
}
