// What a power cut may and may not do to content. `history` makes a file by random writes, truncations and syncs, and
// remembers every image of it on the way: the judge of what is left.

import test from "ava";
import type { File } from "../../../src/platform/platform.ts";
import { sectorBytes, survivals, type Survival } from "../../../src/platform/sim/power-loss.ts";
import { Prng } from "../../../src/platform/sim/prng.ts";
import { SimulatedMachine } from "../../../src/platform/sim/simulated-machine.ts";

interface History {
  readonly machine: SimulatedMachine;
  /** The content at the last sync, and after every change since. */
  readonly images: Buffer[];
}

async function history(seed: number): Promise<History> {
  const machine = new SimulatedMachine(seed);
  const random = new Prng(seed, 99);
  const { fs } = machine.platform();
  let images: Buffer[] = [Buffer.alloc(0)];
  await machine.run(
    (async () => {
      const file = await fs.open("/file", "create");
      await fs.syncDirectory("/");
      for (let round = 0; round < 12; round++) {
        await change(file, random, round + 1);
        images.push(machine.readFile("/file"));
        if (random.chance(0.2)) {
          await file.datasync();
          images = [machine.readFile("/file")];
        }
      }
    })(),
  );
  return { machine, images };
}

async function change(file: File, random: Prng, value: number): Promise<void> {
  const size = await file.size();
  if (random.chance(0.2)) await file.truncate(random.below(size + 1_000));
  else await file.write(Buffer.alloc(1 + random.below(2_000), value), random.below(size + 600));
}

async function leftBy(seed: number, survival: Survival): Promise<{ images: Buffer[]; left: Buffer }> {
  const { machine, images } = await history(seed);
  machine.crash("power", survival);
  return { images, left: machine.readFile("/file") };
}

test("drop leaves exactly the last synced content, keep exactly the newest", async (t) => {
  for (let seed = 0; seed < 200; seed++) {
    const dropped = await leftBy(seed, "drop");
    t.deepEqual(dropped.left, dropped.images[0], `seed ${seed}`);
    const kept = await leftBy(seed, "keep");
    t.deepEqual(kept.left, kept.images.at(-1), `seed ${seed}`);
  }
});

test("subset and torn leave no sector that the file never had, other than where its lost data was", async (t) => {
  const outcomes = { synced: 0, newest: 0, between: 0 };
  for (let seed = 0; seed < 300; seed++) {
    const { images, left } = await leftBy(seed, seed % 2 === 0 ? "subset" : "torn");
    const synced = images[0] as Buffer;
    const newest = images.at(-1) as Buffer;
    for (let start = 0; start < left.length; start += sectorBytes) {
      const sector = left.subarray(start, start + sectorBytes);
      const known = images.some((image) => isImageOrCut(sector, padded(image, start)));
      t.true(known || start >= synced.length, `seed ${seed}: sector at ${start} has strange content`);
    }
    outcomes[left.equals(synced) ? "synced" : left.equals(newest) ? "newest" : "between"]++;
  }
  t.true(
    Object.values(outcomes).every((count) => count > 10),
    JSON.stringify(outcomes),
  );
});

test("whatever survives, synced content that nothing touched since stays", async (t) => {
  for (let seed = 0; seed < 200; seed++) {
    const machine = new SimulatedMachine(seed);
    const { fs } = machine.platform();
    const random = new Prng(seed, 98);
    const synced = Buffer.alloc(700 + random.below(1_000), 7);
    await machine.run(
      (async () => {
        const file = await fs.open("/file", "create");
        await file.write(synced, 0);
        await file.datasync();
        await fs.syncDirectory("/");
        for (let round = 0; round < 5; round++) await file.write(Buffer.alloc(300, 9), synced.length + round * 300);
      })(),
    );
    machine.crash("power");
    t.deepEqual(machine.readFile("/file").subarray(0, synced.length), synced, `seed ${seed}`);
  }
});

test("unsynced appends are lost, kept or torn, and leave holes of zeros, noise or old content", async (t) => {
  const seen = new Set<string>();
  const old = Buffer.alloc(4_096, 5);
  for (let seed = 0; seed < 600; seed++) {
    const machine = new SimulatedMachine(seed);
    const { fs } = machine.platform();
    await machine.run(
      (async () => {
        const removed = await fs.open("/removed", "create");
        await removed.write(old, 0);
        await removed.close();
        await fs.unlink("/removed");
        const file = await fs.open("/file", "create");
        await fs.syncDirectory("/");
        await file.write(Buffer.alloc(2_048, 1), 0);
        await file.write(Buffer.alloc(2_048, 2), 2_048);
      })(),
    );
    machine.crash("power");
    const left = machine.readFile("/file");
    if (left.length === 0) seen.add("lost");
    if (left.length === 4_096 && left[0] === 1 && left[4_095] === 2) seen.add("kept");
    if (left.length === 2_048) seen.add("first only");
    if (left.length === 4_096 && left[0] !== 1 && left[4_095] === 2) seen.add("second only");
    if (left[0] === 1 && left[512] !== 1) seen.add("torn");
    if (left[0] === 0) seen.add("zeros");
    if (left[0] === 5) seen.add("old content");
    if ((left[0] ?? 0) > 5) seen.add("noise");
  }
  const all = ["first only", "kept", "lost", "noise", "old content", "second only", "torn", "zeros"];
  t.deepEqual([...seen].sort(), all);
});

test("a truncation can be lost although a later write survives: the old tail is back", async (t) => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const machine = new SimulatedMachine(seed);
    machine.writeFile("/file", Buffer.alloc(4_096, 1));
    const { fs } = machine.platform();
    const file = await machine.run(fs.open("/file", "write"));
    await machine.run(file.truncate(512));
    await machine.run(file.write(Buffer.alloc(512, 2), 512));
    machine.crash("power", "subset");
    const left = machine.readFile("/file");
    seen.add(`${left.length} bytes: ${left[0]} ${left[512] ?? "-"} ${left[1_024] ?? "-"}`);
  }
  t.deepEqual([...seen].sort(), ["1024 bytes: 1 2 -", "4096 bytes: 1 1 1", "4096 bytes: 1 2 1", "512 bytes: 1 - -"]);
});

test("every way of survival is drawn, for names and contents apart", (t) => {
  const drawn = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    const machine = new SimulatedMachine(seed);
    machine.crash("power");
    drawn.add(machine.trace.at(-1) ?? "");
  }
  t.is(drawn.size, survivals.length ** 2);
});

/** Whether the sector is this image, or the image with zeros from some byte on: a truncation may survive alone. */
function isImageOrCut(sector: Buffer, image: Buffer): boolean {
  const cut = sector.findIndex((byte, index) => byte !== image[index]);
  return cut < 0 || sector.subarray(cut).every((byte) => byte === 0);
}

function padded(image: Buffer, start: number): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  sector.set(image.subarray(start, start + sectorBytes));
  return sector;
}
