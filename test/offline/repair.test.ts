// `docdb repair`: every kind of damage is mended so that the database opens for writing, with everything that is sound;
// what is lost is what it said; nothing that was replaced or deleted comes back; and a crash anywhere can be repaired.

import test, { type ExecutionContext } from "ava";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DocDBError } from "../../src/base/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { inspectFile } from "../../src/offline/inspect-file.ts";
import { type Proposal, repairDirectory, type RepairOutcome } from "../../src/offline/repair-directory.ts";
import { SimulatedCrash, type SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { runDocdb } from "../cli/run-docdb.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { directory, openEngine, sampleDirectory } from "./sample-directory.ts";

const data = "/db/data/one.data";
const index = "/db/data/one.index";
const active = "/db/wal/one.wal";

async function repair(machine: SimulatedMachine, answer = true): Promise<RepairOutcome> {
  const agrees = (): Promise<boolean> => Promise.resolve(answer);
  return await machine.run(repairDirectory(directory, undefined, agrees, machine.platform()));
}

/** Every document by `collection/id`: its version and content, or the code of why it can't be read. */
async function documents(machine: SimulatedMachine, databases = ["one", "two"]): Promise<Map<string, string>> {
  const engine = await machine.run(openEngine(machine.platform()));
  const found = new Map<string, string>();
  for (const database of databases) {
    for (const collection of ["", "users"]) {
      for (let id = 1n; id <= 25n; id++) {
        found.set(`${database}/${collection}/${id}`, await machine.run(read(engine, database, collection, id)));
      }
    }
    // It takes writes, at a version that was never given out.
    const json = Buffer.from("{}");
    const operation = { kind: "update", collection: "", id: 99n, json, allowMissing: true } as const;
    await machine.run(engine.execute({ op: "writeDocument", database, operation }));
  }
  await machine.run(engine.close());
  machine.crash("power", "drop");
  return found;
}

async function read(engine: Engine, database: string, collection: string, id: bigint): Promise<string> {
  try {
    const document = await engine.execute({ op: "getDocument", database, collection, id });
    return `${document.version} ${Buffer.from(document.json).toString()}`;
  } catch (error) {
    if (error instanceof DocDBError) return error.code;
    throw error;
  }
}

/** Offset of the first or the newest record of a document in the data file. */
async function recordOf(
  machine: SimulatedMachine,
  collection: number,
  id: string,
  which: "first" | "newest" = "newest",
): Promise<number> {
  const find = async (): Promise<number> => {
    const offsets: number[] = [];
    for await (const { facts, offset } of inspectFile("data", data, platform)) {
      if (facts["collection"] === collection && facts["id"] === id) offsets.push(offset ?? 0);
    }
    return offsets.at(which === "first" ? 0 : -1) as number;
  };
  const platform = machine.platform();
  return await machine.run(find());
}

/** Changes more of a record's header than its checksum could tell. */
function ruinHeader(machine: SimulatedMachine, offset: number): void {
  machine.writeFile(data, machine.readFile(data).fill(0xa5, offset + 24, offset + 40));
}

async function groupsOf(machine: SimulatedMachine, path: string): Promise<number[]> {
  const platform = machine.platform();
  const find = async (): Promise<number[]> => {
    const offsets: number[] = [];
    for await (const piece of inspectFile("wal", path, platform)) {
      if (piece.what === "group" && piece.facts["commits"] !== 0) offsets.push(piece.offset ?? 0);
    }
    return offsets;
  };
  return await machine.run(find());
}

/** Documents that aren't as they were, by key. */
function differences(before: Map<string, string>, after: Map<string, string>): Map<string, string> {
  return new Map([...after].filter(([key, value]) => before.get(key) !== value));
}

function soundness(t: ExecutionContext, { repaired, findings }: RepairOutcome): void {
  t.true(repaired);
  t.deepEqual(
    findings.filter(({ severity }) => severity === "error"),
    [],
  );
}

test("a sound directory is left as it is, without a question", async (t) => {
  for (const end of ["close", "power"] as const) {
    const machine = await sampleDirectory(end);
    const before = machine.files();
    const agrees = (): Promise<boolean> => Promise.reject(new Error("nothing to ask"));
    const outcome = await machine.run(repairDirectory(directory, undefined, agrees, machine.platform()));
    t.false(outcome.repaired);
    t.deepEqual(machine.files(), before);
  }
});

test("a damaged index snapshot goes; the copy of it stays", async (t) => {
  const machine = await sampleDirectory("close");
  const before = await documents(machine.fork(1));
  machine.flipBit(index, 60);
  const bytes = machine.readFile(index);
  const outcome = await repair(machine);
  soundness(t, outcome);
  t.false(machine.files().has(index));
  t.deepEqual(machine.readFile(`${outcome.proposal.folder}/data/one.index`), bytes);
  t.deepEqual(differences(before, await documents(machine)), new Map());
});

test("a content is rewritten in its place from the log's copy", async (t) => {
  const machine = await sampleDirectory("close");
  const before = await documents(machine.fork(1));
  const pristine = machine.readFile(data);
  machine.flipBit(data, (await recordOf(machine, 1, "15")) + 60, 1);
  soundness(t, await repair(machine));
  t.deepEqual(machine.readFile(data), pristine);
  t.deepEqual(differences(before, await documents(machine)), new Map());
});

test("a content without a copy is left as it is: its document stays DATA_LOSS", async (t) => {
  const machine = await sampleDirectory("close");
  const before = await documents(machine.fork(1));
  machine.flipBit(data, (await recordOf(machine, 0, "3")) + 60, 1);
  const { repaired } = await repair(machine);
  t.false(repaired);
  t.deepEqual(differences(before, await documents(machine)), new Map([["one//3", "DOCUMENT_CORRUPT"]]));
});

test("a damaged record header: the document becomes DATA_LOSS, not older and not gone", async (t) => {
  const machine = await sampleDirectory("close");
  for (const path of machine.files().keys()) if (/one\.wal\.\d+$/.test(path)) machine.removeFile(path);
  const before = await documents(machine.fork(1));
  ruinHeader(machine, await recordOf(machine, 0, "2"));
  const outcome = await repair(machine);
  t.true(outcome.repaired);
  const lost = outcome.proposal.losses.map(({ collection, id }) => `${collection}/${id}`);
  t.deepEqual(lost, ["_default/2"]);
  t.deepEqual(differences(before, await documents(machine.fork(2))), new Map([["one//2", "DOCUMENT_CORRUPT"]]));
  // Not even when the index is rebuilt from the file.
  await documents(machine);
  machine.removeFile(index);
  t.is((await documents(machine)).get("one//2"), "DOCUMENT_CORRUPT");
});

test("a damaged deletion or a replaced version: nothing is lost, and nothing comes back", async (t) => {
  for (const [collection, id, which] of [
    [1, "1", "newest"],
    [0, "14", "first"],
  ] as const) {
    const machine = await sampleDirectory("close");
    const before = await documents(machine.fork(1));
    ruinHeader(machine, await recordOf(machine, collection, id, which));
    const outcome = await repair(machine);
    soundness(t, outcome);
    t.deepEqual(outcome.proposal.losses, []);
    t.deepEqual(differences(before, await documents(machine)), new Map());
    machine.removeFile(index);
    t.deepEqual(differences(before, await documents(machine)), new Map());
  }
});

test("a byte of a record's header that changed is found out, with or without an index snapshot", async (t) => {
  for (const hasIndex of [true, false]) {
    const machine = await sampleDirectory("close");
    const before = await documents(machine.fork(1));
    const pristine = machine.readFile(data);
    const offset = await recordOf(machine, 0, "14");
    if (!hasIndex) machine.removeFile(index);
    for (const place of [0, 4, 8, 12, 20, 26, 50]) {
      const one = machine.fork(place);
      one.flipBit(data, offset + place, 1);
      const outcome = await repair(one);
      soundness(t, outcome);
      t.deepEqual(outcome.proposal.losses, []);
      t.regex(outcome.proposal.steps[0] ?? "", /version \d+ of document 14 anew/);
      t.deepEqual(one.readFile(data), pristine);
      t.deepEqual(differences(before, await documents(one)), new Map());
    }
  }
});

test("a ruined record header without an index snapshot: the log fills the gap, or it is told", async (t) => {
  for (const hasLog of [true, false]) {
    const machine = await sampleDirectory("close");
    for (const path of machine.files().keys()) if (!hasLog && /one\.wal\.\d+$/.test(path)) machine.removeFile(path);
    const before = await documents(machine.fork(1));
    ruinHeader(machine, await recordOf(machine, hasLog ? 1 : 0, hasLog ? "15" : "2"));
    machine.removeFile(index);
    const outcome = await repair(machine);
    t.true(outcome.repaired);
    const changed = differences(before, await documents(machine));
    if (hasLog) {
      t.deepEqual([outcome.proposal.losses, changed], [[], new Map()]);
    } else {
      // What stood there is like document 2, of which an older version is there too: that one isn't served.
      t.deepEqual(changed, new Map([["one//2", "DOCUMENT_CORRUPT"]]));
      t.regex(
        outcome.proposal.losses[0]?.message ?? "",
        /^Bytes \d+ to \d+ of data\/one\.data can't be read: up to 1 /,
      );
      t.is(outcome.proposal.losses[1]?.id, 2n);
    }
  }
});

test("a data file that is gone: what the log has is there, and the rest answers DATA_LOSS by the index", async (t) => {
  for (const hasIndex of [true, false]) {
    const machine = await sampleDirectory("close");
    const before = await documents(machine.fork(1));
    machine.removeFile(data);
    if (!hasIndex) machine.removeFile(index);
    const outcome = await repair(machine);
    t.true(outcome.repaired);
    const changed = differences(before, await documents(machine));
    const named = outcome.proposal.losses.map(({ collection, id }) => `${collection}/${id}`);
    t.true(changed.size > 0 && changed.size < 45);
    for (const [key, now] of changed) {
      t.regex(now, hasIndex ? /^DOCUMENT_CORRUPT/ : /_NOT_FOUND/, key);
      if (hasIndex) t.true(named.includes(key.replace("one//", "_default/").replace("one/", "")), key);
    }
    if (!hasIndex) t.regex(outcome.proposal.losses[0]?.message ?? "", /of data\/one\.data can't be read/);
  }
});

test("a data file of another database is refused, and so is one of which nothing is left", async (t) => {
  const machine = await sampleDirectory("close");
  machine.writeFile(data, machine.readFile("/db/data/two.data"));
  const before = machine.files();
  const { proposal } = await repair(machine);
  t.regex(proposal.refusals[0] ?? "", /belongs to database 2 and not to 1/);
  t.deepEqual(machine.files(), before);
  for (const path of machine.files().keys()) if (path.includes("/one.")) machine.removeFile(path);
  t.regex((await repair(machine)).proposal.refusals[0] ?? "", /no file of it is left/);
});

/** A log whose last segment is damaged in the middle; commits behind it are readable. */
async function withDamagedLog(end: "power" | "kill" = "power"): Promise<SimulatedMachine> {
  const machine = await sampleDirectory(end);
  const groups = await groupsOf(machine, active);
  machine.flipBit(active, (groups[0] ?? 0) + 80, 1);
  return machine;
}

test("what is damaged in the log comes from the data file, when later groups prove that it was durable", async (t) => {
  const machine = await withDamagedLog("kill");
  const before = await documents(await sampleDirectory("kill"));
  const outcome = await repair(machine);
  soundness(t, outcome);
  t.deepEqual(outcome.proposal.losses, []);
  t.deepEqual(differences(before, await documents(machine)), new Map());
});

test("a log is cut at damage without a copy: what stands before stays, what stood behind is named", async (t) => {
  const machine = await withDamagedLog();
  const sound = await sampleDirectory("power");
  const before = await documents(sound);
  const outcome = await repair(machine);
  soundness(t, outcome);
  const named = new Set(
    outcome.proposal.losses
      .filter(({ id }) => id !== 0n)
      .map((l) => `one/${l.collection === "_default" ? "" : l.collection}/${l.id}`),
  );
  const unknown = outcome.proposal.losses.filter(({ id }) => id === 0n);
  t.true(unknown.length > 0);
  const engine = await machine.run(openEngine(machine.platform()));
  const operation = { kind: "create", collection: "", id: 99n, json: Buffer.from("{}") } as const;
  const made = await machine.run(engine.execute({ op: "writeDocument", database: "one", operation }));
  t.true(made.version > 2 ** 24);
  await machine.run(engine.close());
  const changed = [...differences(before, await documents(machine)).keys()].filter((key) => !named.has(key));
  // What isn't named was in the damaged group itself: one commit.
  t.true(changed.length <= 1, changed.join());
});

test("a missing active segment, and one whose header is damaged", async (t) => {
  for (const how of ["missing", "header"]) {
    const machine = await sampleDirectory("power");
    if (how === "missing") machine.removeFile(active);
    else machine.flipBit(active, 20);
    soundness(t, await repair(machine));
    const after = await documents(machine);
    t.true([...after.values()].filter((value) => /^\d/.test(value)).length > 50, how);
  }
});

test("a catalog is rebuilt from the files", async (t) => {
  for (const how of ["missing", "damaged"]) {
    const machine = await sampleDirectory("close");
    const before = await documents(machine.fork(1));
    if (how === "missing") machine.removeFile("/db/.catalog");
    else machine.flipBit("/db/.catalog", 30);
    soundness(t, await repair(machine));
    t.deepEqual(differences(before, await documents(machine)), new Map());
  }
});

test("without agreement nothing is changed", async (t) => {
  const machine = await withDamagedLog();
  const before = machine.files();
  t.false((await repair(machine, false)).repaired);
  t.deepEqual(machine.files(), before);
});

test("a crash at every I/O of a repair, and the repair once more", async (t) => {
  const damaged = await withDamagedLog();
  damaged.flipBit(index, 60);
  const whole = damaged.fork(1);
  const changing: number[] = [];
  whole.beforeIo = (io, call) => {
    // A crash while it only reads changes nothing.
    if (!["read", "size", "open", "exists", "readdir"].includes(call)) changing.push(io);
  };
  await repair(whole);
  whole.beforeIo = undefined;
  const expected = await documents(whole, ["one"]);
  t.true(changing.length > 20);
  for (const io of changing) {
    // The same seed makes the same I/Os.
    const machine = damaged.fork(1);
    machine.crashAtIo(io, io % 2 === 0 ? "kill" : "power", "torn");
    await t.throwsAsync(repair(machine), { instanceOf: SimulatedCrash });
    const { findings } = await repair(machine);
    const errors = findings.filter(({ severity }) => severity === "error");
    t.deepEqual(errors, [], `I/O ${io}`);
    if (io % 3 === 0) t.deepEqual(await documents(machine, ["one"]), expected, `I/O ${io}`);
  }
});

test("the command wants --yes without a terminal, tells what is lost, and leaves a sound directory", async (t) => {
  const root = await temporaryDirectory(t);
  const machine = await withDamagedLog();
  for (const [path, bytes] of machine.files()) {
    const target = join(root, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
  const place = join(root, "db");
  const asked = await runDocdb(["repair", place]);
  t.is(asked.code, 1);
  t.regex(asked.stderr, /add --yes[^]*Nothing was changed/);
  t.regex(asked.stdout, /^loss +one/m);
  t.deepEqual(await readFile(join(place, "wal/one.wal")), machine.readFile(active));
  const done = await runDocdb(["repair", place, "--yes"]);
  t.is(done.code, 0, done.stdout + done.stderr);
  t.is((await readdir(place)).filter((name) => name.startsWith("repair-")).length, 1);
  t.is((await runDocdb(["check", place])).code, 0);
  t.is((await runDocdb(["repair", place, "--yes"])).code, 0);
});

test("a proposal names the copies' folder by the time", async (t) => {
  const machine = await withDamagedLog();
  let proposal: Proposal | undefined;
  const agrees = (given: Proposal): Promise<boolean> => {
    proposal = given;
    return Promise.resolve(false);
  };
  await machine.run(repairDirectory(directory, "one", agrees, machine.platform()));
  t.regex(proposal?.folder ?? "", /^\/db\/repair-\d{4}-\d\d-\d\dT[\d-]+Z$/);
  await t.throwsAsync(machine.run(repairDirectory(directory, "none", agrees, machine.platform())), {
    code: "DATABASE_NOT_FOUND",
  });
});
