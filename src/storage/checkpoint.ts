// A checkpoint moves the start of replay forward and lets the WAL be trimmed. The order is everything:
//
//   1. data file datasync                      what the index points at is durable
//   2. index snapshot: temporary file, datasync, rename, directory sync
//   3. checkpoint record in the WAL, datasync  recovery without a snapshot starts here
//   4. trim the segments that lie wholly before it, oldest first, by number (trim.ts; the caller does it)
//
// Commits go on meanwhile. See index-snapshot.ts for why a snapshot taken over time is sound.

import { sabotaged } from "../base/sabotage.ts";
import type { File } from "../platform/platform.ts";
import type { Turn } from "../platform/turn.ts";
import { ChunkedWriter } from "./chunked-file.ts";
import { encodeEnd, type SnapshotPosition, writeShards } from "./index-snapshot.ts";
import type { Layout } from "./layout.ts";
import type { StoreParts } from "./store-parts.ts";
import { type Checkpoint, trimSegments } from "./trim.ts";
import { removeIfThere } from "./wal-log.ts";

/** Steps 1 to 3, in `turn`. `closing`: no commit is under way or will follow. */
export async function writeCheckpoint(parts: StoreParts, closing: boolean, turn: Turn): Promise<Checkpoint> {
  const { layout, committer, data } = parts;
  const replayFrom = committer.lastVersion;
  await syncData(parts);
  const position = await writeSnapshot(parts, replayFrom, turn);
  const extents = sabotaged("checkpoint-extent-too-long") ? data.extents : position.extents;
  if (sabotaged("trim-before-checkpoint")) {
    await trimSegments(parts.platform.fs, layout, { version: replayFrom, segment: Number.POSITIVE_INFINITY }, 0);
  }
  await parts.platform.fs.rename(temporaryOf(layout), layout.index);
  await parts.platform.fs.syncDirectory(layout.dataDirectory);
  const mark = { version: replayFrom, extents, closing: closing && data.current.tail === extents.at(-1)?.bytes };
  const segment = await committer.exclusive(() => committer.appendCheckpoint(mark));
  return { version: replayFrom, segment };
}

/** Step 2 up to the rename. */
async function writeSnapshot(parts: StoreParts, replayFrom: number, turn: Turn): Promise<SnapshotPosition> {
  const { platform, layout, databaseId, index, data, committer } = parts;
  const path = temporaryOf(layout);
  await removeIfThere(platform.fs, path);
  const file: File = await platform.fs.open(path, "create");
  try {
    const salt = platform.random.u32();
    const writer = new ChunkedWriter(file, 0);
    await writeShards(writer, index, databaseId, salt, turn);
    await writer.flush();
    // From here to the end block's encoding nothing is awaited that lets the index and the data files part.
    const from = sabotaged("snapshot-position-too-late") ? committer.lastVersion : replayFrom;
    const position = { databaseId, replayFrom: from, extents: data.extents };
    await writer.write(encodeEnd(index, position, salt));
    await syncData(parts);
    await committer.sync();
    await writer.flush();
    await file.datasync();
    return position;
  } catch (error) {
    await removeIfThere(platform.fs, path).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
}

/** A data file whose sync failed can't be trusted with another write. */
async function syncData({ data, committer }: StoreParts): Promise<void> {
  if (sabotaged("checkpoint-without-data-sync")) return;
  try {
    await data.datasync();
  } catch (error) {
    if (sabotaged("failed-data-sync-forgotten")) return;
    throw committer.latch("the disk failed to make the data file durable.", error);
  }
}

function temporaryOf(layout: Layout): string {
  return `${layout.index}.tmp`;
}
