// Copies and checksums of what may be many megabytes, cut up so that no turn of the event loop is long.

import { checksum } from "../base/checksum.ts";
import type { Pieces } from "../platform/turn.ts";

/** Bytes that are copied or summed in one piece: some tenths of a millisecond's work. */
export const bytesInPiece: number = 256 * 1024;

/** Copies all of `source` to a place in `target`. */
export function* copyInPieces(target: Uint8Array, source: Uint8Array, at: number): Pieces<void> {
  for (let from = 0; from < source.length; from += bytesInPiece) {
    if (from > 0) yield;
    target.set(source.subarray(from, from + bytesInPiece), at + from);
  }
}

/** What `checksum` says of the same bytes. */
export function* checksumInPieces(bytes: Uint8Array, salt: number): Pieces<number> {
  let sum = salt;
  for (let from = 0; from < bytes.length; from += bytesInPiece) {
    if (from > 0) yield;
    sum = checksum(bytes.subarray(from, from + bytesInPiece), sum);
  }
  return sum;
}
