// `docdb check`: what it finds in a data directory that no server uses, and that it changes nothing there.

import test from "ava";
import { Engine } from "../../src/engine/engine.ts";
import { checkDirectory } from "../../src/offline/check-directory.ts";
import type { Platform } from "../../src/platform/platform.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import type { Finding } from "../../src/storage/verify/finding.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";

const directory = "/db";

async function openEngine(platform: Platform): Promise<Engine> {
  const sizes = { segmentBytes: 600, checkpointBytes: 2000, keepSegments: 1 };
  return await Engine.open({ directory, platform, observer: silentObserver, fsyncMode: "group", ...sizes });
}

/** Two databases with documents, some replaced and some deleted; closed cleanly, or cut off by a loss of power. */
async function sample(end: "close" | "power"): Promise<SimulatedMachine> {
  const machine = new SimulatedMachine(1);
  const work = async (): Promise<void> => {
    const engine = await openEngine(machine.platform());
    for (const database of ["one", "two"]) {
      await engine.execute({ op: "createDatabase", database });
      await engine.execute({ op: "createCollection", database, collection: "users" });
      for (let n = 0; n < 40; n++) {
        const id = BigInt(1 + (n % 25));
        const json = Buffer.from(JSON.stringify({ database, n }));
        const operation = {
          kind: "update",
          collection: n % 2 === 0 ? "users" : "",
          id,
          json,
          allowMissing: true,
        } as const;
        await engine.execute({ op: "writeDocument", database, operation });
      }
      const operation = { kind: "delete", collection: "users", id: 1n, allowMissing: false } as const;
      await engine.execute({ op: "writeDocument", database, operation });
    }
    if (end === "close") await engine.close();
  };
  await machine.run(work());
  machine.crash("power", "drop");
  return machine;
}

async function check(machine: SimulatedMachine): Promise<Finding[]> {
  const found: Finding[] = [];
  const sink = { found: (finding: Finding) => Promise.resolve(void found.push(finding)), checked: () => undefined };
  await machine.run(checkDirectory(directory, sink, machine.platform()));
  return found;
}

test("a directory that was closed cleanly, and one that was cut off, are sound", async (t) => {
  for (const end of ["close", "power"] as const) {
    const machine = await sample(end);
    const before = machine.files();
    t.deepEqual(
      (await check(machine)).filter(({ severity }) => severity !== "info"),
      [],
      end,
    );
    t.deepEqual(machine.files(), before);
  }
});

test("a byte that is flipped anywhere is found, and only the file concerned is named", async (t) => {
  const pristine = await sample("close");
  const random = new Prng(7);
  const paths = [...pristine.files().keys()].filter((path) => !path.endsWith("LOCK"));
  let missed = 0;
  for (let trial = 0; trial < 300; trial++) {
    const machine = pristine.fork(trial);
    const path = paths[random.below(paths.length)] as string;
    const bytes = machine.readFile(path);
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    machine.writeFile(path, bytes);
    const before = machine.files();
    const found = await check(machine);
    t.deepEqual(machine.files(), before);
    const where = path.slice(directory.length + 1);
    if (found.length === 0) missed++;
    else if (where !== ".catalog")
      t.true(
        found.some(({ file }) => file === where),
        `${path}, byte ${at}`,
      );
  }
  // Behind the extent that a checkpoint covers a data file has nothing that counts.
  t.true(missed <= 3, `${missed} were not found`);
});

test("files that no database owns, a missing data file and a missing catalog are told", async (t) => {
  const stray = await sample("close");
  stray.writeFile("/db/data/three.data", Buffer.from("x"));
  t.like((await check(stray))[0], { severity: "info", reason: "FILE_UNKNOWN", file: "data/three.data" });

  const bare = await sample("close");
  bare.removeFile("/db/data/one.data");
  t.true((await check(bare)).some(({ severity, file }) => severity === "error" && file === "data/one.data"));

  const lost = await sample("close");
  lost.removeFile("/db/.catalog");
  t.like((await check(lost))[0], { severity: "error", reason: "CATALOG_CORRUPT", file: ".catalog" });
});

test("a directory that a server uses is refused", async (t) => {
  const machine = await sample("close");
  const sink = { found: () => Promise.resolve(), checked: () => undefined };
  const platform = machine.platform();
  const work = async (): Promise<void> => {
    await openEngine(platform);
    await checkDirectory(directory, sink, platform);
  };
  await t.throwsAsync(machine.run(work()), { code: "ALREADY_RUNNING" });
});
