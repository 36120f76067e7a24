// docdb/client: what a TypeScript program uses of DocDB.

export { DocDBError, type ErrorCategory, type ErrorCode, type StatusName } from "../base/errors.ts";
export { Batch, type WriteResult } from "./batch.ts";
export { mayHaveBeenApplied } from "./call-error.ts";
export { Collection, type CreateOptions, type DeleteOptions, type Page, type PageOptions } from "./collection.ts";
export type { PatchOptions, UpdateOptions } from "./collection.ts";
export { type CollectionInfo, Collections } from "./collections.ts";
export { Client, connect, type ConnectDatabaseOptions, ConnectedDatabase, type ConnectOptions } from "./connect.ts";
export { defaultSocket } from "./connect.ts";
export type { CompactProgress } from "./compact.ts";
export type { CallOptions } from "./connection.ts";
export { type CheckpointResult, Database } from "./database.ts";
export { type DatabaseInfo, Databases, type DatabaseState } from "./databases.ts";
export { Document, type DocumentStamp } from "./document.ts";
export type { DocumentId } from "./document-id.ts";
export { Healing, type HealingStats, type HealProgress, type HealResult, type HealSource } from "./healing.ts";
export { JsonText, jsonText } from "./json-text.ts";
export { type JsonPatchOperation, type JsonPath, type Patch, PatchOperations } from "./patch.ts";
export type { RequestIdOption } from "./request-ids.ts";
export type { ScanOptions, UnreadableDocument } from "./scan.ts";
export type { DatabaseStats, ErrorCount, OpenDatabaseStats, PoolStats, ServerStats } from "./stats.ts";
export type { Precondition } from "./precondition.ts";
export type { Finding, Severity, VerifyProgress } from "./verify.ts";
export { type Isolation, Transaction, type TransactionOptions } from "./transaction.ts";
