// Memory that is given back at once: a server that had just opened a big database held 250 MiB, a hundred of which
// nobody used any more. What is measured here is what the garbage collector has not had to do.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { realPlatform } from "../../src/platform/real/real-platform.ts";
import { ChunkedReader } from "../../src/storage/chunked-file.ts";
import { IndexShard } from "../../src/storage/index-shard.ts";
import { SegmentLoader } from "../../src/storage/segment-loader.ts";
import { WorkingMemory } from "../../src/storage/working-memory.ts";

const mebibyte = 1024 * 1024;
/** What else may come and go meanwhile. */
const slackBytes = mebibyte;

/** Bytes of buffers that this process holds, garbage included. */
const held = (): number => process.memoryUsage().arrayBuffers;

test("what is lent is lent again, grows when it must, and is gone when it is given back", (t) => {
  const memory = new WorkingMemory();
  const first = memory.lend(100);
  first.fill(7);
  t.is(memory.lend(50).length, 50);
  t.is(memory.lend(50).buffer, first.buffer);
  const larger = memory.lend(3_000);
  t.is(larger.length, 3_000);
  t.is(first.length, 0);
  memory.free();
  t.is(larger.length, 0);
  t.is(memory.lend(10).length, 10);
});

test("segments are loaded into the same memory, which is given back", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "docdb-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const paths = [1, 2, 3].map((number) => join(directory, String(number)));
  for (const [i, path] of paths.entries()) await writeFile(path, Buffer.alloc(8 * mebibyte, i));
  const loader = new SegmentLoader(realPlatform().fs);
  const before = held();
  for (const [i, path] of paths.entries()) {
    const bytes = await loader.load(path);
    t.deepEqual([bytes.length, bytes[0], bytes.at(-1)], [8 * mebibyte, i, i]);
  }
  t.true(held() - before < 8 * mebibyte + slackBytes, `${held() - before} bytes`);
  loader.free();
  t.true(held() - before < slackBytes, `${held() - before} bytes`);
});

test("a file is read through one small buffer, whatever its size", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "docdb-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "file");
  await writeFile(path, Buffer.alloc(32 * mebibyte, 5));
  const file = await realPlatform().fs.open(path, "read");
  const before = held();
  const reader = new ChunkedReader(file, 0, 32 * mebibyte);
  let read = 0;
  while (!reader.atEnd) read += (await reader.take(1_000))?.length ?? (await reader.take(432))?.length ?? 0;
  t.is(read, 32 * mebibyte);
  t.true(held() - before < 2 * mebibyte, `${held() - before} bytes`);
  await file.close();
});

test("a table that has grown holds the new slots and not the old ones", (t) => {
  const before = held();
  const shard = new IndexShard();
  for (let id = 0; id < 200_000; id++) {
    shard.set(id, 0, { version: id, offset: id, length: 1, parity: 0, deleted: false, createTimeMs: 1 });
  }
  t.true(held() - before < shard.memoryBytes + slackBytes, `${held() - before} of ${shard.memoryBytes} bytes`);
});
