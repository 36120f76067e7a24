// The operations service end to end.

import { Metadata } from "@grpc/grpc-js";
import test from "ava";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import {
  BatchWriteRequest,
  DocumentServiceService as Documents,
  GetDocumentRequest,
  WriteOperation,
} from "../../gen/docdb/v1/document.ts";
import {
  CompactDatabaseRequest,
  CompactDatabaseResponse,
  CompactionPhase,
  OperationsServiceService as Operations,
} from "../../gen/docdb/v1/operations.ts";
import { temporaryServer } from "../server/temporary-server.ts";
import { call } from "./calls.ts";

test("CompactDatabase gives the space of replaced documents back and says how much", async (t) => {
  const client = await temporaryServer(t);
  await call(client, DatabaseServiceService.createDatabase, { database: "d" });
  const text = (round: number, id: number): string => JSON.stringify({ round, id, text: "x".repeat(1000) });
  for (let round = 0; round < 4; round++) {
    const operations = Array.from({ length: 100 }, (_, id) =>
      WriteOperation.fromPartial({
        operation: { $case: "update", value: { id: BigInt(id + 1), json: text(round, id), allowMissing: true } },
      }),
    );
    await call(client, Documents.batchWrite, BatchWriteRequest.create({ database: "d", operations, atomic: true }));
  }
  const { path } = Operations.compactDatabase;
  const stream = client.makeServerStreamRequest(
    path,
    (request: CompactDatabaseRequest) => Buffer.from(CompactDatabaseRequest.encode(request).finish()),
    (bytes) => CompactDatabaseResponse.decode(bytes),
    CompactDatabaseRequest.create({ database: "d" }),
    new Metadata(),
  );
  const progress: CompactDatabaseResponse[] = [];
  for await (const message of stream) progress.push(message as CompactDatabaseResponse);
  const last = progress.at(-1);
  t.is(last?.phase, CompactionPhase.DONE);
  t.is(last?.recordsCopied, 100n);
  t.true((last?.bytesReclaimed ?? 0n) > 300_000n);
  for (let id = 1; id <= 100; id++) {
    const request = GetDocumentRequest.create({ database: "d", id: BigInt(id) });
    const { document } = await call(client, Documents.getDocument, request);
    t.is(document?.json, text(3, id - 1));
  }
});
