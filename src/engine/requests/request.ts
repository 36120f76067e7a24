// A request that its client may repeat: the key under which it is known, and a fingerprint of what it says.
//
// Keys are request ids; those of a database share one space. A batch that isn't atomic is many commits: its operations
// have the id and their position, the first one the id alone, so that whoever uses an id twice is found out.

import { checksum } from "../../base/checksum.ts";
import { DocDBError } from "../../base/errors.ts";
import { type Hash64, hash64 } from "../../base/hash.ts";
import { limits } from "../../base/limits.ts";
import type { Pieces } from "../../platform/turn.ts";
import type { Patch, WriteOperation } from "../commands.ts";

/** Operations whose fingerprint is taken in one piece of work. */
const operationsInPiece = 64;

const empty: Fingerprint = { checksum: 0, bytes: 0 };

export interface Request {
  readonly id: string;
  /** What it is known by: at most 255 bytes of UTF-8. */
  readonly key: string;
  readonly hash: Hash64;
  /** Of what it asks for. */
  readonly fingerprint: Fingerprint;
}

/** A checksum of 32 bits, and how much it covers, modulo 2^32. It is only compared. */
export interface Fingerprint {
  readonly checksum: number;
  readonly bytes: number;
}

/** A request for one operation; undefined without an id. INVALID_REQUEST. */
export function requestOf(id: string | undefined, operation: WriteOperation, position = 0): Request | undefined {
  if (id === undefined || id === "") return undefined;
  checkRequestId(id);
  return made(id, position === 0 ? id : `${id}\0${position}`, fingerprintOf([operation], empty));
}

/** A request for all operations of an atomic batch; undefined without an id. INVALID_REQUEST. */
export function* requestPieces(
  id: string | undefined,
  operations: readonly WriteOperation[],
): Pieces<Request | undefined> {
  if (id === undefined || id === "") return undefined;
  checkRequestId(id);
  let fingerprint = empty;
  for (let from = 0; from < operations.length; from += operationsInPiece) {
    if (from > 0) yield;
    fingerprint = fingerprintOf(operations.slice(from, from + operationsInPiece), fingerprint);
  }
  return made(id, id, fingerprint);
}

/** A request for the commit of a transaction: ids of requests count only together with that of the transaction. */
export function requestForCommit(id: string, transaction: string): Request {
  checkRequestId(id);
  return made(id, `\0transaction\0${transaction}\0${id}`, { checksum: 0, bytes: 0 });
}

/** INVALID_REQUEST unless this can be a request id. NUL divides the parts of keys. */
export function checkRequestId(id: string): void {
  if (id.includes("\0"))
    throw new DocDBError("INVALID_REQUEST", "A request id must not have a NUL character. Use a UUID.");
  const bytes = Buffer.byteLength(id);
  if (bytes <= limits.requestIdBytes) return;
  const message = `A request id has at most ${limits.requestIdBytes} bytes, and this one has ${bytes}. A UUID does.`;
  throw new DocDBError("INVALID_REQUEST", message, { metadata: { bytes: String(bytes) } });
}

/** Throws REQUEST_ID_REUSED unless a repetition asks for what the request did. */
export function checkRepetition(request: Request, first: Fingerprint): void {
  const { checksum: sum, bytes } = request.fingerprint;
  if (sum === first.checksum && bytes === first.bytes) return;
  const message =
    `Request id ${JSON.stringify(request.id)} was used before, for a request that says something else. ` +
    "Nothing was done. A new request needs a new id.";
  throw new DocDBError("REQUEST_ID_REUSED", message, { metadata: { request_id: request.id } });
}

function made(id: string, key: string, fingerprint: Fingerprint): Request {
  return { id, key, hash: hash64(Buffer.from(key)), fingerprint };
}

/** Every mutation with a request id pays for this: it is made without building what isn't needed. */
function fingerprintOf(operations: readonly WriteOperation[], before: Fingerprint): Fingerprint {
  let { checksum: sum, bytes: length } = before;
  const add = (part: Uint8Array | string): void => {
    sum = checksum(part, sum);
    length += part.length;
  };
  for (const operation of operations) {
    const { kind, collection, id, precondition } = operation;
    const allowMissing = "allowMissing" in operation && operation.allowMissing;
    add(`${kind} ${collection} ${id} ${allowMissing}`);
    if (precondition !== undefined) add(JSON.stringify(precondition));
    if (kind === "create" || kind === "update") add(operation.json);
    else if (kind === "patch") for (const part of partsOf(operation.patch)) add(part);
  }
  return { checksum: sum, bytes: length % 2 ** 32 };
}

function* partsOf(patch: Patch): Generator<Uint8Array | string> {
  yield patch.form;
  if (patch.form !== "operations") return yield patch.text;
  for (const { op, path, json } of patch.operations) {
    yield `${op} ${path} `;
    yield json;
  }
}
