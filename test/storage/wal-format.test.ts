import test from "ava";
import {
  mutationOf,
  type Commit,
  type Mutation,
  encodeCheckpointGroup,
  encodeWalGroup,
  walBytesOf,
} from "../../src/storage/commit.ts";
import {
  checkpointOf,
  decodeRecord,
  decodeSegmentHeader,
  encodeSegmentHeader,
  groupOf,
  groupRecordBytes,
  type SegmentHeader,
} from "../../src/storage/wal-format.ts";
import { sampleCommits } from "./sample-commits.ts";

const header: SegmentHeader = {
  databaseId: 3,
  segment: 12,
  firstVersion: 9,
  baseVersion: 7,
  durableBytes: 64,
  salt: 0xdead_beef,
  lossy: false,
};
const place = { databaseId: 3, salt: 0xdead_beef, baseVersion: 7, durableOffset: 64 };

test("a segment header survives a round trip", (t) => {
  for (const lossy of [true, false])
    t.deepEqual(decodeSegmentHeader(encodeSegmentHeader({ ...header, lossy })), { ...header, lossy });
});

test("a segment header with any damaged byte, or cut short, is refused with a reason", (t) => {
  const sound = encodeSegmentHeader(header);
  for (let at = 0; at < sound.length; at++) {
    const bytes = Buffer.from(sound);
    bytes[at] = (bytes[at] as number) ^ 1;
    t.is(typeof decodeSegmentHeader(bytes), "string", `byte ${at}`);
    t.is(typeof decodeSegmentHeader(sound.subarray(0, at)), "string", `${at} bytes`);
  }
});

test("a group gives back its commits as they were", (t) => {
  const bytes = encodeWalGroup(sampleCommits, place);
  t.is(bytes.length, groupRecordBytes + sampleCommits.reduce((total, commit) => total + walBytesOf(commit), 0));
  const opening = decodeRecord(bytes, 0, place);
  const group = opening === undefined ? undefined : groupOf(opening);
  t.deepEqual(group, { firstVersion: 8, baseVersion: 7, durableOffset: 64, bodyBytes: bytes.length - 70, commits: 2 });
  const found: Commit[] = [];
  let mutations: Mutation[] = [];
  for (let at = groupRecordBytes; at < bytes.length; ) {
    const record = decodeRecord(bytes, at, place);
    const mutation = record === undefined ? undefined : mutationOf(record);
    if (record === undefined || mutation === undefined) return t.fail(`no record at ${at}`);
    mutations.push(mutation);
    at += record.length;
    if (!record.commit) continue;
    found.push({ version: record.version, mutations });
    mutations = [];
  }
  t.deepEqual(found, sampleCommits);
  return undefined;
});

test("a record with any damaged byte, of another salt, of another database or cut short isn't accepted", (t) => {
  const bytes = encodeWalGroup(sampleCommits, place).subarray(groupRecordBytes);
  const record = decodeRecord(bytes, 0, place);
  const length = record?.length ?? 0;
  t.true(length > 0);
  for (let at = 0; at < length; at++) {
    for (const bit of [1, 0x80]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ bit;
      t.is(decodeRecord(damaged, 0, place), undefined, `byte ${at}`);
    }
    t.is(decodeRecord(bytes.subarray(0, at), 0, place), undefined, `${at} bytes`);
  }
  t.is(decodeRecord(bytes, 0, { ...place, salt: place.salt + 1 }), undefined);
  t.is(decodeRecord(bytes, 0, { ...place, databaseId: 4 }), undefined);
});

test("a checkpoint group gives back its mark", (t) => {
  const extents = [
    { generation: 2, bytes: 2 ** 40 },
    { generation: 3, bytes: 36 },
  ];
  for (const [closing, count] of [
    [true, 1],
    [false, 2],
  ] as const) {
    const mark = { version: 7, extents: extents.slice(0, count), closing };
    const record = decodeRecord(encodeCheckpointGroup(mark, place), groupRecordBytes, place);
    t.deepEqual(record === undefined ? undefined : checkpointOf(record), mark);
  }
});
