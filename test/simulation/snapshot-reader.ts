// A reader of snapshots among the simulated clients: it scans again and again as of one version, while it and others
// write, compact and open and close snapshots of their own. Every scan must give the same, and what the model says of
// that version.

import { DocDBError } from "../../src/base/errors.ts";
import { maxDocumentId } from "../../src/base/limits.ts";
import type { ScanPage, SnapshotHandle } from "../../src/engine/commands.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Prng } from "../../src/platform/sim/prng.ts";
import { type CommitModel, type Seen, Violation } from "./commit-model.ts";

export interface SnapshotReaderOptions {
  readonly database: string;
  readonly model: CommitModel;
  readonly random: Prng;
}

type Scan = Map<string, Seen>;

/** Opens a snapshot and reads it between other work; `write` makes some change. */
export async function readSnapshot(
  engine: Engine,
  collections: readonly [string, ...string[]],
  options: SnapshotReaderOptions,
  write: () => Promise<unknown>,
): Promise<void> {
  const { database, random } = options;
  const outer = await engine.execute({ op: "openSnapshot", database });
  const first = new Map<string, Scan>();
  try {
    for (let round = 2 + random.below(3); round > 0; round--) {
      await write();
      const inner = await engine.execute({ op: "openSnapshot", database });
      await write();
      if (random.below(4) === 0) await scan(engine, random.pick(collections), inner, options);
      await engine.execute({ op: "closeSnapshot", database, snapshot: inner.snapshot });
      const collection = random.pick(collections);
      const seen = await scan(engine, collection, outer, options);
      sameAs(first.get(collection) ?? seen, seen);
      first.set(collection, seen);
    }
  } catch (error) {
    // The clock ends snapshots, and disks are slow here.
    if (!(error instanceof DocDBError && error.code === "SNAPSHOT_TOO_OLD")) throw error;
  } finally {
    // One that is forgotten ends all the same.
    const { snapshot } = outer;
    if (random.below(8) > 0) await engine.execute({ op: "closeSnapshot", database, snapshot });
  }
}

/** Scans a collection as of a snapshot, page by page, and tells the model of every document that it has. */
async function scan(
  engine: Engine,
  collection: string,
  { snapshot, version }: SnapshotHandle,
  { database, model, random }: SnapshotReaderOptions,
): Promise<Scan> {
  const reverse = random.below(2) === 0;
  const bounds = { reverse, pageSize: 1 + random.below(6), pageBytes: 1_000 };
  const found: Scan = new Map();
  let last: bigint | undefined;
  let from: bigint | undefined = reverse ? maxDocumentId : 1n;
  while (from !== undefined) {
    const page: ScanPage = await engine.execute({
      op: "scanDocuments",
      database,
      collection,
      snapshot,
      from,
      ...bounds,
    });
    for (const { id, json, version: its } of page.items) {
      if (last !== undefined && id < last !== reverse) throw new Violation(`a scan gave id ${id} after ${last}`);
      last = id;
      found.set(`${collection}/${id}`, { content: Buffer.from(json).toString(), version: its });
    }
    if (page.failure !== undefined) throw page.failure.error;
    from = page.next;
  }
  for (const key of model.keys) {
    if (!key.startsWith(`${collection}/`)) continue;
    model.observedAt(key, found.get(key) ?? { content: null, version: undefined }, version);
  }
  return found;
}

function sameAs(once: Scan, again: Scan): void {
  const inOrder = (found: Scan): [string, Seen][] => [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  const [before, after] = [once, again].map((found) => JSON.stringify(inOrder(found)));
  if (before !== after) throw new Violation(`a snapshot changed: it gave ${before}, and then ${after}`);
}
