// The promise, on the real server: it is killed again and again under clients that write. See kill-run.ts.

import test from "ava";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { runKills } from "./kill-run.ts";

/** How many kills; the torture does 5,000, under all settings. */
const kills = 25;
const writersPerDatabase = 8;

test(`${kills} kills under 16 concurrent writers lose no acknowledged write and show no half of another`, async (t) => {
  t.timeout(180_000);
  const directory = await temporaryDirectory(t);
  const calls = await runKills({ directory, kills, writersPerDatabase, writingMs: [30, 400], flags: [] });
  t.log(`${calls} calls were acknowledged`);
  t.true(calls > 0);
});
