import test from "ava";
import { DocDBError } from "../../src/base/errors.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { encodeDataRecords } from "../../src/storage/commit.ts";
import { DataFile } from "../../src/storage/data-file.ts";
import { dataHeaderBytes, encodeDataHeader } from "../../src/storage/data-format.ts";
import { put } from "./sample-commits.ts";

const header = { databaseId: 1, generation: 1, salt: 7 };

test("a read that lands on a sound record of another document, collection or version is damage", async (t) => {
  const machine = new SimulatedMachine(1);
  const records = encodeDataRecords([{ version: 5, mutations: [put(2n ** 40n + 3n, "x", 4)] }], header.salt);
  machine.writeFile("/x.data", Buffer.concat([encodeDataHeader(header), records]));
  const file = await machine.run(machine.platform().fs.open("/x.data", "write"));
  const data = new DataFile(file, header, dataHeaderBytes + records.length);
  const right = { collection: 4, idLow: 3, idHigh: 256, version: 5 };
  t.is((await machine.run(data.read(dataHeaderBytes, records.length, right))).content.toString(), "x");
  for (const wrong of [{ collection: 5 }, { idLow: 4 }, { idHigh: 0 }, { version: 4 }]) {
    const read = machine.run(data.read(dataHeaderBytes, records.length, { ...right, ...wrong }));
    t.is((await t.throwsAsync(read, { instanceOf: DocDBError }))?.code, "DOCUMENT_CORRUPT", JSON.stringify(wrong));
  }
  for (const [offset, length] of [
    [dataHeaderBytes + 1, records.length],
    [dataHeaderBytes, records.length - 1],
    [dataHeaderBytes, records.length + 1],
    [10_000, records.length],
  ] as const) {
    const read = machine.run(data.read(offset, length, right));
    t.is((await t.throwsAsync(read, { instanceOf: DocDBError }))?.code, "DOCUMENT_CORRUPT", `${offset}+${length}`);
  }
});
