// `docdb check`: what it finds in a data directory that no server uses, and that it changes nothing there.

import test from "ava";
import { checkDirectory } from "../../src/offline/check-directory.ts";
import { Prng } from "../../src/platform/sim/prng.ts";
import type { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import type { Finding } from "../../src/storage/verify/finding.ts";
import { directory, openEngine, sampleDirectory } from "./sample-directory.ts";

async function check(machine: SimulatedMachine): Promise<Finding[]> {
  const found: Finding[] = [];
  const sink = { found: (finding: Finding) => Promise.resolve(void found.push(finding)), checked: () => undefined };
  await machine.run(checkDirectory(directory, sink, machine.platform()));
  return found;
}

test("a directory that was closed cleanly, and one that was cut off, are sound", async (t) => {
  for (const end of ["close", "power"] as const) {
    const machine = await sampleDirectory(end);
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
  const pristine = await sampleDirectory("close");
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
  const stray = await sampleDirectory("close");
  stray.writeFile("/db/data/three.data", Buffer.from("x"));
  t.like((await check(stray))[0], { severity: "info", reason: "FILE_UNKNOWN", file: "data/three.data" });

  const bare = await sampleDirectory("close");
  bare.removeFile("/db/data/one.data");
  t.true((await check(bare)).some(({ severity, file }) => severity === "error" && file === "data/one.data"));

  const lost = await sampleDirectory("close");
  lost.removeFile("/db/.catalog");
  t.like((await check(lost))[0], { severity: "error", reason: "CATALOG_CORRUPT", file: ".catalog" });
});

test("a directory that a server uses is refused", async (t) => {
  const machine = await sampleDirectory("close");
  const sink = { found: () => Promise.resolve(), checked: () => undefined };
  const work = async (): Promise<void> => {
    const platform = machine.platform();
    await openEngine(platform);
    await checkDirectory(directory, sink, platform);
  };
  await t.throwsAsync(machine.run(work()), { code: "ALREADY_RUNNING" });
});
