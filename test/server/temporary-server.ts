// A real server on a temporary directory, in the process of the test, and clients that speak to it as a stranger's
// would.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChannelOptions, Client, credentials } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { defaultOptions, type ServerOptions } from "../../src/server/options.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";

/** A directory that goes away with the test. Short, because a socket's path must be. */
export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "docdb-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts a server in `directory` that ends with the test. */
export async function serverIn(
  t: ExecutionContext,
  directory: string,
  options: Partial<ServerOptions> = {},
): Promise<RunningServer> {
  const [dataDirectory, socket] = [join(directory, "data"), join(directory, "docdb.sock")];
  const server = await startServer({ ...defaultOptions, dataDirectory, socket, ...options }, silentObserver);
  t.teardown(() => server.close());
  return server;
}

/** A client of a new server. */
export async function temporaryServer(t: ExecutionContext): Promise<Client> {
  const server = await serverIn(t, await temporaryDirectory(t));
  return clientOf(t, server.socket);
}

const channelOptions: ChannelOptions = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc.enable_retries": 0,
  "grpc.use_local_subchannel_pool": 1,
};

/** A client of any service on a socket, closed with the test. */
export function clientOf(t: ExecutionContext, socket: string): Client {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), channelOptions);
  t.teardown(() => client.close());
  return client;
}
