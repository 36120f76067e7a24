// A call to a quiet database beside a flood of another one, on a server whose commands only note when they begin. All
// clients send in the same turn of the event loop, the quiet one last, so the server finds everything at once.

import test, { type ExecutionContext } from "ava";
import { DocumentServiceService, GetDocumentRequest, PipelineRequest } from "../../gen/docdb/v1/document.ts";
import { DocDBError } from "../../src/base/errors.ts";
import { fakeServer } from "../rpc/fake-server.ts";
import { framed, rawSession, rawStream } from "../rpc/raw-client.ts";

/** Clients of the flood; so many calls come before the quiet one where nothing holds them back. */
const clients = 60;
/** What a database may bring in a turn. */
const callsATurn = 16;

type Ask = (database: string) => void;

/** A client that makes each call a stream. */
async function unaryClient(t: ExecutionContext, socket: string): Promise<Ask> {
  const session = await rawSession(socket);
  t.teardown(() => session.destroy());
  return (database) => {
    const request = GetDocumentRequest.encode(GetDocumentRequest.create({ database, id: 1n })).finish();
    rawStream(session, DocumentServiceService.getDocument.path).end(framed(request));
  };
}

/** A client that makes all calls on one stream. */
async function pipelineClient(t: ExecutionContext, socket: string): Promise<Ask> {
  const session = await rawSession(socket);
  t.teardown(() => session.destroy());
  const stream = rawStream(session, DocumentServiceService.pipeline.path);
  let callId = 0n;
  return (database) => {
    const value = GetDocumentRequest.create({ database, id: 1n });
    const request = { $case: "getDocument", value } as const;
    const calls = [{ callId: ++callId, timeoutMs: 0, traceparent: "", request }];
    stream.write(framed(PipelineRequest.encode({ calls }).finish()));
  };
}

for (const [name, clientOf] of Object.entries({ "unary calls": unaryClient, pipelines: pipelineClient })) {
  test(`${name}: a quiet database's comes before most of a flood, and none is forgotten`, async (t) => {
    const begun: string[] = [];
    let wake = (): void => undefined;
    const { socket } = await fakeServer(t, async (command) => {
      begun.push("database" in command ? command.database : "");
      wake();
      throw new DocDBError("DOCUMENT_NOT_FOUND", "There is none.");
    });
    const untilBegun = async (count: number): Promise<void> => {
      while (begun.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    const flood = await Promise.all(Array.from({ length: clients }, () => clientOf(t, socket)));
    const quiet = await unaryClient(t, socket);
    // The server learns who asks which database.
    for (const ask of flood) ask("flooded");
    quiet("quiet");
    await untilBegun(clients + 1);

    for (let round = 0; round < 10; round++) {
      begun.length = 0;
      for (const ask of flood) ask("flooded");
      quiet("quiet");
      await untilBegun(clients + 1);
      const before = begun.indexOf("quiet");
      t.true(before >= 0 && before <= callsATurn, `${before} of ${begun.length} came before it`);
    }
  });
}
