// Whatever is asked of the engine, no turn of the event loop is our own for over 10 ms. On a real disk; the log gives
// the longest turn of each kind of work. DOCDB_TURN_OPERATIONS=65535 makes batches as large as they may be, and
// DOCDB_TURN_BYTES their documents larger.

import test from "ava";
import { limits } from "../../src/base/limits.ts";
import type { Command, CommandName, Patch, Result, WriteOperation } from "../../src/engine/commands.ts";
import { Engine } from "../../src/engine/engine.ts";
import { realPlatform } from "../../src/platform/real/real-platform.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { described, type TurnReport, watchTurns } from "./turn-watch.ts";

const database = "d";
const collection = "";
const documentBytes = Number(process.env["DOCDB_TURN_BYTES"] ?? 16);
const many = Number(process.env["DOCDB_TURN_OPERATIONS"] ?? 12_000);

type Run = <K extends CommandName>(command: Command<K>) => Promise<Result<K>>;

const text = (seed: number): Buffer => Buffer.from(`"${String(seed).padEnd(documentBytes - 2, "x")}"`);

function creations(from: number, where = collection): WriteOperation[] {
  return Array.from({ length: many }, (_, i) => {
    return { kind: "create", collection: where, id: BigInt(from + i), json: text(i) } as const;
  });
}

function updates(from: number): WriteOperation[] {
  return Array.from({ length: many }, (_, i) => {
    return { kind: "update", collection, id: BigInt(from + i), json: text(i), allowMissing: true } as const;
  });
}

/** An array of objects, with as many bytes as a document may have. */
function largestDocument(): Buffer {
  const item = '{"name":"a name","tags":["one","two\\n"],"count":1234.5e-1,"more":{"yes":true,"no":null}},';
  const count = Math.floor((limits.documentBytes - 100) / item.length);
  return Buffer.from(`[${item.repeat(count)}{"last":1}]`);
}

interface Kind {
  readonly name: string;
  readonly work: (run: Run) => Promise<unknown>;
}

/** An object of members that are as short as they can be: of all documents the one that takes longest to patch. */
function shortMembers(bytes: number): Buffer {
  const members: string[] = [];
  for (let length = 2; length < bytes; length += (members.at(-1) as string).length + 1) {
    members.push(`"${members.length.toString(36)}":1`);
  }
  return Buffer.from(`{${members.join()}}`);
}

/** A patch of the largest document. */
function smallPatch(count: number): WriteOperation {
  const operations = [{ op: "set", path: "/5/count", json: Buffer.from(String(count)) }] as const;
  return { kind: "patch", collection, id: 1_000_000n, patch: { form: "operations", operations } };
}

