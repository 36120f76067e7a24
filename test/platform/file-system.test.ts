// The contract of `FileSystem` and `File`, on the real file system and on the simulated one.

import test from "ava";
import { readFully, readWholeFile, replaceFile, writeFully } from "../../src/platform/file-io.ts";
import { codeOf, machines } from "./machines.ts";

for (const [machine, onFreshMachine] of Object.entries(machines)) {
  const contract = (title: string, check: (...args: Parameters<Check>) => Promise<void>): void => {
    test(`${machine}: ${title}`, (t) => onFreshMachine((bench) => check(t, bench.platform.fs, bench.directory)));
  };

  contract("what was written is read back, at any offset and length", async (t, fs, directory) => {
    const file = await fs.open(`${directory}/file`, "create");
    await writeFully(file, Buffer.from("hello world"), 0);
    await writeFully(file, Buffer.from("W"), 6);
    t.is((await readFully(file, 0, 11))?.toString(), "hello World");
    t.is((await readFully(file, 4, 3))?.toString(), "o W");
    t.is(await file.size(), 11);
    await file.close();
    t.is((await readWholeFile(fs, `${directory}/file`))?.toString(), "hello World");
  });

  contract("a read fills its target up to the end of the file and no further", async (t, fs, directory) => {
    const file = await fs.open(`${directory}/file`, "create");
    await writeFully(file, Buffer.from("12345"), 0);
    const target = Buffer.alloc(4, "-");
    t.is(await file.read(target, 3), 2);
    t.is(target.toString(), "45--");
    t.is(await file.read(target, 5), 0);
    t.is(await file.read(target, 5_000), 0);
    t.is(await readFully(file, 3, 3), undefined);
    await file.close();
  });

  contract("a hole reads as zeros", async (t, fs, directory) => {
    const file = await fs.open(`${directory}/file`, "create");
    await writeFully(file, Buffer.from("end"), 10_000);
    t.deepEqual(await readFully(file, 0, 10_003), Buffer.concat([Buffer.alloc(10_000), Buffer.from("end")]));
    await file.close();
  });

  contract("truncate cuts, and grows with zeros", async (t, fs, directory) => {
    const file = await fs.open(`${directory}/file`, "create");
    await writeFully(file, Buffer.from("12345"), 0);
    await file.truncate(2);
    t.is(await file.size(), 2);
    await file.truncate(4);
    t.deepEqual(await readFully(file, 0, 4), Buffer.from("12\0\0"));
    await file.close();
  });

  contract("writes that are under way together all land", async (t, fs, directory) => {
    const file = await fs.open(`${directory}/file`, "create");
    const parts = Array.from({ length: 20 }, (_, index) => Buffer.alloc(100, index));
    await Promise.all(parts.map((part, index) => writeFully(file, part, index * 100)));
    await file.datasync();
    t.deepEqual(await readFully(file, 0, 2_000), Buffer.concat(parts));
    await file.close();
  });

  contract("create refuses a name that is taken, read and write a name that isn't there", async (t, fs, directory) => {
    const file = await fs.open(`${directory}/file`, "create");
    await file.close();
    t.is(await codeOf(fs.open(`${directory}/file`, "create")), "EEXIST");
    t.is(await codeOf(fs.open(`${directory}/other`, "read")), "ENOENT");
    t.is(await codeOf(fs.open(`${directory}/other`, "write")), "ENOENT");
    t.is(await codeOf(fs.open(`${directory}/no/file`, "create")), "ENOENT");
    t.is(await codeOf(fs.open(`${directory}/file/below`, "create")), "ENOTDIR");
    t.is(await readWholeFile(fs, `${directory}/other`), undefined);
  });

  contract("a handle for reading changes nothing", async (t, fs, directory) => {
    await replaceFile(fs, directory, "file", Buffer.from("content"));
    const file = await fs.open(`${directory}/file`, "read");
    t.is(await codeOf(file.write(Buffer.from("x"), 0)), "EBADF");
    t.is(await codeOf(file.truncate(0)), "EINVAL");
    t.is((await readFully(file, 0, 7))?.toString(), "content");
    await file.close();
  });

  contract("after close every call is refused, a second close too", async (t, fs, directory) => {
    const file = await fs.open(`${directory}/file`, "create");
    await file.close();
    t.is(await codeOf(file.read(Buffer.alloc(1), 0)), "EBADF");
    t.is(await codeOf(file.write(Buffer.alloc(1), 0)), "EBADF");
    t.is(await codeOf(file.datasync()), "EBADF");
    t.is(await codeOf(file.truncate(0)), "EBADF");
    t.is(await codeOf(file.size()), "EBADF");
    t.is(await codeOf(file.close()), "EBADF");
  });

  contract("close waits for the calls under way", async (t, fs, directory) => {
    const file = await fs.open(`${directory}/file`, "create");
    const ended: string[] = [];
    const calls = Array.from({ length: 8 }, async (_, index) => {
      await file.write(Buffer.alloc(10), index * 10);
      await Promise.resolve();
      ended.push("write");
    });
    const sync = file.datasync().then(() => ended.push("sync"));
    await file.close();
    ended.push("close");
    await Promise.all([...calls, sync]);
    t.is(ended.at(-1), "close");
    t.is(ended.length, 10);
  });

  contract("rename replaces its target, and open handles keep what they had", async (t, fs, directory) => {
    await replaceFile(fs, directory, "old", Buffer.from("old"));
    await replaceFile(fs, directory, "new", Buffer.from("new"));
    const file = await fs.open(`${directory}/old`, "read");
    await fs.rename(`${directory}/new`, `${directory}/old`);
    t.is((await readWholeFile(fs, `${directory}/old`))?.toString(), "new");
    t.is((await readFully(file, 0, 3))?.toString(), "old");
    t.deepEqual(await fs.readdir(directory), ["old"]);
    await file.close();
    t.is(await codeOf(fs.rename(`${directory}/new`, `${directory}/old`)), "ENOENT");
    t.is(await codeOf(fs.rename(`${directory}/old`, `${directory}/no/old`)), "ENOENT");
  });

  contract("a removed file stays readable through its handle", async (t, fs, directory) => {
    await replaceFile(fs, directory, "file", Buffer.from("content"));
    const file = await fs.open(`${directory}/file`, "read");
    await fs.unlink(`${directory}/file`);
    t.is((await readFully(file, 0, 7))?.toString(), "content");
    t.false(await fs.exists(`${directory}/file`));
    await file.close();
    t.is(await codeOf(fs.unlink(`${directory}/file`)), "ENOENT");
  });

  contract("mkdir makes missing parents and accepts a directory that exists", async (t, fs, directory) => {
    await fs.mkdir(`${directory}/a/b/c`);
    await fs.mkdir(`${directory}/a/b`);
    t.deepEqual(await fs.readdir(`${directory}/a`), ["b"]);
    t.deepEqual(await fs.readdir(`${directory}/a/b`), ["c"]);
    await replaceFile(fs, directory, "file", Buffer.from("content"));
    t.is(await codeOf(fs.mkdir(`${directory}/file`)), "EEXIST");
    t.is(await codeOf(fs.mkdir(`${directory}/file/below`)), "ENOTDIR");
  });

  contract("readdir sorts names by code unit", async (t, fs, directory) => {
    for (const name of ["a", "B", "x.10", "x.9", "\u{1f4be}", "\uff5e", "é"]) await fs.mkdir(`${directory}/${name}`);
    t.deepEqual(await fs.readdir(directory), ["B", "a", "x.10", "x.9", "é", "\u{1f4be}", "\uff5e"]);
    t.is(await codeOf(fs.readdir(`${directory}/no`)), "ENOENT");
  });

  contract("exists is true for files and directories, and false below a file", async (t, fs, directory) => {
    await replaceFile(fs, directory, "file", Buffer.from("content"));
    t.true(await fs.exists(directory));
    t.true(await fs.exists(`${directory}/file`));
    t.false(await fs.exists(`${directory}/other`));
    t.false(await fs.exists(`${directory}/file/below`));
  });

  contract("a directory can be synced, a missing one or a file can't", async (t, fs, directory) => {
    await replaceFile(fs, directory, "file", Buffer.from("content"));
    await fs.syncDirectory(directory);
    t.is(await codeOf(fs.syncDirectory(`${directory}/no`)), "ENOENT");
    t.is(await codeOf(fs.syncDirectory(`${directory}/file`)), "ENOTDIR");
  });

  contract("a lock is refused to the second, free after its release, and leaves one file", async (t, fs, directory) => {
    const lock = await fs.lock(`${directory}/LOCK`);
    t.is(await codeOf(fs.lock(`${directory}/LOCK`)), "ELOCKED");
    t.is(await codeOf(fs.lock(`${directory}/LOCK`)), "ELOCKED");
    const other = await fs.lock(`${directory}/OTHER`);
    t.deepEqual(await fs.readdir(directory), ["LOCK", "OTHER"]);
    await lock.release();
    const again = await fs.lock(`${directory}/LOCK`);
    await lock.release();
    t.is(await codeOf(fs.lock(`${directory}/LOCK`)), "ELOCKED");
    await again.release();
    await other.release();
    t.deepEqual(await fs.readdir(directory), ["LOCK", "OTHER"]);
    t.is(await codeOf(fs.lock(`${directory}/no/LOCK`)), "ENOENT");
  });
}

type Fs = Parameters<typeof readWholeFile>[0];
type Check = (t: import("ava").ExecutionContext, fs: Fs, directory: string) => Promise<void>;
