// `docdb verify` and `docdb check`: the same damage, told by a server that goes on and of files that nobody has open.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { defaultOptions } from "../../src/server/options.ts";
import { connect } from "../../src/client/index.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { runDocdb } from "./run-docdb.ts";

test("damage is told with file, offset and document, and ends with a code of its own", async (t) => {
  const directory = await temporaryDirectory(t);
  const [dataDirectory, socket] = [join(directory, "data"), join(directory, "s")];
  const server: RunningServer = await startServer(
    { ...defaultOptions, dataDirectory, socket, scrubIntervalMs: 0 },
    silentObserver,
  );
  t.teardown(() => server.close());
  const db = await connect({ socket, database: "app", createIfMissing: true });
  t.teardown(() => db.close());
  await db.collections.create("users");
  const users = db.collection("users");
  for (let id = 1; id <= 20; id++) await users.create({ name: `user ${id}` }, { id });
  await db.checkpoint();
  const verify = (...args: string[]) => runDocdb(["verify", "app", ...args], "", socket);
  t.like(await verify(), { code: 0, stdout: "", stderr: "Database app is sound.\n" });

  const path = join(dataDirectory, "data", "app.data");
  const bytes = await readFile(path);
  const offset = bytes.indexOf("user 7");
  bytes[offset] = 0;
  await writeFile(path, bytes);
  const online = await verify();
  t.is(online.code, 11);
  t.regex(online.stdout, /^warning data\/app\.data, offset \d+: Version \d+, the newest, of document 7 is damaged\./);
  const json = JSON.parse((await verify("--json")).stdout) as Record<string, unknown>;
  t.like(json, { severity: "warning", reason: "DOCUMENT_CORRUPT", collection: "users", id: "7" });
  const refused = await runDocdb(["check", dataDirectory]);
  t.is(refused.code, 6);
  t.regex(refused.stderr, /A server uses .* or use docdb verify/);

  await db.close();
  await server.close();
  const offline = await runDocdb(["check", dataDirectory, "--json"]);
  t.is(offline.code, 11);
  t.like(JSON.parse(offline.stdout.split("\n")[0] ?? ""), {
    file: "data/app.data",
    reason: "DOCUMENT_CORRUPT",
    id: "7",
  });
  t.is((await runDocdb(["check", join(dataDirectory, "data")])).code, 7);
});
