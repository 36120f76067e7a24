// What goes wrong with bytes at rest: bits flip, sectors become zeros or hold what belongs elsewhere, a whole record
// stands in another one's place, files lose their end.

import { dataHeaderBytes, decodeDataHeader, decodeDataRecordHeader } from "../../src/storage/data-format.ts";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { sectorBytes } from "../../src/platform/sim/power-loss.ts";

const kinds = [
  "bits",
  "bits",
  "bits",
  "bytes",
  "truncated",
  "zeroed",
  "misdirected",
  "noise",
  "swapped",
  "swapped",
  "swapped",
] as const;

/**
 * A damaged copy of a file's bytes, which must not be none, and what was done to it. `indexKnows`: the index snapshot
 * tells which record must stand where. Without it nobody can tell a record that another one was written over.
 */
export function damage(
  sound: Buffer,
  random: Prng,
  indexKnows: boolean,
): { readonly bytes: Buffer; readonly what: string } {
  const bytes = Buffer.from(sound);
  const kind = random.pick(kinds);
  const sectors = Math.ceil(bytes.length / sectorBytes);
  const sector = (): Buffer => {
    const start = random.below(sectors) * sectorBytes;
    return bytes.subarray(start, start + sectorBytes);
  };
  switch (kind) {
    case "swapped":
      return { bytes, what: (indexKnows ? swapRecords(bytes, random) : undefined) ?? flipOne(bytes, random) };
    case "bits":
    case "bytes": {
      const places: number[] = [];
      for (let count = 1 + random.below(random.below(2) === 0 ? 1 : 8); count > 0; count--) {
        const at = random.below(bytes.length);
        const before = bytes[at] as number;
        bytes[at] = kind === "bits" ? before ^ (1 << random.below(8)) : random.below(256);
        places.push(at);
      }
      return { bytes, what: `${kind} at ${places.join(", ")}` };
    }
    case "truncated": {
      const length = random.below(bytes.length);
      return { bytes: bytes.subarray(0, length), what: `truncated to ${length}` };
    }
    case "zeroed": {
      const target = sector();
      target.fill(0);
      return { bytes, what: `zeroed at ${target.byteOffset - bytes.byteOffset}` };
    }
    case "noise": {
      const target = sector();
      for (let i = 0; i < target.length; i++) target[i] = random.below(256);
      return { bytes, what: `noise at ${target.byteOffset - bytes.byteOffset}` };
    }
    case "misdirected": {
      const [source, target] = [Buffer.from(sector()), sector()];
      source.copy(target);
      return { bytes, what: `another sector at ${target.byteOffset - bytes.byteOffset}` };
    }
  }
}

function flipOne(bytes: Buffer, random: Prng): string {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  return `bits at ${at}`;
}

/** Writes a sound record of a data file over another one of its length; undefined when there are no two. */
function swapRecords(bytes: Buffer, random: Prng): string | undefined {
  const header = decodeDataHeader(bytes);
  if (typeof header === "string") return undefined;
  const byLength = new Map<number, number[]>();
  for (let offset = dataHeaderBytes; ; ) {
    const record = decodeDataRecordHeader(bytes, offset, header.salt);
    if (record === undefined) break;
    byLength.set(record.length, [...(byLength.get(record.length) ?? []), offset]);
    offset += record.length;
  }
  const alike = [...byLength].filter(([, offsets]) => offsets.length > 1);
  if (alike.length === 0) return undefined;
  const [length, offsets] = random.pick(alike as [[number, number[]], ...[number, number[]][]]);
  const [from, to] = [random.pick(offsets as [number, ...number[]]), random.pick(offsets as [number, ...number[]])];
  bytes.copyWithin(to, from, from + length);
  return `the record at ${from} also at ${to}`;
}
