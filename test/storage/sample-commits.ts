// Commits to write and read in tests.

import { idHigh, idLow } from "../../src/base/u64.ts";
import type { Commit, Mutation } from "../../src/storage/commit.ts";

export function put(id: bigint, content: string, collection = 0): Mutation {
  const times = { createTimeMs: 1_700_000_000_000, updateTimeMs: 1_700_000_000_001 };
  return { kind: "put", collection, idLow: idLow(id), idHigh: idHigh(id), ...times, content: Buffer.from(content) };
}

export function del(id: bigint, collection = 0): Mutation {
  return { ...put(id, "", collection), kind: "delete" };
}

/** One group of two commits, with every kind of change in them. */
export const sampleCommits: readonly Commit[] = [
  {
    version: 8,
    mutations: [{ ...put(0n, "users", 1), kind: "createCollection" }, put(2n ** 64n - 1n, '{"name":"Ada"}', 1)],
  },
  { version: 9, mutations: [del(7n), { ...put(0n, "", 2), kind: "dropCollection" }] },
];