/** What may take long. They run in this order, on one database. */
const kinds: readonly Kind[] = [
  {
    name: "an atomic batch of creations",
    work: (run) => run({ op: "batchWrite", database, operations: creations(1), atomic: true }),
  },
  {
    name: "an atomic batch of updates with a request id",
    work: (run) => run({ op: "batchWrite", database, operations: updates(1), atomic: true, requestId: "once" }),
  },
  {
    name: "a batch of updates, each alone",
    work: (run) => run({ op: "batchWrite", database, operations: updates(1), atomic: false }),
  },
  {
    name: "the first list of a collection",
    work: (run) => run({ op: "listDocuments", database, collection, after: 0n, pageSize: limits.pageDocuments }),
  },
  {
    name: "an atomic batch of updates under a snapshot, in order of ids",
    work: async (run) => {
      const { snapshot } = await run({ op: "openSnapshot", database });
      await run({ op: "batchWrite", database, operations: updates(Math.floor(many / 2)), atomic: true });
      await run({ op: "closeSnapshot", database, snapshot });
    },
  },
  {
    name: "reading as many ids as a batch may have",
    work: (run) => {
      const ids = Array.from({ length: many }, (_, i) => BigInt(i + 1));
      return run({ op: "batchGetDocuments", database, collection, ids });
    },
  },
  {
    name: "a transaction with as many writes as it may have, lists in it, and its commit",
    work: async (run) => {
      const { transaction } = await run({ op: "beginTransaction", database, isolation: "serializable" });
      await run({ op: "batchWrite", database, operations: updates(many), atomic: true, transaction });
      for (const after of [0n, BigInt(many)]) {
        await run({ op: "listDocuments", database, collection, after, pageSize: 1_000, transaction });
      }
      await run({ op: "commitTransaction", database, transaction, requestId: "commit" });
    },
  },
  {
    name: "the largest document, written",
    work: (run) => {
      const operation = { kind: "create", collection, id: 1_000_000n, json: largestDocument() } as const;
      return run({ op: "writeDocument", database, operation });
    },
  },
  {
    name: "the largest document that is one string, written",
    work: (run) => {
      const json = Buffer.from(`"${"x".repeat(limits.documentBytes - 2)}"`);
      return run({ op: "writeDocument", database, operation: { kind: "create", collection, id: 1_000_001n, json } });
    },
  },
  {
    name: "the largest document, patched",
    work: (run) => run({ op: "writeDocument", database, operation: smallPatch(1) }),
  },
  {
    name: "the largest document, patched several times in an atomic batch",
    work: (run) => {
      const operations = [smallPatch(2), smallPatch(3), smallPatch(4)];
      return run({ op: "batchWrite", database, operations, atomic: true });
    },
  },
  {
    name: "the largest document, patched in a transaction",
    work: async (run) => {
      const { transaction } = await run({ op: "beginTransaction", database, isolation: "serializable" });
      await run({ op: "writeDocument", database, operation: smallPatch(5), transaction });
      await run({ op: "commitTransaction", database, transaction, requestId: "" });
    },
  },
  {
    name: "the largest documents of short members that are patched in a turn",
    work: async (run) => {
      const [id, json] = [3n, shortMembers(250_000)];
      await run({
        op: "writeDocument",
        database,
        operation: { kind: "update", collection, id, json, allowMissing: true },
      });
      const patches: readonly Patch[] = [
        { form: "operations", operations: [{ op: "set", path: "/5", json: Buffer.from("2") }] },
        { form: "mergePatch", text: Buffer.from('{"5":3}') },
      ];
      for (const patch of patches) {
        await run({ op: "writeDocument", database, operation: { kind: "patch", collection, id, patch } });
      }
      const patch = { form: "mergePatch", text: shortMembers(30_000) } as const;
      await run({ op: "writeDocument", database, operation: { kind: "patch", collection, id: 2n, patch } });
    },
  },
  {
    name: "the largest merge patch",
    work: (run) => {
      const merge = Buffer.from(`{"items":${largestDocument().toString()}}`);
      const patch = { form: "mergePatch", text: merge } as const;
      return run({ op: "writeDocument", database, operation: { kind: "patch", collection, id: 1n, patch } });
    },
  },
  {
    name: "the largest document, written with a request id",
    work: (run) => {
      const operation = { kind: "update", collection, id: 2n, json: largestDocument(), allowMissing: true } as const;
      return run({ op: "writeDocument", database, operation, requestId: "large" });
    },
  },
  {
    name: "the largest document, read",
    work: (run) => run({ op: "getDocument", database, collection, id: 1_000_000n }),
  },
  {
    name: "a checkpoint",
    work: (run) => run({ op: "checkpointDatabase", database }),
  },
  {
    name: "a compaction",
    work: (run) => run({ op: "compactDatabase", database }),
  },
  {
    name: "a collection with many documents, dropped",
    work: async (run) => {
      await run({ op: "createCollection", database, collection: "c" });
      await run({ op: "batchWrite", database, operations: creations(1, "c"), atomic: true });
      await run({ op: "deleteCollection", database, collection: "c", force: true });
    },
  },
  {
    name: "closing and opening",
    work: async (run) => {
      await run({ op: "closeDatabase", database });
      await run({ op: "openDatabase", database, createIfMissing: false });
    },
  },
  {
    name: "deleting the database",
    work: (run) => run({ op: "deleteDatabase", database }),
  },
];

/** The reports of all kinds of work, in a fresh engine. */
async function reports(directory: string): Promise<TurnReport[]> {
  const platform = realPlatform();
  const engine = await Engine.open({ directory, platform, observer: silentObserver, fsyncMode: "group" });
  const run: Run = (command) => engine.execute(command);
  await run({ op: "createDatabase", database });
  const found: TurnReport[] = [];
  for (const { work } of kinds) {
    const ofKind: TurnReport[] = [];
    await work(async (command) => {
      // What the test made isn't the engine's work.
      await new Promise((resolve) => setImmediate(resolve));
      const watched = watchTurns();
      const result = await run(command);
      ofKind.push(await watched());
      return result;
    });
    found.push(ofKind.reduce((worst, report) => (report.longestMs > worst.longestMs ? report : worst)));
  }
  await engine.close();
  return found;
}

function isShort({ longestMs }: TurnReport): boolean {
  return longestMs <= 10;
}

test.serial("no turn of the event loop is our own for over 10 ms, whatever is asked", async (t) => {
  const best: TurnReport[] = [];
  // A busy machine lengthens turns now and then, but not the same one each time: the least that a kind of work took is
  // what it takes.
  for (let round = 0; round < 8; round++) {
    for (const [i, report] of (await reports(await temporaryDirectory(t))).entries()) {
      const before = best[i];
      if (before === undefined || report.longestMs < before.longestMs) best[i] = report;
    }
    if (best.every(isShort)) break;
  }
  for (const [i, report] of best.entries()) t.log(`${kinds[i]?.name}: ${described(report)}`);
  for (const [i, report] of best.entries()) t.true(isShort(report), `${kinds[i]?.name}: ${described(report)}`);
});
