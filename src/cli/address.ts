// How a person names things on the command line: `app` is a database, `app/users` a collection of it, and `app` where a
// collection is wanted means the collection `_default`. Names can't contain a slash, so this is never ambiguous.

import { DocDBError } from "../client/index.ts";

export interface CollectionAddress {
  readonly database: string;
  readonly collection: string;
}

/** For the help of commands that take one. */
export const addressHelp = "database/collection, as in app/users; app alone means its collection _default";

/** Reads `database/collection` or `database`. INVALID_NAME when there is another slash or an empty part. */
export function parseAddress(text: string): CollectionAddress {
  const [database, collection = "_default", ...rest] = text.split("/");
  if (database !== undefined && database !== "" && collection !== "" && rest.length === 0) {
    return { database, collection };
  }
  throw new DocDBError("INVALID_NAME", `${JSON.stringify(text)} is no address: write database/collection.`);
}

/** Reads an id of any size. INVALID_ID for what isn't one. */
export function parseId(text: string): bigint {
  const id = /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
  if (id >= 1n && id < 2n ** 64n) return id;
  const message = `${JSON.stringify(text)} is not a document id: ids are integers from 1 to 18446744073709551615.`;
  throw new DocDBError("INVALID_ID", message, { metadata: { id: text } });
}

/** Reads a version of any size. INVALID_REQUEST for what isn't one. */
export function parseVersion(text: string): bigint {
  const version = /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
  if (version >= 1n && version < 2n ** 64n) return version;
  throw new DocDBError("INVALID_REQUEST", `${JSON.stringify(text)} is not a version: \`docdb get --json\` shows them.`);
}
