// Files of a format that this version doesn't know are another version's and not damaged: `docdb repair` refuses them
// by name and number, and changes nothing.

import test from "ava";
import { checksum } from "../../src/base/checksum.ts";
import { repairDirectory } from "../../src/offline/repair-directory.ts";
import { directory, sampleDirectory } from "./sample-directory.ts";

/** Where the checksum of each file's header stands; the catalog's is at its end. */
const files = [
  { path: "/db/.catalog", crcAt: (bytes: Buffer) => bytes.length - 4, message: /\.catalog: .*format 9 is unknown/ },
  { path: "/db/data/one.data", crcAt: () => 32, message: /one\.data: data format 9 is unknown/ },
  { path: "/db/wal/one.wal", crcAt: () => 60, message: /one\.wal: WAL format 9 is unknown/ },
] as const;

for (const { path, crcAt, message } of files) {
  test(`${path} of an unknown format is refused, whatever else is damaged`, async (t) => {
    const machine = await sampleDirectory("close");
    const bytes = machine.readFile(path);
    bytes.writeUInt32LE(9, 8);
    bytes.writeUInt32LE(checksum(bytes.subarray(0, crcAt(bytes))), crcAt(bytes));
    machine.writeFile(path, bytes);
    machine.writeFile("/db/data/two.index", Buffer.from("damaged"));
    const before = machine.files();
    const repairing = repairDirectory(directory, undefined, () => Promise.resolve(true), machine.platform());
    await t.throwsAsync(machine.run(repairing), { code: "DATABASE_CORRUPT", message });
    t.deepEqual(machine.files(), before);
  });
}
