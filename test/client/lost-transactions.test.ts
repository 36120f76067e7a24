// db.transaction when the server is lost in the middle of it: at every call, and with every answer that a repeated
// commit may have.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { connect, DocDBError, mayHaveBeenApplied, type Transaction } from "../../src/client/index.ts";
import { type ServerChild, startServerChild } from "../e2e/server-child.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { failWith, hangUp, scripted, type Step, succeed } from "./scripted-server.ts";

const [begin, create, commit] = ["BeginTransaction", "CreateDocument", "CommitTransaction"];

async function createOne(tx: Transaction): Promise<void> {
  await tx.collection().create(1);
}

function notFound(metadata: Record<string, string>): Step {
  return failWith(new DocDBError("TRANSACTION_NOT_FOUND", "There is no open transaction.", { metadata }));
}

test("a transaction whose server is lost before the commit is repeated as a whole", async (t) => {
  const { server, db } = await scripted(t);
  server.script(succeed, hangUp);
  await db.transaction(createOne);
  const methods = () => server.received.filter((method) => method !== "RollbackTransaction");
  t.deepEqual(methods(), [begin, create, begin, create, commit]);
  // The one that follows doesn't know it.
  server.received.splice(0);
  server.script(succeed, notFound({}));
  await db.transaction(createOne);
  t.deepEqual(methods(), [begin, create, begin, create, commit]);
  t.is(server.requestIds.filter((id) => id !== "").length, 2, "writes in it have no ids: it is repeated, not they");
});

test("a lost answer to a commit is asked for under the same id, and is the outcome", async (t) => {
  const { server, db } = await scripted(t);
  server.script(succeed, succeed, hangUp, hangUp, succeed);
  await db.transaction(createOne);
  t.deepEqual(server.received, [begin, create, commit, commit, commit]);
  t.is(new Set(server.requestIds.slice(2)).size, 1);
  server.script(succeed, succeed, hangUp, failWith(new DocDBError("TRANSACTION_CONFLICT", "Another came first.")));
  let runs = 0;
  await db.transaction(async (tx) => {
    runs++;
    await createOne(tx);
  });
  t.is(runs, 2);
});

test("a commit that is proven to have left nothing is followed by another attempt", async (t) => {
  const { server, db } = await scripted(t);
  server.script(succeed, succeed, hangUp, notFound({ outcome: "nothing" }));
  await db.transaction(createOne);
  t.deepEqual(server.received, [begin, create, commit, commit, begin, create, commit]);
  t.not(server.requestIds[3], server.requestIds[6]);
});

test("a commit that nobody knows of any more is OUTCOME_UNKNOWN, and is not repeated", async (t) => {
  const { server, db } = await scripted(t);
  server.script(succeed, succeed, hangUp, notFound({ outcome: "unknown" }));
  const error = await t.throwsAsync(db.transaction(createOne), { instanceOf: DocDBError });
  t.is(error.code, "OUTCOME_UNKNOWN");
  t.true(mayHaveBeenApplied(error));
  t.deepEqual(server.received, [begin, create, commit, commit]);
});

test("one that was idle for too long isn't repeated: it would be again", async (t) => {
  const { server, db } = await scripted(t);
  const idle = { idle_timeout_ms: "100" };
  server.script(succeed, notFound(idle));
  const first = await t.throwsAsync(db.transaction(createOne), { instanceOf: DocDBError });
  server.script(succeed, succeed, notFound({ ...idle, outcome: "nothing" }));
  const second = await t.throwsAsync(db.transaction(createOne), { instanceOf: DocDBError });
  t.deepEqual([first.code, second.code], ["TRANSACTION_NOT_FOUND", "TRANSACTION_NOT_FOUND"]);
  t.is(server.received.filter((method) => method === begin).length, 2);
});

test("what fails in the work but isn't the transaction's is not repeated", async (t) => {
  const { server, db } = await scripted(t);
  server.script(succeed, hangUp);
  const outside = db.transaction(async () => void (await db.collection().create(1)));
  t.is((await t.throwsAsync(outside, { instanceOf: DocDBError })).code, "OUTCOME_UNKNOWN");
  t.is(server.received.filter((method) => method === begin).length, 1);
});

test("transactions under kills of the server: every one is applied once, and none is in doubt", async (t) => {
  t.timeout(120_000);
  const directory = await temporaryDirectory(t);
  const [data, socket] = [join(directory, "data"), join(directory, "s.sock")];
  let server: ServerChild = startServerChild(data, socket);
  t.teardown(() => server.end("SIGKILL"));
  const db = await connect({ socket, database: "app", createIfMissing: true, waitForServerMs: 20_000 });
  t.teardown(() => db.close());
  const workers = 8;
  for (let id = 1; id <= workers; id++) await db.collection<number>().create(0, { id });
  let [stopped, done, runs] = [false, 0, 0];
  const problems: unknown[] = [];
  const work = async (id: number): Promise<void> => {
    while (!stopped) {
      try {
        await db.transaction(
          async (tx) => {
            runs++;
            const { value } = await tx.collection<number>().getOrThrow(id);
            await tx.collection<number>().update(id, value + 1);
            await tx.collection().create({ by: id, step: value + 1 });
          },
          { maxAttempts: 50 },
        );
        done++;
      } catch (error) {
        // Begun while there was no server: nobody waits for one that may never have been there.
        const refused = error instanceof DocDBError && error.code === "UNREACHABLE" && !mayHaveBeenApplied(error);
        if (!refused) problems.push(error);
        await sleep(20);
      }
    }
  };
  const running = Array.from({ length: workers }, (_, i) => work(i + 1));
  for (let kill = 0; kill < 6 && problems.length === 0; kill++) {
    const before = done;
    await sleep(100 + Math.random() * 200);
    await server.end(kill === 2 ? "SIGTERM" : "SIGKILL");
    server = startServerChild(data, socket);
    while (done <= before + workers && problems.length === 0) await sleep(20);
  }
  stopped = true;
  await Promise.all(running);
  t.deepEqual(problems, []);
  const counters = await db.collection<number>().getMany(Array.from({ length: workers }, (_, i) => i + 1));
  t.is(
    counters.reduce((total, counter) => total + (counter?.value ?? 0), 0),
    done,
  );
  const steps = (await Array.fromAsync(db.collection().list({ pageSize: 1_000 }))).length - workers;
  t.is(steps, done);
  t.log(`${done} transactions in ${runs} runs`);
});
