// The services over an executor that a test controls, for what a healthy engine never does: hang, fail in unforeseen
// ways.

import { join } from "node:path";
import type { Client } from "@grpc/grpc-js";
import type { ExecutionContext as TestContext } from "ava";
import { MemoryAccount } from "../../src/base/memory-account.ts";
import type { Command, CommandName, ExecutionContext, Executor, Result } from "../../src/engine/commands.ts";
import { asCommand } from "../../src/engine/commands.ts";
import { realPlatform } from "../../src/platform/real/real-platform.ts";
import type { CallEnvironment } from "../../src/rpc/call-context.ts";
import { Log } from "../../src/observability/log.ts";
import { CallMemory } from "../../src/rpc/call-memory.ts";
import { CallGate } from "../../src/rpc/call-gate.ts";
import { Asking, type OnAsked } from "../../src/rpc/asking.ts";
import { HealthBoard } from "../../src/rpc/health-board.ts";
import { ReplyRooms } from "../../src/rpc/reply-room.ts";
import { addServices, docdbServices } from "../../src/rpc/services.ts";
import type { Queues } from "../../src/server/connections.ts";
import { Listener } from "../../src/server/listener.ts";
import { unwatched } from "../../src/telemetry/call-watch.ts";
import { type Observer, silentObserver } from "../../src/telemetry/observer.ts";
import { clientOf, temporaryDirectory } from "../server/temporary-server.ts";

/** What the fake executor does with a command. */
export type Answer = (command: Command, context: ExecutionContext) => Promise<unknown>;

export interface FakeServer {
  readonly socket: string;
  readonly listener: Listener;
  readonly client: Client;
  readonly gate: CallGate;
  readonly health: HealthBoard;
  /** What the server has logged. */
  readonly logged: string[];
}

/** Queues that are never long. */
const roomy: Queues = { roomFor: () => 1, flooded: () => undefined };

/** A server whose commands are answered by `answer`. */
export async function fakeServer(t: TestContext, answer: Answer, queues: Queues = roomy): Promise<FakeServer> {
  const execute = <K extends CommandName>(command: Command<K>, context: ExecutionContext = {}) =>
    answer(asCommand(command), context) as Promise<Result<K>>;
  return await serverOver(t, { execute }, queues);
}

/** What calls need, over any executor and on the real machine. There is nothing else of a server. */
export function environmentOf(
  executor: Executor,
  observer: Observer = silentObserver,
  queues: Queues = roomy,
  onAsked: OnAsked = () => undefined,
): CallEnvironment {
  const { clock, random } = realPlatform();
  const nothing = (): never => {
    throw new Error("there are no figures here");
  };
  const gate = new CallGate();
  return {
    executor,
    observer,
    clock,
    random,
    gate,
    asking: new Asking(queues, onAsked),
    replyRooms: new ReplyRooms(),
    memory: new CallMemory(new MemoryAccount()),
    statistics: nothing,
    watch: unwatched,
    metrics: nothing,
  };
}

/** A server over any executor. */
export async function serverOver(t: TestContext, executor: Executor, queues: Queues = roomy): Promise<FakeServer> {
  const socket = join(await temporaryDirectory(t), "s");
  const [health, logged] = [new HealthBoard(docdbServices), new Array<string>()];
  const observer = new Log("debug", { write: (line) => void logged.push(line) });
  const environment = environmentOf(executor, observer, queues, (...asked) => listener.asked(...asked));
  const listener: Listener = new Listener(
    { socket, maxConnections: 100, maxConcurrentStreams: 100, greetingMs: 10_000, slowClientMs: 60_000 },
    observer,
    environment.memory.account,
    queues,
  );
  const { gate } = environment;
  addServices(listener.grpc, environment, health, () => Promise.reject(new Error("no descriptors here")));
  await listener.listen();
  t.teardown(async () => {
    await listener.stopAccepting();
    await listener.closeConnections(0);
  });
  gate.open();
  health.setServing(true);
  return { socket, listener, client: clientOf(t, socket), gate, health, logged };
}
