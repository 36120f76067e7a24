// The socket and what speaks on it: connections are accepted by a net.Server of our own, which can have the mode and
// the limits that we want, and are handed to grpc-js.

import { once } from "node:events";
import { createServer, type Server as NetServer } from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { DocDBError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { MemoryAccount } from "../base/memory-account.ts";
import { streamingPaths } from "../rpc/services.ts";
import type { Observer } from "../telemetry/observer.ts";
import { type ConnectionLimits, Connections, type Queues } from "./connections.ts";
import { listenOnSocketFile, type SocketFile } from "./socket-file.ts";

export interface ListenerOptions extends ConnectionLimits {
  readonly socket: string;
  /** Descriptor of a socket that somebody bound for us; `socket` then only says where it is. */
  readonly inherited?: number | undefined;
  /** Calls in flight on one connection; more wait at the client. */
  readonly maxConcurrentStreams: number;
}

/** A connection without traffic is asked for a sign of life after this long, */
const keepaliveMs = 60_000;
/** and closed when none came within this time: its client is stopped or gone. */
const keepaliveTimeoutMs = 20_000;

/** Connections over the limit that are told so; the kernel closes more than these. */
const refusedAtOnce = 100;

export class Listener {
  /** Services are added to it before `listen`. */
  readonly grpc: Server;
  readonly #options: ListenerOptions;
  readonly #net: NetServer;
  readonly #connections: Connections;
  #socketFile: SocketFile | undefined;

  /** `memory` is that of all calls, `queues` where they wait. */
  constructor(options: ListenerOptions, observer: Observer, memory: MemoryAccount, queues: Queues) {
    this.#options = options;
    this.grpc = new Server({
      "grpc.max_receive_message_length": limits.messageBytes,
      "grpc.max_send_message_length": limits.messageBytes,
      "grpc.max_concurrent_streams": options.maxConcurrentStreams,
      "grpc.keepalive_time_ms": keepaliveMs,
      "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
      "grpc.enable_channelz": 0,
    });
    const injector = this.grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#connections = new Connections(options, streamingPaths, observer, memory, queues);
    this.#net = createServer((connection) => {
      if (this.#connections.accept(connection)) injector.injectConnection(connection);
    });
    this.#net.maxConnections = options.maxConnections + refusedAtOnce;
    this.#net.on("error", (error) => observer.event("error", "accepting connections failed", { error: error.message }));
  }

  /** Starts to accept connections. ALREADY_RUNNING, INVALID_SETTING. */
  async listen(): Promise<void> {
    const { inherited } = this.#options;
    if (inherited !== undefined) await listenOnDescriptor(this.#net, inherited);
    else this.#socketFile = await listenOnSocketFile(this.#net, this.#options.socket);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Of those, connections that aren't read for now. */
  get heldBack(): number {
    return this.#connections.heldBack;
  }

  /** A call on the connection that gRPC calls by this name asks this database, whose queue is long if `crowded`. */
  asked(peer: string, database: string, crowded: boolean): void {
    this.#connections.asked(peer, database, crowded);
  }

  /** Reads on from every connection: the server takes no more calls, and its clients are to be told. */
  readAll(): void {
    this.#connections.readAll();
  }

  /** Accepts no more connections and removes the socket file. Open connections go on. */
  async stopAccepting(): Promise<void> {
    this.#net.close();
    await this.#socketFile?.remove();
  }

  /** Closes the connections: idle ones at once, the others when their calls have ended, or after `graceMs`. */
  async closeConnections(graceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    const idle = new Promise<void>((resolve) => {
      this.grpc.tryShutdown(() => resolve());
    });
    await Promise.race([idle, late]);
    clearTimeout(timer);
    this.grpc.forceShutdown();
    this.#connections.close();
  }
}

async function listenOnDescriptor(server: NetServer, descriptor: number): Promise<void> {
  try {
    server.listen({ fd: descriptor });
    await once(server, "listening");
  } catch (error) {
    const message = `The socket that this process was given (descriptor ${descriptor}) can't be listened on.`;
    throw new DocDBError("INVALID_SETTING", message, { cause: error });
  }
}
