// Commits to write and read in tests.

import { hash64 } from "../../src/base/hash.ts";
import { idHigh, idLow } from "../../src/base/u64.ts";
import type { Commit, Mutation } from "../../src/storage/commit.ts";
import { requestsCollection } from "../../src/storage/request-table.ts";

export function put(id: bigint, content: string, collection = 0): Mutation {
  const times = { createTimeMs: 1_700_000_000_000, updateTimeMs: 1_700_000_000_001 };
  return { kind: "put", collection, idLow: idLow(id), idHigh: idHigh(id), ...times, content: Buffer.from(content) };
}

export function del(id: bigint, collection = 0): Mutation {
  return { ...put(id, "", collection), kind: "delete" };
}

/** The record of a request with this key, which created document 7. */
export function request(key: string): Mutation {
  const { low, high } = hash64(Buffer.from(key));
  const outcome = Buffer.alloc(28);
  outcome.writeUInt32LE(1, 8);
  outcome[12] = 7;
  const content = Buffer.concat([Buffer.of(1, key.length), Buffer.from(key), outcome]);
  return { ...put(0n, ""), kind: "request", collection: requestsCollection, idLow: low, idHigh: high, content };
}

/** One group of two commits, with every kind of change in them. */
export const sampleCommits: readonly Commit[] = [
  {
    version: 8,
    mutations: [{ ...put(0n, "users", 1), kind: "createCollection" }, put(2n ** 64n - 1n, '{"name":"Ada"}', 1)],
  },
  { version: 9, mutations: [del(7n), { ...put(0n, "", 2), kind: "dropCollection" }, request("sample")] },
];
