// Every limit of DocDB, with its unit and its reason, in one place. GetStats publishes them.

export const limits = {
  /** Bytes of JSON text in one document: bounds what one request can hold in memory. */
  documentBytes: 16 * 1024 * 1024,
  /** Arrays and objects nested in one document: every parser that a client may use gets this far without recursion trouble. */
  jsonDepth: 100,
  /** Operations in one BatchWrite and ids in one BatchGetDocuments: what a 16-bit count holds. */
  batchOperations: 65_535,
  /** Bytes of a database or collection name: with our suffixes they stay inside the 255 bytes of a file name. */
  nameBytes: 64,
  /** Collections of one database: the index keeps a table for each. */
  collections: 10_000,
  /** Bytes of one request or response message: a document of the largest size and what surrounds it. */
  messageBytes: 32 * 1024 * 1024,
  /** Documents in one page of a list. */
  pageDocuments: 1_000,
  /** Bytes of JSON after which a page ends early: pages stay small whatever the documents are. */
  pageBytes: 4 * 1024 * 1024,
  /** Bytes of a Unix socket's path: sockaddr_un has 108 with the terminating zero. */
  socketPathBytes: 107,
  /** Bytes of writes that wait for their group's fsync, per database: past it writes are refused, with RetryInfo. */
  pendingWriteBytes: 64 * 1024 * 1024,
  /** Bytes of commits after which a group is closed: bounds the wait of a commit for its fsync. */
  groupBytes: 8 * 1024 * 1024,
} as const;

/** The greatest document id: ids are unsigned 64-bit integers from 1. */
export const maxDocumentId: bigint = 2n ** 64n - 1n;
