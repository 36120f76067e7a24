// db.transaction: what it does in the end, and what it repeats.

import test from "ava";
import { DocDBError, type Transaction } from "../../src/client/index.ts";
import { realDatabase } from "./real-server.ts";

interface Account {
  balance: number;
}

test("what is done in a transaction is applied at once, and its result is what the work returned", async (t) => {
  const db = await realDatabase(t);
  const accounts = db.collection<Account>();
  for (const id of [1, 2]) await accounts.create({ balance: 100 }, { id });
  const moved = await db.transaction(async (tx) => {
    const inside = tx.collection<Account>();
    const [from, to] = await inside.getMany([1, 2]);
    await inside.update(1, { balance: (from?.value.balance ?? 0) - 30 });
    await inside.update(2, { balance: (to?.value.balance ?? 0) + 30 });
    t.is((await accounts.getOrThrow(1)).value.balance, 100);
    return 30;
  });
  t.is(moved, 30);
  const [first, second] = await accounts.getMany([1, 2]);
  t.deepEqual([first?.value.balance, second?.value.balance], [70, 130]);
  t.is(first?.version, second?.version);
});

test("concurrent transactions that conflict are repeated until all are through", async (t) => {
  const db = await realDatabase(t);
  const counters = db.collection<{ n: number }>();
  await counters.create({ n: 0 }, { id: 1 });
  let attempts = 0;
  const increment = (): Promise<void> =>
    db.transaction(
      async (tx) => {
        attempts++;
        const own = tx.collection<{ n: number }>();
        const { value } = await own.getOrThrow(1);
        await own.update(1, { n: value.n + 1 });
      },
      { maxAttempts: 100 },
    );
  await Promise.all(Array.from({ length: 20 }, increment));
  t.is((await counters.getOrThrow(1)).value.n, 20);
  t.true(attempts > 20);
});

test("after maxAttempts the conflict is given back; under last_commit_wins there is none", async (t) => {
  const db = await realDatabase(t);
  const documents = db.collection<number>();
  await documents.create(0, { id: 1 });
  let attempts = 0;
  const work = async (tx: Transaction): Promise<void> => {
    attempts++;
    const { value } = await tx.collection<number>().getOrThrow(1);
    await documents.update(1, value + 10);
    await tx.collection<number>().update(1, value + 1);
  };
  const error = await t.throwsAsync(db.transaction(work, { maxAttempts: 3 }), { instanceOf: DocDBError });
  t.is(error.code, "TRANSACTION_CONFLICT");
  t.is(attempts, 3);
  await db.transaction(work, { isolation: "last_commit_wins" });
  t.is((await documents.getOrThrow(1)).value, 31);
});

test("work that rejects is rolled back and not repeated", async (t) => {
  const db = await realDatabase(t);
  let attempts = 0;
  const failing = db.transaction(async (tx) => {
    attempts++;
    await tx.collection().create({}, { id: 1 });
    throw new TypeError("no");
  });
  await t.throwsAsync(failing, { instanceOf: TypeError });
  t.is(attempts, 1);
  t.is(await db.collection().get(1), undefined);
});

test("batches and lists work in a transaction, and delete tells whether there was something", async (t) => {
  const db = await realDatabase(t);
  await db.transaction(async (tx) => {
    const own = tx.collection<number>();
    const stamps = await tx
      .batch()
      .create(own, 1, { id: 1 })
      .create(own, 2)
      .delete(own, 9, { allowMissing: true })
      .commit();
    t.deepEqual(
      stamps.map((stamp) => stamp?.id),
      [1n, 2n, undefined],
    );
    t.is((await own.delete(1))?.version, 0n);
    t.is(await own.delete(1, { allowMissing: true }), undefined);
    const found = [];
    for await (const { value } of own.list()) found.push(value);
    t.deepEqual(found, [2]);
  });
  t.is((await db.collection<number>().getOrThrow(2)).value, 2);
});

test("a signal and a deadline end a transaction, and nothing of it is applied", async (t) => {
  const db = await realDatabase(t);
  const abort = new AbortController();
  const cancelled = db.transaction(
    async (tx) => {
      await tx.collection().create({}, { id: 1 });
      abort.abort();
      await tx.collection().create({}, { id: 2 });
    },
    { signal: abort.signal },
  );
  t.is((await t.throwsAsync(cancelled, { instanceOf: DocDBError })).code, "CANCELLED");
  const late = db.transaction(
    async (tx) => {
      await tx.collection().create({}, { id: 1 });
      await new Promise((resolve) => setTimeout(resolve, 150));
      await tx.collection().create({}, { id: 2 });
    },
    { deadlineMs: 100 },
  );
  t.is((await t.throwsAsync(late, { instanceOf: DocDBError })).code, "DEADLINE_EXCEEDED");
  t.deepEqual(await db.collection().getMany([1, 2]), [undefined, undefined]);
});
