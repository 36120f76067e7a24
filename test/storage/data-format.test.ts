import test from "ava";
import { dataBytesOf, encodeDataRecords, mutationKindOf } from "../../src/storage/commit.ts";
import { decodeDataHeader, decodeDataRecord, encodeDataHeader } from "../../src/storage/data-format.ts";
import { sampleCommits } from "./sample-commits.ts";

const salt = 0x1234_5678;

test("a data file header survives a round trip, and no damage to it passes", (t) => {
  const header = { databaseId: 3, generation: 2, salt };
  const sound = encodeDataHeader(header);
  t.deepEqual(decodeDataHeader(sound), header);
  for (let at = 0; at < sound.length; at++) {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] as number) ^ 1;
    t.is(typeof decodeDataHeader(bytes), "string", `byte ${at}`);
    t.is(typeof decodeDataHeader(sound.subarray(0, at)), "string", `${at} bytes`);
  }
});

test("the records of a group give back what was written", (t) => {
  const bytes = encodeDataRecords(sampleCommits, salt);
  let at = 0;
  for (const { version, mutations } of sampleCommits) {
    for (const { kind, content, ...fields } of mutations) {
      const record = decodeDataRecord(bytes, at, salt);
      t.like(record, { ...fields, version });
      t.is(mutationKindOf(record?.kind ?? 0), kind);
      t.deepEqual(record?.content, Buffer.from(content));
      t.is(record?.length, dataBytesOf({ ...fields, kind, content }));
      at += record?.length ?? 1;
    }
  }
  t.is(at, bytes.length);
});

test("a record with any damaged byte, of another salt or cut short isn't accepted", (t) => {
  const sound = encodeDataRecords(sampleCommits.slice(0, 1), salt).subarray(0, 57);
  t.not(decodeDataRecord(sound, 0, salt), undefined);
  t.is(decodeDataRecord(sound, 0, salt + 1), undefined);
  for (let at = 0; at < sound.length; at++) {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] as number) ^ 4;
    t.is(decodeDataRecord(bytes, 0, salt), undefined, `byte ${at}`);
    t.is(decodeDataRecord(sound.subarray(0, at), 0, salt), undefined, `${at} bytes`);
  }
});
