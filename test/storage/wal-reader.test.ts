// How a segment ends: cleanly, torn by an interrupted write, or corrupt.

import test from "ava";
import { encodeCheckpointGroup, encodeWalGroup } from "../../src/storage/commit.ts";
import { encodeSegmentHeader, type SegmentHeader, segmentHeaderBytes } from "../../src/storage/wal-format.ts";
import { readSegment, type SegmentEnd } from "../../src/storage/wal-reader.ts";
import { del, put } from "./sample-commits.ts";

const header: SegmentHeader = {
  databaseId: 3,
  segment: 1,
  firstVersion: 1,
  baseVersion: 0,
  durableBytes: segmentHeaderBytes,
  salt: 77,
  lossy: false,
};

/**
 * A segment of three groups, with versions 1; 2 and 3; 4. Each names its own offset as durable, as after an fsync each.
 */
function threeGroups(durable: (offset: number) => number = (offset) => offset): { bytes: Buffer; offsets: number[] } {
  const groups = [
    { base: 0, commits: [{ version: 1, mutations: [put(1n, "one")] }] },
    {
      base: 1,
      commits: [
        { version: 2, mutations: [put(2n, "two"), del(1n)] },
        { version: 3, mutations: [put(3n, "3")] },
      ],
    },
    { base: 3, commits: [{ version: 4, mutations: [put(4n, "four")] }] },
  ];
  let bytes = encodeSegmentHeader(header);
  const offsets = [];
  for (const { base, commits } of groups) {
    offsets.push(bytes.length);
    const place = { databaseId: 3, salt: 77, baseVersion: base, durableOffset: durable(bytes.length) };
    bytes = Buffer.concat([bytes, encodeWalGroup(commits, place)]);
  }
  return { bytes, offsets: [...offsets, bytes.length] };
}

async function read(bytes: Buffer): Promise<SegmentEnd & { versions: number[] }> {
  const versions: number[] = [];
  const end = await readSegment(bytes, header, (group) => {
    versions.push(...group.commits.map((commit) => commit.version));
    return true;
  });
  return { ...end, versions };
}

test("a sound segment gives all its commits and ends cleanly", async (t) => {
  const { bytes, offsets } = threeGroups();
  const end = await read(bytes);
  t.like(end, { kind: "clean", offset: bytes.length, lastVersion: 4, durableOffset: offsets[2] });
  t.deepEqual(end.versions, [1, 2, 3, 4]);
});

test("a segment that ends at any byte inside its last group is torn there; at its start it is clean", async (t) => {
  const { bytes, offsets } = threeGroups();
  const last = offsets[2] as number;
  t.like(await read(bytes.subarray(0, last)), { kind: "clean", lastVersion: 3 });
  for (let length = last + 1; length < bytes.length; length++) {
    const end = await read(bytes.subarray(0, length));
    // A length is little-endian: of a record's first bytes alone only the first isn't zero, and zeros are clean.
    t.like(end, { kind: "torn", offset: last, lastVersion: 3 }, `${length} bytes`);
    t.deepEqual(end.versions, [1, 2, 3]);
  }
});

test("any damaged byte of the last group is torn, of an earlier one corrupt", async (t) => {
  const { bytes, offsets } = threeGroups();
  for (let at = segmentHeaderBytes; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] as number) ^ 0x10;
    const group = offsets.findLastIndex((offset) => offset <= at);
    const end = await read(damaged);
    t.is(end.kind, group === 2 ? "torn" : "corrupt", `byte ${at} in group ${group}`);
    t.deepEqual(end.versions, [[], [1], [1, 2, 3]][group]);
  }
});

test("under a lossy mode damage behind what was known durable is torn, though groups follow it", async (t) => {
  const { bytes, offsets } = threeGroups(() => segmentHeaderBytes);
  bytes[(offsets[1] as number) + 50] = 0xff;
  t.like(await read(bytes), { kind: "torn", lastVersion: 1 });
});

test("zeros at the end are clean, and other bytes are torn", async (t) => {
  const { bytes } = threeGroups();
  t.like(await read(Buffer.concat([bytes, Buffer.alloc(5000)])), {
    kind: "clean",
    offset: bytes.length,
    lastVersion: 4,
  });
  t.like(await read(Buffer.concat([bytes, Buffer.alloc(5000, 1)])), {
    kind: "torn",
    offset: bytes.length,
    lastVersion: 4,
  });
});

test("zeros where durable groups were are corrupt", async (t) => {
  const { bytes, offsets } = threeGroups();
  bytes.fill(0, offsets[1], offsets[2]);
  t.like(await read(bytes), { kind: "corrupt", lastVersion: 1 });
});

test("a file that lost bytes which its header calls durable is corrupt", async (t) => {
  const { bytes, offsets } = threeGroups();
  const rescued = { ...header, durableBytes: bytes.length };
  for (const length of [100, 64, offsets[1], offsets[2], bytes.length - 1]) {
    t.is((await readSegment(bytes.subarray(0, length), rescued, () => true)).kind, "corrupt", `${length} bytes`);
  }
});

test("a group that doesn't follow the version before it ends the segment", async (t) => {
  const { bytes } = threeGroups();
  const place = { databaseId: 3, salt: 77, baseVersion: 5, durableOffset: bytes.length };
  const gap = encodeWalGroup([{ version: 6, mutations: [put(1n, "x")] }], place);
  const end = await read(Buffer.concat([bytes, gap]));
  t.not(end.kind, "clean");
  t.deepEqual(end.versions, [1, 2, 3, 4]);
});

test("versions may be passed over between groups: the first version says so", async (t) => {
  const { bytes } = threeGroups();
  const place = { databaseId: 3, salt: 77, baseVersion: 4, durableOffset: bytes.length };
  const end = await read(Buffer.concat([bytes, encodeWalGroup([{ version: 1000, mutations: [put(1n, "x")] }], place)]));
  t.deepEqual([end.kind, end.versions], ["clean", [1, 2, 3, 4, 1000]]);
});

test("groups of another salt, as of an earlier life of the file, are not accepted", async (t) => {
  const { bytes } = threeGroups();
  const place = { databaseId: 3, salt: 78, baseVersion: 4, durableOffset: bytes.length };
  const stale = encodeWalGroup([{ version: 5, mutations: [put(1n, "stale")] }], place);
  t.like(await read(Buffer.concat([bytes, stale])), { kind: "torn", lastVersion: 4 });
});

test("checkpoints are read, and are no commits", async (t) => {
  const { bytes } = threeGroups();
  const place = { databaseId: 3, salt: 77, baseVersion: 4, durableOffset: bytes.length };
  const mark = { version: 4, extents: [{ generation: 1, bytes: 100 }], closing: true };
  let marks = 0;
  const end = await readSegment(Buffer.concat([bytes, encodeCheckpointGroup(mark, place)]), header, (group) => {
    marks += group.marks.length;
    return true;
  });
  t.like(end, { kind: "clean", lastVersion: 4 });
  t.is(marks, 1);
});
