// Planted bugs. The reliability suites must catch each of these defects; a test plants one, expects to see it caught,
// and removes it. Nothing but a test can plant one: there is no setting, flag or variable for it.

/** Defects that can be planted. */
export type Sabotage =
  // Durability: group commit and the files under it.
  /** Commits are acknowledged and published without waiting for the fsync. */
  | "early-acknowledgement"
  /** Writing goes on after an fsync of the WAL failed, as if it had not. */
  | "failed-sync-believed"
  /** A write that stops short counts as whole. */
  | "short-write-counts-as-whole"
  /** What a failed group wrote is cut off, and the cut isn't made durable. */
  | "undo-unsynced"
  /** A new segment begins while the old one isn't durable. */
  | "rotation-without-sync"
  /** The old segment's new name isn't durable before the new segment gets the old one's. */
  | "segment-rename-unsynced"
  /** Replacing a file leaves out the sync of its directory. */
  | "skipped-directory-sync"
  /** Replacing a file leaves out the sync of its content. */
  | "renamed-before-synced"
  // Checkpoints and trimming.
  /** A checkpoint doesn't make the data file durable first. */
  | "checkpoint-without-data-sync"
  /** A checkpoint goes on after the data file's sync failed, as if it had not. */
  | "failed-data-sync-forgotten"
  /** A snapshot says that replay starts where commits stood when it was finished, not when it was begun. */
  | "snapshot-position-too-late"
  /** A checkpoint record covers bytes of the data file that came after its sync. */
  | "checkpoint-extent-too-long"
  /** Segments are trimmed before the checkpoint record that makes them needless is durable. */
  | "checkpoint-record-unsynced"
  /** WAL segments are trimmed before the checkpoint that makes them needless is durable. */
  | "trim-before-checkpoint"
  /** Segments are trimmed in the order of their names as text: `.10` before `.2`. */
  | "trim-by-text-order"
  /** A segment counts as needless when it begins before the checkpoint, wherever it ends. */
  | "trim-takes-one-too-many"
  /** The segment with the newest checkpoint's record is trimmed like any other. */
  | "trim-takes-checkpoint-record"
  // Recovery.
  /** Damage before later groups counts as an interrupted write. */
  | "corruption-taken-for-torn"
  /** Replay doesn't look at the checksums of WAL records. */
  | "wal-records-unchecked"
  /** Commits that are perhaps only in the page cache are served as if they were durable. */
  | "doubtful-not-rescued"
  /** After a crash that may have lost acknowledged commits, their versions are given out again. */
  | "versions-reused"
  /** The rebuilding of an index doesn't look at tombstones. */
  | "scan-passes-over-tombstones"
  /** The rebuilding of an index forgets the records whose content is damaged. */
  | "scan-passes-over-damage"
  // Compaction.
  /** A copied record takes the place of whatever the index has meanwhile. */
  | "compaction-overwrites-newer"
  /** Records that can't be read end no compaction: they are left behind. */
  | "compaction-drops-unreadable"
  /** A compacted file doesn't say which ids were given out. */
  | "compaction-forgets-ids"
  /** A compacted file takes the data file's name before a checkpoint names it alone. */
  | "compacted-file-adopted-early"
  // Reading and validating.
  /** A read takes any sound record that stands where it looks. */
  | "read-without-identity"
  /** Writes are validated against what is visible, not against what is pending. */
  | "validated-without-pending"
  /** The request table finds nothing: a repetition is applied again unless the first is still under way. */
  | "requests-not-recalled"
  /** The commit of a transaction leaves no record of its request: a repetition after a restart disproves it. */
  | "commit-leaves-no-record"
  /** The index snapshot leaves out the records of requests. */
  | "snapshot-without-requests"
  /** A compaction leaves the records of requests behind. */
  | "compaction-forgets-requests"
  /** A failed group leaves its writes where later ones are validated against them. */
  | "abort-keeps-pending"
  /** A directory whose sync failed is synced and built upon again. */
  | "directory-trusted-after-failed-sync"
  /** A record counts as whole although its content fails its checksum. */
  | "unchecked-content"
  /** Damaged documents are given up without a look into the WAL. */
  | "healing-without-wal"
  /** Readers see a commit that is published over several turns while it goes into the index. */
  | "large-commit-seen-in-part"
  /** The end of one snapshot takes away old versions that an older one still sees. */
  | "old-versions-reclaimed-early"
  /** A transaction's commit doesn't check the ranges that it has read. */
  | "commit-skips-ranges"
  /** A transaction's commit is checked against visible commits only, not against pending ones. */
  | "commit-ignores-pending"
  /** A transaction under SNAPSHOT is committed without the check that nobody came first. */
  | "commit-skips-first-committer";

const planted = new Set<Sabotage>();

/** Whether a test has planted this defect. */
export function sabotaged(defect: Sabotage): boolean {
  return planted.size > 0 && planted.has(defect);
}

/** For tests only: plants a defect until the returned function is called. */
export function plant(defect: Sabotage): () => void {
  planted.add(defect);
  return () => planted.delete(defect);
}
