// What a power cut leaves of a file's unsynced changes. Disks write whole sectors of 512 bytes, in any order; the
// length is metadata and has a life of its own.
//
// Invariants
// 1. A durable byte that no unsynced change touched stays as it is.
// 2. A sector is one of its images over time: the durable one, or the one after some change to it. A later image
//    includes the earlier changes to that sector, as the page cache had them. A truncation that survives cuts it.
// 3. Where the length survives and the data doesn't, the file has what the disk had there: zeros, or anything at all.

import type { Prng } from "./prng.ts";
import { GrowableBytes } from "./growable-bytes.ts";
import { applyChange, type Change } from "./inode.ts";

/** The unit in which a disk writes or doesn't. */
export const sectorBytes = 512;

/**
 * Which unsynced changes a power cut leaves.
 * - `drop`: none. `keep`: all.
 * - `prefix`: the first few, of the next one the first few sectors.
 * - `subset`: each one whole or not at all.
 * - `torn`: each sector of each change, and each change of the length, or not.
 */
export type Survival = "drop" | "keep" | "prefix" | "subset" | "torn";

export const survivals: readonly [Survival, ...Survival[]] = ["drop", "keep", "prefix", "subset", "torn"];

/** Fills `target`, which lies at `position` in a file, with what was on the disk before. */
export type Leftovers = (target: Uint8Array, position: number) => void;

interface Verdict {
  /** Whether the n-th sector that the change touches survives, counted from 0. */
  sector(index: number): boolean;
  readonly length: boolean;
}

/** The content after a power cut, made of `durable` and the survivors of `changes`. */
export function contentAfterPowerLoss(
  durable: GrowableBytes,
  changes: readonly Change[],
  survival: Survival,
  random: Prng,
  leftovers: Leftovers,
): GrowableBytes {
  const image = new GrowableBytes(durable.view());
  const disk = blankDisk(durable, changes, leftovers);
  const verdict = judge(changes.length, survival, random);
  let length = durable.length;
  changes.forEach((change, index) => {
    const lengthBefore = image.length;
    applyChange(image, change);
    const survives = verdict(index);
    if (change.kind === "resize") {
      if (!survives.length) return;
      zero(disk, Math.min(length, change.length));
      length = change.length;
      return;
    }
    const end = change.position + change.bytes.length;
    if (change.position > lengthBefore && survives.length) zeroHole(disk, lengthBefore, change.position);
    const firstSector = Math.floor(change.position / sectorBytes);
    for (let sector = firstSector; sector * sectorBytes < end; sector++) {
      if (!survives.sector(sector - firstSector)) continue;
      disk.write(image.padded(sector * sectorBytes, (sector + 1) * sectorBytes), sector * sectorBytes);
    }
    if (end > lengthBefore && survives.length) length = Math.max(length, end);
  });
  disk.resize(length);
  return disk;
}

/** The durable content, and behind it leftovers as far as the file ever reached. */
function blankDisk(durable: GrowableBytes, changes: readonly Change[], leftovers: Leftovers): GrowableBytes {
  const disk = new GrowableBytes(durable.view());
  let reach = durable.length;
  for (const change of changes) {
    if (change.kind === "write") reach = Math.max(reach, change.position + change.bytes.length);
  }
  const start = roundUp(durable.length);
  if (reach > start) {
    const behind = Buffer.alloc(roundUp(reach) - start);
    leftovers(behind, start);
    disk.write(behind, start);
  }
  return disk;
}

function judge(count: number, survival: Survival, random: Prng): (index: number) => Verdict {
  const all: Verdict = { sector: () => true, length: true };
  const none: Verdict = { sector: () => false, length: false };
  switch (survival) {
    case "drop":
      return () => none;
    case "keep":
      return () => all;
    case "subset":
      return () => (random.chance(0.5) ? all : none);
    case "prefix": {
      const whole = random.below(count + 1);
      const sectors = random.below(4);
      const cut: Verdict = { sector: (index) => index < sectors, length: random.chance(0.5) };
      return (index) => (index < whole ? all : index === whole ? cut : none);
    }
    case "torn": {
      const rate = random.pick([0.1, 0.5, 0.9]);
      return () => ({ sector: () => random.chance(rate), length: random.chance(rate) });
    }
  }
}

/** Zeroes everything from `start` on: a cut file, or one that grew without a write, has no old bytes there. */
function zero(disk: GrowableBytes, start: number): void {
  const reach = disk.length;
  if (start >= reach) return;
  disk.resize(start);
  disk.resize(reach);
}

/** Zeroes the sectors that a write skipped when it began past the end: nobody wrote them, so they read as zeros. */
function zeroHole(disk: GrowableBytes, start: number, end: number): void {
  const from = roundUp(start);
  const to = Math.floor(end / sectorBytes) * sectorBytes;
  if (from < to) disk.write(Buffer.alloc(to - from), from);
}

function roundUp(position: number): number {
  return Math.ceil(position / sectorBytes) * sectorBytes;
}
