// Pages of lists. A page token is opaque to clients and says where the next page starts:
//
//     token   = base64url( format (1 byte) | checksum (4 bytes, big-endian) | cursor )
//     cursor  = what the list was at, in the list's own form
//     checksum = CRC-32 of scope and cursor; the scope names the list: RPC, database, collection
//
// so that a token which was altered, or comes from another list, isn't taken for a place in this one.

import { checksum } from "../base/checksum.ts";
import { DocDBError } from "../base/errors.ts";

const format = 1;
const headerBytes = 5;

/** The list that a token belongs to: the RPC, then the names of what is listed, which have no case. */
export function pageScope(rpc: string, ...names: readonly string[]): string {
  return [rpc, ...names.map((name) => name.toLowerCase())].join("\0");
}

/** The number of items in a page: the default for 0, and never more than `max`. */
export function pageSizeOf(requested: number, byDefault: number, max: number): number {
  return requested === 0 ? byDefault : Math.min(requested, max);
}

/** A token for the page that follows `cursor`. */
export function pageToken(scope: string, cursor: Uint8Array): string {
  const token = Buffer.alloc(headerBytes + cursor.length);
  token[0] = format;
  token.writeUInt32BE(checksumOf(scope, cursor), 1);
  token.set(cursor, headerBytes);
  return token.toString("base64url");
}

/** The cursor in a token, or undefined for the empty token: the first page. INVALID_PAGE unless this list issued it. */
export function cursorOf(scope: string, token: string): Buffer | undefined {
  if (token === "") return undefined;
  const bytes = Buffer.from(token, "base64url");
  const whole = bytes.length >= headerBytes && bytes[0] === format && bytes.toString("base64url") === token;
  const cursor = bytes.subarray(headerBytes);
  if (whole && bytes.readUInt32BE(1) === checksumOf(scope, cursor)) return cursor;
  const message = "The page token isn't one that this list returned. Start again without one.";
  throw new DocDBError("INVALID_PAGE", message);
}

/** A cursor that is a name. */
export function nameCursor(name: string): Buffer {
  return Buffer.from(name, "utf8");
}

/** A cursor that is a document id. */
export function idCursor(id: bigint): Buffer {
  const cursor = Buffer.alloc(8);
  cursor.writeBigUInt64BE(id);
  return cursor;
}

/** The id in a cursor; 0 without one. */
export function idInCursor(cursor: Buffer | undefined): bigint {
  return cursor === undefined ? 0n : cursor.readBigUInt64BE(0);
}

function checksumOf(scope: string, cursor: Uint8Array): number {
  return checksum(cursor, checksum(Buffer.from(scope, "utf8")));
}
