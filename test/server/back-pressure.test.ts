// What a flood of unary calls meets: connections that bring more than their database's queue can take aren't read,
// others are. Over a server whose commands end when the test says so.

import test, { type ExecutionContext } from "ava";
import { DocumentServiceService, GetDocumentRequest } from "../../gen/docdb/v1/document.ts";
import { DocDBError } from "../../src/base/errors.ts";
import type { Command } from "../../src/engine/commands.ts";
import { fakeServer } from "../rpc/fake-server.ts";
import { answerOf, framed, rawSession, rawStream } from "../rpc/raw-client.ts";

const get = DocumentServiceService.getDocument.path;

/** Queues that are as long as the test says, and commands that wait until it ends them. */
async function flooded(t: ExecutionContext) {
  const room: Record<string, number> = { flooded: 1, quiet: 1 };
  const begun: string[] = [];
  let [goOn, wake]: [() => void, () => void] = [() => undefined, () => undefined];
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const execute = async (command: Command): Promise<never> => {
    const { database } = command as unknown as { database: string };
    begun.push(database);
    wake();
    if (database === "flooded") await held;
    throw new DocDBError("DOCUMENT_NOT_FOUND", "There is none.");
  };
  const queues = { roomFor: (database: string) => room[database] ?? 1, flooded: () => undefined };
  const { socket, gate, listener } = await fakeServer(t, execute, queues);
  const [heavy, light] = [await rawSession(socket), await rawSession(socket)];
  t.teardown(() => [heavy, light].forEach((session) => session.destroy()));
  const ask = async (session: typeof heavy, database: string) => {
    const stream = rawStream(session, get);
    const answer = answerOf(stream);
    stream.end(framed(GetDocumentRequest.encode(GetDocumentRequest.create({ database, id: 1n })).finish()));
    return await answer;
  };
  const countOf = (database: string): number => begun.filter((each) => each === database).length;
  const untilBegun = async (database: string, count: number): Promise<void> => {
    while (countOf(database) < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { room, heavy, light, ask, countOf, untilBegun, goOn: () => goOn(), gate, listener };
}

test("who floods a database isn't read while its queue is long; others are, and all are answered", async (t) => {
  const { room, heavy, light, ask, countOf, untilBegun, goOn, listener } = await flooded(t);
  room["flooded"] = 0;
  const first = Array.from({ length: 3 }, () => ask(heavy, "flooded"));
  await untilBegun("flooded", 3);
  const later = Array.from({ length: 5 }, () => ask(heavy, "flooded"));
  for (let i = 0; i < 20; i++) t.is((await ask(light, "quiet")).reason, "DOCUMENT_NOT_FOUND");
  const lightOnFlooded = ask(light, "flooded");
  await untilBegun("flooded", 4);
  t.is(countOf("flooded"), 4);
  t.is(listener.heldBack, 1);
  room["flooded"] = 100;
  goOn();
  const answers = await Promise.all([...first, ...later, lightOnFlooded]);
  t.true(answers.every(({ reason }) => reason === "DOCUMENT_NOT_FOUND"));
  t.is(countOf("flooded"), 9);
  t.is(listener.heldBack, 0);
});

test("a server that stops reads everybody again, and refuses what it finds as not begun", async (t) => {
  const { room, heavy, ask, countOf, untilBegun, goOn, gate, listener } = await flooded(t);
  room["flooded"] = 0;
  const first = Array.from({ length: 3 }, () => ask(heavy, "flooded"));
  await untilBegun("flooded", 3);
  const later = Array.from({ length: 5 }, () => ask(heavy, "flooded"));
  const drained = gate.drain();
  listener.readAll();
  t.deepEqual(new Set((await Promise.all(later)).map(({ reason }) => reason)), new Set(["SHUTTING_DOWN"]));
  t.is(countOf("flooded"), 3);
  goOn();
  await drained;
  t.true((await Promise.all(first)).every(({ reason }) => reason === "DOCUMENT_NOT_FOUND"));
});
