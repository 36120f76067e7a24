// `docdb checkpoint`, `docdb compact`, `docdb db open` and `docdb db close`, against a real server.

import test from "ava";
import { connect } from "../../src/client/index.ts";
import { realServer } from "../client/real-server.ts";
import { runDocdb } from "./run-docdb.ts";

test("a compaction gives back what updates left, and a checkpoint says how far it reaches", async (t) => {
  const socket = await realServer(t);
  const db = await connect({ socket, database: "app", createIfMissing: true });
  t.teardown(() => db.close());
  const { id } = await db.collection().create({ text: "x".repeat(1_000) });
  for (let i = 0; i < 50; i++) await db.collection().update(id, { text: `${i}`.repeat(500) });

  const checkpoint = await runDocdb(["checkpoint", "app", "--json"], "", socket);
  t.is(checkpoint.code, 0);
  t.is((JSON.parse(checkpoint.stdout) as { version: string }).version, "51");

  const compact = await runDocdb(["compact", "app", "--json"], "", socket);
  t.is(compact.code, 0);
  const last = JSON.parse(compact.stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
  t.like(last, { recordsCopied: 1, done: true });
  t.true((last["bytesReclaimed"] as number) > 25_000);
  t.is((await runDocdb(["compact", "app"], "", socket)).stderr, "Compacted app: 0 bytes given back.\n");
  t.is((await db.collection().getOrThrow(id)).json, JSON.stringify({ text: "49".repeat(500) }));
});

test("a database is closed and opened on demand, and is what it was", async (t) => {
  const socket = await realServer(t);
  const db = await connect({ socket, database: "app", createIfMissing: true });
  t.teardown(() => db.close());
  await db.collection().create({ a: 1 }, { id: 7n });
  t.is((await runDocdb(["db", "close", "app"], "", socket)).stderr, "Database app is closed.\n");
  t.like(JSON.parse((await runDocdb(["db", "open", "app", "--json"], "", socket)).stdout), { state: "open" });
  t.is((await db.collection().getOrThrow(7n)).json, '{"a":1}');
});
