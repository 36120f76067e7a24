// Clients of a real server in this process, on a socket in a temporary directory.

import type { ExecutionContext } from "ava";
import { type Client, connect, type ConnectedDatabase } from "../../src/client/index.ts";
import { serverIn, temporaryDirectory } from "../server/temporary-server.ts";

/** Starts a server that ends with the test; returns the path of its socket. */
export async function realServer(t: ExecutionContext): Promise<string> {
  const { socket } = await serverIn(t, await temporaryDirectory(t));
  return socket;
}

/** A client of a server of its own. */
export async function realClient(t: ExecutionContext): Promise<Client> {
  const client = await connect({ socket: await realServer(t) });
  t.teardown(() => client.close());
  return client;
}

/** An empty database of a server of its own. */
export async function realDatabase(t: ExecutionContext): Promise<ConnectedDatabase> {
  const db = await connect({ socket: await realServer(t), database: "app", createIfMissing: true });
  t.teardown(() => db.close());
  return db;
}
