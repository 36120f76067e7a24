// Far more at once than the queues hold, over a real server: each call is carried out once or refused as the contract
// says, however its connection was stopped and read again, and nothing is left behind.

import test from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { CreateDocumentRequest, DocumentServiceService } from "../../gen/docdb/v1/document.ts";
import { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import { call, failureOf } from "../rpc/calls.ts";
import { clientOf, serverIn, temporaryDirectory } from "./temporary-server.ts";

const [connections, callsOfEach] = [40, 50];

test("two thousand creations at once into a queue for eighty: each is done or told to come again", async (t) => {
  const { socket } = await serverIn(t, await temporaryDirectory(t), { queuePerDatabase: 80, slots: 1 });
  const admin = clientOf(t, socket);
  await call(admin, DatabaseServiceService.createDatabase, { database: "d" });
  const clients = Array.from({ length: connections }, () => clientOf(t, socket));
  const json = JSON.stringify("x".repeat(1_000));
  const create = async (client: typeof admin): Promise<"done" | "refused"> => {
    const creating = call(
      client,
      DocumentServiceService.createDocument,
      CreateDocumentRequest.create({ database: "d", json }),
    );
    if (
      await creating.then(
        () => true,
        () => false,
      )
    )
      return "done";
    const { status, reason, retryDelayMs } = await failureOf(creating);
    t.deepEqual({ status, reason }, { status: 8, reason: "QUEUE_FULL" });
    t.true(retryDelayMs !== undefined && retryDelayMs > 0);
    return "refused";
  };
  const outcomes = await Promise.all(
    clients.flatMap((client) => Array.from({ length: callsOfEach }, () => create(client))),
  );
  const done = outcomes.filter((outcome) => outcome === "done").length;
  t.true(done >= 80);
  const stats = await call(admin, OperationsServiceService.getStats, { database: "d" });
  t.is(stats.databases[0]?.documents, BigInt(done));
  t.is(stats.scheduler?.queued, 0);
  t.is(stats.scheduler?.rejected, BigInt(outcomes.length - done));
  // Whoever was stopped is read again.
  for (const client of clients) t.is(await create(client), "done");
});
