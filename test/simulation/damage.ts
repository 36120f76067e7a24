// What goes wrong with bytes at rest: bits flip, sectors become zeros or hold what belongs elsewhere, files lose their
// end.

import type { Prng } from "../../src/platform/sim/prng.ts";
import { sectorBytes } from "../../src/platform/sim/power-loss.ts";

const kinds = ["bits", "bits", "bits", "bytes", "truncated", "zeroed", "misdirected", "noise"] as const;

/** A damaged copy of a file's bytes, which must not be none, and what was done to it. */
export function damage(sound: Buffer, random: Prng): { readonly bytes: Buffer; readonly what: string } {
  const bytes = Buffer.from(sound);
  const kind = random.pick(kinds);
  const sectors = Math.ceil(bytes.length / sectorBytes);
  const sector = (): Buffer => {
    const start = random.below(sectors) * sectorBytes;
    return bytes.subarray(start, start + sectorBytes);
  };
  switch (kind) {
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
