// Every limit of DocDB, with its unit and its reason, in one place. GetStats publishes them.

export interface Limits {
  /** Bytes of JSON text in one document: bounds what one request can hold in memory. */
  readonly documentBytes: number;
  /**
   * Arrays and objects nested in one document: every parser that a client may use gets this far without recursion
   * trouble.
   */
  readonly jsonDepth: number;
  /** Operations in one BatchWrite and ids in one BatchGetDocuments: what a 16-bit count holds. */
  readonly batchOperations: number;
  /** Operations in one patch: bounds the work that one small request can ask for. */
  readonly patchOperations: number;
  /** Bytes of a database or collection name: with our suffixes they stay inside the 255 bytes of a file name. */
  readonly nameBytes: number;
  /** Bytes of one commit: twice a message, and far below what the formats can say. */
  readonly commitBytes: number;
  /** Milliseconds that a call waits for a database to be opened while as many are open and in use as may be. */
  readonly openWaitMs: number;
  /** Collections of one database: the index keeps a table for each. */
  readonly collections: number;
  /** Bytes of one request or response message: a document of the largest size and what surrounds it. */
  readonly messageBytes: number;
  /** Documents in one page of a list. */
  readonly pageDocuments: number;
  /** Bytes of JSON after which a page ends early: pages stay small whatever the documents are. */
  readonly pageBytes: number;
  /** Bytes of a Unix socket's path: sockaddr_un has 108 with the terminating zero. */
  readonly socketPathBytes: number;
  /** Bytes of writes that wait for their group's fsync, per database: past it writes are refused, with RetryInfo. */
  readonly pendingWriteBytes: number;
  /** Bytes of a request id: a UUID has 36. */
  readonly requestIdBytes: number;
  /** Milliseconds for which a request's outcome is remembered at least: far longer than a client tries again. */
  readonly requestRetentionMs: number;
  /** Later requests of the same database after which an outcome may be forgotten sooner: 47 bytes of memory each. */
  readonly requestsKept: number;
  /** Transactions that may be open in one database: each holds a snapshot. */
  readonly openTransactions: number;
  /** Bytes that the open transactions of one database may hold: past it their calls are refused, with RetryInfo. */
  readonly transactionBytes: number;
  /** Documents that one transaction may read one by one, and ranges: all are checked at its commit. */
  readonly transactionReads: number;
  /** Milliseconds that a transaction may be idle when its client doesn't say: it holds memory for nobody. */
  readonly transactionIdleMs: number;
  /** Milliseconds that a client may ask for at most. */
  readonly transactionIdleMaxMs: number;
  /** Changes of documents remembered for the checks of open transactions, a power of two: 20 bytes each. */
  readonly recentChanges: number;
  /** Outcomes of commits remembered in memory for those who repeat them, per database. */
  readonly endedTransactions: number;
  /** Bytes of commits after which a group is closed: bounds the wait of a commit for its fsync. */
  readonly groupBytes: number;
  /** Snapshots (of scans and transactions) open in one database: each may hold old versions in memory. */
  readonly snapshots: number;
  /** Milliseconds that a snapshot may be open: bounds what old versions and old data files are kept for. */
  readonly snapshotAgeMs: number;
  /** Bytes of memory for old versions of one database: past it the oldest snapshot ends. */
  readonly oldVersionBytes: number;
}

export const limits: Limits = {
  documentBytes: 16 * 1024 * 1024,
  jsonDepth: 100,
  batchOperations: 65_535,
  patchOperations: 1_000,
  commitBytes: 64 * 1024 * 1024,
  nameBytes: 64,
  openWaitMs: 10_000,
  collections: 10_000,
  messageBytes: 32 * 1024 * 1024,
  pageDocuments: 1_000,
  pageBytes: 4 * 1024 * 1024,
  socketPathBytes: 107,
  pendingWriteBytes: 64 * 1024 * 1024,
  requestIdBytes: 64,
  requestRetentionMs: 10 * 60_000,
  requestsKept: 262_144,
  openTransactions: 1_000,
  transactionBytes: 128 * 1024 * 1024,
  transactionReads: 100_000,
  transactionIdleMs: 30_000,
  transactionIdleMaxMs: 5 * 60_000,
  recentChanges: 1_048_576,
  endedTransactions: 1_000,
  groupBytes: 8 * 1024 * 1024,
  snapshots: 1_000,
  snapshotAgeMs: 300_000,
  oldVersionBytes: 128 * 1024 * 1024,
};

/** The greatest document id: ids are unsigned 64-bit integers from 1. */
export const maxDocumentId: bigint = 2n ** 64n - 1n;
