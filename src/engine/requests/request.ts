// A request that its client may repeat: the key under which it is known, and a fingerprint of what it says.
//
// Keys are request ids; those of a database share one space. A batch that isn't atomic is many commits: its operations
// have the id and their position, the first one the id alone, so that whoever uses an id twice is found out.

import { checksum } from "../../base/checksum.ts";
import { DocDBError } from "../../base/errors.ts";
import { type Hash64, hash64 } from "../../base/hash.ts";
import { limits } from "../../base/limits.ts";
import type { WriteOperation } from "../commands.ts";

export interface Request {
  readonly id: string;
  /** What it is known by: UTF-8, at most 255 bytes. */
  readonly key: Buffer;
  readonly hash: Hash64;
  /** Of what it asks for: a checksum of 32 bits, and the bytes that it covers modulo 2^32. */
  readonly fingerprint: Fingerprint;
}

export interface Fingerprint {
  readonly checksum: number;
  readonly bytes: number;
}

/** Like `requestFor`, for a command that may have no request id. */
export function requestOf(
  id: string | undefined,
  operations: readonly WriteOperation[],
  position?: number,
): Request | undefined {
  return id === undefined || id === "" ? undefined : requestFor(id, operations, position);
}

/** A request for one operation, or for all of an atomic batch. INVALID_REQUEST for an id that is too long. */
function requestFor(id: string, operations: readonly WriteOperation[], position = 0): Request {
  checkRequestId(id);
  return made(id, position === 0 ? id : `${id}\0${position}`, fingerprintOf(operations));
}

/** A request for the commit of a transaction: ids of requests count only together with that of the transaction. */
export function requestForCommit(id: string, transaction: string): Request {
  checkRequestId(id);
  return made(id, `\0transaction\0${transaction}\0${id}`, { checksum: 0, bytes: 0 });
}

/** INVALID_REQUEST unless this can be a request id. */
export function checkRequestId(id: string): void {
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

function made(id: string, keyText: string, fingerprint: Fingerprint): Request {
  const key = Buffer.from(keyText, "utf8");
  return { id, key, hash: hash64(key), fingerprint };
}

function fingerprintOf(operations: readonly WriteOperation[]): Fingerprint {
  let [sum, length] = [0, 0];
  const add = (bytes: Uint8Array): void => {
    sum = checksum(bytes, sum);
    length += bytes.length;
  };
  for (const operation of operations) {
    const { kind, collection, id, precondition } = operation;
    const allowMissing = "allowMissing" in operation && operation.allowMissing;
    add(Buffer.from(JSON.stringify([kind, collection, String(id), precondition, allowMissing])));
    for (const bytes of contentsOf(operation)) add(bytes);
  }
  return { checksum: sum, bytes: length % 2 ** 32 };
}

function* contentsOf(operation: WriteOperation): Generator<Uint8Array> {
  if (operation.kind === "create" || operation.kind === "update") yield operation.json;
  if (operation.kind !== "patch") return;
  const { patch } = operation;
  yield Buffer.from(patch.form);
  if (patch.form !== "operations") return yield patch.text;
  for (const { op, path, json } of patch.operations) {
    yield Buffer.from(JSON.stringify([op, path]));
    yield json;
  }
}
