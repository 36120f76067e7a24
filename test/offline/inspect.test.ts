// `docdb inspect`: what it tells of each kind of file, damage included, and that it changes nothing.

import test from "ava";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Inspectable, inspectFile } from "../../src/offline/inspect-file.ts";
import type { Piece } from "../../src/offline/inspected-piece.ts";
import type { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { runDocdb } from "../cli/run-docdb.ts";
import { temporaryDirectory } from "../server/temporary-server.ts";
import { sampleDirectory } from "./sample-directory.ts";

async function inspect(machine: SimulatedMachine, kind: Inspectable, path: string): Promise<Piece[]> {
  const platform = machine.platform();
  const read = async (): Promise<Piece[]> => {
    const pieces: Piece[] = [];
    for await (const piece of inspectFile(kind, path, platform)) {
      pieces.push(piece.content === undefined ? piece : { ...piece, content: Buffer.from(piece.content) });
    }
    return pieces;
  };
  return await machine.run(read());
}

test("a data file is told record by record, each where the one before ends", async (t) => {
  const machine = await sampleDirectory("close");
  const pieces = await inspect(machine, "data", "/db/data/one.data");
  t.like(pieces[0], { what: "header", offset: 0 });
  let end = 0;
  for (const { offset, length } of pieces) {
    t.is(offset, end);
    end += length ?? 0;
  }
  t.is(end, machine.readFile("/db/data/one.data").length);
  t.true(pieces.some(({ what, facts }) => what === "delete" && facts["id"] === "1"));
  t.true(pieces.some(({ content }) => content?.toString() === '{"database":"one","n":39}'));
});

test("a damaged content and a damaged header are told, and where reading goes on", async (t) => {
  const machine = await sampleDirectory("close");
  const path = "/db/data/one.data";
  const whole = await inspect(machine, "data", path);
  const [first, second] = [whole[5], whole[8]];
  machine.flipBit(path, (first?.offset ?? 0) + 60);
  machine.flipBit(path, (second?.offset ?? 0) + 20);
  const before = machine.files();
  const pieces = await inspect(machine, "data", path);
  t.is(pieces.length, whole.length);
  t.is(pieces[5]?.facts["checksum"], "content damaged");
  t.like(pieces[8], { what: "damage", offset: second?.offset, length: second?.length });
  t.is(pieces[8]?.facts["resumes"], pieces[9]?.offset);
  t.deepEqual(machine.files(), before);
});

test("a segment is told group by group with its records; damage takes a group and no more", async (t) => {
  const machine = await sampleDirectory("power");
  const path = "/db/wal/one.wal";
  const whole = await inspect(machine, "wal", path);
  const groups = whole.filter(({ what }) => what === "group");
  t.true(groups.length >= 2);
  t.true(whole.some(({ what, facts }) => what === "put" && facts["commit"] === true && facts["checksum"] === "ok"));
  machine.flipBit(path, (groups[0]?.offset ?? 0) + 90);
  const pieces = await inspect(machine, "wal", path);
  t.like(pieces[1], { what: "damage", offset: groups[0]?.offset });
  t.is(pieces[1]?.facts["resumes"], groups[1]?.offset);
});

test("a damaged header of a file is told, and the records behind it all the same", async (t) => {
  for (const [kind, path] of [
    ["data", "/db/data/one.data"],
    ["wal", "/db/wal/one.wal"],
  ] as const) {
    const machine = await sampleDirectory("power");
    const whole = await inspect(machine, kind, path);
    machine.writeFile(path, machine.readFile(path).fill(0xa5, 0, 30));
    const pieces = await inspect(machine, kind, path);
    t.like(pieces[0], { what: "damage", offset: 0 });
    t.deepEqual(pieces.slice(1), whole.slice(1), kind);
  }
});

test("an index snapshot and a catalog are told; one that can't be used says why", async (t) => {
  const machine = await sampleDirectory("close");
  const index = await inspect(machine, "index", "/db/data/one.index");
  t.is(index.filter(({ what, facts }) => what === "entry" && facts["deleted"] === false).length, 34);
  const catalog = await inspect(machine, "catalog", "/db/.catalog");
  t.deepEqual(
    catalog.filter(({ what }) => what === "database").map(({ facts }) => facts["name"]),
    ["one", "two"],
  );
  machine.flipBit("/db/data/one.index", 40);
  machine.flipBit("/db/.catalog", 30);
  t.is((await inspect(machine, "index", "/db/data/one.index"))[0]?.what, "damage");
  t.is((await inspect(machine, "catalog", "/db/.catalog"))[0]?.facts["why"], "it fails its checksum");
});

test("the command prints lines or JSON, from an offset on, and contents only when asked", async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, "one.data");
  const machine = await sampleDirectory("close");
  await writeFile(path, machine.readFile("/db/data/one.data"));
  const plain = await runDocdb(["inspect", "data", path]);
  t.is(plain.code, 0);
  t.regex(plain.stdout, /^ +0 +36 header +database=1 generation=\d+ salt=\d+\n/);
  t.notRegex(plain.stdout, /"database":"one"|content=/);
  const some = await runDocdb(["inspect", "data", path, "--json", "--from", "100", "--limit", "2", "--content"]);
  const pieces = some.stdout.trim().split("\n");
  t.is(pieces.length, 2);
  t.true((JSON.parse(pieces[0] as string) as { offset: number }).offset >= 100);
  const bytes = await readFile(path);
  bytes[120] = (bytes[120] as number) ^ 1;
  await writeFile(path, bytes);
  t.is((await runDocdb(["inspect", "data", path])).code, 10);
  t.is((await runDocdb(["inspect", "data", path, "--limit", "x"])).code, 2);
  t.is((await runDocdb(["inspect", "shoe", path])).code, 2);
});
