// DocDB with its own client, pipelining or with plain unary calls.

import { connect, jsonText } from "../src/client/index.ts";
import type { Contender } from "./contender.ts";

const batchDocuments = 100;
const loadDocuments = 1_000;
const loadsAtOnce = 8;

export async function docdb(socket: string, pipeline: boolean): Promise<Contender> {
  const options = { socket, database: "bench", createIfMissing: true, waitForServerMs: 60_000, pipeline } as const;
  const db = await connect({ ...options, deadlineMs: 120_000 });
  const documents = db.collection("_default");
  // What a workload creates goes into a collection that is dropped after it.
  const collection = pipeline ? "created" : "created-unary";
  const created = db.collection(collection);
  const ids: bigint[] = [];
  let isThere = false;
  const ready = async (): Promise<void> => {
    if (isThere) return;
    isThere = true;
    await db.collections.drop(collection, { force: true }).catch(() => undefined);
    await db.collections.create(collection);
  };
  return {
    async load(count, text) {
      await ready();
      let next = 1;
      const loader = async (): Promise<void> => {
        while (next <= count) {
          const first = next;
          next += loadDocuments;
          const batch = db.batch();
          const end = Math.min(next, count + 1);
          for (let id = first; id < end; id++) batch.create(documents, jsonText(text), { id });
          await batch.commit();
        }
      };
      await Promise.all(Array.from({ length: loadsAtOnce }, loader));
    },
    async get(id) {
      const found = await documents.getOrThrow(id);
      if (found.json.length === 0) throw new Error(`document ${id} is empty`);
    },
    async create(text) {
      const { id } = await created.create(jsonText(text));
      ids.push(id);
    },
    async batch(text) {
      const batch = db.batch();
      for (let i = 0; i < batchDocuments; i++) batch.create(created, jsonText(text));
      const results = await batch.writeEach();
      for (const result of results) if (!result.ok) throw result.error;
    },
    async update(id, text) {
      await documents.update(id, jsonText(text));
    },
    async deleteOldest() {
      const id = ids.shift();
      if (id !== undefined) await created.delete(id);
    },
    async scan() {
      let count = 0;
      for await (const found of documents.scan()) if (found.json.length > 0) count++;
      return count;
    },
    async clear() {
      ids.length = 0;
      isThere = false;
      await ready();
    },
    close: () => db.close(),
  };
}
