// Whether a database was closed in good order, told from a few bytes: the last thing in its WAL is the checkpoint of a
// clean close then. It is a hint about how long an opening will take and proves nothing; recovery judges for itself.

import type { FileSystem } from "../platform/platform.ts";
import { extentBytes } from "./data-extent.ts";
import type { Layout } from "./layout.ts";
import { checkpointOf, groupRecordBytes, recordOverheadBytes, segmentHeaderBytes } from "./wal-format.ts";
import { readGroup } from "./wal-reader.ts";
import { readSegmentHeader } from "./wal-survey.ts";
import { readFully } from "../platform/file-io.ts";

/** Bytes of a group with a checkpoint of one data file, and of two. */
const checkpointGroupBytes = [1, 2].map(
  (extents) => groupRecordBytes + recordOverheadBytes + 4 + extents * extentBytes,
);

/** Rejects when the WAL's active segment can't be read. */
export async function wasClosedCleanly(fs: FileSystem, layout: Layout, databaseId: number): Promise<boolean> {
  const { header, bytes } = await readSegmentHeader(fs, layout.activeSegment);
  if (header.databaseId !== databaseId) return false;
  const isNew = bytes === segmentHeaderBytes && header.segment === 1;
  if (isNew) return true;
  const longest = Math.min(Math.max(...checkpointGroupBytes), bytes - segmentHeaderBytes);
  const file = await fs.open(layout.activeSegment, "read");
  try {
    const end = await readFully(file, bytes - longest, longest);
    return checkpointGroupBytes.some((length) => {
      const group = end === undefined || length > longest ? undefined : readGroup(end, longest - length, header);
      return group?.end === longest && group.marks.some((mark) => checkpointOf(mark)?.closing === true);
    });
  } finally {
    await file.close();
  }
}
