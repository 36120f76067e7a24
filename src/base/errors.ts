// Every failure that DocDB reports: a stable code (the `reason` of google.rpc.ErrorInfo, and part of the contract),
// what kind of failure it is, and the gRPC status it travels as. One table, so that server, client and documents agree.

/** What a failure calls for: another try, another request, an operator, or a look at the connection. */
export type ErrorCategory = "transient" | "permanent" | "critical" | "validation" | "network";

/** Names of the gRPC statuses that DocDB uses, as in google.rpc.Code. */
export type StatusName =
  | "CANCELLED"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS";

interface ErrorKind {
  readonly status: StatusName;
  readonly category: ErrorCategory;
}

/** Every error code with its gRPC status and category. */
export const errorKinds = {
  /** The text is not one JSON value (RFC 8259). */
  INVALID_JSON: { status: "INVALID_ARGUMENT", category: "validation" },
  /** The bytes are not UTF-8. */
  INVALID_UTF8: { status: "INVALID_ARGUMENT", category: "validation" },
  /** Arrays and objects nest deeper than `limits.jsonDepth`. */
  JSON_TOO_DEEP: { status: "INVALID_ARGUMENT", category: "validation" },
  /** A database or collection name that breaks the rule for names. */
  INVALID_NAME: { status: "INVALID_ARGUMENT", category: "validation" },
  INVALID_ID: { status: "INVALID_ARGUMENT", category: "validation" },
  INVALID_PATH: { status: "INVALID_ARGUMENT", category: "validation" },
  INVALID_ENUM: { status: "INVALID_ARGUMENT", category: "validation" },
  INVALID_PAGE: { status: "INVALID_ARGUMENT", category: "validation" },
  /** The request id was used before, for a request that says something else. */
  REQUEST_ID_REUSED: { status: "INVALID_ARGUMENT", category: "validation" },
  /** More operations than `limits.batchOperations`. */
  TOO_MANY_OPERATIONS: { status: "INVALID_ARGUMENT", category: "validation" },
  /** A request that can't be decoded, or lacks something it needs. */
  INVALID_REQUEST: { status: "INVALID_ARGUMENT", category: "validation" },
  DATABASE_NOT_FOUND: { status: "NOT_FOUND", category: "permanent" },
  COLLECTION_NOT_FOUND: { status: "NOT_FOUND", category: "permanent" },
  DOCUMENT_NOT_FOUND: { status: "NOT_FOUND", category: "permanent" },
  TRANSACTION_NOT_FOUND: { status: "NOT_FOUND", category: "permanent" },
  /** The health service knows no service or database of that name. */
  SERVICE_UNKNOWN: { status: "NOT_FOUND", category: "permanent" },
  DATABASE_EXISTS: { status: "ALREADY_EXISTS", category: "permanent" },
  COLLECTION_EXISTS: { status: "ALREADY_EXISTS", category: "permanent" },
  DOCUMENT_EXISTS: { status: "ALREADY_EXISTS", category: "permanent" },
  COLLECTION_NOT_EMPTY: { status: "FAILED_PRECONDITION", category: "permanent" },
  /** The document isn't at the version that the precondition names. */
  VERSION_MISMATCH: { status: "FAILED_PRECONDITION", category: "permanent" },
  NOT_AN_OBJECT: { status: "FAILED_PRECONDITION", category: "permanent" },
  PATH_NOT_FOUND: { status: "FAILED_PRECONDITION", category: "permanent" },
  /** A `test` of a JSON Patch found another value than it wants. */
  TEST_FAILED: { status: "FAILED_PRECONDITION", category: "permanent" },
  /** A failed disk or damaged files made the database read-only: reads go on. */
  DATABASE_READ_ONLY: { status: "FAILED_PRECONDITION", category: "critical" },
  TRANSACTION_CONFLICT: { status: "ABORTED", category: "transient" },
  /** The snapshot of a scan or transaction was open for too long or held up too much memory: begin again. */
  SNAPSHOT_TOO_OLD: { status: "ABORTED", category: "transient" },
  /** As many scans and transactions are open as may be. */
  TOO_MANY_SNAPSHOTS: { status: "RESOURCE_EXHAUSTED", category: "transient" },
  /** As many databases are open and in use as may be: another one can't be opened now. */
  DATABASE_LIMIT: { status: "RESOURCE_EXHAUSTED", category: "transient" },
  QUEUE_FULL: { status: "RESOURCE_EXHAUSTED", category: "transient" },
  MEMORY_LIMIT: { status: "RESOURCE_EXHAUSTED", category: "transient" },
  DOCUMENT_TOO_LARGE: { status: "RESOURCE_EXHAUSTED", category: "validation" },
  /** The answer would not fit into one message: ask for less. */
  RESPONSE_TOO_LARGE: { status: "RESOURCE_EXHAUSTED", category: "validation" },
  /** No space was left; nothing of the write was kept. */
  DISK_FULL: { status: "RESOURCE_EXHAUSTED", category: "transient" },
  /** No id is left to assign in the collection, or no collection in the database. */
  IDS_EXHAUSTED: { status: "RESOURCE_EXHAUSTED", category: "permanent" },
  /** A stored document fails its checksum or isn't the one that was asked for. */
  DOCUMENT_CORRUPT: { status: "DATA_LOSS", category: "critical" },
  /** Files of the database are damaged or missing, so that it can't be opened without losing something. */
  DATABASE_CORRUPT: { status: "DATA_LOSS", category: "critical" },
  SERVER_STARTING: { status: "UNAVAILABLE", category: "transient" },
  SHUTTING_DOWN: { status: "UNAVAILABLE", category: "transient" },
  /** The client couldn't reach the server. Only the client reports it. */
  UNREACHABLE: { status: "UNAVAILABLE", category: "network" },
  /** The connection broke after the call was sent: it may have been applied. Only the client reports it. */
  OUTCOME_UNKNOWN: { status: "UNAVAILABLE", category: "network" },
  DEADLINE_EXCEEDED: { status: "DEADLINE_EXCEEDED", category: "transient" },
  CANCELLED: { status: "CANCELLED", category: "permanent" },
  /** An RPC, or a field of one, that this version doesn't have yet. */
  NOT_IMPLEMENTED: { status: "UNIMPLEMENTED", category: "permanent" },
  /** Another server owns the data directory or listens on the socket. */
  ALREADY_RUNNING: { status: "FAILED_PRECONDITION", category: "permanent" },
  /** A setting that can't be used: a socket path that is too long, a directory that isn't one. */
  INVALID_SETTING: { status: "INVALID_ARGUMENT", category: "validation" },
  /** The disk failed under an operation: its outcome is known only after the database is opened again. */
  IO_ERROR: { status: "INTERNAL", category: "critical" },
  /** A defect of DocDB. */
  INTERNAL: { status: "INTERNAL", category: "critical" },
} as const;

export type ErrorCode = keyof typeof errorKinds;

/** The table above, checked. */
const kinds: Readonly<Record<ErrorCode, ErrorKind>> = errorKinds;

export interface ErrorOptions {
  readonly cause?: unknown;
  /** Facts for programs: the name, id, version or limit concerned. Sent as ErrorInfo.metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** When a repetition makes sense: milliseconds to wait before it. Sent as RetryInfo. */
  readonly retryAfterMs?: number;
}

/** Every operating error of DocDB. The message says what happened, to which value, and what to do about it. */
export class DocDBError extends Error {
  readonly code: ErrorCode;
  readonly category: ErrorCategory;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "DocDBError";
    this.code = code;
    this.category = kinds[code].category;
    this.metadata = options.metadata ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The gRPC status that this error travels as. */
  get status(): StatusName {
    return kinds[this.code].status;
  }

  /** The error itself if it is one of ours, otherwise INTERNAL with the original as its cause. */
  static from(error: unknown): DocDBError {
    if (error instanceof DocDBError) return error;
    return new DocDBError("INTERNAL", "An internal error occurred. The server's log has the details.", {
      cause: error,
    });
  }
}
