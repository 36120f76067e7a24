// A history of the real server, over gRPC, with the server killed twice meanwhile if asked for: what the torture and
// `npm test` run by number.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Connection } from "../../src/client/connection.ts";
import { connect } from "../../src/client/index.ts";
import type { Isolation } from "../../src/engine/commands.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { defaultOptions } from "../../src/server/options.ts";
import { startServer } from "../../src/server/server.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { startServerChild } from "../e2e/server-child.ts";
import { problemsOf } from "./judge.ts";
import { Recorder, shared, single } from "./recorder.ts";
import { database, serverTarget } from "./target.ts";

const clients = 6;
const thingsEach = 8;
const kills = 2;

/** What a history holds. */
export type Counts = Record<"transactions" | "kills", number>;

/** A server to record on, and how to end it. */
interface Running {
  readonly end: (signal: "SIGKILL" | "SIGTERM") => Promise<void>;
}

/**
 * Records history number n and judges it; throws when a promise was broken. Its number says which isolation it is of,
 * and every tenth is killed. Returns what it did.
 */
export async function runHistory(number: number): Promise<Counts> {
  const directory = await mkdtemp(join(tmpdir(), "docdb-"));
  try {
    return await recordIn(directory, number);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Three of five are SERIALIZABLE. */
function isolationOf(number: number): Isolation {
  return (["serializable", "snapshot", "serializable", "last_commit_wins", "serializable"] as const)[
    number % 5
  ] as Isolation;
}

async function recordIn(directory: string, number: number): Promise<Counts> {
  const isolation = isolationOf(number);
  const random = new Prng(number, 300);
  const recorder = new Recorder(isolation, random);
  const [data, socket] = [join(directory, "data"), join(directory, "s.sock")];
  const rounds = number % 10 === 0 ? kills : 0;
  const start = async (): Promise<Running> => {
    if (rounds > 0) return startServerChild(data, socket);
    const server = await startServer({ ...defaultOptions, dataDirectory: data, socket }, silentObserver);
    return { end: () => server.close() };
  };
  for (let round = 0; ; round++) {
    const server = await start();
    const client = await connect({ socket, waitForServerMs: 20_000 });
    const connection = new Connection(socket, { deadlineMs: 30_000, pipeline: true, requestIds: false });
    const target = serverTarget(connection);
    try {
      if (round === 0) {
        await client.databases.create(database);
        for (const name of [...shared, single]) await client.database(database).collections.create(name);
      }
      const things = rounds > 0 ? Number.POSITIVE_INFINITY : thingsEach;
      if (round < rounds || rounds === 0) {
        const working = Promise.all(Array.from({ length: clients }, () => recorder.client(target, things)));
        working.catch(() => undefined);
        if (rounds > 0) {
          await sleep(20 + random.below(100));
          await server.end("SIGKILL");
        }
        await working;
      }
      if (round < rounds) continue;
      const history = await recorder.history(target);
      const problems = problemsOf(history, recorder.operations, isolation);
      if (problems.length > 0) throw new Error(`history ${number} (${isolation}):\n${problems.join("\n")}`);
      return { transactions: history.transactions.length, kills: rounds };
    } finally {
      await client.close();
      await connection.close();
      await server.end("SIGKILL");
    }
  }
}
