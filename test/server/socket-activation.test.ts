// A server that is given its socket, as systemd gives it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { link } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import test from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { DocDBError } from "../../src/base/errors.ts";
import { inheritedSocket } from "../../src/server/socket-activation.ts";
import { call } from "../rpc/calls.ts";
import { clientOf, temporaryDirectory } from "./temporary-server.ts";

const program = new URL("../../bin/docdb.js", import.meta.url).pathname;

test("only a socket that is meant for this process is taken, and only one", (t) => {
  t.is(inheritedSocket({ LISTEN_PID: "7", LISTEN_FDS: "1" }, 7), 3);
  t.is(inheritedSocket({ LISTEN_PID: "8", LISTEN_FDS: "1" }, 7), undefined);
  t.is(inheritedSocket({ LISTEN_PID: "7", LISTEN_FDS: "0" }, 7), undefined);
  t.is(inheritedSocket({}, 7), undefined);
  const error = t.throws(() => inheritedSocket({ LISTEN_PID: "7", LISTEN_FDS: "2" }, 7), { instanceOf: DocDBError });
  t.is(error?.code, "INVALID_SETTING");
});

test("a call that was made before the server started is answered by it, and the socket file stays", async (t) => {
  const directory = await temporaryDirectory(t);
  const [temporary, socket] = [join(directory, "t"), join(directory, "s")];
  const bound = createServer().listen(temporary);
  await once(bound, "listening");
  await link(temporary, socket);
  // The shell stands for systemd: it knows its process id, which the server takes over.
  const command = `"${process.execPath}" "${program}" serve --data-dir "${directory}/data"`;
  const script = `LISTEN_PID=$$ LISTEN_FDS=1 exec ${command}`;
  const server = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit", descriptorOf(bound)] });
  t.teardown(() => server.kill("SIGKILL"));
  // From here on only the server can accept. Closing removes the temporary name.
  bound.close();
  const early = call(clientOf(t, socket), DatabaseServiceService.createDatabase, { database: "d" });
  await once(server.stdout ?? server, "data");
  t.is((await early).database?.name, "d");
  server.kill("SIGTERM");
  t.deepEqual(await once(server, "exit"), [0, null]);
  t.true(existsSync(socket));
});

/** The descriptor behind a listening server, for which Node has no name. */
function descriptorOf(server: Server): number {
  return (server as unknown as Record<string, { readonly fd: number }>)["_handle"]?.fd ?? -1;
}
