// A 64-bit hash of short texts, for tables: two MurmurHash3s of 32 bits (Austin Appleby, public domain) with different
// seeds. It is part of the data file's format, because records of requests are found by it; see docs/formats/data.md.

/** The two halves of a hash, unsigned. */
export interface Hash64 {
  readonly low: number;
  readonly high: number;
}

export function hash64(bytes: Uint8Array): Hash64 {
  return { low: murmur3(bytes, 0x9747_b28c), high: murmur3(bytes, 0x85eb_ca6b) };
}

/** MurmurHash3_x86_32. */
function murmur3(bytes: Uint8Array, seed: number): number {
  const { length } = bytes;
  const whole = length - (length % 4);
  let hash = seed;
  for (let at = 0; at < whole; at += 4) {
    const word = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16);
    hash ^= scrambled(word | (byteAt(bytes, at + 3) << 24));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe654_6b64) | 0;
  }
  if (length > whole) {
    const rest = byteAt(bytes, whole) | (byteAt(bytes, whole + 1) << 8) | (byteAt(bytes, whole + 2) << 16);
    hash ^= scrambled(rest);
  }
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scrambled(word: number): number {
  const first = Math.imul(word, 0xcc9e_2d51);
  return Math.imul((first << 15) | (first >>> 17), 0x1b87_3593);
}

function byteAt(bytes: Uint8Array, at: number): number {
  return at < bytes.length ? (bytes[at] as number) : 0;
}
