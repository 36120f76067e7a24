// What crosses from the scheduler into the engine: a command in, a result out, both plain data, so that a database can
// later run in a worker thread or behind another storage engine without its callers noticing.
//
// Ids are bigint (the whole of uint64 from 1), versions are numbers (safe integers), times are milliseconds since the
// Unix epoch, JSON is the exact bytes of its text. Whoever makes a command gives its buffers away until the result is
// there; whoever gets a result owns its buffers.

import type { HealSource } from "../storage/heal-record.ts";
import type { HealingReport } from "../storage/healing.ts";
import type { Finding, Verification } from "../storage/verify/finding.ts";
import type { OperationTimes } from "../telemetry/operation-times.ts";

export type { Finding, HealSource, Verification };

/** The collection that an empty name means. Every database has it; it can't be created or dropped. */
export const defaultCollection = "_default";

/** What must be true of the stored document for a mutation to apply: its exact version, or whether it exists. */
export type Precondition = { readonly version: number } | { readonly exists: boolean };

/** A stored document, as of `version`. */
export interface DocumentRecord {
  readonly id: bigint;
  /** The JSON text, byte for byte as it was sent. */
  readonly json: Uint8Array;
  /** The commit that wrote it. */
  readonly version: number;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** A document without its content: what a mutation returns. After a delete, the version and time of the deletion. */
export interface DocumentStamp {
  readonly id: bigint;
  readonly version: number;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

export interface CreateOperation {
  readonly kind: "create";
  readonly collection: string;
  /** 0 asks for the next free id of the collection. */
  readonly id: bigint;
  readonly json: Uint8Array;
  readonly precondition?: Precondition | undefined;
}

export interface UpdateOperation {
  readonly kind: "update";
  readonly collection: string;
  readonly id: bigint;
  readonly json: Uint8Array;
  readonly precondition?: Precondition | undefined;
  /** Creates the document when there is none. */
  readonly allowMissing: boolean;
}

export interface DeleteOperation {
  readonly kind: "delete";
  readonly collection: string;
  readonly id: bigint;
  readonly precondition?: Precondition | undefined;
  /** Succeeds (with version 0) when there is no such document. */
  readonly allowMissing: boolean;
}

/** One operation of DocDB's own form of patch. */
export interface PathOperation {
  readonly op: "set" | "delete" | "insert";
  /** A JSON Pointer (RFC 6901). */
  readonly path: string;
  /** The value's JSON text; empty for a delete. */
  readonly json: Uint8Array;
}

/** A patch: DocDB's own operations, or the JSON text of an RFC 6902 or RFC 7396 patch. */
export type Patch =
  | { readonly form: "operations"; readonly operations: readonly PathOperation[] }
  | { readonly form: "jsonPatch"; readonly text: Uint8Array }
  | { readonly form: "mergePatch"; readonly text: Uint8Array };

export interface PatchOperation {
  readonly kind: "patch";
  readonly collection: string;
  readonly id: bigint;
  readonly patch: Patch;
  readonly precondition?: Precondition | undefined;
}

/** One mutation of one document. */
export type WriteOperation = CreateOperation | UpdateOperation | DeleteOperation | PatchOperation;

/** How far a transaction is kept apart from others: see `Isolation` in transaction.proto. */
export type Isolation = "serializable" | "snapshot" | "last_commit_wins";

export type DatabaseState = "open" | "closed" | "read_only" | "failed";

export interface DatabaseInfo {
  readonly database: string;
  readonly state: DatabaseState;
  /** Why it is read-only or can't be opened; empty otherwise. */
  readonly stateReason: string;
  readonly createTimeMs: number;
}

export interface CollectionInfo {
  readonly collection: string;
  readonly documents: number;
  /** Bytes of the live documents' JSON texts. */
  readonly jsonBytes: number;
  /** 0 for `_default`, which is never created. */
  readonly createTimeMs: number;
}

/** One item of a result list: what was asked for, or the error that this item alone met. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Error };

/** Every command: its request and its result. Names of databases and collections are checked by the engine. */
export interface CommandTable {
  createDatabase: { request: { database: string }; result: DatabaseInfo };
  /** Opens a closed database (it would open on first use too); with `createIfMissing` creates it first. */
  openDatabase: { request: { database: string; createIfMissing: boolean }; result: DatabaseInfo };
  /** Checkpoints and closes; the next use opens it again. */
  closeDatabase: { request: { database: string }; result: DatabaseInfo };
  /** Removes a database and its files for good. */
  deleteDatabase: { request: { database: string }; result: Record<never, never> };
  getDatabase: { request: { database: string }; result: DatabaseInfo };
  /** Databases in name order after `after` (exclusive; empty: from the first), at most `pageSize`. */
  listDatabases: { request: { after: string; pageSize: number }; result: Page<DatabaseInfo> };
  createCollection: { request: { database: string; collection: string }; result: CollectionInfo };
  /** Drops a collection; COLLECTION_NOT_EMPTY unless it is empty or `force` is set. */
  deleteCollection: { request: { database: string; collection: string; force: boolean }; result: Record<never, never> };
  getCollection: { request: { database: string; collection: string }; result: CollectionInfo };
  listCollections: { request: { database: string; after: string; pageSize: number }; result: Page<CollectionInfo> };
  getDocument: {
    request: { database: string; collection: string; id: bigint } & InTransaction;
    result: DocumentRecord;
  };
  /** One outcome for each id, in the order asked. */
  batchGetDocuments: {
    request: { database: string; collection: string; ids: readonly bigint[] } & InTransaction;
    result: { outcomes: readonly Outcome<DocumentRecord>[] };
  };
  /** One mutation. */
  writeDocument: {
    request: { database: string; operation: WriteOperation } & InTransaction & Repeatable;
    result: DocumentStamp;
  };
  /** Atomic: all operations in one commit, or the first error and nothing. Otherwise one outcome each, in order. */
  batchWrite: {
    request: { database: string; operations: readonly WriteOperation[]; atomic: boolean } & InTransaction & Repeatable;
    result: { outcomes: readonly Outcome<DocumentStamp>[] };
  };
  /**
   * Documents in id order after `after` (exclusive; 0: from the first), at most `pageSize`, fewer when they are big.
   */
  listDocuments: {
    request: { database: string; collection: string; after: bigint; pageSize: number } & InTransaction;
    result: Page<DocumentRecord>;
  };
  /** Opens a snapshot of what is visible. Whoever opens it closes it; it ends by itself at `limits.snapshotAgeMs`. */
  openSnapshot: { request: { database: string }; result: SnapshotHandle };
  /** Ends a snapshot and frees what it held. It never waits, is never refused and opens no database. */
  closeSnapshot: { request: { database: string; snapshot: string }; result: Record<never, never> };
  /**
   * The next documents of a scan, as of a snapshot: in id order from `from` on, that id included; downwards with
   * `reverse`. At most `pageSize`, fewer when they have more than `pageBytes`. In a transaction, `snapshot` is empty.
   * SNAPSHOT_TOO_OLD.
   */
  scanDocuments: {
    request: {
      database: string;
      collection: string;
      snapshot: string;
      from: bigint;
      reverse: boolean;
      pageSize: number;
      pageBytes: number;
    } & InTransaction;
    result: ScanPage;
  };
  /**
   * Begins a transaction; `version` is that of its snapshot. `idleTimeoutMs` is shortened to
   * `limits.transactionIdleMaxMs`; undefined: `limits.transactionIdleMs`. MEMORY_LIMIT when too many are open.
   */
  beginTransaction: {
    request: { database: string; isolation: Isolation; idleTimeoutMs?: number | undefined };
    result: { transaction: string; version: number };
  };
  /**
   * Applies a transaction's writes and ends it; version and time are 0 when it wrote nothing. With a `requestId`
   * (empty: none) a repetition has the first one's outcome. TRANSACTION_CONFLICT, TRANSACTION_NOT_FOUND.
   */
  commitTransaction: {
    request: { database: string; transaction: string; requestId: string };
    result: CommittedTransaction;
  };
  /** Forgets a transaction's writes and ends it. TRANSACTION_NOT_FOUND. */
  rollbackTransaction: { request: { database: string; transaction: string }; result: Record<never, never> };
  /** Checks one document, and heals it if it is damaged. */
  healDocument: { request: { database: string; collection: string; id: bigint }; result: HealedDocument };
  /** Checks every document and heals those that are damaged; tells `onHealProgress` how far it has come. */
  healDatabase: { request: { database: string }; result: HealProgress };
  /** What was healed since the database was opened, which this does; of all open databases when none is named. */
  getHealingStats: { request: { database: string }; result: { databases: readonly HealingStats[] } };
  /** Reads every byte of the database's files; tells `verification` what isn't as it should be. Changes nothing. */
  verifyDatabase: { request: { database: string }; result: Record<never, never> };
  /** Writes a checkpoint: what was committed before it needs no replay. */
  checkpointDatabase: { request: { database: string }; result: { version: number; durationMs: number } };
  /** Gives back the space of what was replaced or deleted; reads and writes go on. Joins one that is under way. */
  compactDatabase: {
    request: { database: string };
    result: CompactionProgress & { bytesReclaimed: number };
  };
}

/** An open snapshot: what names it, and the last version that it sees. */
export interface SnapshotHandle {
  readonly snapshot: string;
  readonly version: number;
}

/** The next documents of a scan. */
export interface ScanPage {
  readonly items: readonly DocumentRecord[];
  /** Where the next page starts; undefined when nothing follows. */
  readonly next: bigint | undefined;
  /** Set when the document behind the items can't be read; `next` is behind it. */
  readonly failure?: { readonly id: bigint; readonly error: Error };
}

/** A command that its client may repeat without its being applied twice. */
interface Repeatable {
  /**
   * With one, at most 64 bytes, a repetition has the outcome of the first that was applied. In a batch that isn't
   * atomic that holds for each operation. Undefined or empty: none. REQUEST_ID_REUSED when it says something else.
   */
  readonly requestId?: string | undefined;
}

/** Which transaction a command on documents is part of; undefined: none. Inside one, what it wrote has version 0. */
export interface InTransaction {
  readonly transaction?: string | undefined;
}

/** The outcome of a transaction's commit. */
export interface CommittedTransaction {
  readonly version: number;
  readonly commitTimeMs: number;
}

/** How a document is after a check. */
export interface HealedDocument {
  /** `quarantined`: damaged, and no intact copy was found. */
  readonly outcome: "intact" | "healed" | "quarantined";
  /** The document's version, which healing never changes. */
  readonly version: number;
  /** Where the intact copy came from, when it was healed. */
  readonly source: HealSource | undefined;
}

/** What scrubbing and healing found and did in one database since it was opened. */
export interface HealingStats extends HealingReport {
  readonly database: string;
}

/** A page of a list; `more` says whether anything follows the last item. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

export type CommandName = keyof CommandTable;

/** A command: its name in `op` and the fields of its request. */
export type Command<K extends CommandName = CommandName> = {
  [P in K]: { readonly op: P } & Readonly<CommandTable[P]["request"]>;
}[K];

/** A command of a known kind as a member of the union: the compiler doesn't see by itself that it is one. */
export function asCommand<K extends CommandName>(command: Command<K>): Command {
  return command as unknown as Command;
}

export type Result<K extends CommandName = CommandName> = CommandTable[K]["result"];

/** How a command is run: who may stop it, and whom it tells that it needs no worker slot any more. */
export interface ExecutionContext {
  /** Aborted when the caller went away or its deadline passed. Work that has begun to commit isn't stopped. */
  readonly signal?: AbortSignal | undefined;
  /** Called once, when all that is left is waiting for the disk: the command's slot can serve another one. */
  readonly releaseSlot?: (() => void) | undefined;
  /** Where each layer writes down when it did its part, if anybody wants to know. */
  readonly times?: OperationTimes | undefined;
  /** Whoever waits for the result; asked right before the command begins. */
  readonly caller?: Caller | undefined;
  /** Whether the caller shared the event loop fairly before it asked, so that the command needs no turn of its own. */
  readonly hadTurn?: boolean | undefined;
  /** Told how far a compaction has come. */
  readonly onProgress?: ((progress: CompactionProgress) => void) | undefined;
  /** Told how far `healDatabase` has come. */
  readonly onHealProgress?: ((progress: HealProgress) => void) | undefined;
  /** Told what `verifyDatabase` finds. */
  readonly verification?: Verification | undefined;
}

/** How far a check of all documents has come, and what it found. */
export interface HealProgress {
  readonly checked: number;
  /** Documents there are now. */
  readonly total: number;
  readonly corrupt: number;
  readonly healed: number;
  readonly quarantined: number;
}

/** Who waits for a command. Cheaper than a signal where there are thousands: it is asked, and tells nobody. */
export interface Caller {
  /** Whether nobody waits any more: a command that hasn't begun then never does. */
  readonly gone: boolean;
}

/** How far a compaction has come. */
export interface CompactionProgress {
  readonly documents: number;
  readonly bytes: number;
  /** Bytes that there are to copy; an estimate while writes go on. */
  readonly bytesTotal: number;
}

/** What runs commands: the engine, or something in front of it that queues them. */
export interface Executor {
  /** Runs a command. Rejects with a `DocDBError`; anything else is a defect. */
  execute<K extends CommandName>(command: Command<K>, context?: ExecutionContext): Promise<Result<K>>;
  /**
   * Answers a read in this turn of the event loop, from memory; undefined when `execute` must do it. Throws the
   * `DocDBError` that the read ends in. An executor need not have it.
   */
  readNow?(command: Command<"getDocument">): DocumentRecord | undefined;
}
