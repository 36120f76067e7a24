// The classical anomalies, step by step over gRPC: which level prevents which, as docs/transactions.md has it.

import test, { type ExecutionContext } from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { Connection } from "../../src/client/connection.ts";
import type { Isolation } from "../../src/engine/commands.ts";
import { realServer } from "../client/real-server.ts";
import { connect } from "../../src/client/index.ts";
import { database, serverTarget, type Target, type TargetTransaction } from "./target.ts";

const levels = ["serializable", "snapshot", "last_commit_wins"] as const;

/** Plays an anomaly; tells whether it came about. */
type Scenario = (one: TargetTransaction, two: TargetTransaction, target: Target) => Promise<boolean>;

/** Whether a commit went through; false: it was a conflict. */
async function commits(tx: TargetTransaction): Promise<boolean> {
  try {
    await tx.commit();
    return true;
  } catch (error) {
    if (error instanceof DocDBError && error.code === "TRANSACTION_CONFLICT") return false;
    throw error;
  }
}

async function bothCommit(one: TargetTransaction, two: TargetTransaction): Promise<boolean> {
  const first = await commits(one);
  return (await commits(two)) && first;
}

const [x, y] = ["", ""].map((collection, i) => [collection, BigInt(i + 1)] as const) as [
  readonly [string, bigint],
  readonly [string, bigint],
];

/** What happens, and at which levels it may. */
const scenarios: Readonly<Record<string, readonly [readonly Isolation[], Scenario]>> = {
  "a dirty read": [
    [],
    async (one, two) => {
      await one.put(...x, "dirty");
      return (await two.get(...x))?.mark === "dirty";
    },
  ],
  "an unrepeatable read": [
    [],
    async (one, two) => {
      await one.get(...x);
      await two.put(...x, "two");
      await two.commit();
      return (await one.get(...x))?.mark !== "first";
    },
  ],
  "a read skew": [
    [],
    async (one, two) => {
      await one.get(...x);
      for (const at of [x, y]) await two.put(...at, "two");
      await two.commit();
      return (await one.get(...y))?.mark === "two";
    },
  ],
  "a phantom between two lists": [
    [],
    async (one, two) => {
      const before = await one.list("");
      await two.put("", 9n, "new");
      await two.delete(...y);
      await two.commit();
      return (await one.list("")).length !== before.length;
    },
  ],
  "a lost update": [
    ["last_commit_wins"],
    async (one, two) => {
      for (const tx of [one, two]) await tx.get(...x);
      await one.put(...x, "one");
      await two.put(...x, "two");
      return await bothCommit(one, two);
    },
  ],
  "a write skew": [
    ["snapshot", "last_commit_wins"],
    async (one, two) => {
      for (const tx of [one, two]) for (const at of [x, y]) await tx.get(...at);
      await one.put(...x, "one");
      await two.put(...y, "two");
      return await bothCommit(one, two);
    },
  ],
  "a write skew by phantoms": [
    ["snapshot", "last_commit_wins"],
    async (one, two) => {
      for (const tx of [one, two]) await tx.list("");
      await one.put("", 11n, "one");
      await two.put("", 12n, "two");
      return await bothCommit(one, two);
    },
  ],
  "a write that rests on a document that others created meanwhile": [
    ["snapshot", "last_commit_wins"],
    async (one, _two, target) => {
      await one.get("", 20n);
      await target.put("", 20n, "other");
      await one.put("", 21n, "because there is no 20");
      return await commits(one);
    },
  ],
};

async function freshTarget(t: ExecutionContext): Promise<Target> {
  const socket = await realServer(t);
  const db = await connect({ socket, database, createIfMissing: true });
  const connection = new Connection(socket, { deadlineMs: 30_000, pipeline: true, requestIds: false });
  t.teardown(async () => {
    await connection.close();
    await db.close();
  });
  const target = serverTarget(connection);
  for (const at of [x, y]) await target.put(...at, "first");
  return target;
}

for (const [what, [possible, play]] of Object.entries(scenarios)) {
  test(`${what} is possible under ${possible.join(" and ") || "no level"}`, async (t) => {
    for (const level of levels) {
      const target = await freshTarget(t);
      const [one, two] = [await target.begin(level), await target.begin(level)];
      t.is(await play(one, two, target), possible.includes(level), level);
    }
  });
}
