import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { DocDBError, mayHaveBeenApplied } from "../../src/client/index.ts";
import { pauseMs } from "../../src/client/retry-policy.ts";
import { bareStatus, bothWays, failWith, hangUp, refuse, silence, type Step } from "./scripted-server.ts";

/** A test for calls in a pipeline and for unary ones. */
const everyWay = bothWays(test);

const unavailable = 14;
const internal = 13;
const starting = failWith(new DocDBError("SERVER_STARTING", "The server is starting."));
const queueFull = failWith(new DocDBError("QUEUE_FULL", "Too much waits.", { retryAfterMs: 30 }));

function times(count: number, step: Step): Step[] {
  return Array.from({ length: count }, () => step);
}

everyWay("a read is repeated until it succeeds, five tries in all", async (t, start) => {
  const { server, db } = await start();
  server.script(...times(4, starting));
  t.is((await db.collection().getOrThrow(7)).json, "1");
  t.is(server.received.length, 5);
  server.script(...times(5, starting));
  const error = await t.throwsAsync(db.collection().get(7), { instanceOf: DocDBError });
  t.is(error.code, "SERVER_STARTING");
  t.is(server.received.length, 10);
});

everyWay(
  "a read is repeated after a broken connection, a refused stream and an unexplained UNAVAILABLE",
  async (t, start) => {
    const { server, db } = await start();
    server.script(hangUp, refuse, bareStatus(unavailable, "proxy has no upstream"));
    t.is((await db.collection().getOrThrow(7)).json, "1");
    t.deepEqual(
      server.received,
      times(4, silence).map(() => "GetDocument"),
    );
  },
);

everyWay("a read waits as long as the server asks for", async (t, start) => {
  const { server, db } = await start();
  server.script(failWith(new DocDBError("QUEUE_FULL", "Too much waits.", { retryAfterMs: 200 })));
  const startMs = performance.now();
  await db.collection().getOrThrow(7);
  t.true(performance.now() - startMs >= 199);
});

everyWay("a read that can't succeed is not repeated", async (t, start) => {
  const { server, db } = await start();
  const errors = ["COLLECTION_NOT_FOUND", "DOCUMENT_CORRUPT", "DOCUMENT_TOO_LARGE", "INTERNAL", "INVALID_ID"] as const;
  for (const code of errors) {
    server.script(failWith(new DocDBError(code, "No.")));
    t.is((await t.throwsAsync(db.collection().get(7), { instanceOf: DocDBError })).code, code);
  }
  t.is(server.received.length, errors.length);
});

everyWay("a read that would wait past its deadline ends with what is known", async (t, start) => {
  const { server, db } = await start();
  server.script(failWith(new DocDBError("QUEUE_FULL", "Too much waits.", { retryAfterMs: 60_000 })));
  const error = await t.throwsAsync(db.collection().get(7, { deadlineMs: 1_000 }), { instanceOf: DocDBError });
  t.is(error.code, "QUEUE_FULL");
  t.is(error.retryAfterMs, 60_000);
});

everyWay(
  "a mutation that a stopping server refused is repeated, and reaches the one that follows",
  async (t, start) => {
    const { server, db } = await start();
    server.script(failWith(new DocDBError("SHUTTING_DOWN", "The server is shutting down: nothing happened.")));
    t.is((await db.collection().create(1)).id, 7n);
    t.is(server.received.length, 2);
  },
);

everyWay("a mutation that a full queue refused is repeated, because nothing was applied", async (t, start) => {
  const { server, db } = await start();
  server.script(queueFull, queueFull);
  t.is((await db.collection().create(1)).id, 7n);
  t.is(server.received.length, 3);
  server.script(...times(5, queueFull));
  const error = await t.throwsAsync(db.collection().create(1), { instanceOf: DocDBError });
  t.is(error.code, "QUEUE_FULL");
  t.false(mayHaveBeenApplied(error));
  t.is(server.received.length, 8);
});

everyWay("a mutation whose stream was refused is repeated: it can't have been processed", async (t, start) => {
  const { server, db } = await start();
  server.script(refuse, refuse);
  t.is((await db.collection().create(1)).id, 7n);
  t.is(server.received.length, 3);
});

everyWay(
  "no mutation is sent twice when the connection breaks after it was received: OUTCOME_UNKNOWN",
  async (t, start) => {
    const { server, db } = await start();
    const users = db.collection<number>();
    const mutations = {
      CreateDocument: () => users.create(1),
      UpdateDocument: () => users.update(7, 1),
      DeleteDocument: () => users.delete(7),
      BatchWrite: () => db.batch().create(users, 1).commit(),
      CreateCollection: () => db.collections.create("users"),
      DeleteCollection: () => db.collections.drop("users"),
      CreateDatabase: () => db.client.databases.create("other"),
      DeleteDatabase: () => db.client.databases.drop("other"),
    };
    for (const mutate of Object.values(mutations)) {
      server.script(hangUp);
      const error = await t.throwsAsync(mutate(), { instanceOf: DocDBError });
      t.is(error.code, "OUTCOME_UNKNOWN");
      t.is(error.status, "UNAVAILABLE");
      t.is(error.category, "network");
      t.true(mayHaveBeenApplied(error));
      // Whatever would be sent again would have been by now.
      await sleep(50);
    }
    t.deepEqual(server.received, Object.keys(mutations));
  },
);

