// Planted bugs. The reliability suites must catch each of these defects; a test plants one, expects to see it caught,
// and removes it. Nothing but a test can plant one: there is no setting, flag or variable for it.

/** Defects that can be planted. */
export type Sabotage =
  /** Commits are acknowledged and published without waiting for the fsync. */
  | "early-acknowledgement"
  /** Replacing a file leaves out the sync of its directory. */
  | "skipped-directory-sync"
  /** A checkpoint doesn't make the data file durable first. */
  | "checkpoint-without-data-sync"
  /** WAL segments are trimmed before the checkpoint that makes them needless is durable. */
  | "trim-before-checkpoint"
  /** A failed group leaves its writes where later ones are validated against them. */
  | "abort-keeps-pending"
  /** A directory whose sync failed is synced and built upon again. */
  | "directory-trusted-after-failed-sync"
  /** A record counts as whole although its content fails its checksum. */
  | "unchecked-content"
  /** Damaged documents are given up without a look into the WAL. */
  | "healing-without-wal"
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
