// What a power cut may and may not do to names.

import test from "ava";
import { replaceFile } from "../../../src/platform/file-io.ts";
import type { FileSystem } from "../../../src/platform/platform.ts";
import type { Survival } from "../../../src/platform/sim/power-loss.ts";
import { SimulatedMachine } from "../../../src/platform/sim/simulated-machine.ts";

/** The files that are left after `work` and a power cut, with their content as text. */
async function leftAfter(
  seed: number,
  work: (fs: FileSystem) => Promise<void>,
  survival?: Survival,
): Promise<Record<string, string>> {
  const machine = new SimulatedMachine(seed);
  await machine.run(work(machine.platform().fs));
  machine.crash("power", survival);
  return Object.fromEntries([...machine.files()].map(([path, content]) => [path, content.toString()]));
}

async function write(fs: FileSystem, path: string, text: string): Promise<void> {
  const file = await fs.open(path, "create");
  await file.write(Buffer.from(text), 0);
  await file.datasync();
  await file.close();
}

async function fileInNewDirectory(fs: FileSystem): Promise<void> {
  await fs.mkdir("/d/e");
  await write(fs, "/d/e/a", "a");
  await fs.syncDirectory("/d/e");
}

async function removal(fs: FileSystem): Promise<void> {
  await write(fs, "/a", "a");
  await fs.syncDirectory("/");
  await fs.unlink("/a");
}

/** The different outcomes over many seeds, as sorted lists of paths. */
async function outcomes(work: (fs: FileSystem) => Promise<void>): Promise<string[]> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) seen.add(Object.keys(await leftAfter(seed, work)).join(" "));
  return [...seen].sort();
}

test("a synced file in a directory that wasn't synced can be lost, name and all", async (t) => {
  t.deepEqual(await outcomes((fs) => write(fs, "/a", "a")), ["", "/a"]);
});

test("a file in a synced directory is never lost", async (t) => {
  const left = await outcomes(async (fs) => {
    await write(fs, "/a", "a");
    await fs.syncDirectory("/");
  });
  t.deepEqual(left, ["/a"]);
});

test("a new directory is lost with all that is in it unless its parent was synced", async (t) => {
  t.deepEqual(await leftAfter(1, fileInNewDirectory, "drop"), {});
  const left = await leftAfter(
    1,
    async (fs) => {
      await fileInNewDirectory(fs);
      await fs.syncDirectory("/d");
      await fs.syncDirectory("/");
    },
    "drop",
  );
  t.deepEqual(left, { "/d/e/a": "a" });
});

test("a removal can be taken back, and then the content is there again", async (t) => {
  t.deepEqual(await outcomes(removal), ["", "/a"]);
  t.deepEqual(await leftAfter(1, removal, "drop"), { "/a": "a" });
});

test("changes of one directory can survive out of order", async (t) => {
  const left = await outcomes(async (fs) => {
    await write(fs, "/a", "a");
    await write(fs, "/b", "b");
  });
  t.deepEqual(left, ["", "/a", "/a /b", "/b"]);
});

test("a rename leaves the old name or the new one, never both and never neither", async (t) => {
  const left = await outcomes(async (fs) => {
    await write(fs, "/old", "a");
    await fs.syncDirectory("/");
    await fs.rename("/old", "/new");
  });
  t.deepEqual(left, ["/new", "/old"]);
});

test("a removal survives only together with the rename that brought the file to its name", async (t) => {
  const left = await outcomes(async (fs) => {
    await write(fs, "/a", "a");
    await write(fs, "/b", "b");
    await fs.syncDirectory("/");
    await fs.rename("/b", "/a");
    await fs.unlink("/a");
  });
  t.deepEqual(left, ["", "/a", "/a /b"]);
});

test("a rename into another directory is durable when that one was synced, and doesn't come back", async (t) => {
  const left = await outcomes(async (fs) => {
    await fs.mkdir("/d");
    await fs.mkdir("/e");
    await fs.syncDirectory("/");
    await write(fs, "/d/a", "a");
    await fs.rename("/d/a", "/e/a");
    await fs.syncDirectory("/e");
    await fs.syncDirectory("/d");
  });
  t.deepEqual(left, ["/e/a"]);
});

test("replaceFile leaves the old content or the new one, and after its end the new one", async (t) => {
  const contents = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    const machine = new SimulatedMachine(seed);
    const { fs } = machine.platform();
    await machine.run(replaceFile(fs, "/", "file", Buffer.from("old")));
    const io = machine.ioCount;
    machine.crashAtIo(io + 1 + (seed % 10), "power");
    const replaced = await machine.run(replaceFile(fs, "/", "file", Buffer.from("new"))).then(
      () => true,
      () => false,
    );
    machine.crash("power");
    const content = machine.readFile("/file").toString();
    contents.add(`${replaced ? "replaced" : "crashed"}: ${content}`);
  }
  t.deepEqual([...contents].sort(), ["crashed: new", "crashed: old", "replaced: new"]);
});
