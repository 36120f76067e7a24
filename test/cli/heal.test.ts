// docdb heal and docdb healing-stats, on a real server whose files are damaged under it.

import test from "ava";
import { damagedServer, withoutOldWal } from "../server/damaged-server.ts";
import { runDocdb } from "./run-docdb.ts";

test("docdb heal checks one document or all of a database, and says what it found", async (t) => {
  const { socket, damage } = await damagedServer(t);
  const run = async (...args: string[]) => await runDocdb(args, "", socket);
  t.like(await run("heal", "app", "2"), { code: 0, stdout: "", stderr: "Document 2 of app is intact.\n" });
  await damage(2);
  const healed = await run("heal", "app/_default", "2", "--json");
  t.is(healed.code, 0);
  t.deepEqual(JSON.parse(healed.stdout), { outcome: "healed", version: "2", source: "wal" });
  await damage(3);
  t.is((await run("heal", "app")).stderr, "Of 5 documents of app 1 were damaged: 1 healed, 0 quarantined.\n");
  t.is((await run("heal", "app")).stderr, "All 5 documents of app are intact.\n");
  t.is((await run("heal", "app", "9")).code, 5);
  t.is((await run("heal", "none")).code, 5);
  t.is((await run("heal", "app", "zero")).code, 7);
});

test("docdb heal ends with exit code 1 when a document is lost, and healing-stats counts it", async (t) => {
  const { socket, db, damage } = await damagedServer(t, { ...withoutOldWal, scrubIntervalMs: 0 });
  await db.checkpoint();
  await damage(4);
  const run = async (...args: string[]) => await runDocdb(args, "", socket);
  const all = await run("heal", "app", "--json");
  t.is(all.code, 1);
  t.deepEqual(JSON.parse(all.stdout), { checked: "5", corrupt: "1", healed: "0", quarantined: "1" });
  const one = await run("heal", "app", "4");
  t.is(one.code, 1);
  t.regex(one.stderr, /Document 4 of app is damaged, and no intact copy was found/);
  t.is((await run("get", "app", "4")).code, 1);
  t.regex((await run("healing-stats")).stdout, /^app {2}6 checked {2}1 damaged {2}0 healed {2}1 quarantined {2}not/);
  t.like(JSON.parse((await run("healing-stats", "app", "--json")).stdout), { database: "app", quarantined: "1" });
  t.is((await run("healing-stats", "none")).code, 5);
});
