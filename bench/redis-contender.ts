// Redis with ioredis, which puts what is called in one turn into one pipeline, as DocDB's client does.

import { createRequire } from "node:module";
import type { Contender } from "./contender.ts";

/** What is used of ioredis, which only bench/package.json knows. */
interface Redis {
  get(key: string): Promise<string | null>;
  mget(keys: string[]): Promise<(string | null)[]>;
  set(key: string, value: string, ...flags: string[]): Promise<unknown>;
  del(key: string): Promise<number>;
  scan(cursor: string, ...options: string[]): Promise<[string, string[]]>;
  flushdb(): Promise<unknown>;
  pipeline(): Pipeline;
  quit(): Promise<unknown>;
  disconnect(): void;
  on(event: "error", listener: () => void): void;
}

interface Pipeline {
  set(key: string, value: string, ...flags: string[]): Pipeline;
  exec(): Promise<[Error | null, unknown][] | null>;
}

interface Module {
  readonly Redis: new (options: object) => Redis;
}

const batchDocuments = 100;
const loadDocuments = 1_000;
const scanDocuments = "1000";

/** ioredis, if it is installed. */
export function redisClient(): Module | undefined {
  try {
    return createRequire(import.meta.url)("ioredis") as Module;
  } catch {
    return undefined;
  }
}

export function redis(socket: string): Contender {
  const module = redisClient();
  if (module === undefined) throw new Error("ioredis is not installed: npm ci --prefix bench");
  const options = { path: socket, enableAutoPipelining: true, maxRetriesPerRequest: null, retryStrategy: () => 5 };
  const connectTo = (db: number): Redis => {
    const client = new module.Redis({ ...options, db, enableReadyCheck: false });
    client.on("error", () => undefined);
    return client;
  };
  const documents = connectTo(0);
  // What a workload creates goes into a database of its own, which is emptied after it.
  const created = connectTo(1);
  let [newest, oldest] = [0, 0];
  return {
    async load(count, text) {
      for (let first = 1; first <= count; first += loadDocuments) {
        const pipeline = documents.pipeline();
        const end = Math.min(first + loadDocuments, count + 1);
        for (let id = first; id < end; id++) pipeline.set(`d:${id}`, text);
        checked(await pipeline.exec());
      }
    },
    async get(id) {
      if ((await documents.get(`d:${id}`)) === null) throw new Error(`document ${id} is missing`);
    },
    async create(text) {
      if ((await created.set(`d:${++newest}`, text, "NX")) !== "OK") throw new Error("not created");
    },
    async batch(text) {
      const pipeline = created.pipeline();
      for (let i = 0; i < batchDocuments; i++) pipeline.set(`d:${++newest}`, text, "NX");
      checked(await pipeline.exec());
    },
    async update(id, text) {
      if ((await documents.set(`d:${id}`, text, "XX")) !== "OK") throw new Error("not updated");
    },
    async deleteOldest() {
      if (oldest < newest) await created.del(`d:${++oldest}`);
    },
    async scan() {
      let count = 0;
      let cursor = "0";
      do {
        const [following, keys] = await documents.scan(cursor, "COUNT", scanDocuments);
        if (keys.length > 0) count += (await documents.mget(keys)).length;
        cursor = following;
      } while (cursor !== "0");
      return count;
    },
    async clear() {
      [newest, oldest] = [0, 0];
      await created.flushdb();
    },
    close: () => {
      documents.disconnect();
      created.disconnect();
      return Promise.resolve();
    },
  };
}

function checked(results: [Error | null, unknown][] | null): void {
  for (const [error] of results ?? []) if (error !== null) throw error;
}
