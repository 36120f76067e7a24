// Verifies a data file: reads every byte that counts, notes where each sound record stands, and collects what isn't
// sound. What that means only an index can say, so judging it comes later (judge-damage.ts).

import type { File } from "../../platform/platform.ts";
import type { Turn } from "../../platform/turn.ts";
import { type DataHeader, dataHeaderBytes, dataKind, type DataRecordHeader } from "../data-format.ts";
import type { VerifySink } from "./finding.ts";
import { RecordStarts } from "./record-starts.ts";
import { type Damage, walkData, type WalkedRecord } from "./walk-data.ts";

/** A data file and how much of it counts. */
export interface DataSource {
  readonly file: File;
  /** Path relative to the data directory. */
  readonly name: string;
  readonly header: DataHeader;
  readonly bytes: number;
}

/** A document's or a request's record with a sound header and damaged content. */
export interface CorruptRecord {
  readonly offset: number;
  readonly header: DataRecordHeader;
}

/** What a data file holds. */
export interface VerifiedData {
  readonly source: DataSource;
  /** Records with a sound header. */
  readonly starts: RecordStarts;
  readonly corrupt: readonly CorruptRecord[];
  /** Everything else: bytes that are no record, and damaged records of collections. */
  readonly damages: readonly Damage[];
}

/** Reads a data file; `visit` is called with every record whose header is sound. */
export async function verifyData(
  source: DataSource,
  sink: VerifySink,
  turn: Turn,
  visit: (record: WalkedRecord) => void = () => undefined,
): Promise<VerifiedData> {
  const starts = new RecordStarts();
  const corrupt: CorruptRecord[] = [];
  const damages: Damage[] = [];
  sink.checked(dataHeaderBytes, 1);
  for await (const piece of walkData(source.file, source.header.salt, dataHeaderBytes, source.bytes, turn)) {
    if (piece.kind === "damage") {
      damages.push(piece);
      sink.checked(piece.length, 0);
      continue;
    }
    const { collection, idLow, idHigh, version, length } = piece.header;
    starts.add(piece.offset, collection, idLow, idHigh, version);
    if (!piece.intact) {
      const { offset, header } = piece;
      if (header.kind === dataKind.live || header.kind === dataKind.request) corrupt.push({ offset, header });
      else damages.push({ kind: "damage", offset, length });
    }
    visit(piece);
    sink.checked(length, 1);
  }
  return { source, starts, corrupt, damages };
}