everyWay("a mutation is not repeated after a status that proves nothing", async (t, start) => {
  const { server, db } = await start();
  const unclear = [
    bareStatus(unavailable, "proxy lost its upstream"),
    bareStatus(internal, "something broke"),
    bareStatus(8, "Bandwidth exhausted or memory limit exceeded"),
  ];
  for (const step of unclear) {
    server.script(step);
    const error = await t.throwsAsync(db.collection().create(1), { instanceOf: DocDBError });
    t.is(error.code, "OUTCOME_UNKNOWN");
  }
  const stopped = { metadata: { outcome: "unknown" } };
  server.script(failWith(new DocDBError("CANCELLED", "The server stopped before the work had ended.", stopped)));
  const error = await t.throwsAsync(db.collection().create(1), { instanceOf: DocDBError });
  t.is(error.code, "CANCELLED");
  t.true(mayHaveBeenApplied(error));
  t.is(server.received.length, unclear.length + 1);
});

everyWay("with `requestIds` a mutation is sent again when its answer was lost, under the same id", async (t, start) => {
  const { server, db } = await start({ requestIds: true });
  const users = db.collection<number>();
  for (const mutate of [
    () => users.create(1),
    () => users.update(7, 1),
    () => users.delete(7, { allowMissing: true }),
    () => users.patch(7, { merge: {} }),
  ]) {
    server.script(hangUp, hangUp, bareStatus(unavailable, "proxy lost its upstream"));
    await mutate();
    t.is(new Set(server.requestIds.splice(0)).size, 1);
  }
  t.is(server.received.length, 16);
  await users.create(1);
  await users.create(1);
  t.is(new Set(server.requestIds.splice(0)).size, 2);
  await users.create(1, { requestId: "mine" });
  await users.get(7);
  t.deepEqual(server.requestIds, ["mine", ""]);
});

everyWay("without them, one that was called with an id is", async (t, start) => {
  const { server, db } = await start();
  server.script(hangUp, hangUp);
  t.is((await db.collection().create(1, { requestId: "mine" })).id, 7n);
  t.deepEqual(server.requestIds, ["mine", "mine", "mine"]);
});

everyWay("an outcome stays unknown until a repetition tells it", async (t, start) => {
  const { server, db } = await start({ requestIds: true });
  const lost = async (deadlineMs: number, ...rest: Step[]): Promise<DocDBError> => {
    server.script(hangUp, ...rest);
    const creating = db.collection().create(1, { deadlineMs });
    return await t.throwsAsync(creating, { instanceOf: DocDBError });
  };
  // Refusals that prove nothing of the first try.
  t.is(
    (await lost(30_000, failWith(new DocDBError("DATABASE_READ_ONLY", "The disk failed.")))).code,
    "OUTCOME_UNKNOWN",
  );
  t.true(mayHaveBeenApplied(await lost(300, ...times(19, queueFull))));
  t.true(mayHaveBeenApplied(await lost(300, ...times(19, hangUp))));
  // An answer: had the first try been applied, it would be on record.
  const exists = await lost(30_000, failWith(new DocDBError("DOCUMENT_EXISTS", "There is one.")));
  t.is(exists.code, "DOCUMENT_EXISTS");
  t.false(mayHaveBeenApplied(exists));
});

everyWay("what only databases and collections take has no ids, and is not sent again", async (t, start) => {
  const { server, db } = await start({ requestIds: true });
  server.script(hangUp);
  const error = await t.throwsAsync(db.collections.create("users"), { instanceOf: DocDBError });
  t.is(error.code, "OUTCOME_UNKNOWN");
  t.is(server.received.length, 1);
});

everyWay("a mutation is repeated while there is no connection to send it on", async (t, start) => {
  const { server, db } = await start();
  await server.stop();
  const creating = db.collection().create(1);
  await server.start();
  t.is((await creating).id, 7n);
  t.is(server.received.length, 1);
  await server.stop();
  const error = await t.throwsAsync(db.collection().create(1), { instanceOf: DocDBError });
  t.is(error.code, "UNREACHABLE");
  t.false(mayHaveBeenApplied(error));
  t.is(server.received.length, 1);
});

test("pauses double from 10 ms to 1 s, vary by a quarter, and are as long as the server asks", (t) => {
  t.deepEqual(
    [1, 2, 3, 4, 7, 8, 20].map((failures) => pauseMs(failures, undefined, 0.5)),
    [10, 20, 40, 80, 640, 1_000, 1_000],
  );
  t.is(pauseMs(1, undefined, 0), 7.5);
  t.true(pauseMs(1, undefined, 0.999_999) > 12.49);
  t.is(pauseMs(1, 500, 0.5), 500);
  t.is(pauseMs(8, 5, 0.5), 1_000);
});
