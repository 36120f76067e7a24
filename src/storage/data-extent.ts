// How much of a data file counts, as checkpoints and snapshots say it:
//
//   extent := generation u64, bytes u64

import { readU64, writeU64 } from "../base/u64.ts";

export interface DataExtent {
  /** Of the data file. */
  readonly generation: number;
  /** Bytes from the start that are whole and durable. */
  readonly bytes: number;
}

export const extentBytes = 16;

export function writeExtent(target: Buffer, offset: number, extent: DataExtent): void {
  writeU64(target, extent.generation, offset);
  writeU64(target, extent.bytes, offset + 8);
}

/** The extent at `offset`, or undefined when it holds a number out of range. */
export function readExtent(source: Buffer, offset: number): DataExtent | undefined {
  const generation = readU64(source, offset);
  const bytes = readU64(source, offset + 8);
  return generation === undefined || bytes === undefined ? undefined : { generation, bytes };
}
