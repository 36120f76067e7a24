// Bytes changed at random: what was a message becomes nearly one.

import type { Prng } from "../../src/platform/sim/prng.ts";

/** A copy with one to four changes. */
export function mutated(bytes: Uint8Array, random: Prng): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let change = 1 + random.below(4); change > 0; change--) result = changed(result, random);
  return result;
}

function changed(bytes: Buffer, random: Prng): Buffer {
  const [a, b] = [random.below(bytes.length + 1), random.below(bytes.length + 1)];
  const [from, to] = [Math.min(a, b), Math.max(a, b)];
  switch (random.below(6)) {
    case 0:
      return bytes.subarray(0, from);
    case 1:
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, from), randomBytes(random), bytes.subarray(from)]);
    case 4:
      if (bytes.length > 0) bytes[from % bytes.length] = random.pick([0, 0x7f, 0x80, 0xff, random.below(256)]);
      return bytes;
    default:
      if (bytes.length > 0) bytes[from % bytes.length] = (bytes[from % bytes.length] ?? 0) ^ (1 << random.below(8));
      return bytes;
  }
}

/** Up to 40 bytes. */
export function randomBytes(random: Prng): Buffer {
  return Buffer.from(Array.from({ length: random.below(41) }, () => random.below(256)));
}
