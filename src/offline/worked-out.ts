// Headers that are damaged and could be worked out: of data files, of their records, and of segments of the log. They
// are written into their places. Each write makes sense alone: a crash between two of them leaves less damage than
// before.

import { idOf } from "../base/u64.ts";
import { readFully, writeFully } from "../platform/file-io.ts";
import type { Platform } from "../platform/platform.ts";
import { encodeDataHeader } from "../storage/data-format.ts";
import { relativeName } from "../storage/verify/relative-name.ts";
import { encodeSegmentHeader } from "../storage/wal-format.ts";
import type { Patient } from "./patient.ts";

/** Bytes and where they belong. */
export interface Piece {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** All of them, each with a sentence for people. */
export function workedOutPieces({ layout, sources, log }: Patient): (Piece & { readonly step: string })[] {
  const pieces: (Piece & { readonly step: string })[] = [];
  const header = (path: string, bytes: Buffer): void => {
    const step = `Write the header of ${relativeName(path, layout)} anew: what stands behind it tells what it said.`;
    pieces.push({ path, offset: 0, bytes, step });
  };
  for (const source of sources) {
    if (source.headerLost) header(source.path, encodeDataHeader(source.header));
    for (const { offset, header: record, bytes } of source.mended) {
      const what = `version ${record.version} of document ${idOf(record.idLow, record.idHigh)}`;
      const place = `${relativeName(source.path, layout)}, offset ${offset}`;
      const step = `Write the header of ${what} anew (${place}): one byte of it had changed, its checksums tell which.`;
      pieces.push({ path: source.path, offset, bytes, step });
    }
  }
  for (const [path, segment] of log.lostHeaders) header(path, encodeSegmentHeader(segment));
  return pieces;
}

/** Writes durably, and reads back. */
export async function writeInPlace({ fs }: Platform, { path, offset, bytes }: Piece): Promise<void> {
  const file = await fs.open(path, "write");
  try {
    await writeFully(file, bytes, offset);
    await file.datasync();
    if ((await readFully(file, offset, bytes.length))?.equals(bytes) === true) return;
    throw new Error(`${path}: what was written at offset ${offset} doesn't read back`);
  } finally {
    await file.close();
  }
}
