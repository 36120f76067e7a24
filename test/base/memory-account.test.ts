import test from "ava";
import * as fc from "fast-check";
import { DocDBError } from "../../src/base/errors.ts";
import { MemoryAccount } from "../../src/base/memory-account.ts";

function refusalOf(work: () => void): DocDBError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof DocDBError) return error;
    throw error;
  }
}

test("what a leaf holds counts in every account above it", (t) => {
  const server = new MemoryAccount();
  const database = server.child();
  const index = database.child({ kind: "index" });
  const table = index.child();
  table.charge(100);
  index.charge(20);
  database.child({ kind: "pendingWrites" }).resize(7);
  t.deepEqual([table.bytes, index.bytes, database.bytes, server.bytes], [100, 120, 127, 127]);
  t.like(server.byKind(), { index: 120, pendingWrites: 7, cache: 0 });
  table.resize(30);
  t.is(server.bytes, 57);
});

test("a closed account has given everything back, and what it is charged later counts nowhere", (t) => {
  const server = new MemoryAccount();
  const database = server.child();
  const transaction = database.child({ kind: "transactions" }).child();
  transaction.charge(50);
  database.close();
  t.is(server.bytes, 0);
  transaction.charge(10);
  database.close();
  t.deepEqual([server.bytes, database.bytes], [0, 60]);
});

test("an account that another takes over takes its bytes along; the one before has no more say", (t) => {
  const server = new MemoryAccount();
  const [index, snapshots] = [server.child({ kind: "index" }), server.child({ kind: "snapshots" })];
  const collection = index.child();
  collection.charge(9);
  snapshots.adopt(collection);
  index.release(collection);
  t.like(server.byKind(), { index: 0, snapshots: 9 });
  snapshots.release(collection);
  t.is(server.bytes, 0);
});

test("past a limit of any account above nothing is admitted, and the refusal says whether waiting helps", (t) => {
  const server = new MemoryAccount({ name: "the server", limitBytes: 100 });
  const database = server.child({ name: "database d", limitBytes: 60 });
  const index = database.child({ kind: "index" });
  index.charge(50);
  index.admit(10);
  t.is(refusalOf(() => index.admit(11))?.code, "MEMORY_LIMIT");
  t.is(refusalOf(() => index.admit(11))?.retryAfterMs, undefined, "an index doesn't shrink by itself");
  t.regex(refusalOf(() => index.admit(11))?.message ?? "", /database d/);
  server.child({ kind: "pendingWrites" }).charge(45);
  const refusal = refusalOf(() => index.admit(10));
  t.regex(refusal?.message ?? "", /the server/);
  t.is(refusal?.retryAfterMs, 100);
  t.deepEqual([server.refusals, database.refusals], [4, 3]);
});

test("what must be held is held past a limit too; then even nothing more is admitted", (t) => {
  const server = new MemoryAccount({ limitBytes: 100 });
  server.charge(130);
  t.is(server.bytes, 130);
  t.is(refusalOf(() => server.admit(0))?.code, "MEMORY_LIMIT");
  server.charge(-30);
  t.is(
    refusalOf(() => server.admit(0)),
    undefined,
  );
});

test("what can be done without gives way before anything is refused, and at once when something must be held", (t) => {
  const server = new MemoryAccount({ limitBytes: 100 });
  const cache = server.child({ kind: "cache" });
  cache.charge(80);
  server.giveWay = (bytes) => cache.resize(Math.max(0, cache.bytes - bytes));
  const index = server.child({ kind: "index" });
  index.admit(50);
  t.is(cache.bytes, 50);
  index.charge(90);
  t.deepEqual([cache.bytes, server.bytes], [10, 100]);
  t.is(refusalOf(() => index.admit(11))?.code, "MEMORY_LIMIT");
});

test("whatever is charged, taken over and closed, each account holds the sum of what is below it", (t) => {
  const step = fc.record({ from: fc.nat(9), to: fc.nat(9), bytes: fc.nat(1_000), what: fc.nat(3) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const root = new MemoryAccount();
      const databases = Array.from({ length: 3 }, () => root.child());
      const own = new Map<MemoryAccount, number>();
      const parents = new Map<MemoryAccount, MemoryAccount | undefined>();
      const leaves = Array.from({ length: 10 }, (_, i) => (databases[i % 3] as MemoryAccount).child({ kind: "index" }));
      for (const [i, leaf] of leaves.entries()) parents.set(leaf, databases[i % 3]);
      for (const { from, to, bytes, what } of steps) {
        const [leaf, database] = [leaves[from] as MemoryAccount, databases[to % 3] as MemoryAccount];
        if (what === 0) leaf.charge(bytes);
        if (what === 1) leaf.resize(bytes);
        if (what === 2) database.adopt(leaf);
        if (what === 3) leaf.close();
        own.set(leaf, leaf.bytes);
        if (what >= 2) parents.set(leaf, what === 2 ? database : undefined);
      }
      const held = (database: MemoryAccount): number =>
        leaves.reduce((sum, leaf) => sum + (parents.get(leaf) === database ? (own.get(leaf) ?? 0) : 0), 0);
      t.deepEqual(
        databases.map(held),
        databases.map(({ bytes }) => bytes),
      );
      t.is(root.byKind().index, root.bytes);
      t.is(
        root.bytes,
        databases.reduce((sum, { bytes }) => sum + bytes, 0),
      );
    }),
  );
});
