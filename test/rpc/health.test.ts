// The health service: the server, its services, and each database under `docdb.v1/<name>`.

import { type Client, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthService,
} from "../../gen/health/v1/health.ts";
import { HealthBoard } from "../../src/rpc/health-board.ts";
import { docdbServices } from "../../src/rpc/services.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call, failureOf } from "./calls.ts";

async function check(client: Client, service: string): Promise<ServingStatus> {
  return (await call(client, HealthService.check, { service })).status;
}

/** Watches a service until the test ends; `next` waits for the next status. */
function watch(t: ExecutionContext, client: Client, service: string): { next(): Promise<ServingStatus> } {
  const { path, requestSerialize, responseDeserialize } = HealthService.watch;
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service });
  // It ends with CANCELLED after the test, and with the connection at the latest.
  stream.on("error", () => undefined);
  t.teardown(() => stream.cancel());
  return {
    next: () => new Promise((resolve) => stream.once("data", ({ status: now }: HealthCheckResponse) => resolve(now))),
  };
}

test("a server that runs serves, and so do all its services", async (t) => {
  const client = await temporaryServer(t);
  for (const service of ["", ...docdbServices]) t.is(await check(client, service), ServingStatus.SERVING, service);
});

test("a service that nobody knows is NOT_FOUND", async (t) => {
  const client = await temporaryServer(t);
  for (const service of ["docdb.v1.Nothing", "docdb.v1/none", "docdb.v1/", "__proto__"]) {
    const failure = await failureOf(check(client, service));
    t.like(failure, { status: status.NOT_FOUND, reason: "SERVICE_UNKNOWN" }, service);
  }
});

test("a database serves while it is open or closed, and is unknown when it is gone", async (t) => {
  const client = await temporaryServer(t);
  const database = "Shop";
  const watching = watch(t, client, `docdb.v1/${database}`);
  t.is(await watching.next(), ServingStatus.SERVICE_UNKNOWN);
  const created = watching.next();
  await call(client, DatabaseServiceService.createDatabase, { database });
  t.is(await created, ServingStatus.SERVING);
  await call(client, DatabaseServiceService.openDatabase, { database, createIfMissing: false });
  t.is(await check(client, "docdb.v1/shop"), ServingStatus.SERVING);
  await call(client, DatabaseServiceService.closeDatabase, { database });
  t.is(await check(client, `docdb.v1/${database}`), ServingStatus.SERVING);
  const { statuses } = await call(client, HealthService.list, {});
  t.is(statuses["docdb.v1/Shop"]?.status, ServingStatus.SERVING);
  t.is(Object.keys(statuses).length, docdbServices.length + 2);
  const removed = watching.next();
  await call(client, DatabaseServiceService.deleteDatabase, { database });
  t.is(await removed, ServingStatus.SERVICE_UNKNOWN);
  t.is((await failureOf(check(client, `docdb.v1/${database}`))).reason, "SERVICE_UNKNOWN");
});

test("a database that is read-only or failed doesn't serve, and others do", (t) => {
  const board = new HealthBoard([]);
  board.setServing(true);
  board.setDatabase("well", "open");
  for (const state of ["read_only", "failed"] as const) {
    board.setDatabase("ill", state);
    t.is(board.statusOf("docdb.v1/ill"), ServingStatus.NOT_SERVING);
    t.is(board.statusOf("docdb.v1/well"), ServingStatus.SERVING);
    t.is(board.statusOf(""), ServingStatus.SERVING);
  }
});

test("while the server starts or stops nothing serves", (t) => {
  const board = new HealthBoard(["docdb.v1.DocumentService"]);
  board.setDatabase("shop", "open");
  const names = ["", "docdb.v1.DocumentService", "docdb.v1/shop"];
  for (const name of names) t.is(board.statusOf(name), ServingStatus.NOT_SERVING);
  board.setServing(true);
  for (const name of names) t.is(board.statusOf(name), ServingStatus.SERVING);
  board.setServing(false);
  for (const name of names) t.is(board.statusOf(name), ServingStatus.NOT_SERVING);
});
