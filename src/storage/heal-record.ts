// Healing one record: finding the exact bytes that belong at its place, and putting them there.
//
// The bytes of a record follow from its file's salt, its version and the change that wrote it, so an intact copy of the
// change is as good as the record. Copies are looked for where they are cheapest first: in the last group that is still
// in memory, in the kept WAL, in the backup.
//
// Invariants
// 1. A copy counts only when its own checksum holds and collection, id, version, length and creation time are the
//    wanted ones. A backup may stem from another life of the database: its copy must besides have the content, or the
//    checksum of it, that the damaged record still carries.
// 2. Records don't move: the index stays as it is, nothing goes to the WAL, and a crash at any point leaves a record
//    that is damaged or healed, and can be healed again.
// 3. It happens between two groups of commits. Nothing is tried twice once a byte was written, and a failed fsync ends
//    all writing of the database, as everywhere.

import { Turn } from "../platform/turn.ts";
import { findInBackup } from "./backup-search.ts";
import { encodeDataRecords, type GroupRecords, hasContent, type Mutation, mutationKindOf } from "./commit.ts";
import {
  contentChecksumOffset,
  dataRecordHeaderBytes,
  decodeDataRecord,
  decodeDataRecordHeader,
} from "./data-format.ts";
import { isDiskFailure } from "./disk-errors.ts";
import type { GroupCommit } from "./group-commit.ts";
import type { Layout } from "./layout.ts";
import { hasIdentity, type RecordPlace } from "./record-place.ts";
import type { StoreParts } from "./store-parts.ts";
import { findInWal } from "./wal-search.ts";

/** Where an intact copy came from. */
export type HealSource = "memory" | "wal" | "backup";

/** The bytes that belong at a place. */
interface ExactCopy {
  readonly source: HealSource;
  readonly bytes: Buffer;
}

/** What to look through, and whom to tell that a source can't be read. */
export interface HealContext extends StoreParts {
  /** A copy of the data directory. */
  readonly backup: Layout | undefined;
  readonly onSourceFailure: (source: HealSource, error: unknown) => void;
}

/**
 * Finds the bytes of a damaged record. `found` is what stands at its place, undefined when that can't be read.
 */
export async function findExactCopy(
  context: HealContext,
  place: RecordPlace,
  found: Buffer | undefined,
): Promise<ExactCopy | undefined> {
  const { platform, layout, databaseId, backup, committer } = context;
  const turn = new Turn(platform.clock);
  const bytesOf = (mutation: Mutation): Buffer =>
    encodeDataRecords([{ version: place.version, mutations: [mutation] }], place.file.header.salt);
  const search: Readonly<Record<HealSource, () => Promise<Mutation | undefined>>> = {
    memory: () => findInGroup(committer.lastGroup, place, turn),
    wal: () => findInWal(platform.fs, layout, databaseId, place, turn),
    backup: async () => {
      if (backup === undefined || found === undefined) return undefined;
      const isWanted = (mutation: Mutation): boolean => agree(found, bytesOf(mutation));
      return await findInBackup(platform.fs, backup, databaseId, place, isWanted, turn);
    },
  };
  for (const source of ["memory", "wal", "backup"] as const) {
    try {
      const mutation = await search[source]();
      const bytes = mutation === undefined ? undefined : bytesOf(mutation);
      if (bytes !== undefined && !contradicts(found, bytes, place)) return { source, bytes };
    } catch (error) {
      if (!isDiskFailure(error)) throw error;
      context.onSourceFailure(source, error);
    }
  }
  return undefined;
}

/**
 * Overwrites a damaged record with its bytes, durably; false when they can't be read back. DATABASE_READ_ONLY when the
 * database takes no writes, also when that is because this fsync failed.
 */
export async function rewriteRecord(committer: GroupCommit, place: RecordPlace, bytes: Buffer): Promise<boolean> {
  return await committer.exclusive(async () => {
    if (committer.readOnly !== undefined) throw committer.readOnly;
    await place.file.overwrite(place.offset, bytes);
    try {
      await place.file.datasync();
    } catch (error) {
      throw committer.latch("the disk failed to make the data file durable.", error);
    }
    return (await place.file.readBytes(place.offset, bytes.length))?.equals(bytes) === true;
  });
}

async function findInGroup(
  group: GroupRecords | undefined,
  place: RecordPlace,
  turn: Turn,
): Promise<Mutation | undefined> {
  if (group === undefined) return undefined;
  for (let offset = 0; offset < group.bytes.length; ) {
    const record = decodeDataRecord(group.bytes, offset, group.salt);
    if (record === undefined) return undefined;
    const kind = mutationKindOf(record.kind);
    if (kind !== undefined && hasContent(kind) && hasIdentity(record, place)) return { ...record, kind };
    offset += record.length;
    await turn.pause();
  }
  return undefined;
}

/** Whether the damaged bytes still carry the content's checksum that the wanted ones have, or the content itself. */
function agree(found: Buffer, wanted: Buffer): boolean {
  if (found.readUInt32LE(contentChecksumOffset) === wanted.readUInt32LE(contentChecksumOffset)) return true;
  return found.subarray(dataRecordHeaderBytes).equals(wanted.subarray(dataRecordHeaderBytes));
}

/** Whether the header of the damaged record is whole and says something else than these bytes. */
function contradicts(found: Buffer | undefined, bytes: Buffer, place: RecordPlace): boolean {
  const header = found === undefined ? undefined : decodeDataRecordHeader(found, 0, place.file.header.salt);
  return (
    header !== undefined &&
    hasIdentity(header, place) &&
    found?.compare(bytes, 0, dataRecordHeaderBytes, 0, dataRecordHeaderBytes) !== 0
  );
}
