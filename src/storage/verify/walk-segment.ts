// A walk over a WAL segment that damage doesn't stop: groups, damage between them, and what follows the last one.

import { groupRecordBytes, type SegmentHeader, segmentHeaderBytes } from "../wal-format.ts";
import { readGroup, type WalGroup } from "../wal-reader.ts";

/** A valid group. It may not follow from the one before: see `WalGroup.header.baseVersion`. */
export interface WalkedGroup {
  readonly kind: "group";
  readonly group: WalGroup;
}

/** Bytes that are no group. */
export interface WalDamage {
  readonly kind: "damage";
  readonly offset: number;
  readonly length: number;
}

/** Walks the groups of a segment whose bytes these are, its header included. */
export function* walkSegment(bytes: Buffer, header: SegmentHeader): Generator<WalkedGroup | WalDamage> {
  let offset = segmentHeaderBytes;
  while (offset < bytes.length) {
    const group = readGroup(bytes, offset, header);
    if (group !== undefined) {
      yield { kind: "group", group };
      offset = group.end;
    } else {
      const next = nextGroup(bytes, offset + 1, header);
      yield { kind: "damage", offset, length: next - offset };
      offset = next;
    }
  }
}

/** Offset of the next valid group, or the end of the bytes. Every group begins with a record of the same length. */
function nextGroup(bytes: Buffer, from: number, header: SegmentHeader): number {
  const length = Buffer.alloc(8);
  length.writeUInt32LE(groupRecordBytes);
  for (let at = bytes.indexOf(length, from); at !== -1; at = bytes.indexOf(length, at + 1)) {
    if (readGroup(bytes, at, header) !== undefined) return at;
  }
  return bytes.length;
}
